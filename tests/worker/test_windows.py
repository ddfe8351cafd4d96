"""Customer messages: a few for a while after somebody turned to us, and none outside that."""

import asyncio
from typing import Any

import pytest

from casework.notices.rules import CUSTOMER_MESSAGES, CUSTOMER_WINDOW, TOUCH_WINDOW
from server.parts import Parts
from tests.support import Phones
from tests.worker.helpers import CUSTOMER, apply_events, calls, carry, move, notice_of, put

WHO = "villager_1"
#: A message that has no template, so that a customer message is the only way.
KIND = "staff_welcome"


async def sent(parts: Parts, count: int = 1) -> list[str]:
    """What becomes of so many messages."""
    ids = [await put(parts, WHO, KIND) for _ in range(count)]
    await carry(parts)
    return [(await notice_of(parts, id_))["state"] for id_ in ids]


async def turns(parts: Parts, phones: Phones, type_: str, **more: Any) -> None:
    """The villager does something in the account, and it is noted."""
    await phones.does(WHO, type_, **more)
    await apply_events(parts)
    await parts.services.account.flush()


async def test_a_message_opens_two_days_for_five(parts: Parts, phones: Phones) -> None:
    assert await sent(parts) == ["inbox"]
    await turns(parts, phones, "text", content="你好")
    await move(phones, CUSTOMER_WINDOW.total_seconds() - 60)
    assert await sent(parts, CUSTOMER_MESSAGES + 2) == ["sent"] * CUSTOMER_MESSAGES + ["inbox"] * 2
    assert await calls(phones, CUSTOMER) == CUSTOMER_MESSAGES
    assert len(await phones.arrived(WHO, CUSTOMER_MESSAGES, channel="customer")) == CUSTOMER_MESSAGES
    # Their next message opens another two days for five more.
    await turns(parts, phones, "text", content="在吗")
    assert await sent(parts, 2) == ["sent", "sent"]
    await move(phones, CUSTOMER_WINDOW.total_seconds() + 1)
    assert await sent(parts) == ["inbox"]
    assert await calls(phones, CUSTOMER) == CUSTOMER_MESSAGES + 2


MINUTES: dict[str, dict[str, Any]] = {
    "click": {"key": "policy"},
    "scan": {"scene": "place_431021101201"},
    "scancode_waitmsg": {"key": "scan", "content": "https://example.org/"},
    "scancode_push": {"key": "scan", "content": "https://example.org/"},
}


@pytest.mark.parametrize("type_", MINUTES)
async def test_a_press_or_a_scan_opens_a_minute(parts: Parts, phones: Phones, type_: str) -> None:
    await turns(parts, phones, type_, **MINUTES[type_])
    assert await sent(parts) == ["sent"]
    await move(phones, TOUCH_WINDOW.total_seconds())
    assert await sent(parts) == ["inbox"]
    assert await calls(phones, CUSTOMER) == 1


async def test_following_opens_a_minute(parts: Parts, phones: Phones) -> None:
    await turns(parts, phones, "unsubscribe")
    assert await sent(parts) == ["inbox"]
    await turns(parts, phones, "subscribe")
    assert await sent(parts) == ["sent"]
    await move(phones, TOUCH_WINDOW.total_seconds())
    assert await sent(parts) == ["inbox"]


async def test_what_the_platform_does_not_count_opens_nothing(parts: Parts, phones: Phones) -> None:
    await turns(parts, phones, "view", key="https://example.org/")
    await turns(parts, phones, "view_miniprogram", key="pages/index/index")
    await turns(parts, phones, "report_location", latitude=25.7, longitude=112.7)
    assert await sent(parts) == ["inbox"]
    assert await calls(phones, CUSTOMER) == 0


async def test_leaving_closes_every_window(parts: Parts, phones: Phones) -> None:
    await turns(parts, phones, "text", content="你好")
    await turns(parts, phones, "click", key="policy")
    await turns(parts, phones, "unsubscribe")
    await parts.services.account.set_fan(parts.settings.oa_app_id, f"oDemo_{WHO}", following=True)
    assert await sent(parts) == ["inbox"]
    assert await calls(phones, CUSTOMER) == 0


async def test_a_message_counts_that_comes_before_the_event_that_somebody_follows_is_applied(
    parts: Parts, phones: Phones
) -> None:
    account, app_id, openid = parts.services.account, parts.settings.oa_app_id, "oNew"
    await phones.control("POST", "users", {"openid": openid, "nickname": "新来的"})
    await phones.control("POST", "events", {"openid": openid, "type": "subscribe"})
    await phones.control("POST", "events", {"openid": openid, "type": "text", "content": "你好"})
    await account.flush()
    await apply_events(parts)
    fan = await account.fan(app_id, openid)
    assert fan
    assert (fan["app_id"], fan["openid"], fan["following"]) == (app_id, openid, True)
    assert fan["interacted_at"]


async def test_what_was_noted_is_written_when_a_flush_ends_though_another_one_has_taken_it(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, app_id = parts.services.account, parts.settings.oa_app_id
    write, go_on = parts.stores.account.note_interactions, asyncio.Event()

    async def write_late(*noted: Any) -> None:
        await go_on.wait()
        await write(*noted)

    monkeypatch.setattr(parts.stores.account, "note_interactions", write_late)
    account.wrote(app_id, "oWriter")
    flushes = [asyncio.ensure_future(account.flush()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(flush.done() for flush in flushes)
    go_on.set()
    await flushes[1]
    fan = await account.fan(app_id, "oWriter")
    assert fan
    assert fan["interacted_at"]
    await flushes[0]
