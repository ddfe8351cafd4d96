"""The platform's word on whether a template message arrived."""

import pytest

from server.events import RECEIPT_PAUSES
from server.parts import Parts
from tests.support import Phones
from tests.worker.helpers import (
    CUSTOMER,
    apply_events,
    calls,
    carry,
    document,
    fault,
    move,
    move_to,
    notice_of,
    put,
    receipts_arrived,
    results,
)

WHO = "villager_1"


async def tell(phones: Phones, message_id: str, status: str) -> None:
    """The platform tells what became of a message."""
    fields = {"MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": message_id, "Status": status}
    assert (await phones.does(WHO, "raw", fields=fields))["accepted"]


async def test_a_message_that_arrived_is_delivered(parts: Parts, phones: Phones) -> None:
    id_ = await put(parts, WHO)
    await carry(parts)
    await receipts_arrived(phones)
    assert await apply_events(parts) == 1
    assert (await notice_of(parts, id_))["state"] == "delivered"
    assert await results(parts, id_) == [("template", "delivered")]
    await parts.services.account.flush()
    fan = await parts.services.account.fan(parts.settings.oa_app_id, f"oDemo_{WHO}")
    assert fan and not fan.get("interacted_at"), "a receipt is no contact that opens the customer window"


@pytest.fixture
async def deaf(phones: Phones, parts: Parts) -> None:
    """The platform tells nothing by itself; villager 1 has just written."""
    await phones.does(WHO, "text", content="你好")
    await parts.services.account.flush()
    await phones.control("POST", "config", {"receipts": {"status": "none"}})


async def message_id(parts: Parts, id_: str) -> str:
    """The platform's number of a message that was sent."""
    return str((await notice_of(parts, id_))["tries"][0].get("message_id"))


@pytest.mark.parametrize("status", ["failed: system failed", "failed:freq limit"])
async def test_a_message_that_failed_goes_the_next_way(
    parts: Parts, phones: Phones, deaf: None, status: str
) -> None:
    written, quiet = await put(parts, WHO), await put(parts, "villager_2")
    await carry(parts)
    for id_ in (written, quiet):
        await tell(phones, await message_id(parts, id_), status)
    assert await apply_events(parts) == 2
    await carry(parts)
    assert await results(parts, written) == [("template", "failed"), ("customer", "sent")]
    assert (await notice_of(parts, written))["state"] == "sent"
    assert await results(parts, quiet) == [("template", "failed")]
    assert (await notice_of(parts, quiet))["state"] == "inbox"


async def test_who_refuses_our_messages_gets_no_further_call_until_they_turn_to_us_again(
    parts: Parts, phones: Phones, deaf: None
) -> None:
    id_ = await put(parts, WHO)
    await carry(parts)
    await tell(phones, await message_id(parts, id_), "failed:user block")
    await apply_events(parts)
    later = await put(parts, WHO, "staff_welcome")
    await carry(parts)
    # Their window for customer messages is open, and yet nothing is tried.
    assert await results(parts, id_) == [("template", "failed")]
    assert await results(parts, later) == []
    assert [(await notice_of(parts, one))["state"] for one in (id_, later)] == ["inbox", "inbox"]
    assert (await calls(phones), await calls(phones, CUSTOMER)) == (1, 0)

    await phones.does(WHO, "text", content="在吗")
    await parts.services.account.flush()
    again = await put(parts, WHO)
    await carry(parts)
    assert await results(parts, again) == [("template", "sent")]


async def test_a_receipt_may_come_before_the_message_is_recorded(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The platform takes the message and its answer is lost, so only the next try learns the message's id.
    monkeypatch.setattr("wechat.transport.UNREACHABLE_PAUSES", ())
    await fault(phones, drop="after", times=1)
    id_ = await put(parts, WHO)
    await carry(parts)
    await receipts_arrived(phones)
    assert await apply_events(parts) == 1
    assert await results(parts, id_) == [("template", "retry")]
    await move(phones, 1)
    await carry(parts)
    await apply_events(parts)
    assert (await notice_of(parts, id_))["state"] == "delivered"
    assert len(await phones.inbox(WHO)) == 1


async def test_a_receipt_for_an_unknown_message_is_given_up_after_its_pauses(
    parts: Parts, phones: Phones
) -> None:
    await tell(phones, "4711", "success")
    for tries, pause in enumerate(RECEIPT_PAUSES, 1):
        before = parts.clock.time()
        assert await apply_events(parts) == 1
        event = await document(parts, "platform_events")
        assert (event["state"], event["tries"]) == ("new", tries)
        assert pause - 0.01 < event["due_at"].timestamp() - before < pause + 0.5
        await move_to(parts, phones, event["due_at"].timestamp())
    assert await apply_events(parts) == 1
    assert (await document(parts, "platform_events"))["state"] == "given_up"
    await move(phones, 3600)
    assert await apply_events(parts) == 0
