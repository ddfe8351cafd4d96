"""Every method of every route, asked by everybody, against the permission table.

Who may is computed here from the table alone, in another way than the service does it. What is refused is
asked with a request that succeeds in other hands, and must leave no trace; what is allowed is asked with one
that fails later than the decision, or that may be done again.
"""

import asyncio
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from casework.access import PERMISSIONS, Role, Scope
from handlers.base import METHODS, PUBLIC
from handlers.services import Session
from server.app import routes_of
from server.parts import Parts
from server.settings import Mode
from tests.support import (
    Client,
    Phones,
    Reply,
    database,
    documents,
    fake_id_no,
    fake_picture,
    fake_recording,
    place_of,
    report_form,
    verification_form,
)

NOT_SIGNED_IN = (401, "not_signed_in")
NOT_ALLOWED = (403, "not_allowed")
NOT_FOUND = (404, "not_found")
NO_PLACE_OF_MINE = (422, "invalid_form")
#: The places in whose hands a report can be: its group, and what is above it up to the county.
ABOVE = ("431021101201001", "431021101201W1", "431021101201", "431021101", "431021")
GRID, OTHER_COUNTY = ABOVE[1], "431028"
STAFF_ROLES = [role for role in Role if role is not Role.VILLAGER]
#: Everywhere that a request could leave something.
TRACES = (
    *("intakes", "tasks", "corrections", "verifications", "notices", "commands", "audit"),
    *("binding_codes", "photos", "recordings", "upload_parts", "pictures.files", "sounds.files"),
)


@dataclass(frozen=True)
class Thing:
    """What a request is about, as the table sees it. `missing` is an id like its own that nothing has."""

    id: str
    areas: frozenset[str] = frozenset()
    owner: str | None = None
    assignee: str | None = None
    filer: str | None = None
    missing: str = field(default_factory=lambda: str(uuid.uuid4()))


#: Stands for what belongs to whoever asks.
OWN = Thing("")


@dataclass(frozen=True)
class Asker:
    """Somebody whose phone (`key`) is that of `person`, and who has `role` at the region `node`."""

    key: str
    person: str
    staff: str | None = None
    role: Role | None = None
    node: str = ""

    def scopes(self, verb: str) -> set[Scope]:
        """How far the table lets them reach with a verb."""
        roles = {Role.VILLAGER, self.role}
        return {scope for role, scope in PERMISSIONS[verb].items() if role in roles}

    def reaches(self, verb: str, thing: Thing) -> bool:
        """Whether the table lets them do this with a thing."""
        scopes = self.scopes(verb)
        working = bool(scopes - {Scope.OWN}) and self.staff is not None
        return (
            (Scope.OWN in scopes and (thing is OWN or thing.owner == self.person))
            # Who filed a report in somebody's stead stays responsible for it.
            or (working and self.staff in (thing.assignee, thing.filer))
            or (Scope.AREA in scopes and self.node in thing.areas)
        )


@dataclass(frozen=True)
class Ask:
    """What a request carries, and its path where that is not the entry's."""

    body: Any = None
    base: int | None = None
    raw: bytes | None = None
    path: str | None = None


@dataclass(frozen=True, eq=False)
class Entry:
    """How a route's method is asked.

    Attributes:
        route: the method and the route's pattern.
        verb: what the permission table has to say about it.
        path: ``{}`` in it is the thing's id.
        thing: what it is about.
        ask: makes the request that does what the route is for, from the thing's id.
        harmless: the same, so that it fails with `fails` once access is decided; None where it may be done
            again, or is allowed to one person only.
        done: the status of success.
        outside: what those are told who do not reach the thing.
        lists: of a list, everything that could be in it.
    """

    route: str
    verb: str
    path: str
    thing: Thing = OWN
    ask: Callable[[str], Ask] = lambda _id: Ask()
    harmless: Callable[[str], Ask] | None = None
    fails: int = 409
    done: int = 200
    outside: tuple[int, str] = NOT_FOUND
    lists: list[Thing] | None = None

    @property
    def method(self) -> str:
        """GET, POST …"""
        return self.route.partition(" ")[0]

    def refusal(self, asker: Asker | None) -> tuple[int, str] | None:
        """How somebody has to be refused; None where they may."""
        if asker is None:
            return NOT_SIGNED_IN
        if not asker.scopes(self.verb):
            return NOT_ALLOWED
        return None if self.lists is not None or asker.reaches(self.verb, self.thing) else self.outside

    @property
    def is_about_oneself(self) -> bool:
        """Whether it is the same wherever somebody works."""
        return self.thing is OWN and self.lists is None


