"""Tasks over HTTP: who gets them, what they look like, and what may be done with them."""

import itertools
import re
import uuid
from datetime import datetime
from typing import Any

from casework.calendar import limit_end
from casework.clock import iso
from server.clock import SharedClock
from server.parts import Parts
from tests.support import (
    Client,
    Phones,
    change_staff,
    count,
    documents,
    fake_picture,
    place_of,
    report_form,
    verification_form,
)

DAY = 86400.0


async def staff_names(client: Client) -> dict[str, Any]:
    """Who has each live task in reach, by its id."""
    items = (await client.get("/api/tasks?limit=100")).body["items"]
    return {t["id"]: (await client.get(f"/api/tasks/{t['id']}")).body["staff_name"] for t in items}


async def test_a_task_goes_to_the_grid_else_the_village_else_the_township(
    phones: Phones, parts: Parts, clock: SharedClock
) -> None:
    villager, supervisor = await phones.sign_in("villager_1"), await phones.sign_in("supervisor_1")
    numbers = itertools.count(1)

    async def falls_to(code: str) -> str:
        form = report_form(await place_of(parts, code), next(numbers))
        sent = (await villager.command("/api/intakes", form)).body
        assert sent["assigned"] is True
        return str((await staff_names(supervisor))[sent["task"]])

    assert await falls_to("431021101201002") == "冯示例", "a group: the worker of its grid"
    assert await falls_to("431021101201") == "王示例", "a whole village: its head"
    assert await falls_to("431021101203003") == "沈示例", "a grid without a worker: the head"
    await change_staff(parts, clock, "GB0011", roles=[("village_cadre", "431021101203")])
    assert await falls_to("431021101203003") == "韩示例", "a village cadre before the head"
    await change_staff(parts, clock, "GB0011", active=False)
    await change_staff(parts, clock, "GB0010", active=False)
    assert await falls_to("431021101203003") == "郑示例", "nobody in the village: the township"


async def test_what_falls_to_nobody_is_red_and_a_supervisor_gives_it_to_somebody(
    phones: Phones, parts: Parts, clock: SharedClock
) -> None:
    villager, supervisor = await phones.sign_in("villager_3"), await phones.sign_in("supervisor_2")
    form = report_form(await place_of(parts, "431028104201001"))
    sent = (await villager.command("/api/intakes", form)).body
    assert sent["assigned"] is False
    [task] = (await supervisor.get("/api/tasks")).body["items"]
    assert (task["id"], task["colour"], task["assigned"]) == (sent["task"], "red", False)
    seen = (await villager.get(f"/api/intakes/{sent['id']}")).body
    assert seen["timeline"][-1]["text"] == "村里暂无责任干部，已请上级指派"
    [told] = (await supervisor.get("/api/inbox")).body["items"]
    assert (told["kind"], told["ref"]) == ("task_unassigned", f"task:{task['id']}")
    approver = (await documents(parts, "staff", staff_no="GB0023"))[0]
    assert await documents(parts, "notices", to=f"staff:{approver['_id']}", kind="task_unassigned")

    path = f"/api/tasks/{task['id']}/assignment"
    await change_staff(
        parts, clock, "GB0024", roles=[("township_reviewer", "431028103"), ("helper", "431028104")]
    )
    chosen = {"staff_no": "GB0024"}
    missing = await supervisor.command(path, chosen)
    assert (missing.problem, missing.wrong_fields) == ((422, "invalid_form"), {"If-Match"})
    wrong = {
        "GB0005": "works in another county",
        "GB9999": "is nobody's number",
        "GB0023": "works here and may not verify",
    }
    for staff_no, why in wrong.items():
        reply = await supervisor.command(path, {"staff_no": staff_no}, base=1)
        assert (reply.problem, reply.wrong_fields) == ((422, "invalid_form"), {"staff_no"}), why
    neighbour = await phones.sign_in("supervisor_1")
    assert (await neighbour.command(path, chosen, base=1)).problem == (404, "not_found")
    for nobody in ("villager_3", "grid_1"):
        reply = await (await phones.sign_in(nobody)).command(path, chosen, base=1)
        assert reply.problem == (403, "not_allowed")
    given = await supervisor.command(path, chosen, base=1)
    assert (given.status, given.body["staff"], given.body["version"]) == (200, "华示例", 2)
    stale = await supervisor.command(path, chosen, base=1)
    assert stale.problem == (409, "stale_version")
    assert stale.body["yours"] == 1
    assert stale.body["current"] == {"state": "open", "version": 2, "text": "任务现由华示例负责，等待接单"}
    [task] = (await supervisor.get("/api/tasks")).body["items"]
    assert (task["colour"], task["assigned"], task["mine"]) == ("normal", True, False)
    new = (await documents(parts, "staff", staff_no="GB0024"))[0]
    assert await documents(parts, "notices", to=f"staff:{new['_id']}", kind="task_assigned")
    [entry] = await documents(parts, "audit", verb="task.assign")
    assert entry["detail"] == {"from_": None, "to": new["_id"]}

    # Where nobody is left, a supervisor sends somebody from elsewhere in the county.
    assert (await supervisor.command(path, {"staff_no": "GB0025"}, base=2)).status == 200
    assert await documents(parts, "notices", to=f"staff:{new['_id']}", kind="task_taken")
    steps = (await villager.get(f"/api/intakes/{sent['id']}")).body["timeline"]
    assert [step["event"] for step in steps] == ["submitted", "unassigned", "assigned", "assigned"]


