"""The platform's word on whether a template message arrived."""

import pytest

from server.events import RECEIPT_PAUSES
from server.parts import Parts
from tests.support import Phones
from tests.worker.helpers import (
    apply_events,
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
    fan = await parts.services.account.fan(f"oDemo_{WHO}")
    assert fan and not fan.get("interacted_at"), "a receipt is no contact that opens the customer window"


async def test_a_message_that_failed_goes_the_next_way(parts: Parts, phones: Phones) -> None:
    await phones.does(WHO, "text", content="你好")
    await parts.services.account.flush()
    for status in ("failed:user block", "failed: system failed", "failed:freq limit"):
        written, quiet = await put(parts, WHO), await put(parts, "villager_2")
        await phones.control("POST", "config", {"callback_url": None})
        await carry(parts)
        url = f"{parts.settings.local_url}/wechat/callback"
        await phones.control("POST", "config", {"callback_url": url})
        for id_ in (written, quiet):
            await tell(phones, str((await notice_of(parts, id_))["tries"][0].get("message_id")), status)
        assert await apply_events(parts) == 2
        await carry(parts)
        assert await results(parts, written) == [("template", "failed"), ("customer", "sent")], status
        assert (await notice_of(parts, written))["state"] == "sent"
        assert await results(parts, quiet) == [("template", "failed")], status
        assert (await notice_of(parts, quiet))["state"] == "inbox"


async def test_a_receipt_may_come_before_the_message_is_recorded(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The platform takes the message and its answer is lost, so only the next try learns the message's id.
    monkeypatch.setattr("wechat.client.UNREACHABLE_PAUSES", ())
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
