"""Who may do what, over HTTP: every route has decided, and the permission table is what holds."""

import re
import uuid
from typing import Any

import pytest

from casework.access import PERMISSIONS, Role, Scope
from handlers.base import METHODS, PUBLIC, Handler, UndecidedAccess, check_access, needs, public
from server.clock import SharedClock
from server.parts import Parts
from tests.support import (
    API_ROUTES,
    Client,
    Phones,
    Reply,
    change_staff,
    database,
    documents,
    fake_picture,
    place_of,
    report_form,
    verification_form,
)

NOT_ALLOWED = (403, "not_allowed")
NOT_FOUND = (404, "not_found")
VILLAGE = "431021101201"


class Undecided(Handler):
    """A handler whose author forgot something."""

    @public
    async def get(self) -> None:
        """Anybody's."""

    async def post(self) -> None:
        """Nobody knows whose."""


class Misspelt(Handler):
    """A handler that asks for a verb which nobody has."""

    @needs("intake.raed")
    async def get(self) -> None:
        """Never reached."""


def test_a_handler_without_a_decision_keeps_the_service_from_starting() -> None:
    with pytest.raises(UndecidedAccess, match=r"POST /x \(Undecided\): undecided"):
        check_access([("/x", Undecided)])
    with pytest.raises(UndecidedAccess, match=r"GET /y \(Misspelt\): intake\.raed"):
        check_access([*API_ROUTES, ("/y", Misspelt)])
    check_access(API_ROUTES)


def methods() -> list[tuple[str, str, str]]:
    """Every method of the API with some path of its route and its access."""
    found = []
    for pattern, handler in API_ROUTES:
        path = pattern.replace("(?P<sha256>[0-9a-f]{64})", "0" * 64)
        path = re.sub(r"\(\?P<\w+>[^)]*\)", str(uuid.uuid4()), path)
        for name in METHODS:
            if access := getattr(getattr(handler, name), "access", None):
                found.append((name.upper(), path, access))
    return found


#: What nobody needs to be signed in for: signing in, the document, and what a page in WeChat needs for both.
OPEN_TO_ALL = {
    ("POST", "/api/session"),
    ("POST", "/api/session/ticket"),
    ("GET", "/api/wechat/page-signature"),
    ("GET", "/api/openapi.json"),
}


async def test_nothing_but_signing_in_and_the_document_is_open_to_all(phones: Phones) -> None:
    stranger = Client(phones.http, phones.service)
    forged = Client(phones.http, phones.service, str(uuid.uuid4()))
    known = methods()
    open_to_all = {(method, path) for method, path, access in known if access == PUBLIC}
    assert open_to_all == {
        ("POST", "/api/session"),
        ("POST", "/api/session/ticket"),
        ("GET", "/api/wechat/page-signature"),
        ("GET", "/api/openapi.json"),
    }
    assert {access for _, _, access in known} == {*PERMISSIONS, PUBLIC} - {"intake.file_for"}
    for method, path, access in known:
        if access == PUBLIC:
            continue
        for client in (stranger, forged):
            body = {} if method in ("POST", "PUT") else None
            reply = await client.call(method, path, body)
            assert reply.status == 401, (method, path)
            assert method == "HEAD" or reply.code == "not_signed_in"


async def test_each_role_may_do_what_the_table_says(
    phones: Phones, parts: Parts, clock: SharedClock, place: str
) -> None:
    somebody, nowhere = await phones.sign_in("grid_1"), uuid.uuid4()
    photo = await somebody.upload(fake_picture())
    filed_for = {"reason": "不识字", "evidence": photo}
    numbers = iter(range(1, 100))

    async def ask(client: Client, verb: str) -> Reply:
        task = f"/api/tasks/{nowhere}"
        match verb:
            case "session.read":
                return await client.get("/api/session")
            case "session.end":
                return await (await phones.sign_in("grid_1")).call("DELETE", "/api/session")
            case "binding.use":
                form = {"staff_no": "GB0001", "code": "000000"}
                return await client.call("POST", "/api/staff-binding", form)
            case "binding.issue":
                return await client.command("/api/staff-binding/codes", {"staff_no": "GB0006"})
            case "phone.verify":
                return await client.call("POST", "/api/session/phone", {"code": "made-up"})
            case "region.read":
                return await client.get("/api/regions")
            case "inbox.read":
                return await client.get("/api/inbox")
            case "photo.upload":
                return await client.call("PUT", f"/api/photos/{'0' * 64}", raw=b"")
            case "recording.upload":
                return await client.call("PUT", f"/api/recordings/{'0' * 64}", raw=b"")
            case "intake.submit":
                return await client.command("/api/intakes", report_form(place, next(numbers)))
            case "intake.file_for":
                form = report_form(place, next(numbers), filed_for=filed_for)
                return await client.command("/api/intakes", form)
            case "intake.read":
                return await client.get("/api/intakes")
            case "intake.add":
                return await client.command(f"/api/intakes/{nowhere}/additions", {"statement": "补充"})
            case "consent.withdraw":
                return await client.command(f"/api/intakes/{nowhere}/consent-withdrawal")
            case "correction.ask":
                wish = {"intake": str(nowhere), "field": "water", "text": "已修好"}
                return await client.command("/api/corrections", wish)
            case "correction.answer":
                return await client.get("/api/corrections")
            case "held.read":
                return await client.get("/api/held")
            case "intake.withdraw":
                return await client.command(f"/api/intakes/{nowhere}/withdrawal")
            case "task.read":
                return await client.get("/api/tasks")
            case "task.accept":
                return await client.command(f"{task}/acceptance")
            case "task.verify":
                return await client.command(f"{task}/verification", verification_form(photo), base=1)
            case "task.reveal_phone":
                return await client.call("POST", f"{task}/phone")
            case "task.assign":
                return await client.command(f"{task}/assignment", {"staff_no": "GB0006"}, base=1)
        raise AssertionError(f"no request stands for {verb}")

    for role in Role:
        roles = [] if role is Role.VILLAGER else [(role.value, VILLAGE)]
        await change_staff(parts, clock, "GB0005", roles=roles)
        client = await phones.sign_in("grid_1")
        for verb, who in PERMISSIONS.items():
            reply = await ask(client, verb)
            allowed = role in who or Role.VILLAGER in who
            refused = reply.status == 403 and reply.code == "not_allowed"
            assert refused is not allowed, (role, verb, reply)


