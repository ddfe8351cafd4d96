"""The main job from end to end: report, push, acceptance, verification, word back."""

from server.worker import Worker
from tests.support import Phones, fake_picture, report_form, verification_form


async def test_a_report_reaches_the_cadre_and_comes_back_verified(
    phones: Phones, worker: Worker, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = await villager.command("/api/intakes", report_form(place))
    assert sent.status == 201
    assert sent.body["assigned"] is True

    [pushed] = await phones.arrived("grid_1", title="核实任务通知")
    assert sent.body["number"] in pushed["text"].replace(" ", "")
    [told] = await phones.arrived("villager_1")
    assert told["title"] == "申报进度通知"

    tasks = (await cadre.get("/api/tasks")).body["items"]
    assert [t["id"] for t in tasks] == [sent.body["task"]]
    path = f"/api/tasks/{sent.body['task']}"
    assert (await cadre.command(f"{path}/acceptance")).body["state"] == "accepted"
    photo = await cadre.upload(fake_picture())
    verified = await cadre.command(f"{path}/verification", verification_form(photo), base=2)
    assert (verified.status, verified.body["state"]) == (200, "done")

    await phones.arrived("villager_1", 3)
    seen = (await villager.get(f"/api/intakes/{sent.body['id']}")).body
    assert (seen["state"], seen["finding"]) == ("verified", "true")
    assert [step["event"] for step in seen["timeline"]] == ["submitted", "assigned", "accepted", "verified"]