#: What needs no session, each with a path that costs little. Whoever opens another one says so here.
OPEN = {
    "GET /healthz": "/healthz",
    "GET /readyz": "/readyz",
    "POST /api/session": "/api/session",
    "POST /api/session/ticket": "/api/session/ticket",
    "GET /api/openapi.json": "/api/openapi.json",
    "GET /api/wechat/page-signature": "/api/wechat/page-signature",
    "GET /wechat/login": "/wechat/login",
    "GET /wechat/login/back": "/wechat/login/back",
    "GET /wechat/login/(?P<app_id>[A-Za-z0-9_-]{5,64})": "/wechat/login/wxtest0000000000oa",
    "GET /wechat/login/(?P<app_id>[A-Za-z0-9_-]{5,64})/back": "/wechat/login/wxtest0000000000oa/back",
    r"GET /MP_verify_([A-Za-z0-9]{1,64})\.txt": "/MP_verify_x.txt",
    "GET /m": "/m",
    "GET /m/(?P<path>[A-Za-z0-9._/-]{0,200})": "/m/none.js",
    "HEAD /m/(?P<path>[A-Za-z0-9._/-]{0,200})": "/m/none.js",
    "GET /demo/?": "/demo",
    "HEAD /demo/?": "/demo",
    r"GET /demo/people\.json": "/demo/people.json",
    r"GET /demo/(?P<path>[a-z]+\.(?:css|js|svg))": "/demo/none.js",
    r"HEAD /demo/(?P<path>[a-z]+\.(?:css|js|svg))": "/demo/none.js",
}


