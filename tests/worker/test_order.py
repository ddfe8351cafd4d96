"""Messages to one person: in order, one after the other; and who blocks us costs one call."""

from datetime import timedelta
from itertools import pairwise

import pytest

from casework.notices import rules
from server.parts import Parts, parts_for
from tests.support import Phones, until
from tests.worker.helpers import (
    CUSTOMER,
    apply_events,
    at_end,
    calls,
    carry,
    carry_and_hear,
    fault,
    move,
    notice_of,
    put,
    receipts_arrived,
    results,
    working,
)

WHO = "villager_1"
OTHER = "villager_2"


async def receipts(phones: Phones, status: str = "success", delay_ms: float = 0) -> None:
    """What becomes of messages from now on, and how late the platform says so."""
    await phones.control("POST", "config", {"receipts": {"status": status, "delay_ms": delay_ms}})


async def numbers(phones: Phones, key: str = WHO) -> list[str]:
    """The numbers on the messages that arrived on a phone, in order."""
    return [m["fields"][1]["value"] for m in await phones.inbox(key) if m["channel"] == "template"]


#: How somebody turns to the account again.
TURNS: list[tuple[str, dict[str, str]]] = [("text", {"content": "你好"}), ("click", {"key": "policy"})]


async def at_end_in(parts: Parts, state: str, *ids: str) -> None:
    """Wait until a running worker has brought messages to this end."""

    async def there() -> bool:
        return all([(await notice_of(parts, id_))["state"] == state for id_ in ids])

    await until(there, what=f"the end in {state}")


# --- who blocks us costs one call -------------------------------------------------------------------


async def test_ten_waiting_messages_to_somebody_who_blocks_cost_one_call(
    parts: Parts, phones: Phones
) -> None:
    await phones.does(WHO, "block")
    ids = [await put(parts, WHO, number=str(number)) for number in range(10)]
    other = await put(parts, OTHER)
    async with working(parts):
        await at_end_in(parts, "inbox", *ids)
        await at_end_in(parts, "delivered", other)
    assert (await calls(phones), await calls(phones, CUSTOMER)) == (2, 0)
    assert await results(parts, ids[0]) == [("template", "failed")]
    assert [await results(parts, id_) for id_ in ids[1:]] == [[]] * 9
    assert len(await numbers(phones, OTHER)) == 1
    fan = await parts.services.account.fan(parts.settings.oa_app_id, f"oDemo_{WHO}")
    assert fan and fan["blocked"]


async def test_ten_that_come_one_after_the_other_cost_one_call_over_two_workers(
    parts: Parts, phones: Phones
) -> None:
    await phones.does(WHO, "block")
    async with parts_for(parts.settings) as others, working(parts, others):
        ids = []
        for number in range(10):
            ids.append(await put(parts, WHO, number=str(number)))
            parts.services.wake("outbox")
        await at_end_in(parts, "inbox", *ids)
    assert await calls(phones) == 1


async def test_a_slow_receipt_is_waited_for_before_the_next_message(parts: Parts, phones: Phones) -> None:
    await phones.does(WHO, "block")
    await receipts(phones, delay_ms=400)
    async with parts_for(parts.settings) as others, working(parts, others):
        ids = [await put(parts, WHO, number=str(number)) for number in range(4)]
        await at_end_in(parts, "inbox", *ids)
    assert await calls(phones) == 1


async def test_who_turns_to_us_again_is_written_to_again(parts: Parts, phones: Phones) -> None:
    await phones.does(WHO, "block")
    async with working(parts):
        await at_end_in(parts, "inbox", await put(parts, WHO))
        for number, (deed, more) in enumerate(TURNS, 1):
            await phones.does(WHO, deed, **more)
            await parts.services.account.flush()
            # They still block us, and one call finds that out again.
            ids = [await put(parts, WHO) for _ in range(3)]
            await at_end_in(parts, "inbox", *ids)
            assert await calls(phones) == 1 + number, deed
        await phones.does(WHO, "unblock")
        await phones.does(WHO, "text", content="在吗")
        await parts.services.account.flush()
        await at_end_in(parts, "delivered", await put(parts, WHO))


