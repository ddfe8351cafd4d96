"""Subscription notices: as many as somebody agreed to, of the official account and of the mini program."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from casework.account.model import ALWAYS
from casework.notices.kinds import TEMPLATES
from casework.notices.rules import RECEIPT_WAIT
from server.parts import Parts
from server.settings import Settings, load_settings
from tests.support import Phones
from tests.worker.helpers import (
    apply_events,
    calls,
    carry,
    carry_and_hear,
    collection,
    fault,
    move,
    notice_of,
    put,
    receipts_arrived,
    results,
)

WHO = "villager_1"
pytestmark = pytest.mark.usefixtures("impatient")
KEY = "task"
TEMPLATE_ID = "subscription-task"


@dataclass(frozen=True)
class Offer:
    """Subscription notices of one of our accounts, and the villager there."""

    parts: Parts
    phones: Phones
    channel: str
    app_id: str
    openid: str
    path: str
    deed: str

    async def agree(self, times: int = 1, **more: Any) -> None:
        """The villager agrees when a page asks them."""
        for _ in range(times):
            done = await self.phones.does(WHO, self.deed, key=TEMPLATE_ID, **more)
            assert done["accepted"]
            # The platform's times are in whole seconds, and nobody agrees twice in one.
            await move(self.phones, 1)
        await apply_events(self.parts)

    async def withdraw(self) -> None:
        """The villager turns the notices off in WeChat's settings."""
        app = "oa" if self.deed == "consent" else "mp"
        assert (await self.phones.does(WHO, "consent_withdrawn", key=TEMPLATE_ID, app=app))["accepted"]

    async def credit(self) -> int | None:
        """How many notices we believe to be allowed."""
        fan = await self.parts.services.account.fan(self.app_id, self.openid)
        return (fan or {}).get("consents", {}).get(KEY)

    async def calls(self) -> int:
        """How many notices the platform was asked to send."""
        return await calls(self.phones, self.path)

    async def arrived(self) -> int:
        """How many notices are on the villager's phone."""
        return sum(m["channel"] == "subscription" for m in await self.phones.inbox(WHO))

    async def put_template(self, *, long_term: bool = False) -> None:
        """Choose the template, for one message a consent or for good."""
        keywords = dict(TEMPLATES[KEY].keywords)
        await self.parts.stores.account.put_template(
            {
                "_id": f"{self.app_id}:subscription:{KEY}",
                "app_id": self.app_id,
                "use": "subscription",
                "key": KEY,
                "long_term": long_term,
                "template_id": TEMPLATE_ID,
                "keywords": keywords,
            }
        )
        content = "\n".join(f"{name}:{{{{{keyword}.DATA}}}}" for name, keyword in keywords.items())
        template = {"app_id": self.app_id, "template_id": TEMPLATE_ID, "title": "任务", "content": content}
        await self.phones.control("POST", "templates", template)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A mini program whose events come to us as well."""
    return load_settings(
        settings.environment()
        | {
            "FANGPIN_MP_TOKEN": "tokenofaminitest",
            "FANGPIN_MP_AES_KEY": "GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba",
        }
    )


@pytest.fixture(params=["subscription", "mini_program"])
async def offer(
    parts: Parts, phones: Phones, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Offer]:
    """An account with a subscription template, and a villager whom no template message reaches."""
    monkeypatch.setattr("wechat.transport.BUSY_PAUSES", ())
    monkeypatch.setattr("wechat.transport.UNREACHABLE_PAUSES", ())
    known = {
        "subscription": (parts.settings.oa_app_id, f"oDemo_{WHO}", "bizsend", "consent"),
        "mini_program": (parts.settings.mp_app_id, f"mDemo_{WHO}", "send", "consent_mp"),
    }
    app_id, openid, path, deed = known[request.param]
    made = Offer(parts, phones, request.param, app_id, openid, f"/cgi-bin/message/subscribe/{path}", deed)
    await made.put_template()
    # Signing in is what makes the person known in the mini program.
    await phones.sign_in(WHO)
    await parts.services.account.set_fan(parts.settings.oa_app_id, f"oDemo_{WHO}", following=False)
    yield made


@pytest.fixture
async def window(offer: Offer) -> None:
    """The villager follows and has just written; their template messages fail, so the next way is tried."""
    await offer.phones.does(WHO, "text", content="你好")
    await offer.parts.services.account.flush()
    await offer.parts.services.account.set_fan(offer.parts.settings.oa_app_id, f"oDemo_{WHO}", following=True)
    await fault(offer.phones, errcode=40037)


async def test_each_consent_is_good_for_one_notice(offer: Offer) -> None:
    await offer.agree(2)
    assert await offer.credit() == 2
    ids = [await put(offer.parts, WHO) for _ in range(3)]
    for _ in ids:
        await carry_and_hear(offer.parts, offer.phones)
    states = [(await notice_of(offer.parts, id_))["state"] for id_ in ids]
    assert states == ["delivered", "delivered", "inbox"]
    assert [await results(offer.parts, id_) for id_ in ids] == [
        [(offer.channel, "delivered")],
        [(offer.channel, "delivered")],
        [],
    ]
    assert (await offer.credit(), await offer.calls(), await offer.arrived()) == (0, 2, 2)


async def test_a_consent_counts_once_however_often_it_is_told_and_applied(offer: Offer) -> None:
    await offer.agree(duplicate=4, concurrent=True)
    assert await offer.credit() == 1
    events = collection(offer.parts, "platform_events")
    for _ in range(3):
        # A worker that had the effect dies before it could say so.
        again = {"state": "new", "due_at": offer.parts.clock.now()}
        await events.update_many({"event": "subscribe_msg_popup_event"}, {"$set": again})
        assert await apply_events(offer.parts) == 1
    assert await offer.credit() == 1
    await offer.agree()
    assert await offer.credit() == 2


async def test_of_several_templates_asked_for_together_each_is_counted_by_itself(offer: Offer) -> None:
    choices = [{"template_id": TEMPLATE_ID}, {"template_id": "nobody-s"}]
    await offer.phones.does(WHO, offer.deed, templates=choices)
    assert await apply_events(offer.parts) == 1
    assert await offer.credit() == 1
    await move(offer.phones, 1)
    await offer.phones.does(WHO, offer.deed, templates=[{"template_id": TEMPLATE_ID, "status": "reject"}])
    await apply_events(offer.parts)
    assert await offer.credit() == 0


async def test_a_used_up_consent_leads_to_the_next_channel(offer: Offer, window: None) -> None:
    await offer.agree()
    first, second = [await put(offer.parts, WHO) for _ in range(2)]
    for _ in range(2):
        await carry_and_hear(offer.parts, offer.phones)
    assert (await results(offer.parts, first))[-1] == (offer.channel, "delivered")
    assert await results(offer.parts, second) == [("template", "next"), ("customer", "sent")]
    assert await offer.calls() == 1


async def test_the_platform_knows_better_how_many_are_left(offer: Offer, window: None) -> None:
    await offer.agree(3)
    await fault(offer.phones, offer.path, errcode=43101, times=1)
    first = await put(offer.parts, WHO)
    await carry_and_hear(offer.parts, offer.phones)
    assert await offer.credit() == 0
    assert (await results(offer.parts, first))[1:] == [(offer.channel, "next"), ("customer", "sent")]
    second = await put(offer.parts, WHO)
    await carry_and_hear(offer.parts, offer.phones)
    assert (await results(offer.parts, second))[1:] == [("customer", "sent")]
    assert await offer.calls() == 1


async def test_a_long_term_consent_is_never_used_up(offer: Offer) -> None:
    await offer.put_template(long_term=True)
    await move(offer.phones, 31)
    await offer.phones.does(WHO, offer.deed, key=TEMPLATE_ID, content="always")
    await apply_events(offer.parts)
    ids = [await put(offer.parts, WHO) for _ in range(5)]
    for _ in ids:
        await carry_and_hear(offer.parts, offer.phones)
    assert {(await notice_of(offer.parts, id_))["state"] for id_ in ids} == {"delivered"}
    assert (await offer.credit(), await offer.arrived()) == (ALWAYS, 5)
    # Another word of it changes nothing, and taking it back ends it.
    await offer.agree()
    assert await offer.credit() == ALWAYS
    await offer.withdraw()
    await apply_events(offer.parts)
    assert await offer.credit() == 0


async def test_a_consent_that_is_taken_back_is_not_used(offer: Offer) -> None:
    await offer.agree(3)
    await offer.withdraw()
    await apply_events(offer.parts)
    id_ = await put(offer.parts, WHO)
    await carry(offer.parts)
    assert (await notice_of(offer.parts, id_))["state"] == "inbox"
    assert (await offer.credit(), await offer.calls()) == (0, 0)


async def test_what_one_person_changes_their_mind_about_is_applied_in_order(offer: Offer) -> None:
    # All of it waits for a worker that is away, which then takes it in one go.
    for number in range(1, 4):
        for _ in range(3):
            await offer.phones.does(WHO, offer.deed, key=TEMPLATE_ID)
            await move(offer.phones, 1)
        await offer.withdraw()
        await move(offer.phones, 1)
        assert await apply_events(offer.parts) == 4
        assert await offer.credit() == 0, number


async def test_a_notice_that_did_not_arrive_goes_the_next_way(offer: Offer, window: None) -> None:
    await offer.agree()
    await offer.phones.control("POST", "config", {"receipts": {"status": "system failed"}})
    id_ = await put(offer.parts, WHO)
    await carry_and_hear(offer.parts, offer.phones)
    await carry(offer.parts)
    assert (await results(offer.parts, id_))[1:] == [(offer.channel, "failed"), ("customer", "sent")]


async def test_a_lost_answer_is_cleared_up_by_the_receipt(offer: Offer) -> None:
    await offer.agree()
    await fault(offer.phones, offer.path, drop="after", times=1)
    id_ = await put(offer.parts, WHO)
    await carry(offer.parts)
    assert (await notice_of(offer.parts, id_))["state"] == "pending"
    assert await results(offer.parts, id_) == [(offer.channel, "uncertain")]
    # It may have used the consent up, so nothing else is sent under it.
    assert await offer.credit() == 0
    await receipts_arrived(offer.phones)
    await apply_events(offer.parts)
    assert (await notice_of(offer.parts, id_))["state"] == "delivered"
    await move(offer.phones, RECEIPT_WAIT.total_seconds() + 1)
    assert await carry(offer.parts) == 0
    assert (await offer.calls(), await offer.arrived()) == (1, 1)


async def test_a_lost_answer_without_a_receipt_is_followed_by_a_marked_repeat(
    offer: Offer, window: None
) -> None:
    await offer.agree()
    await fault(offer.phones, offer.path, drop="before", times=1)
    id_ = await put(offer.parts, WHO)
    await carry(offer.parts)
    await move(offer.phones, RECEIPT_WAIT.total_seconds() - 5)
    assert await carry(offer.parts) == 0
    await move(offer.phones, 6)
    await carry(offer.parts)
    assert (await results(offer.parts, id_))[1:] == [(offer.channel, "unknown"), ("customer", "sent")]
    [message] = await offer.phones.arrived(WHO, channel="customer")
    assert message["text"].startswith("（可能重复）")


async def test_a_busy_platform_costs_no_consent(offer: Offer) -> None:
    await offer.agree()
    await fault(offer.phones, offer.path, errcode=-1, times=1)
    id_ = await put(offer.parts, WHO)
    await carry(offer.parts)
    assert await results(offer.parts, id_) == [(offer.channel, "retry")]
    assert await offer.credit() == 1
    await move(offer.phones, 1)
    await carry_and_hear(offer.parts, offer.phones)
    assert await results(offer.parts, id_) == [(offer.channel, "retry"), (offer.channel, "delivered")]
    assert (await offer.credit(), await offer.arrived()) == (0, 1)
