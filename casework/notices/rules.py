"""Which channel next, and when to try again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from casework.account.model import AppKind
from casework.account.service import Contact
from casework.notices.model import NoticeState, Outcome, Try

#: WeChat: customer messages within 48 h of a person's last message, and so many of them; within a minute of
#: their pressing a menu, scanning or following. Source: 客服消息 · 发消息, 下发额度.
CUSTOMER_WINDOW = timedelta(hours=48)
CUSTOMER_MESSAGES = 5
TOUCH_WINDOW = timedelta(minutes=1)
#: Template messages are idempotent under their client_msg_id for this long.
TEMPLATE_REPEATABLE = timedelta(minutes=10)
#: How long an uncertain attempt waits for its receipt.
RECEIPT_WAIT = timedelta(seconds=60)
#: How long the next message to the same person waits for the receipt of the one before it. A person who
#: refuses our messages costs one call by that, however many messages there are for them.
RECEIPT_PATIENCE = timedelta(seconds=3)
#: How long a claimed message belongs to whoever claimed it.
LEASE = timedelta(seconds=30)
#: How long a message waits for an older one to the same person that is on its way elsewhere,
ORDER_PAUSE = timedelta(milliseconds=50)
#: … while that one has been for no longer than this.
BRISK = timedelta(seconds=1)
#: The channels whose messages get a receipt.
RECEIPTED = frozenset({"template", "subscription"})
#: Pauses after a busy answer; when they are used up, the next channel.
RETRY_PAUSES = tuple(timedelta(seconds=s) for s in (0.5, 2, 5, 15, 30, 60, 120, 240))
#: So many attempts that only found the platform in trouble are kept.
KEPT_TRIES = 20
PASSING = frozenset({Outcome.RETRY.value, Outcome.WAIT.value, Outcome.HALT.value})
#: How long a quota, a rate limit or a refused account is waited for: they are counted by the minute and by
#: the day.
QUOTA_PAUSE = timedelta(seconds=60)
#: How long a message that found a channel closed lets another one go first.
TURN = timedelta(seconds=1)

#: Results that close a channel for this message.
CLOSED = frozenset({Outcome.NEXT.value, "failed", "unknown", "exhausted"})


@dataclass(frozen=True)
class Way:
    """One channel of one account to one person."""

    channel: str
    contact: Contact


def _by_template(contact: Contact, key: str | None, now: datetime) -> bool:
    official = contact.kind is AppKind.OFFICIAL
    return official and key is not None and contact.following and not contact.blocked


def _by_subscription(contact: Contact, key: str | None, now: datetime) -> bool:
    return contact.kind is AppKind.OFFICIAL and key is not None and contact.consents.get(key, 0) != 0


def _by_mini_program(contact: Contact, key: str | None, now: datetime) -> bool:
    return contact.kind is AppKind.MINI_PROGRAM and key is not None and contact.consents.get(key, 0) != 0


def _by_customer_message(contact: Contact, key: str | None, now: datetime) -> bool:
    wrote, touched = contact.interacted_at, contact.touched_at
    room = wrote and now - wrote < CUSTOMER_WINDOW and contact.customer_sent < CUSTOMER_MESSAGES
    room = room or (touched and now - touched < TOUCH_WINDOW)
    return contact.kind is AppKind.OFFICIAL and contact.following and not contact.blocked and bool(room)


#: The channels in the order of preference, and whom each reaches: a contact, our key of the message's
#: template (None: it has none), and the present instant.
CHANNELS: Mapping[str, Callable[[Contact, str | None, datetime], bool]] = {
    "template": _by_template,
    "subscription": _by_subscription,
    "mini_program": _by_mini_program,
    "customer": _by_customer_message,
}


def ways_to(contacts: Sequence[Contact], key: str | None, home: str, now: datetime) -> list[Way]:
    """The ways that reach this person just now, best first; within a channel the account `home`, which
    speaks for the place that the message is about, comes before the others."""
    at_home_first = sorted(contacts, key=lambda contact: contact.app_id != home)
    return [
        Way(channel, contact)
        for channel, reaches in CHANNELS.items()
        for contact in at_home_first
        if reaches(contact, key, now)
    ]


def ways_left(ways: Sequence[Way], tries: Sequence[Try]) -> list[Way]:
    """The ways that are still worth a try; without one only the inbox is left."""
    if any(t["result"] == Outcome.DEAD for t in tries):
        return []
    closed = {(t["channel"], t.get("app_id")) for t in tries if t["result"] in CLOSED}
    return [way for way in ways if (way.channel, way.contact.app_id) not in closed]


def behind(older: Mapping[str, Any], now: datetime) -> datetime:
    """When to look again for a message that comes after `older` (its ``state`` and ``due_at``) to the same
    person.

    What is being carried elsewhere is so for a moment, as a rule. But whoever carries it may have died, and
    what waits behind it must not keep others from their turn: so the longer it takes, the longer the pauses.
    """
    soon, due_at = now + ORDER_PAUSE, older["due_at"]
    if older["state"] == NoticeState.PENDING:
        # Behind one that pauses there is nothing to look for until that one is due.
        return max(soon, due_at)
    since = now - (due_at - (LEASE if older["state"] == NoticeState.SENDING else RECEIPT_PATIENCE))
    return max(soon, min(now + (since - BRISK) / 2, due_at))


def receipt_id(app_id: str, openid: str, key: str | None) -> str:
    """What stands for the message id of a subscription notice: the platform's answer names none, and its
    receipt tells the person and the template."""
    return f"{app_id}:{openid}:{key}"


def pause_after(
    outcome: Outcome, tries: Sequence[Try], closed_for: timedelta | None = None
) -> timedelta | None:
    """How long to wait before the same way is tried again; None when it is not tried again,
    because its pauses are used up or `outcome` is none that another try could mend.

    `tries` are all attempts so far, the one just ended last. `closed_for` is how long the channel is closed
    to everybody: the trouble is the platform's then, and the message uses up none of its own pauses. It only
    lets another one find out first, in case it is itself what the platform cannot answer.
    """
    if outcome not in (Outcome.RETRY, Outcome.WAIT, Outcome.HALT):
        return None
    if closed_for is not None:
        return closed_for + TURN
    if outcome is not Outcome.RETRY:
        return QUOTA_PAUSE
    last = tries[-1]
    busy = sum(
        1
        for t in tries
        if t["result"] == Outcome.RETRY
        and (t["channel"], t.get("app_id")) == (last["channel"], last.get("app_id"))
    )
    return RETRY_PAUSES[busy - 1] if busy <= len(RETRY_PAUSES) else None


def settled(tries: Sequence[Try], now: datetime) -> list[Try]:
    """The attempts that still tell something.

    A template message's lost answer counts as ``unknown`` from the moment on at which the platform no longer
    drops the double: sent again, it could arrive twice. Of those that the platform was too busy for, the
    newest are enough.
    """
    lost = [
        t["channel"] == "template"
        and t["result"] == Outcome.RETRY
        and t.get("errcode") is None
        and now - t["at"] >= TEMPLATE_REPEATABLE
        for t in tries
    ]
    found: list[Try] = [
        {**t, "result": "unknown"} if is_lost else t for t, is_lost in zip(tries, lost, strict=True)
    ]
    passed = [t for t in found if t["result"] in PASSING]
    dropped = passed[:-KEPT_TRIES]
    return [t for t in found if t not in dropped]


def after_crash(last: Try, now: datetime) -> str:
    """What to do with an attempt whose worker died before it recorded the outcome.

    ``again``: send under the same id, the platform drops the double. ``wait``: a receipt may still
    come. ``unknown``: it may have arrived; the next channel marks its message as a possible repeat.
    """
    age = now - last["at"]
    if last["channel"] == "template" and age < TEMPLATE_REPEATABLE:
        return "again"
    return "wait" if age < RECEIPT_WAIT else "unknown"