async def test_each_role_reaches_as_far_as_the_table_says(
    phones: Phones, parts: Parts, clock: SharedClock, place: str
) -> None:
    villager = await phones.sign_in("villager_1")
    own = (await villager.command("/api/intakes", report_form(place, 1))).body
    neighbours = (
        await villager.command("/api/intakes", report_form(await place_of(parts, "431021101201003"), 2))
    ).body
    elsewhere = (
        await villager.command("/api/intakes", report_form(await place_of(parts, "431021101202001"), 3))
    ).body
    [me] = await documents(parts, "staff", staff_no="GB0005")

    def expected(scope: Scope | None, assigned: bool, inside: bool, refused: tuple[int, str]) -> Any:
        if scope is None:
            return refused
        reached = assigned if scope is Scope.ASSIGNED else assigned or inside
        return 200 if reached else NOT_FOUND

    for role in Role:
        if role is Role.VILLAGER:
            continue
        await change_staff(parts, clock, "GB0005", roles=[(role.value, VILLAGE)])
        client = await phones.sign_in("grid_1")
        for sent, assigned, inside in (
            (own, True, True),
            (neighbours, False, True),
            (elsewhere, False, False),
        ):
            where = (role, "mine" if assigned else "inside" if inside else "outside")
            if assigned:
                assert await documents(parts, "tasks", _id=sent["task"], assignee=me["_id"])
            task = await client.get(f"/api/tasks/{sent['task']}")
            found = task.status if task.status == 200 else task.problem
            scope = PERMISSIONS["task.read"].get(role)
            assert found == expected(scope, assigned, inside, NOT_ALLOWED), where
            intake = await client.get(f"/api/intakes/{sent['id']}")
            found = intake.status if intake.status == 200 else intake.problem
            scope = PERMISSIONS["intake.read"].get(role)
            assert found == expected(scope, assigned, inside, NOT_FOUND), where


async def test_what_lies_outside_ones_area_is_not_found(phones: Phones, parts: Parts, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    photo = await villager.upload(fake_picture())
    form = report_form(place, photos=[{"sha256": photo, "kind": "other"}])
    sent = (await villager.command("/api/intakes", form)).body
    [picture] = (await villager.get(f"/api/intakes/{sent['id']}")).body["photos"]
    before = await database(parts)["audit"].count_documents({})
    task, intake = f"/api/tasks/{sent['task']}", f"/api/intakes/{sent['id']}"
    of_stranger = {"supervisor_2": "another county", "grid_2": "the next grid"}
    for key, why in of_stranger.items():
        stranger = await phones.sign_in(key)
        proof = await stranger.upload(fake_picture())
        replies = [
            await stranger.get(task),
            await stranger.get(intake),
            await stranger.get(f"{intake}/photos/{picture['id']}"),
            await stranger.command(f"{intake}/withdrawal"),
            await stranger.command(f"{intake}/consent-withdrawal"),
            await stranger.command(f"{intake}/additions", {"statement": "补充"}),
            await stranger.command(
                "/api/corrections", {"intake": sent["id"], "field": "phone", "value": "13800000001"}
            ),
        ]
        if key == "grid_2":
            replies += [
                await stranger.command(f"{task}/acceptance"),
                await stranger.command(f"{task}/verification", verification_form(proof), base=1),
                await stranger.call("POST", f"{task}/phone"),
            ]
        else:
            replies.append(await stranger.command(f"{task}/assignment", {"staff_no": "GB0005"}, base=1))
        assert {r.problem for r in replies} == {NOT_FOUND}, why
        nothing = await stranger.get(f"/api/tasks/{uuid.uuid4()}")
        same = ("code", "title", "errors")
        assert {n: nothing.body[n] for n in same} == {n: replies[0].body[n] for n in same}, (
            "what is hidden reads like what does not exist"
        )
    assert await database(parts)["audit"].count_documents({}) == before
    assert (await cadre.get(task)).body["version"] == 1
