"""Which channel next, and when to try again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from casework.account.service import Contact
from casework.notices.model import Outcome, Try

#: The channels in the order of preference. WeChat: customer messages within 48 h of the last contact.
CUSTOMER_WINDOW = timedelta(hours=48)
#: Template messages are idempotent under their client_msg_id for this long.
TEMPLATE_REPEATABLE = timedelta(minutes=10)
#: How long an uncertain attempt waits for its receipt.
RECEIPT_WAIT = timedelta(seconds=60)
#: Pauses after a busy answer; when they are used up, the next channel.
RETRY_PAUSES = tuple(timedelta(seconds=s) for s in (0.5, 2, 5, 15, 30, 60, 120, 240))
QUOTA_PAUSE = timedelta(seconds=60)

#: Results that close a channel for this message.
CLOSED = frozenset({Outcome.NEXT.value, "failed", "unknown", "exhausted"})


def usable_channels(contact: Contact | None, now: datetime) -> list[str]:
    """The channels that can reach this person just now, best first."""
    if contact is None or not contact.following or contact.blocked:
        return []
    channels = ["template"]
    if contact.interacted_at and now - contact.interacted_at < CUSTOMER_WINDOW:
        channels.append("customer")
    return channels


def next_channel(contact: Contact | None, tries: Sequence[Try], now: datetime) -> str | None:
    """The channel to try now, or None when only the inbox is left."""
    if any(t["result"] == Outcome.DEAD for t in tries):
        return None
    closed = {t["channel"] for t in tries if t["result"] in CLOSED}
    return next((c for c in usable_channels(contact, now) if c not in closed), None)


def pause_after(outcome: Outcome, tries: Sequence[Try]) -> timedelta | None:
    """How long to wait before the same channel is tried again; None when it is not tried again,
    because its pauses are used up or `outcome` is none that another try could mend.

    `tries` are all attempts so far, the one just ended last.
    """
    if outcome in (Outcome.WAIT, Outcome.HALT):
        return QUOTA_PAUSE
    if outcome is not Outcome.RETRY:
        return None
    channel = tries[-1]["channel"]
    busy = sum(1 for t in tries if t["channel"] == channel and t["result"] == Outcome.RETRY)
    return RETRY_PAUSES[busy - 1] if busy <= len(RETRY_PAUSES) else None


def settled(tries: Sequence[Try], now: datetime) -> list[Try]:
    """The attempts, where a template message's lost answer counts as ``unknown`` from the moment on at
    which the platform no longer drops the double: sent again, it could arrive twice."""
    lost = [
        t["channel"] == "template"
        and t["result"] == Outcome.RETRY
        and t.get("errcode") is None
        and now - t["at"] >= TEMPLATE_REPEATABLE
        for t in tries
    ]
    return [{**t, "result": "unknown"} if is_lost else t for t, is_lost in zip(tries, lost, strict=True)]


def after_crash(last: Try, now: datetime) -> str:
    """What to do with an attempt whose worker died before it recorded the outcome.

    ``again``: send under the same id, the platform drops the double. ``wait``: a receipt may still
    come. ``unknown``: it may have arrived; the next channel marks its message as a possible repeat.
    """
    age = now - last["at"]
    if last["channel"] == "template" and age < TEMPLATE_REPEATABLE:
        return "again"
    return "wait" if age < RECEIPT_WAIT else "unknown"
