"""Messages: everything that was told can be read again, and nothing in it tells of somebody's troubles."""

import io
from typing import Any

import bson

from server.parts import Parts
from server.worker import Worker
from tests.support import (
    Client,
    Phones,
    Reply,
    database,
    documents,
    fake_id_no,
    fake_picture,
    place_of,
    report_form,
    until,
    verification_form,
)

#: Values that stand nowhere else, so that each trace of them is found.
NAME = "欧阳翠花"
SIGNER = "欧阳守护人"
PHONE = "19987654321"
ID_NO = fake_id_no(777, "19531107")
HEAD_ID_NO = fake_id_no(778, "19501231")
STATEMENT = "胃部手术三次欠款八万"
REMARK = "遭雷击房塌"
FOUND = "邻居说他还有存折"
REASON = "名下有商品房两套"
FILED_BECAUSE = "双手烧伤不能写字"
PRIVATE = (NAME, SIGNER, PHONE, ID_NO, HEAD_ID_NO, STATEMENT, REMARK, FOUND, REASON, FILED_BECAUSE)
#: What no message may say: why somebody needs help.
CAUSES = ("因病", "illness", "其他", "other", "医疗")


def private_form(place: str, **changes: Any) -> dict[str, Any]:
    """A report full of what must stay between those who work on it."""
    consent = {"version": "2026-01", "agreed": True, "signed_by": "guardian", "signed_name": SIGNER}
    private = {
        "applicant_name": NAME,
        "phone": PHONE,
        "id_no": ID_NO,
        "head_id_no": HEAD_ID_NO,
        "statement": STATEMENT,
        "risks": ["illness", "other"],
        "risks_remark": REMARK,
        "consent": consent,
    }
    return report_form(place, **{**private, **changes})


def traces(text: str, *secrets: str) -> set[str]:
    """Those secrets that stand in the text, also when JSON or Python has escaped them."""
    return {s for s in secrets if s in text or ascii(s)[1:-1] in text}


async def test_messages_are_read_newest_first_by_cursor_and_by_their_own_reader(
    phones: Phones, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    for number in range(5):
        await villager.command("/api/intakes", report_form(place, number))
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = (await cadre.get(f"/api/inbox?limit=2&cursor={cursor}")).body
        found += page["items"]
        cursor = page["next"]
    assert len({n["id"] for n in found}) == len(found) == 5
    assert [n["id"] for n in found] == sorted((n["id"] for n in found), reverse=True)
    assert {n["kind"] for n in found} == {"task_new"}
    assert {n["title"] for n in found} == {"您有新的核实任务"}
    lines = found[0]["text"].splitlines()
    assert [line.partition("：")[0] for line in lines] == [
        "【您有新的核实任务】",
        "受理编号",
        "所在村组",
        "申报人",
        "办理时限",
    ]
    assert lines[2:4] == ["所在村组：白石乡 枫木村 一组", "申报人：测**"]
    assert {n["kind"] for n in (await villager.get("/api/inbox")).body["items"]} == {"report_received"}
    assert (await (await phones.sign_in("villager_2")).get("/api/inbox")).body == {"items": [], "next": None}


async def test_nothing_private_leaves_the_report(
    phones: Phones, parts: Parts, worker: Worker, place: str, logs: io.BytesIO
) -> None:
    villager, neighbour = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    cadre, head = await phones.sign_in("grid_1"), await phones.sign_in("head_1")
    photo = await cadre.upload(fake_picture())
    replies: list[Reply] = []

    async def sends(client: Client, path: str, body: Any = None, base: int | None = None) -> Reply:
        replies.append(await client.command(path, body, base=base))
        return replies[-1]

    sent = await sends(villager, "/api/intakes", private_form(place))
    task = f"/api/tasks/{sent.body['task']}"
    await sends(neighbour, "/api/intakes", private_form(place, statement=FOUND))
    filed_for = {"reason": FILED_BECAUSE, "evidence": photo}
    other = private_form(place, id_no=fake_id_no(779), head_id_no=None, filed_for=filed_for)
    filed = await sends(cadre, "/api/intakes", other)
    version = (await sends(cadre, f"{task}/acceptance")).body["version"]
    visit = verification_form(photo, text=FOUND, reason=REASON, signature_missing=FILED_BECAUSE)
    not_met = {**visit, "finding": "could_not_meet"}
    for _ in range(2):
        version = (await sends(cadre, f"{task}/verification", not_met, version)).body["version"]
    await sends(cadre, f"{task}/verification", {**visit, "finding": "not_true"}, version)
    nobodys = private_form(await place_of(parts, "431028104201001"), head_id_no=fake_id_no(780))
    withdrawn = await sends(villager, "/api/intakes", nobodys)
    await sends(villager, f"/api/intakes/{withdrawn.body['id']}/withdrawal")
    assert {r.status for r in replies} == {200, 201}

    wrong = private_form(place, id=sent.body["id"], phone=PHONE + "0", id_no=ID_NO[:-1], statement=STATEMENT)
    problems = [
        await sends(villager, "/api/intakes", wrong),
        await sends(villager, "/api/intakes", {**wrong, "phone": PHONE, "id_no": ID_NO}),
        await sends(villager, "/api/intakes", private_form(place, risks=["boredom"], relation="cousin")),
        await sends(cadre, f"{task}/verification", {**visit, "finding": REASON}, version),
        await sends(cadre, f"{task}/verification", visit, version),
        await villager.get(f"/api/intakes/{PHONE}"),
        await cadre.get(f"/api/tasks?cursor={ID_NO}"),
        await villager.call("POST", "/api/intakes", raw=f'{{"phone": "{PHONE}'.encode()),
    ]
    assert {r.status for r in problems} == {400, 404, 409, 422}
    for reply in replies + problems:
        assert not traces(str(reply.body) + str(reply.headers), *PRIVATE), reply

    async def all_carried() -> bool:
        return not await documents(parts, "notices", state={"$in": ["pending", "sending"]})

    await until(all_carried, what="every message on its way")
    told = [str(n["fields"]) for n in await documents(parts, "notices")]
    for client in (villager, neighbour, cadre, head):
        told += [str(n) for n in (await client.get("/api/inbox?limit=100")).body["items"]]
    for key in ("villager_1", "villager_2", "grid_1", "head_1", "supervisor_2"):
        told += [str(m) for m in await phones.inbox(key)]
    assert len(told) > 20
    for message in told:
        assert not traces(message, *PRIVATE, *CAUSES), message
    kinds = {n["kind"] for n in await documents(parts, "notices")}
    assert kinds >= {"task_new", "task_joined", "task_unmet", "task_unassigned", "report_outcome"}

    logged = logs.getvalue().decode()
    assert '"route":"/api/intakes"' in logged
    assert not traces(logged, *PRIVATE)
    assert PHONE[:7] not in logged

    for id_, reads in ((sent.body["id"], villager), (filed.body["id"], cadre)):
        seen = str((await reads.get(f"/api/intakes/{id_}")).body)
        assert traces(seen, NAME, STATEMENT) == {NAME, STATEMENT}, "those who work on it do read it"
        assert not traces(seen, PHONE, ID_NO, HEAD_ID_NO, SIGNER)

    names = await database(parts).list_collection_names()
    assert {"intakes", "verifications", "notices", "audit", "commands", "platform_events"} <= set(names)
    for name in names:
        raw = b"".join([bson.encode(document) for document in await documents(parts, name)])
        assert not {s for s in PRIVATE if s.encode() in raw}, name
        assert ("白石乡 枫木村 一组".encode() in raw) is (name in ("intakes", "tasks", "notices")), name