async def test_a_late_word_of_an_old_refusal_does_not_outlive_their_next_message(
    parts: Parts, phones: Phones
) -> None:
    await phones.does(WHO, "block")
    await put(parts, WHO)
    await carry(parts)
    await receipts_arrived(phones)
    # The receipt is here and waits for a worker; meanwhile the person comes back.
    await move(phones, 1)
    await phones.does(WHO, "unblock")
    await phones.does(WHO, "text", content="在吗")
    await parts.services.account.flush()
    await move(phones, 1)
    await apply_events(parts)
    id_ = await put(parts, WHO)
    await move(phones, 1)
    await carry_and_hear(parts, phones)
    assert (await notice_of(parts, id_))["state"] == "delivered"


# --- one after the other ----------------------------------------------------------------------------


async def test_each_message_waits_for_the_receipt_of_the_one_before(parts: Parts, phones: Phones) -> None:
    await receipts(phones, delay_ms=150)
    sent = [str(number) for number in range(5)]
    async with parts_for(parts.settings) as others, working(parts, others):
        ids = [await put(parts, WHO, number=number) for number in sent]
        await at_end(parts, *ids)
    assert await numbers(phones) == sent
    times = [m["called_at"] for m in await phones.inbox(WHO)]
    assert all(later - sooner >= 0.15 for sooner, later in pairwise(times))


async def test_without_a_receipt_the_next_message_waits_for_a_while_only(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    await receipts(phones, "none")
    first = await put(parts, WHO, number="1")
    await carry(parts)
    second = await put(parts, WHO, number="2")
    assert await carry(parts) == 0
    assert parts.postman.hurries
    await move(phones, rules.RECEIPT_PATIENCE.total_seconds() - 0.5)
    assert await carry(parts) == 0
    await move(phones, 0.6)
    assert await carry(parts) == 1
    assert not parts.postman.hurries
    assert [(await notice_of(parts, id_))["state"] for id_ in (first, second)] == ["sent", "sent"]

    # The same among messages that one worker took together.
    monkeypatch.setattr(rules, "RECEIPT_PATIENCE", timedelta(seconds=0.2))
    await move(phones, 5)
    for number in "345":
        await put(parts, WHO, number=number)
    assert await carry(parts) == 3
    assert await numbers(phones) == list("12345")
    times = [m["called_at"] for m in await phones.inbox(WHO)][2:]
    assert all(later - sooner >= 0.2 for sooner, later in pairwise(times))


async def test_whoever_waits_holds_up_nobody_else(parts: Parts, phones: Phones) -> None:
    await receipts(phones, "none")
    await put(parts, WHO, number="1")
    await carry(parts)
    held = [await put(parts, WHO, number=str(number)) for number in range(2, 5)]
    others = [await put(parts, key) for key in (OTHER, "villager_3", "grid_1")]
    assert await carry(parts) == 3
    assert {(await notice_of(parts, id_))["state"] for id_ in others} == {"sent"}
    assert {(await notice_of(parts, id_))["state"] for id_ in held} == {"pending"}


@pytest.mark.usefixtures("impatient")
async def test_a_message_that_pauses_is_not_overtaken(parts: Parts, phones: Phones) -> None:
    await fault(phones, errcode=43108, times=1)
    ids = [await put(parts, WHO, number="1")]
    assert await carry(parts) == 1
    ids += [await put(parts, WHO, number=number) for number in "23"]
    assert await carry(parts) == 0
    due = [(await notice_of(parts, id_))["due_at"] for id_ in ids]
    # What comes after it is not looked at again and again in the meantime.
    assert min(due[1:]) >= due[0]
    assert not parts.postman.hurries
    await move(phones, 1)
    for _ in ids:
        await carry_and_hear(parts, phones)
        await move(phones, 1)
    assert await numbers(phones) == list("123")