async def test_tasks_are_listed_by_due_time_by_cursor_and_by_state(
    phones: Phones, parts: Parts, clock: SharedClock, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    made = []
    for number in range(6):
        made.append((await villager.command("/api/intakes", report_form(place, number))).body["task"])
        if number == 2:
            clock.move(3 * DAY)
    photo = await cadre.upload(fake_picture())
    await cadre.command(f"/api/tasks/{made[5]}/verification", verification_form(photo), base=1)
    await cadre.command(f"/api/tasks/{made[4]}/acceptance")

    async def listed(limit: int, *states: str) -> list[str]:
        found: list[str] = []
        query = "".join(f"&state={s}" for s in states)
        cursor = ""
        while cursor is not None:
            page = (await cadre.get(f"/api/tasks?limit={limit}{query}&cursor={cursor}")).body
            assert len(page["items"]) <= limit
            found += [t["id"] for t in page["items"]]
            cursor = page["next"]
        return found

    for limit in (1, 2, 5, 100):
        assert await listed(limit) == made[:5]
    assert await listed(2, "open") == made[:4]
    assert await listed(1, "done", "accepted") == made[4:]
    assert await listed(10, "cancelled") == []
    await cadre.command(f"/api/tasks/{made[0]}/verification", verification_form(photo), base=1)
    assert await listed(1, "done") == [made[5], made[0]]
    unknown = await cadre.get("/api/tasks?state=late")
    assert (unknown.problem, unknown.wrong_fields) == ((422, "invalid_form"), {"state"})


async def test_colours_follow_the_clock(phones: Phones, clock: SharedClock, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    await villager.command("/api/intakes", report_form(place))

    async def task_at(due: str, offset: float) -> dict[str, Any]:
        clock.move((datetime.fromisoformat(due) - clock.now()).total_seconds() + offset)
        [task] = (await cadre.get("/api/tasks")).body["items"]
        return dict(task)

    [task] = (await cadre.get("/api/tasks")).body["items"]
    assert task["colour"] == "normal"
    accept_due, due = task["accept_due_at"], task["due_at"]
    assert accept_due < due
    assert (await task_at(accept_due, -DAY - 60))["colour"] == "normal"
    assert (await task_at(accept_due, -DAY + 60))["colour"] == "orange"
    assert (await task_at(accept_due, DAY - 60))["colour"] == "orange"
    assert (await task_at(accept_due, DAY + 60))["colour"] == "red"
    await cadre.command(f"/api/tasks/{task['id']}/acceptance")
    assert (await task_at(due, -DAY - 60))["colour"] == "normal", "the visit has its own time"
    assert (await task_at(due, -DAY + 60))["colour"] == "orange"
    assert (await task_at(due, DAY + 60))["colour"] == "red"


async def test_a_task_is_accepted_once_by_whoever_has_it(phones: Phones, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    path = f"/api/tasks/{sent['task']}"
    others = {
        "grid_2": (404, "not_found"),
        "head_1": (404, "not_found"),
        "supervisor_1": (403, "not_allowed"),
    }
    for key, problem in {**others, "villager_2": (403, "not_allowed")}.items():
        client = await phones.sign_in(key)
        assert (await client.command(f"{path}/acceptance")).problem == problem, key
    assert (await (await phones.sign_in("grid_2")).get(path)).problem == (404, "not_found")
    for key in ("head_1", "township_1", "supervisor_1"):
        seen = await (await phones.sign_in(key)).get(path)
        assert (seen.status, seen.body["staff_name"]) == (200, "冯示例"), key

    seen = (await cadre.get(path)).body
    assert (seen["state"], seen["version"], seen["intake"]) == ("open", 1, sent["id"])
    assert seen["fields"]["phone"] == "138****0000"
    accepted = await cadre.command(f"{path}/acceptance", base=1)
    assert (accepted.status, accepted.body["state"], accepted.body["version"]) == (200, "accepted", 2)
    stale = await cadre.command(f"{path}/acceptance", base=1)
    assert stale.problem == (409, "stale_version")
    now = stale.body["current"]
    assert (stale.body["yours"], now["version"], now["state"]) == (1, 2, "accepted")
    assert re.fullmatch(r"冯示例已于 20\d\d年\d+月\d+日 \d\d:\d\d 接单", now["text"])
    twice = await cadre.command(f"{path}/acceptance")
    assert (twice.problem, twice.body["current"]) == ((409, "wrong_state"), now)
    of_villager = (await villager.get(f"/api/intakes/{sent['id']}")).body
    assert of_villager["timeline"][-1]["text"] == "冯示例已接到任务，将上门核实"
    assert of_villager["next"] == "等待上门核实，请保持电话畅通"
    assert (await villager.get("/api/inbox")).body["items"][0]["kind"] == "report_accepted"


async def test_each_finding_ends_the_report_in_its_own_words(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    photo, signature = await cadre.upload(fake_picture()), await cadre.upload(fake_picture("blue"))
    monitoring = "接下来由村里评议、公示，乡镇和县里审核"
    position = {"latitude": 25.7, "longitude": 112.7, "accuracy": 30.0}
    findings = [
        ("true", {"signature": signature, "signature_missing": ""}, "情况属实，进入监测帮扶程序", monitoring),
        ("partly", {"position": position, "position_missing": ""}, "部分属实，进入监测帮扶程序", monitoring),
        (
            "not_true",
            {"reason": "收入高于标准"},
            "核实结果与申报不符。理由：收入高于标准",
            "如不同意，可以联系村委会或再次申报",
        ),
    ]
    for number, (finding, more, words, what_next) in enumerate(findings):
        sent = (await villager.command("/api/intakes", report_form(place, number))).body
        path = f"/api/tasks/{sent['task']}"
        form = verification_form(photo, finding=finding, **more)
        stale = await cadre.command(f"{path}/verification", form, base=7)
        current = stale.body["current"]
        assert (stale.problem, stale.body["yours"], current["version"]) == ((409, "stale_version"), 7, 1)
        done = await cadre.command(f"{path}/verification", form, base=1)
        assert (done.status, done.body["state"], done.body["finding"]) == (200, "done", finding)
        seen = (await villager.get(f"/api/intakes/{sent['id']}")).body
        assert (seen["state"], seen["finding"], seen["next"]) == ("verified", finding, what_next)
        assert seen["timeline"][-1]["text"] == f"上门核实完成：{words}"
        again = await cadre.command(f"{path}/verification", form, base=2)
        assert (again.problem, again.body["state"]) == ((409, "wrong_state"), "done")
        assert again.body["current"]["text"].endswith("提交核实结果")
        newest = (await villager.get("/api/inbox")).body["items"][0]
        assert newest["kind"] == "report_outcome"
        assert "收入高于标准" not in newest["text"], "the reason is read in the report, not in a message"
    for stored in await documents(parts, "verifications"):
        assert not {"text", "reason", "position", "risks"} & set(stored)


async def test_a_household_not_met_is_visited_again_and_the_second_time_told_upwards(
    phones: Phones, parts: Parts, clock: SharedClock, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    head = await phones.sign_in("head_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    path = f"/api/tasks/{sent['task']}"
    form = verification_form(
        await cadre.upload(fake_picture()),
        finding="could_not_meet",
        met="nobody",
        risks=[],
        signature_missing="",
    )
    version = (await cadre.command(f"{path}/acceptance")).body["version"]
    for visit in (1, 2):
        clock.move(4 * DAY)
        sooner = limit_end(clock.now(), 3, "working").at
        reply = await cadre.command(f"{path}/verification", form, base=version)
        assert (reply.status, reply.body["state"]) == (200, "accepted")
        # Midnight may have come meanwhile.
        assert reply.body["due_at"] in {iso(end) for end in (sooner, limit_end(clock.now(), 3, "working").at)}
        due, version = reply.body["due_at"], reply.body["version"]
        task = (await cadre.get(path)).body
        assert (task["unmet"], task["colour"], task["due_at"]) == (visit, "normal", due)
        kinds = [n["kind"] for n in (await head.get("/api/inbox")).body["items"]]
        assert kinds == ["task_unmet"] * (visit - 1)
    seen = (await villager.get(f"/api/intakes/{sent['id']}")).body
    assert seen["state"] == "verifying"
    assert [s["event"] for s in seen["timeline"]][-2:] == ["could_not_meet"] * 2
    assert seen["timeline"][-1]["text"].startswith("冯示例上门未见到人，将在 20")
    last = verification_form(form["photos"][0]["sha256"])
    assert (await cadre.command(f"{path}/verification", last, base=version)).body["state"] == "done"
    assert await count(parts, "verifications") == [3]


async def test_a_verification_that_does_not_fit_together_is_refused(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    path = f"/api/tasks/{sent['task']}/verification"
    photo = await cadre.upload(fake_picture())
    not_his = await villager.upload(fake_picture("red"))
    shown = {"sha256": photo, "kind": "housing"}
    risk = {"risk": "illness", "found": "yes"}
    here = {"latitude": 25.7, "longitude": 112.7}
    wrong: list[tuple[str, dict[str, Any], set[str]]] = [
        ("no photo", {"photos": []}, {"photos"}),
        ("ten photos", {"photos": [shown] * 10}, {"photos"}),
        ("a kind of photo that is none", {"photos": [{**shown, "kind": "cat"}]}, {"photos"}),
        ("another person's photo", {"photos": [{**shown, "sha256": not_his}]}, {"photos"}),
        ("neither position nor why", {"position_missing": ""}, {"position_missing"}),
        ("beyond the pole", {"position": {**here, "latitude": 90.1}}, {"position.latitude"}),
        ("half a position", {"position": {"latitude": 1}}, {"position.longitude"}),
        ("nobody met, yet true", {"met": "nobody"}, {"finding"}),
        ("no risk looked at", {"risks": []}, {"risks"}),
        ("an unknown risk", {"risks": [{**risk, "risk": "boredom"}]}, {"risks"}),
        ("twelve risks", {"risks": [risk] * 12}, {"risks"}),
        ("found otherwise", {"risks": [{**risk, "found": "maybe"}]}, {"risks.0.found"}),
        ("not true without a reason", {"finding": "not_true"}, {"reason"}),
        ("neither signature nor why", {"signature_missing": ""}, {"signature_missing"}),
        ("a signature that never came", {"signature": "0" * 64}, {"signature"}),
        ("an unknown finding", {"finding": "maybe"}, {"finding"}),
        ("an unknown field", {"colour": "red"}, {"colour"}),
        (
            "several at once",
            {"position_missing": "", "risks": [], "signature_missing": "", "finding": "not_true"},
            {"position_missing", "risks", "signature_missing", "reason"},
        ),
    ]
    for why, changes, fields in wrong:
        reply = await cadre.command(path, verification_form(photo, **changes), base=1)
        assert (reply.problem, reply.wrong_fields) == ((422, "invalid_form"), fields), why
    unversioned = await cadre.command(path, verification_form(photo))
    assert unversioned.wrong_fields == {"If-Match"}
    assert await count(parts, "verifications") == [0]
    # Who has been at the door has accepted the task, whether they pressed the button or not.
    not_accepted = verification_form(photo, finding="could_not_meet", met="nobody")
    reply = await cadre.command(path, not_accepted, base=1)
    assert (reply.status, reply.body["state"]) == (200, "accepted")
    stranger = await phones.sign_in("grid_2")
    reply = await stranger.command(path, verification_form(await stranger.upload(fake_picture())), base=1)
    assert reply.problem == (404, "not_found")


async def test_every_look_at_the_telephone_number_is_recorded(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place, phone="199 8765 4321"))).body
    path = f"/api/tasks/{sent['task']}/phone"
    for looks in (1, 2):
        reply = await cadre.call("POST", path)
        assert (reply.status, reply.body) == (200, {"phone": "19987654321"})
        entries = await documents(parts, "audit", verb="task.reveal_phone")
        assert [e["object"] for e in entries] == [f"intake:{sent['id']}"] * looks
        assert entries[-1]["actor"].startswith("staff:")
    for key, problem in {
        "grid_2": (404, "not_found"),
        "head_1": (404, "not_found"),
        "supervisor_1": (403, "not_allowed"),
        "villager_1": (403, "not_allowed"),
    }.items():
        assert (await (await phones.sign_in(key)).call("POST", path)).problem == problem, key
    nowhere = f"/api/tasks/{uuid.uuid4()}/phone"
    assert (await cadre.call("POST", nowhere)).problem == (404, "not_found")
    assert len(await documents(parts, "audit", verb="task.reveal_phone")) == 2


async def test_a_task_tells_whose_it_is_and_about_where_its_village_stands(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager = await phones.sign_in("villager_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    for key, mine in {"grid_1": True, "head_1": False}.items():
        task = (await (await phones.sign_in(key)).get(f"/api/tasks/{sent['task']}")).body
        assert task["mine"] is mine, key
    assert task["centre"] == {"longitude": 113.0442, "latitude": 25.8038}
    # Where nobody has said so of the group, its village will do.
    village = await parts.services.regions.get(await place_of(parts, "431021101201"))
    group = await parts.services.regions.get(place)
    del group["centre"]
    assert await parts.services.regions.centre(place) == village["centre"]
