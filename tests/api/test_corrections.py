"""Asking for a correction, and its answer: the value stays, the correction stands beside it."""

import uuid
from typing import Any

from server.clock import SharedClock
from server.parts import Parts
from tests.support import Phones, change_staff, documents, report_form

WRONG, CHECKED = "已经搬到新房子了", "看过新房子，情况属实"


async def test_a_correction_is_asked_for_checked_and_answered(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place, housing="unsafe"))).body
    wish = {"intake": sent["id"], "field": "housing", "text": WRONG}
    asked = await villager.command("/api/corrections", wish)
    assert (asked.status, asked.body["state"]) == (201, "open")
    newest = (await cadre.get("/api/inbox")).body["items"][0]
    assert (newest["kind"], newest["page"]) == ("correction_asked", {"name": "corrections"})

    [waiting] = (await cadre.get("/api/corrections")).body["items"]
    assert (waiting["id"], waiting["intake"], waiting["text"]) == (asked.body["id"], sent["id"], WRONG)
    for key, sees in {"head_1": 1, "township_1": 1, "grid_2": 0}.items():
        client = await phones.sign_in(key)
        assert len((await client.get("/api/corrections")).body["items"]) == sees, key
    path = f"/api/corrections/{asked.body['id']}/answer"
    answer = {"outcome": "corrected", "text": CHECKED}
    assert (await (await phones.sign_in("grid_2")).command(path, answer)).problem == (404, "not_found")
    assert (await villager.command(path, answer)).problem == (403, "not_allowed")
    assert (await cadre.command(path, {"outcome": "kept"})).wrong_fields == {"text"}
    assert (await cadre.command(path, answer)).body["state"] == "corrected"
    assert (await cadre.command(path, answer)).problem == (409, "wrong_state")
    assert (await cadre.get("/api/corrections")).body["items"] == []

    for client, where in ((villager, f"/api/intakes/{sent['id']}"), (cadre, f"/api/tasks/{sent['task']}")):
        seen = (await client.get(where)).body
        assert seen["fields"]["housing"] == "unsafe", "what was said stays"
        [correction] = seen["corrections"]
        assert (correction["field"], correction["text"], correction["answer"]) == ("housing", WRONG, CHECKED)
    newest = (await villager.get("/api/inbox")).body["items"][0]
    assert newest["kind"] == "correction_answered"
    assert newest["page"] == {"name": "report", "id": sent["id"]}
    events = [s["event"] for s in (await villager.get(f"/api/intakes/{sent['id']}")).body["timeline"]]
    assert events[-2:] == ["correction_asked", "correction_answered"]
    kept = "".join([str(await documents(parts, name)) for name in ("corrections", "notices", "audit")])
    assert WRONG not in kept
    assert CHECKED not in kept
    verbs = [e["verb"] for e in await documents(parts, "audit")]
    assert verbs[-2:] == ["correction.ask", "correction.answer"]


async def test_a_telephone_number_is_changed_at_once(phones: Phones, parts: Parts, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    wish = {"intake": sent["id"], "field": "phone", "value": "138 0000 0009"}
    key = str(uuid.uuid4())
    for _ in range(2):
        reply = await villager.command("/api/corrections", wish, key=key)
        assert (reply.status, reply.body["state"]) == (201, "corrected")
    seen = await cadre.call("POST", f"/api/tasks/{sent['task']}/phone")
    assert seen.body == {"phone": "13800000009"}
    assert (await cadre.get("/api/corrections")).body["items"] == []
    [entry] = await documents(parts, "audit", verb="correction.ask")
    assert entry["detail"]["field"] == "phone"
    assert "0009" not in str(entry["detail"])


async def test_wishes_that_do_not_fit(phones: Phones, parts: Parts, clock: SharedClock, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    wish: dict[str, Any] = {"intake": sent["id"], "field": "water", "text": "水已通"}
    wrong = [
        ({"field": "consent"}, {"field"}),
        ({"field": "dog"}, {"field"}),
        ({"text": ""}, {"text"}),
        ({"text": "长" * 201}, {"text"}),
        ({"value": "13800000001"}, {"value"}),
        ({"field": "phone"}, {"value"}),
        ({"field": "phone", "value": "12345"}, {"value"}),
    ]
    for changes, fields in wrong:
        reply = await villager.command("/api/corrections", {**wish, **changes})
        assert (reply.problem, reply.wrong_fields) == ((422, "invalid_form"), fields), changes
    nowhere = {**wish, "intake": str(uuid.uuid4())}
    assert (await villager.command("/api/corrections", nowhere)).problem == (404, "not_found")

    # Whoever had the task has left: those who would get it are asked.
    await change_staff(parts, clock, "GB0005", active=False)
    await change_staff(parts, clock, "GB0006", active=False)
    clock.move(6)
    assert (await villager.command("/api/corrections", wish)).status == 201
    [asked] = (await (await phones.sign_in("head_1")).get("/api/inbox")).body["items"]
    assert asked["kind"] == "correction_asked"
    for _ in range(9):
        assert (await villager.command("/api/corrections", wish)).status == 201
    assert (await villager.command("/api/corrections", wish)).problem == (409, "wrong_state")
