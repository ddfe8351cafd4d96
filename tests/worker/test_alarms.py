"""Reminders and escalations: once each, level by level, and none when nothing is left to do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from server.parts import Parts, parts_for
from tests.support import Client, Phones, Reply, fake_picture, report_form, verification_form
from tests.worker.helpers import carry, collection, document, move, move_to

DAY = 86_400.0
#: Who hears of a task at 枫木村 第一网格 and above.
UPWARDS = ("grid_1", "head_1", "township_1", "supervisor_1")


async def report(phones: Phones, place: str, number: int = 1) -> Reply:
    """Villager 1 reports; the task goes to the first grid's worker."""
    villager = await phones.sign_in("villager_1")
    sent = await villager.command("/api/intakes", report_form(place, number))
    assert sent.status == 201
    return sent


async def told(phones: Phones) -> dict[str, list[str]]:
    """The opening words of what each of the staff was sent, in order."""
    return {key: [message["fields"][0]["value"] for message in await phones.inbox(key)] for key in UPWARDS}


async def fire_everywhere(*all_parts: Parts) -> None:
    """All workers look at the alarms at the same moment, and then carry what came of them."""
    await asyncio.gather(*(parts.services.tasks.fire_alarms() for parts in all_parts for _ in range(2)))
    while await carry(all_parts[0]):
        pass


async def task_of(parts: Parts, sent: Reply) -> dict[str, Any]:
    """The task as it is kept."""
    return await document(parts, "tasks", _id=sent.body["task"])


async def test_a_task_that_nobody_takes_goes_up_once_a_level_over_two_workers(
    parts: Parts, phones: Phones, place: str
) -> None:
    sent = await report(phones, place)
    late, reminder = "核实任务已超期", "核实任务快到期了"
    async with parts_for(parts.settings) as others:
        await fire_everywhere(parts, others)
        expected: dict[str, list[str]] = {key: [] for key in UPWARDS}
        expected["grid_1"] = ["您有新的核实任务"]
        assert await told(phones) == expected
        steps = [
            ("grid_1", reminder),
            ("head_1", late),
            ("grid_1", reminder),
            ("head_1", late),
            ("township_1", late),
            ("supervisor_1", late),
        ]
        for who, words in steps:
            task = await task_of(parts, sent)
            await move_to(parts, phones, task["next_alarm_at"].timestamp() - 1)
            await fire_everywhere(parts, others)
            assert await told(phones) == expected, "nothing goes out before its time"
            await move(phones, 1)
            await fire_everywhere(parts, others)
            expected[who].append(words)
            assert await told(phones) == expected
        assert (await task_of(parts, sent))["next_alarm_at"] is None
        for _ in range(26):
            await move(phones, 7 * DAY)
            await fire_everywhere(parts, others)
    assert await told(phones) == expected
    fired = await collection(parts, "audit").count_documents({"verb": "task.alarm"})
    assert fired == len(steps)


async def test_after_a_long_outage_each_level_hears_one_word(
    parts: Parts, phones: Phones, place: str
) -> None:
    await report(phones, place)
    await carry(parts)
    await move(phones, 30 * DAY)
    async with parts_for(parts.settings) as others:
        await fire_everywhere(parts, others)
    assert {key: len(words) for key, words in (await told(phones)).items()} == {
        "grid_1": 2,
        "head_1": 1,
        "township_1": 1,
        "supervisor_1": 1,
    }


async def accept(cadre: Client, villager: Client, path: str, sent: Reply) -> None:
    """The cadre takes the task."""
    assert (await cadre.command(f"{path}/acceptance")).status == 200


async def verify(cadre: Client, villager: Client, path: str, sent: Reply) -> None:
    """The cadre takes the task and ends it."""
    await accept(cadre, villager, path, sent)
    photo = await cadre.upload(fake_picture())
    assert (await cadre.command(f"{path}/verification", verification_form(photo), base=2)).status == 200


async def withdraw(cadre: Client, villager: Client, path: str, sent: Reply) -> None:
    """The villager takes the report back."""
    assert (await villager.command(f"/api/intakes/{sent.body['id']}/withdrawal")).status == 200


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("deed", "left"), [(accept, 4), (verify, 0), (withdraw, 0)])
async def test_what_has_moved_on_reminds_of_nothing_that_is_over(
    parts: Parts,
    phones: Phones,
    place: str,
    deed: Callable[[Client, Client, str, Reply], Awaitable[None]],
    left: int,
) -> None:
    sent = await report(phones, place)
    cadre, villager = await phones.sign_in("grid_1"), await phones.sign_in("villager_1")
    await deed(cadre, villager, f"/api/tasks/{sent.body['task']}", sent)
    task = await task_of(parts, sent)
    assert len(task["alarms"]) == left
    # What is left after an acceptance hangs on the visit alone: a reminder and three levels.
    assert all(alarm["at"] >= task["due_at"] - timedelta(days=1) for alarm in task["alarms"])
    await carry(parts)
    before = await told(phones)
    await move(phones, 182 * DAY)
    await fire_everywhere(parts)
    grown = {key: len(words) - len(before[key]) for key, words in (await told(phones)).items()}
    assert grown == dict.fromkeys(UPWARDS, 1 if left else 0)


async def test_a_form_filled_in_without_a_signal_is_taken_although_a_reminder_went_out_meanwhile(
    parts: Parts, phones: Phones, place: str
) -> None:
    sent = await report(phones, place)
    cadre, path = await phones.sign_in("grid_1"), f"/api/tasks/{sent.body['task']}"
    seen = (await cadre.command(f"{path}/acceptance")).body["version"]
    photo = await cadre.upload(fake_picture())
    await move_to(parts, phones, (await task_of(parts, sent))["next_alarm_at"].timestamp())
    assert await parts.services.tasks.fire_alarms() == 1
    reply = await cadre.command(f"{path}/verification", verification_form(photo), base=seen)
    assert reply.status == 200
