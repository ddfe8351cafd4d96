"""Reports over HTTP: who may file what, and what the form has to say."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

from casework.clock import legal_date
from server.clock import SharedClock
from server.parts import Parts
from tests.support import (
    CHINESE,
    Phones,
    Reply,
    count,
    documents,
    fake_id_no,
    fake_picture,
    place_of,
    report_form,
    verification_form,
)

#: A number that gives an X at the end with this birthday.
WITH_X = next(n for n in range(1, 200) if fake_id_no(n, "19700101").endswith("X"))


async def test_an_own_report_is_read_back_with_everything_that_was_ticked(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager = await phones.sign_in("villager_1")
    photo, signature = await villager.upload(fake_picture()), await villager.upload(fake_picture("blue"))
    id_ = str(uuid.uuid4())
    form = report_form(
        place,
        id=id_,
        relation="child",
        head_id_no=fake_id_no(2),
        members_affected=3,
        risks=["illness", "other"],
        risks_remark="房屋漏雨",
        event_date="2026-01",
        own_paid_medical={"fen": 1_234_500},
        own_paid_schooling={"band": "none"},
        income_lost={"band": "over_20000"},
        housing="unsafe",
        water="unsure",
        wanted_help=["health", "housing"],
        photos=[{"sha256": photo, "kind": "medical"}],
    )
    form["consent"]["signature"] = signature
    sent = await villager.command("/api/intakes", form)
    assert (sent.status, sent.body["id"], sent.body["state"]) == (201, id_, "submitted")
    assert sent.body["next"] == "等待干部接单"
    seen = (await villager.get(f"/api/intakes/{id_}")).body
    assert seen["fields"] == {
        "relation": "child",
        "members_affected": 3,
        "risks_remark": "房屋漏雨",
        "event_date": "2026-01",
        "own_paid_medical": {"fen": 1_234_500, "band": None},
        "own_paid_schooling": {"fen": None, "band": "none"},
        "income_lost": {"fen": None, "band": "over_20000"},
        "housing": "unsafe",
        "water": "unsure",
        "wanted_help": ["health", "housing"],
        "applicant_name": "测试甲",
        "statement": "测试用情况说明",
        "phone": "138****0000",
        "id_no": "000***********" + fake_id_no(1)[-4:],
        "head_id_no": "000***********" + fake_id_no(2)[-4:],
    }
    assert (seen["village"], seen["name"], seen["filing"]) == ("白石乡 枫木村 一组", "测**", "self")
    assert [p["kind"] for p in seen["photos"]] == ["medical"]
    texts = [step["text"] for step in seen["timeline"]]
    assert texts[0] == "您提交了申报"
    assert texts[1].startswith("已通知冯示例上门核实，最迟 20")
    listed = (await villager.get("/api/intakes")).body
    assert [i["id"] for i in listed["items"]] == [id_]
    assert {name: seen[name] for name in listed["items"][0]} == listed["items"][0]


async def test_every_wrong_field_is_named_at_once_in_chinese_and_nothing_is_repeated(
    phones: Phones, place: str
) -> None:
    villager = await phones.sign_in("villager_1")
    everything_wrong = {
        "id": "not-a-uuid",
        "applicant_name": "甲" * 21,
        "relation": "UPPER",
        "phone": "12345678901",
        "id_no": "11010519491231002",
        "head_id_no": fake_id_no(1)[:-1] + "Y",
        "place": "somewhere",
        "members_affected": 31,
        "risks": [],
        "risks_remark": "长" * 101,
        "event_date": "2026-13",
        "own_paid_medical": {"fen": 1, "band": "none"},
        "own_paid_schooling": {"fen": -1},
        "income_lost": {"band": "lots"},
        "housing": "fine",
        "water": True,
        "wanted_help": ["health", "health"],
        "statement": "长" * 501,
        "photos": [{"sha256": "00", "kind": "medical"}],
        "consent": {"version": "2" * 21, "agreed": False, "signed_by": "dog", "signature": "x"},
        "filed_for": {"reason": "", "evidence": "x"},
        "owner": "planted",
    }
    reply = await villager.command("/api/intakes", everything_wrong)
    assert reply.problem == (422, "invalid_form")
    assert reply.wrong_fields == {
        *(set(everything_wrong) - {"own_paid_schooling", "income_lost", "photos", "consent", "filed_for"}),
        *("own_paid_schooling.fen", "income_lost.band", "photos.0.sha256"),
        *("consent.version", "consent.agreed", "consent.signed_by", "consent.signed_name"),
        *("consent.signature", "filed_for.reason", "filed_for.evidence"),
    }
    said = " ".join(error["message"] for error in reply.body["errors"])
    assert all(CHINESE.search(error["message"]) for error in reply.body["errors"])
    assert not any(typed in said for typed in ("12345678901", "1101051949", "not-a-uuid", "planted", "dog"))
    empty = await villager.command("/api/intakes", {})
    assert empty.wrong_fields == {"applicant_name", "phone", "id_no", "place", "risks", "consent"}
    assert {error["message"] for error in empty.body["errors"]} == {"请填写这一项"}


async def test_rules_of_single_fields(phones: Phones, parts: Parts, clock: SharedClock, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    today = legal_date(clock.now())
    next_month = (today.replace(day=28) + timedelta(days=7)).isoformat()[:7]
    county, grid = await place_of(parts, "431021"), await place_of(parts, "431021101201W1")
    photos = [{"sha256": f"{n:064x}", "kind": "housing"} for n in range(10)]
    consent = report_form(place)["consent"]
    child = fake_id_no(1, f"{today.year - 13}{today:%m%d}")
    guardian = {**consent, "signed_by": "guardian"}
    good_id = fake_id_no(1)
    wrong: list[tuple[str, dict[str, Any], set[str]]] = [
        ("a county is no place to live in", {"place": county}, {"place"}),
        ("neither is a grid", {"place": grid}, {"place"}),
        ("an unknown place", {"place": str(uuid.uuid4())}, {"place"}),
        ("a place by another type", {"place": 7}, {"place"}),
        ("17 digits", {"id_no": good_id[:17]}, {"id_no"}),
        ("19 digits", {"id_no": good_id + "1"}, {"id_no"}),
        ("21 digits", {"id_no": good_id + "111"}, {"id_no"}),
        ("a letter within", {"id_no": "A" + good_id[1:]}, {"id_no"}),
        ("check digit", {"id_no": good_id[:-1] + str((int(good_id[-1]) + 1) % 10)}, {"id_no"}),
        ("30 February", {"id_no": fake_id_no(1, "19600230")}, {"id_no"}),
        ("year 0000", {"id_no": fake_id_no(1, "00000101")}, {"id_no"}),
        (
            "born tomorrow",
            {"id_no": fake_id_no(1, f"{today + timedelta(days=1):%Y%m%d}"), "consent": guardian},
            {"id_no"},
        ),
        ("landline", {"phone": "07351234567"}, {"phone"}),
        ("10 digits", {"phone": "1380000000"}, {"phone"}),
        ("12 digits", {"phone": "138000000001"}, {"phone"}),
        ("a number as number", {"phone": 13800000000}, {"phone"}),
        ("spaces are no name", {"applicant_name": "  ", "consent": guardian}, {"applicant_name"}),
        ("a NUL in the name", {"applicant_name": "甲\x00乙", "consent": guardian}, {"applicant_name"}),
        ("other without a remark", {"risks": ["other"]}, {"risks_remark"}),
        (
            "six risks",
            {"risks": ["illness", "schooling", "disability", "accident", "housing", "water"]},
            {"risks"},
        ),
        ("a risk twice", {"risks": ["illness", "illness"]}, {"risks"}),
        ("an unknown risk", {"risks": ["boredom"]}, {"risks"}),
        ("an unknown relation", {"relation": "neighbour"}, {"relation"}),
        ("an unknown kind of help", {"wanted_help": ["money"]}, {"wanted_help"}),
        ("next month", {"event_date": next_month}, {"event_date"}),
        ("a day", {"event_date": "2026-01-02"}, {"event_date"}),
        ("nobody affected", {"members_affected": 0}, {"members_affected"}),
        ("true is no number", {"members_affected": True}, {"members_affected"}),
        ("half a fen", {"income_lost": {"fen": 0.5}}, {"income_lost.fen"}),
        ("no amount at all", {"income_lost": {}}, {"income_lost"}),
        ("ten photos", {"photos": photos}, {"photos"}),
        ("a photo twice", {"photos": photos[:1] * 2}, {"photos"}),
        ("photos that never came", {"photos": photos[:9]}, {"photos"}),
        ("consent not given", {"consent": {**consent, "agreed": False}}, {"consent.agreed"}),
        ("consent as a word", {"consent": {**consent, "agreed": "true"}}, {"consent.agreed"}),
        ("an old consent", {"consent": {**consent, "version": "2020-01"}}, {"consent.version"}),
        ("another signer", {"consent": {**consent, "signed_name": "测试乙"}}, {"consent.signed_name"}),
        ("signature never came", {"consent": {**consent, "signature": "0" * 64}}, {"consent.signature"}),
        ("13 years old, alone", {"id_no": child}, {"consent.signed_by"}),
        (
            "several at once",
            {
                "risks": ["boredom"],
                "event_date": next_month,
                "id_no": child,
                "consent": {**consent, "version": "x"},
            },
            {"risks", "event_date", "consent.signed_by", "consent.version"},
        ),
    ]
    for why, changes, fields in wrong:
        reply = await villager.command("/api/intakes", report_form(place, **changes))
        assert reply.problem == (422, "invalid_form"), why
        assert reply.wrong_fields == fields, why
    assert await count(parts, "intakes", "tasks", "notices", "commands") == [0, 0, 0, 0]


async def test_what_the_form_takes(phones: Phones, parts: Parts, clock: SharedClock, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    today = legal_date(clock.now())
    shas = [await villager.upload(fake_picture(size=(10 + n, 10))) for n in range(9)]
    child = {
        "id_no": fake_id_no(1, f"{today.year - 13}{today:%m%d}"),
        "consent": {**report_form(place)["consent"], "signed_by": "guardian", "signed_name": "祖母"},
    }
    birthday = fake_id_no(1, f"{today.year - 14}{today:%m%d}")
    right: list[tuple[str, dict[str, Any]]] = [
        ("a disability card of 20 digits", {"id_no": fake_id_no(11) + "41"}),
        ("and of 22", {"id_no": fake_id_no(12) + "4101"}),
        ("a small x", {"id_no": fake_id_no(WITH_X, "19700101").lower()}),
        ("spaces and a country code", {"id_no": fake_id_no(13), "phone": "+86 138-0000-0000"}),
        (
            "five risks",
            {"id_no": fake_id_no(14), "risks": ["illness", "schooling", "accident", "housing", "water"]},
        ),
        ("other with a remark", {"id_no": fake_id_no(15), "risks": ["other"], "risks_remark": "漏雨"}),
        ("this month", {"id_no": fake_id_no(16), "event_date": today.isoformat()[:7]}),
        ("nine photos", {"id_no": fake_id_no(17), "photos": [{"sha256": s, "kind": "other"} for s in shas]}),
        ("500 characters", {"id_no": fake_id_no(18), "statement": "长" * 500}),
        ("a whole village", {"id_no": fake_id_no(19), "place": await place_of(parts, "431021101201")}),
        ("a child with a guardian", child),
        ("14 today", {"id_no": birthday}),
    ]
    for why, changes in right:
        reply = await villager.command("/api/intakes", report_form(place, **changes))
        assert (reply.status, reply.body.get("joined")) == (201, False), (why, reply)
    again = await villager.command("/api/intakes", report_form(place, id_no=fake_id_no(11), statement="又来"))
    assert again.body["joined"] is True, "the card is known by the ID number in it"


async def test_a_cadre_files_for_somebody_inside_the_own_area_only(
    phones: Phones, parts: Parts, place: str
) -> None:
    grid, head = await phones.sign_in("grid_1"), await phones.sign_in("head_1")
    evidence = await grid.upload(fake_picture())
    for_somebody = {"filed_for": {"reason": "没有智能手机", "evidence": evidence}}
    sent = await grid.command("/api/intakes", report_form(place, **for_somebody))
    assert sent.status == 201
    told = (await grid.get("/api/inbox")).body["items"]
    assert {(n["kind"], n["ref"]) for n in told} == {
        ("task_new", f"task:{sent.body['task']}"),
        ("report_received", f"intake:{sent.body['id']}"),
    }
    seen = (await grid.get(f"/api/intakes/{sent.body['id']}")).body
    assert (seen["filing"], seen["fields"]["filed_for_reason"]) == ("proxy", "没有智能手机")
    assert seen["timeline"][0]["text"] == "冯示例代您提交了申报"
    [stored] = await documents(parts, "intakes")
    assert (stored["owner"], stored["consent"]["proxy"]) == (None, True)
    picture = await grid.get(f"/api/intakes/{sent.body['id']}/photos/{stored['consent']['evidence']}")
    assert picture.status == 200

    other_grid = await place_of(parts, "431021101201003")
    reply = await grid.command("/api/intakes", report_form(other_grid, 2, **for_somebody))
    assert reply.problem == (422, "invalid_form")
    assert reply.wrong_fields == {"place"}
    reply = await grid.command(
        "/api/intakes", report_form(place, 2, filed_for={"reason": "不识字", "evidence": "0" * 64})
    )
    assert reply.wrong_fields == {"filed_for.evidence"}
    reply = await grid.command("/api/intakes", report_form(place, 2, filed_for={"reason": "不识字"}))
    assert reply.wrong_fields == {"filed_for.evidence"}
    somebody_elses = {"filed_for": {"reason": "不识字", "evidence": evidence}}
    reply = await head.command("/api/intakes", report_form(place, 2, **somebody_elses))
    assert reply.wrong_fields == {"filed_for.evidence"}, "another person's photo is no evidence"
    assert await count(parts, "intakes") == [1]

    thumb = await head.upload(fake_picture("red"))
    anywhere_in_village = report_form(other_grid, 2, filed_for={"reason": "不识字", "evidence": thumb})
    filed = (await head.command("/api/intakes", anywhere_in_village)).body["id"]
    everything = (await head.get("/api/intakes")).body["items"]
    mine = (await head.get("/api/intakes?mine=true")).body["items"]
    assert {i["id"] for i in everything} == {sent.body["id"], filed}
    assert {i["id"] for i in mine} == {filed}, "the village's other reports are not one's own"
    for nobody in ("villager_1", "supervisor_1"):
        client = await phones.sign_in(nobody)
        shown = await client.upload(fake_picture())
        form = report_form(place, 3, filed_for={"reason": "不识字", "evidence": shown})
        assert (await client.command("/api/intakes", form)).problem == (403, "not_allowed"), nobody


async def test_a_second_report_for_a_household_joins_and_sees_nothing_of_the_first(
    phones: Phones, parts: Parts, place: str
) -> None:
    first, second = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    cadre = await phones.sign_in("grid_1")
    opened = (await first.command("/api/intakes", report_form(place))).body
    form = report_form(
        place, applicant_name="测试乙", id_no=fake_id_no(5), head_id_no=fake_id_no(1), statement="另一份"
    )
    joined = await second.command("/api/intakes", form)
    assert (joined.status, joined.body["state"], joined.body["joined"]) == (201, "joined", True)
    assert joined.body["message"] == "您家已有一份正在办理的申报，这份已并入一起办理。"
    assert joined.body["number"] != opened["number"]
    assert not {opened["id"], opened["number"], opened["task"]} & set(map(str, joined.body.values()))
    assert (await second.get(f"/api/intakes/{opened['id']}")).problem == (404, "not_found")
    seen = (await second.get(f"/api/intakes/{joined.body['id']}")).body
    assert [step["event"] for step in seen["timeline"]] == ["submitted", "joined_to"]
    assert [i["id"] for i in (await second.get("/api/intakes")).body["items"]] == [joined.body["id"]]
    assert [n["kind"] for n in (await cadre.get("/api/inbox")).body["items"]] == ["task_joined", "task_new"]
    of_first = (await first.get(f"/api/intakes/{opened['id']}")).body
    assert [step["event"] for step in of_first["timeline"]] == ["submitted", "assigned", "joined"]
    assert await count(parts, "tasks") == [1]

    task = f"/api/tasks/{opened['task']}"
    photo = await cadre.upload(fake_picture())
    done = await cadre.command(f"{task}/verification", verification_form(photo), base=1)
    assert done.status == 200
    anew = await second.command("/api/intakes", form)
    assert (anew.body["joined"], anew.body["state"]) == (False, "submitted"), "the first one is closed"


async def test_the_same_report_tapped_again_makes_no_second_document(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, neighbour = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    cadre = await phones.sign_in("grid_1")
    replies = await asyncio.gather(*(villager.command("/api/intakes", report_form(place)) for _ in range(20)))
    assert sorted({r.status for r in replies}) == [200, 201]
    assert len({r.body["id"] for r in replies}) == 1
    assert [r.body["joined"] for r in replies] == [False] * 20
    assert {r.body.get("message") for r in replies if r.status == 200} == {"这份申报刚才已经提交过。"}
    assert await count(parts, "intakes", "tasks") == [1, 1]

    joins = await asyncio.gather(*(neighbour.command("/api/intakes", report_form(place)) for _ in range(20)))
    assert len({r.body["id"] for r in joins}) == 1
    assert {r.status for r in joins} == {200, 201}
    assert await count(parts, "intakes", "tasks") == [2, 1]
    [told] = [n for n in (await cadre.get("/api/inbox")).body["items"] if n["kind"] == "task_joined"]
    assert told["title"] == "同一户又有新的申报"

    evidence = await cadre.upload(fake_picture())
    form = report_form(place, 9, filed_for={"reason": "不识字", "evidence": evidence})
    filed = await asyncio.gather(*(cadre.command("/api/intakes", form) for _ in range(5)))
    assert len({r.body["id"] for r in filed}) == 1
    assert await count(parts, "intakes", "tasks") == [3, 2]


async def test_the_clients_id_is_honoured_once(phones: Phones, parts: Parts, place: str) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    id_ = str(uuid.uuid4())
    sent = await villager.command("/api/intakes", report_form(place, id=id_.upper()))
    assert sent.body["id"] == id_
    for client, number in ((villager, 2), (other, 1), (other, 2)):
        reply = await client.command("/api/intakes", report_form(place, number, id=id_, statement="别的"))
        assert reply.problem == (409, "wrong_state"), number
    assert await count(parts, "intakes") == [1]


async def test_withdrawing_cancels_the_task_and_tells_the_cadre(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    path = f"/api/intakes/{sent['id']}/withdrawal"
    for stranger in ("villager_2", "grid_1", "head_1", "supervisor_1"):
        reply = await (await phones.sign_in(stranger)).command(path)
        assert reply.problem == (404, "not_found"), stranger
    back = await villager.command(path)
    assert (back.status, back.body["state"], back.body["version"]) == (200, "withdrawn", 2)
    assert (await cadre.get("/api/tasks")).body["items"] == []
    ended = (await cadre.get("/api/tasks?state=cancelled")).body["items"]
    assert [t["id"] for t in ended] == [sent["task"]]
    newest = (await cadre.get("/api/inbox")).body["items"][0]
    assert (newest["kind"], newest["ref"]) == ("task_withdrawn", f"task:{sent['task']}")
    seen = (await villager.get(f"/api/intakes/{sent['id']}")).body
    assert seen["timeline"][-1]["text"] == "您撤回了申报"
    assert seen["next"] == "已结束；有困难可以随时再次申报"
    twice = await villager.command(path)
    assert (twice.problem, twice.body["state"]) == ((409, "wrong_state"), "withdrawn")

    again = (await villager.command("/api/intakes", report_form(place))).body
    photo = await cadre.upload(fake_picture())
    await cadre.command(f"/api/tasks/{again['task']}/verification", verification_form(photo), base=1)
    late = await villager.command(f"/api/intakes/{again['id']}/withdrawal")
    assert (late.problem, late.body["state"]) == ((409, "wrong_state"), "verified")


async def test_reports_are_listed_newest_first_by_cursor_within_reach(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    ids = [(await villager.command("/api/intakes", report_form(place, n))).body["id"] for n in range(5)]
    theirs = (await other.command("/api/intakes", report_form(place, 7))).body["id"]

    async def pages(client: Any, limit: int) -> list[list[str]]:
        found, cursor = [], ""
        while cursor is not None:
            reply: Reply = await client.get(f"/api/intakes?limit={limit}&cursor={cursor}")
            found.append([i["id"] for i in reply.body["items"]])
            cursor = reply.body["next"]
        return found

    newest_first = ids[::-1]
    assert await pages(villager, 2) == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert await pages(villager, 5) == [newest_first]
    assert await pages(other, 100) == [[theirs]]
    head, stranger = await phones.sign_in("head_1"), await phones.sign_in("supervisor_2")
    assert await pages(head, 100) == [[theirs, *newest_first]]
    assert await pages(stranger, 100) == [[]]
    assert (await stranger.get(f"/api/intakes/{theirs}")).problem == (404, "not_found")
    assert (await villager.get(f"/api/intakes/{theirs}")).problem == (404, "not_found")