class World:
    """What is asked about, made once by those who may; and those who ask."""

    def __init__(self, phones: Phones, parts: Parts) -> None:
        self.phones = phones
        self.parts = parts
        self.things: dict[str, Thing] = {}
        self._numbers = iter(range(1, 500))

    async def build(self) -> None:
        """Make people, reports with their tasks, corrections and uploads."""
        keys = ("villager_1", "villager_2", "grid_1", "grid_2", "head_1", "township_1")
        clients = {key: await self.phones.sign_in(key) for key in keys}
        owner, neighbour, cadre = clients["villager_1"], clients["villager_2"], clients["grid_1"]
        self.who = {key: (await client.get("/api/session")).body for key, client in clients.items()}
        self.nodes = {code: await place_of(self.parts, code) for code in (*ABOVE, OTHER_COUNTY)}
        self.place = self.nodes[ABOVE[0]]
        for client in clients.values():
            self.photo = await client.upload(fake_picture())
            self.voice = (await client.put("recordings", fake_recording())).body["sha256"]

        for name in ("read", "add", "accept", "verify", "assign", "correct", "withdraw", "take_back"):
            # Each write has a report of its own, so that none is in another one's way.
            await self._report(name, owner, self.form(voice=self.voice))
        far = await place_of(self.parts, "431028103201001")
        await self._report("far", neighbour, report_form(far, 600))
        await self._report("joined", neighbour, report_form(far, 601, head_id_no=fake_id_no(1)))
        await self._report("of_cadre", clients["township_1"], self.form())
        await self._report("filed", clients["head_1"], self.form(**self.in_stead))

        report = f"/api/intakes/{self.things['read'].id}"
        added = {"photos": [{"sha256": self.photo, "kind": "other"}], "voice": self.voice}
        await self._done(owner.command(f"{report}/additions", added))
        [addition] = (await owner.get(report)).body["additions"]
        self.addition, self.shown = addition["id"], addition["photos"][0]["id"]
        for name in ("open", "answered"):
            reply = await self._done(owner.command("/api/corrections", self.wish(self.things["read"].id)))
            [kept] = await documents(self.parts, "corrections", _id=reply.body["id"])
            self.things[name] = Thing(kept["_id"], frozenset(kept["areas"]), assignee=kept["assignee"])
        answered = f"/api/corrections/{self.things['answered'].id}/answer"
        await self._done(cadre.command(answered, {"outcome": "corrected"}))

        mine = {"owner": self.who["villager_1"]["person"], "missing": "0" * 64}
        self.things["photo"] = Thing(await owner.upload(fake_picture("blue")), **mine)
        own = await self._done(owner.put("recordings", fake_recording(2100)))
        self.things["recording"] = Thing(own.body["sha256"], **mine)
        grid = await self.parts.services.regions.by_code("431021101202W1")
        self.things["colleague"] = Thing("GB0008", frozenset(grid["areas"]), missing="GB9999")
        place = await self.parts.services.regions.get(self.place)
        self.things["place"] = Thing(self.place, frozenset(place["areas"]))

    def form(self, **changes: Any) -> dict[str, Any]:
        """A report of another household each time."""
        return report_form(self.place, next(self._numbers), **changes)

    @property
    def in_stead(self) -> dict[str, Any]:
        """What makes a report one that is filed for somebody."""
        return {"filed_for": {"reason": "不识字", "evidence": self.photo}}

    @staticmethod
    def wish(id_: str) -> dict[str, Any]:
        """A wish for a correction of a report."""
        return {"intake": id_, "field": "water", "text": "水已通"}

    @staticmethod
    async def _done(asked: Any) -> Reply:
        reply: Reply = await asked
        assert reply.status in (200, 201), reply
        return reply

    async def _report(self, name: str, client: Client, form: dict[str, Any]) -> None:
        sent = (await self._done(client.command("/api/intakes", form))).body
        [intake] = await documents(self.parts, "intakes", _id=sent["id"])
        [first] = await documents(self.parts, "intakes", _id=intake["joined_to"] or sent["id"])
        [task] = await documents(self.parts, "tasks", _id=first["task"])
        ways = {"owner": intake["owner"], "filer": intake["filer"], "assignee": task["assignee"]}
        self.things[name] = Thing(intake["_id"], frozenset(intake["areas"]), **ways)
        if intake["task"]:
            self.things[f"task {name}"] = Thing(
                task["_id"], frozenset(task["areas"]), assignee=task["assignee"]
            )

    def askers(self) -> Iterator[Asker]:
        """Everybody: each role at each place, responsible or not, who filed it, who owns it."""
        far = (OTHER_COUNTY,)
        for key, nodes in {
            "grid_2": (*ABOVE, OTHER_COUNTY),
            "grid_1": (GRID, OTHER_COUNTY),
            "head_1": far,
            "township_1": far,
        }.items():
            who = self.who[key]
            for role in STAFF_ROLES:
                for code in nodes:
                    yield Asker(key, who["person"], who["staff"], role, self.nodes[code])
        # The owner is the last one, because what only an owner may do is done then.
        for key in ("villager_2", "villager_1"):
            yield Asker(key, self.who[key]["person"])

    @asynccontextmanager
    async def as_(self, asker: Asker | None) -> AsyncIterator[Client]:
        """A phone that is signed in as somebody, who has their role and no other for this while."""
        phone = Client(self.phones.http, self.phones.service)
        if asker is None:
            yield phone
            return
        staff, forget = database(self.parts)["staff"], self.parts.services.staff.forget
        before = await staff.find_one({"_id": asker.staff}) if asker.staff else None
        if before:
            grants = [{"role": asker.role, "node": asker.node}]
            await staff.update_one({"_id": asker.staff}, {"$set": {"grants": grants}})
            forget()
        session = Session(asker.person, self.parts.settings.mp_app_id, f"mDemo_{asker.key}", asker.staff)
        phone.token = await self.parts.services.sessions.open(session)
        yield phone
        if before:
            await staff.replace_one({"_id": asker.staff}, before)
            forget()

    async def traces(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that requests leave."""
        return {name: await documents(self.parts, name) for name in TRACES}


def entries(world: World) -> list[Entry]:
    """Every method that needs a session. Lists come before what changes them; the session ends last."""
    things = world.things
    intakes = [t for name, t in things.items() if f"task {name}" in things or name == "joined"]
    tasks = [t for name, t in things.items() if name.startswith("task ")]
    intake, task, correction = (f"/api/{kind}/(?P<id_>[^/]+)" for kind in ("intakes", "tasks", "corrections"))
    photo, recording = (f"/api/{kind}/(?P<sha256>[0-9a-f]{{64}})" for kind in ("photos", "recordings"))
    read, answered = things["read"], f"/api/corrections/{things['answered'].id}/answer"
    old = {"version": "2020-01", "agreed": True, "signed_name": "测试甲"}
    proof, nobodys = verification_form(world.photo), [{"sha256": "0" * 64, "kind": "other"}]
    picture, sound = fake_picture(), fake_recording()
    return [
        # About whoever asks.
        Entry("GET /api/session", "session.read", "/api/session"),
        Entry("GET /api/regions", "region.read", "/api/regions"),
        Entry(
            "POST /api/regions/near",
            "region.read",
            "/api/regions/near",
            ask=lambda _: Ask({"latitude": 25.8, "longitude": 113.0}),
        ),
        Entry("GET /api/report-form", "region.read", "/api/report-form"),
        Entry("GET /api/inbox", "inbox.read", "/api/inbox"),
        Entry("GET /api/held", "held.read", "/api/held"),
        Entry(f"PUT {photo}", "photo.upload", f"/api/photos/{world.photo}", ask=lambda _: Ask(raw=picture)),
        Entry(f"GET {photo}", "photo.upload", f"/api/photos/{world.photo}"),
        Entry(f"HEAD {photo}", "photo.upload", "/api/photos/{}", things["photo"], done=204),
        Entry(
            f"PUT {recording}",
            "recording.upload",
            f"/api/recordings/{world.voice}",
            ask=lambda _: Ask(raw=sound),
        ),
        Entry(f"GET {recording}", "recording.upload", f"/api/recordings/{world.voice}"),
        Entry(f"HEAD {recording}", "recording.upload", "/api/recordings/{}", things["recording"], done=204),
        Entry(
            "POST /api/session/phone",
            "phone.verify",
            "/api/session/phone",
            ask=lambda _: Ask({"code": "made-up"}),
            done=403,
        ),
        Entry(
            "POST /api/staff-binding",
            "binding.use",
            "/api/staff-binding",
            ask=lambda _: Ask({"staff_no": "GB0001", "code": "000000"}),
            done=403,
        ),
        # Lists.
        Entry(
            "GET /api/intakes",
            "intake.read",
            "/api/intakes?limit=100",
            # What somebody has to verify is found in the list of tasks.
            lists=[replace(one, assignee=None) for one in intakes],
        ),
        Entry("GET /api/tasks", "task.read", "/api/tasks?limit=100", lists=tasks),
        Entry(
            "GET /api/corrections",
            "correction.answer",
            "/api/corrections?limit=100",
            lists=[things["open"]],
        ),
        # About one thing.
        *(
            Entry(f"GET {intake}", "intake.read", "/api/intakes/{}", things[name])
            for name in ("read", "joined", "filed", "of_cadre", "far")
        ),
        Entry(
            f"GET {intake}/photos/(?P<photo>[^/]+)",
            "intake.read",
            f"/api/intakes/{{}}/photos/{world.shown}",
            read,
        ),
        Entry(f"GET {intake}/voice", "intake.read", "/api/intakes/{}/voice", read),
        Entry(
            f"GET {intake}/additions/(?P<addition>[^/]+)/voice",
            "intake.read",
            f"/api/intakes/{{}}/additions/{world.addition}/voice",
            read,
        ),
        Entry(f"GET {task}", "task.read", "/api/tasks/{}", things["task read"]),
        Entry(f"POST {task}/phone", "task.reveal_phone", "/api/tasks/{}/phone", things["task read"]),
        Entry(
            "POST /api/staff-binding/codes",
            "binding.issue",
            "/api/staff-binding/codes",
            things["colleague"],
            lambda id_: Ask({"staff_no": id_}),
            done=201,
        ),
        Entry(
            "POST /api/intakes",
            "intake.submit",
            "/api/intakes",
            ask=lambda _: Ask(world.form()),
            harmless=lambda _: Ask(world.form(consent=old)),
            fails=422,
            done=201,
        ),
        Entry(
            "POST /api/intakes",
            "intake.file_for",
            "/api/intakes",
            things["place"],
            lambda _: Ask(world.form(**world.in_stead)),
            harmless=lambda _: Ask(world.form(consent=old, **world.in_stead)),
            fails=422,
            done=201,
            outside=NO_PLACE_OF_MINE,
        ),
        Entry(
            f"POST {intake}/additions",
            "intake.add",
            "/api/intakes/{}/additions",
            things["add"],
            lambda _: Ask({"statement": "补充"}),
            harmless=lambda _: Ask({"photos": nobodys}),
            fails=422,
        ),
        Entry(
            f"POST {task}/acceptance",
            "task.accept",
            "/api/tasks/{}/acceptance",
            things["task accept"],
            lambda _: Ask(base=1),
            harmless=lambda _: Ask(base=9),
        ),
        Entry(
            f"POST {task}/verification",
            "task.verify",
            "/api/tasks/{}/verification",
            things["task verify"],
            lambda _: Ask(proof, base=1),
            harmless=lambda _: Ask(proof, base=9),
        ),
        Entry(
            f"POST {task}/assignment",
            "task.assign",
            "/api/tasks/{}/assignment",
            things["task assign"],
            lambda _: Ask({"staff_no": "GB0003"}, base=1),
            harmless=lambda _: Ask({"staff_no": "GB0003"}, base=9),
        ),
        Entry(
            f"POST {correction}/answer",
            "correction.answer",
            "/api/corrections/{}/answer",
            things["open"],
            lambda _: Ask({"outcome": "corrected"}),
            harmless=lambda _: Ask({"outcome": "corrected"}, path=answered),
        ),
        Entry(
            "POST /api/corrections",
            "correction.ask",
            "/api/corrections",
            things["correct"],
            lambda id_: Ask(world.wish(id_)),
            done=201,
        ),
        Entry(
            f"POST {intake}/withdrawal", "intake.withdraw", "/api/intakes/{}/withdrawal", things["withdraw"]
        ),
        Entry(
            f"POST {intake}/consent-withdrawal",
            "consent.withdraw",
            "/api/intakes/{}/consent-withdrawal",
            things["take_back"],
        ),
        Entry("DELETE /api/session", "session.end", "/api/session", done=204),
    ]


async def send(client: Client, entry: Entry, ask: Ask, id_: str) -> Reply:
    """Send a request; every write is a command with a key of its own."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    if ask.base is not None:
        headers["If-Match"] = str(ask.base)
    path = (ask.path or entry.path).format(id_)
    return await client.call(entry.method, path, ask.body, raw=ask.raw, headers=headers)


def unspecific(reply: Reply) -> str:
    """An answer without what is another one's each time."""
    own = {"date", "x-request-id", "content-length"}
    headers = {name: value for name, value in reply.headers.items() if name.lower() not in own}
    body = {name: value for name, value in (reply.body or {}).items() if name != "request_id"}
    return json.dumps([reply.status, headers, body], sort_keys=True)


def test_every_verb_is_held_by_somebody_and_every_role_holds_one() -> None:
    assert {role for roles in PERMISSIONS.values() for role in roles} == set(Role) - {Role.ACCOUNT_ADMIN}
    assert all(PERMISSIONS.values())


async def test_what_is_open_is_open_to_all(phones: Phones) -> None:
    known = {f"{method} {path}" for method, path, access in methods() if access == PUBLIC}
    assert known == set(OPEN), "say here what anybody may call"
    for client in (Client(phones.http, phones.service), await phones.sign_in("villager_1")):
        for route, path in OPEN.items():
            method = route.partition(" ")[0]
            reply = await client.call(method, path, {} if method == "POST" else None)
            assert reply.status not in (401, 403, 500), route


def methods() -> Iterator[tuple[str, str, str]]:
    """Every method of every route: its name, the pattern, and what it needs."""
    for pattern, handler in routes_of(Mode.DEMO):
        for name in METHODS:
            if access := getattr(getattr(handler, name), "access", None):
                yield name.upper(), pattern, access


@pytest.mark.gen_test(timeout=120)
async def test_everybody_may_what_the_table_says_and_nothing_else(phones: Phones, parts: Parts) -> None:
    world = World(phones, parts)
    await world.build()
    asked = entries(world)
    verbs = defaultdict(set)
    for entry in asked:
        verbs[entry.route].add(entry.verb)
    needed = {f"{method} {path}": access for method, path, access in methods() if access != PUBLIC}
    assert set(verbs) == set(needed), "say here how a new method is asked"
    assert all(needed[route] in verbs[route] for route in needed)
    assert set().union(*verbs.values()) == set(PERMISSIONS)

    refused: Counter[tuple[int, str]] = Counter()
    hidden: dict[Entry, set[str]] = defaultdict(set)

    async def is_refused(client: Client, asker: Asker | None, entry: Entry, refusal: tuple[int, str]) -> None:
        reply = await send(client, entry, entry.ask(entry.thing.id), entry.thing.id)
        assert reply.status == refusal[0], (asker, entry.route, reply)
        assert entry.method == "HEAD" or reply.problem == refusal, (asker, entry.route, reply)
        refused[refusal] += 1
        if refusal == NOT_FOUND:
            hidden[entry].add(unspecific(reply))

    before = await world.traces()
    for asker in (None, *world.askers()):
        refusals = [(entry, refusal) for entry in asked if (refusal := entry.refusal(asker))]
        async with world.as_(asker) as client:
            await asyncio.gather(*(is_refused(client, asker, *one) for one in refusals))
    assert await world.traces() == before, "what is refused leaves nothing"
    assert min(refused.values()) > 10, refused

    last: dict[Entry, Asker] = {}
    grid = world.nodes[GRID]
    for asker in world.askers():
        async with world.as_(asker) as client:
            for entry in asked:
                if entry.refusal(asker) or (entry.is_about_oneself and asker.node not in ("", grid)):
                    continue
                if entry in hidden and entry not in last:
                    missing = entry.thing.missing
                    nothing = await send(client, entry, entry.ask(missing), missing)
                    assert hidden[entry] == {unspecific(nothing)}, (entry.route, "tells that it is there")
                last[entry] = asker
                ask = (entry.harmless or entry.ask)(entry.thing.id)
                reply = await send(client, entry, ask, entry.thing.id)
                wanted = entry.fails if entry.harmless else entry.done
                assert reply.status == wanted, (asker, entry.route, reply)
                assert wanted != 403 or reply.code == "bad_code", (asker, entry.route, reply)
                if entry.outside == NO_PLACE_OF_MINE:
                    assert reply.wrong_fields == {"consent.version"}, "the place is theirs"
                if entry.lists is not None:
                    found = {item["id"] for item in reply.body["items"]}
                    reached = {one.id for one in entry.lists if asker.reaches(entry.verb, one)}
                    assert found == reached, (asker, entry.route)
    assert set(last) == set(asked)

    for entry, asker in last.items():
        if entry.harmless:
            async with world.as_(asker) as client:
                reply = await send(client, entry, entry.ask(entry.thing.id), entry.thing.id)
                assert reply.status == entry.done, (entry.route, "would succeed in the right hands", reply)
