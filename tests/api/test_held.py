"""What is held about oneself, and taking back the consent to hold it."""

import uuid

import bson

from server.parts import Parts
from tests.support import (
    Phones,
    count,
    database,
    documents,
    fake_id_no,
    fake_picture,
    fake_recording,
    report_form,
    verification_form,
)

PRIVATE = ("测试用情况说明", "昨天夜里屋顶漏雨", "已经搬到新房子了", "测试甲")


async def test_one_sees_what_is_held_and_nobody_elses(phones: Phones, parts: Parts, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    photo = await villager.upload(fake_picture())
    form = report_form(
        place, own_paid_medical={"fen": 500_000}, photos=[{"sha256": photo, "kind": "medical"}]
    )
    sent = (await villager.command("/api/intakes", form)).body
    await (await phones.sign_in("villager_2")).command("/api/intakes", report_form(place, 2))
    await villager.command(f"/api/intakes/{sent['id']}/additions", {"statement": "补充"})
    wish = {"intake": sent["id"], "field": "water", "text": "水已通"}
    asked = (await villager.command("/api/corrections", wish)).body
    answer = {"outcome": "kept", "text": "去看过，还没有通水"}
    await cadre.command(f"/api/corrections/{asked['id']}/answer", answer)
    entries = await count(parts, "audit")

    held = (await villager.get("/api/held")).body
    assert await count(parts, "audit") == entries, "one's own needs no entry"
    assert {a["kind"] for a in held["accounts"]} == {"oa", "mp"}
    assert [a["following"] for a in held["accounts"] if a["kind"] == "oa"] == [True]
    assert (held["staff"], held["phone_masked"], held["messages"]) == (None, None, 2)
    [report] = held["reports"]
    assert (report["id"], report["state"], report["photos"]) == (sent["id"], "submitted", 1)
    assert report["fields"]["id_no"] == "000***********" + fake_id_no()[-4:]
    assert report["fields"]["phone"] == "138****0000"
    assert report["fields"]["own_paid_medical"] == {"fen": 500_000, "band": None}
    assert report["additions"][0]["text"] == "补充"
    assert (report["corrections"][0]["state"], report["corrections"][0]["answer"]) == ("kept", answer["text"])
    consent = report["consent"]
    assert (consent["title"], consent["signed_by"], consent["withdrawn_at"]) == (
        "承诺授权书",
        "applicant",
        None,
    )
    assert "第十三条第一款第三项" in held["kept_by_law"]["text"]
    staff = (await cadre.get("/api/held")).body["staff"]
    assert (staff["staff_no"], staff["roles"][0]["role"]) == ("GB0005", "grid_worker")


async def test_without_consent_an_open_report_is_erased(phones: Phones, parts: Parts, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    own, shared = await villager.upload(fake_picture()), await villager.upload(fake_picture("red"))
    voice = (await villager.put("recordings", fake_recording())).body["sha256"]
    kept = (
        await villager.command(
            "/api/intakes", report_form(place, 2, photos=[{"sha256": shared, "kind": "other"}])
        )
    ).body
    consent = {**report_form(place)["consent"], "signature": own}
    photos = [{"sha256": sha256, "kind": "housing"} for sha256 in (own, shared)]
    form = report_form(place, photos=photos, voice=voice, consent=consent, own_paid_medical={"fen": 100})
    sent = (await villager.command("/api/intakes", form)).body
    path = f"/api/intakes/{sent['id']}"
    addition = {"statement": "昨天夜里屋顶漏雨", "photos": photos[:1], "voice": voice}
    assert (await villager.command(f"{path}/additions", addition)).status == 200
    wish = {"intake": sent["id"], "field": "housing", "text": "已经搬到新房子了"}
    assert (await villager.command("/api/corrections", wish)).status == 201
    assert await count(parts, "photos", "pictures.files", "recordings", "sounds.files") == [2, 2, 1, 1]

    key = str(uuid.uuid4())
    done = await villager.command(f"{path}/consent-withdrawal", key=key)
    assert (done.status, done.body["state"], done.body["erased"]) == (200, "withdrawn", True)
    assert "已删除" in done.body["message"]
    assert "保留受理编号" in done.body["message"]
    again = await villager.command(f"{path}/consent-withdrawal", key=key)
    assert again.body == done.body
    another = await villager.command(f"{path}/consent-withdrawal")
    assert another.body == done.body, "doing it again changes nothing"

    seen = (await villager.get(path)).body
    assert (seen["number"], seen["name"], seen["village"]) == (
        f"{sent['number'][:4]} {sent['number'][4:8]} {sent['number'][8:]}",
        "测**",
        "白石乡 枫木村 一组",
    )
    assert (seen["fields"], seen["risks"], seen["photos"]) == ({}, [], [])
    assert (seen["voice"], seen["additions"], seen["corrections"]) == (False, [], [])
    [document] = await documents(parts, "intakes", _id=sent["id"])
    assert "erasing" not in document
    raw = bson.encode(document)
    assert not [words for words in PRIVATE if words.encode() in raw]
    assert document["secrets"] == {}
    assert await count(parts, "photos", "pictures.files", "recordings", "sounds.files") == [1, 1, 0, 0]
    [picture] = (await villager.get(f"/api/intakes/{kept['id']}")).body["photos"]
    photo = await villager.get(f"/api/intakes/{kept['id']}/photos/{picture['id']}")
    assert photo.status == 200, "what another report shows stays"

    task = await cadre.get(f"/api/tasks/{sent['task']}")
    assert (task.body["state"], task.body["fields"]) == ("cancelled", {})
    assert (await cadre.call("POST", f"/api/tasks/{sent['task']}/phone")).problem == (404, "not_found")
    told = [n["kind"] for n in (await cadre.get("/api/inbox")).body["items"]]
    assert told.count("task_withdrawn") == 1
    verbs = [e["verb"] for e in await documents(parts, "audit", object=f"intake:{sent['id']}")]
    assert verbs[-2:] == ["intake.withdraw", "consent.withdraw"]
    assert verbs.count("consent.withdraw") == 1
    reply = await villager.command(f"{path}/additions", {"statement": "补充"})
    assert reply.problem == (409, "wrong_state")
    assert (await villager.command("/api/corrections", wish)).problem == (409, "wrong_state")
    [held, _] = (await villager.get("/api/held")).body["reports"]
    assert held["consent"]["withdrawn_at"] is not None
    assert (await villager.command("/api/intakes", report_form(place))).body["joined"] is False


async def test_without_consent_a_verified_report_stays(phones: Phones, parts: Parts, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    visit = verification_form(await cadre.upload(fake_picture()), finding="not_true", reason="收入高于标准")
    await cadre.command(f"/api/tasks/{sent['task']}/verification", visit, base=1)
    path = f"/api/intakes/{sent['id']}"
    done = await villager.command(f"{path}/consent-withdrawal")
    assert (done.status, done.body["state"], done.body["erased"]) == (200, "verified", False)
    assert "予以保留" in done.body["message"]
    seen = (await villager.get(path)).body
    assert seen["fields"]["statement"] == "测试用情况说明"
    verified, withdrawn = seen["timeline"][-2:]
    assert verified["text"].endswith("理由：收入高于标准"), "the reason stands where it belongs"
    assert withdrawn["text"] == "您撤回了授权"
    [report] = (await villager.get("/api/held")).body["reports"]
    assert report["consent"]["withdrawn_at"] is not None
    assert (await villager.command(f"{path}/withdrawal")).problem == (409, "wrong_state")


async def test_what_a_crash_left_over_is_erased_later(phones: Phones, parts: Parts, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    photo = await villager.upload(fake_picture())
    form = report_form(place, photos=[{"sha256": photo, "kind": "other"}])
    sent = (await villager.command("/api/intakes", form)).body
    [picture] = (await documents(parts, "intakes"))[0]["photos"]
    # As if the process had died right after the commit.
    left = {"$set": {"photos": [], "erasing": [picture["id"], str(uuid.uuid4())]}}
    await database(parts)["intakes"].update_one({"_id": sent["id"]}, left)
    assert await parts.services.intakes.finish_erasing() == 1
    assert await parts.services.intakes.finish_erasing() == 0
    assert await count(parts, "photos", "pictures.files", "pictures.chunks") == [0, 0, 0]
