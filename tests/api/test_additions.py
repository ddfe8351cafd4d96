"""Adding to a report that is on its way, and where the report was made."""

import asyncio
import uuid
from typing import Any

from server.parts import Parts
from tests.support import (
    Phones,
    count,
    documents,
    fake_picture,
    fake_recording,
    report_form,
    verification_form,
)

ADDED = "昨天夜里屋顶漏雨"


async def test_what_is_added_reaches_whoever_goes_there(phones: Phones, parts: Parts, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    stranger = await phones.sign_in("villager_2")
    position = {"latitude": 25.8038, "longitude": 113.0442, "accuracy": 20.0}
    sent = (await villager.command("/api/intakes", report_form(place, position=position))).body
    path, task = f"/api/intakes/{sent['id']}", f"/api/tasks/{sent['task']}"
    photo = await villager.upload(fake_picture())
    voice = (await villager.put("recordings", fake_recording())).body["sha256"]
    form = {"statement": ADDED, "photos": [{"sha256": photo, "kind": "housing"}], "voice": voice}
    key = str(uuid.uuid4())
    replies = await asyncio.gather(*(villager.command(f"{path}/additions", form, key=key) for _ in range(3)))
    assert {r.status for r in replies} == {200}
    assert len({str(r.body) for r in replies}) == 1

    for client, where in ((villager, path), (cadre, task)):
        seen = (await client.get(where)).body
        [addition] = seen["additions"]
        assert (addition["text"], addition["voice"]) == (ADDED, True)
        assert seen["fields"]["position"] == position
        [picture] = addition["photos"]
        for one in ("photos/" + picture["id"], f"additions/{addition['id']}/voice"):
            assert (await client.get(f"{path}/{one}")).status == 200
            assert (await stranger.get(f"{path}/{one}")).problem == (404, "not_found")
    assert (await cadre.get(task)).body["version"] == 1, "a visit that is being written is not refused"
    assert (await villager.get(path)).body["timeline"][-1]["text"] == "您补充了情况"
    newest = (await cadre.get("/api/inbox")).body["items"][0]
    assert (newest["kind"], newest["page"]) == ("task_added", {"name": "task", "id": sent["task"]})

    assert (await cadre.command(f"{path}/additions", {"statement": "邻居证实"})).status == 200
    seen = (await villager.get(path)).body
    assert seen["timeline"][-1]["text"] == "冯示例替您补充了情况"
    told = [n["kind"] for n in (await cadre.get("/api/inbox")).body["items"]]
    assert told.count("task_added") == 1, "who added it themselves is not told"
    kept = str(await documents(parts, "intakes")) + str(await documents(parts, "audit"))
    assert ADDED not in kept
    assert "113.0442" not in kept + str(await documents(parts, "notices"))
    assert [e["verb"] for e in await documents(parts, "audit")] == [
        "intake.submit",
        "intake.add",
        "intake.add",
    ]


async def test_the_same_report_from_a_step_aside_is_the_same(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager = await phones.sign_in("villager_1")
    numbers = set()
    for latitude in (25.80381, 25.80383):
        position = {"latitude": latitude, "longitude": 113.0442}
        sent = await villager.command("/api/intakes", report_form(place, position=position))
        numbers.add(sent.body["number"])
    assert (len(numbers), await count(parts, "intakes")) == (1, [1])


async def test_what_cannot_be_added(phones: Phones, parts: Parts, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    path = f"/api/intakes/{sent['id']}/additions"
    not_his = await cadre.upload(fake_picture())
    photo = await villager.upload(fake_picture("red"))
    shown = {"sha256": photo, "kind": "housing"}
    wrong: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"statement"}),
        ({"statement": "  "}, {"statement"}),
        ({"statement": "长" * 501}, {"statement"}),
        ({"photos": [{**shown, "sha256": not_his}]}, {"photos"}),
        ({"photos": [{**shown, "kind": "cat"}]}, {"photos"}),
        ({"photos": [shown] * 2}, {"photos"}),
        ({"voice": "0" * 64}, {"voice"}),
    ]
    for form, fields in wrong:
        reply = await villager.command(path, form)
        assert (reply.problem, reply.wrong_fields) == ((422, "invalid_form"), fields), form
    for number in range(10):
        assert (await villager.command(path, {"statement": f"第 {number} 次"})).status == 200
    full = await villager.command(path, {"statement": "又一次"})
    assert full.problem == (409, "wrong_state")
    assert "10 次" in full.body["title"]

    joined = (await villager.command("/api/intakes", report_form(place, statement="再报"))).body
    assert joined["joined"]
    reply = await villager.command(f"/api/intakes/{joined['id']}/additions", {"statement": "补充"})
    assert "并入" in reply.body["title"]
    visit = verification_form(not_his)
    assert (await cadre.command(f"/api/tasks/{sent['task']}/verification", visit, base=1)).status == 200
    reply = await villager.command(path, {"statement": "补充"})
    assert (reply.problem, reply.body["state"]) == ((409, "wrong_state"), "verified")
    assert "已核实" in reply.body["title"]
    assert [len(i.get("additions", ())) for i in await documents(parts, "intakes")] == [10, 0]
    assert await count(parts, "verifications") == [1]
