"""Messages to phones, kept until they are delivered or given up."""

from datetime import datetime
from enum import StrEnum
from typing import NotRequired, TypedDict


class NoticeState(StrEnum):
    """`pending` and `sending` are still on their way; the others are ends."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    INBOX = "inbox"
    """No channel worked: the message waits in the inbox of the app."""


ON_THE_WAY = (NoticeState.PENDING.value, NoticeState.SENDING.value)


class Try(TypedDict):
    """One attempt. `result` is ``started`` until its outcome is known.

    `message_id` is the platform's, or, where the platform gives none, what `rules.receipt_id` makes.
    """

    channel: str
    app_id: NotRequired[str]
    at: datetime
    result: str
    errcode: NotRequired[int | None]
    reason: NotRequired[str]
    message_id: NotRequired[str | None]


class Notice(TypedDict):
    """One message to one recipient: ``staff:id`` or ``person:id``.

    `fields` holds what the message may carry (number, village, masked name, due time, plain words) and
    nothing else. `first_due_at` is its place in the order of sending, and `due_at` when the next worker may
    take it: while `sending`, when the lease ends. A message that is sent and whose receipt is still to come
    `awaits` it until `due_at`; newer ones to the same person let it go first.
    """

    _id: str
    to: str
    kind: str
    fields: dict[str, str]
    link: str
    ref: str
    areas: list[str]
    state: str
    first_due_at: datetime
    due_at: datetime
    created_at: datetime
    awaits: NotRequired[bool]
    tries: list[Try]
    lease: str | None
    version: int
    schema: int


class Outcome(StrEnum):
    """What a channel says about one attempt."""

    SENT = "sent"
    RETRY = "retry"
    """Busy, or no answer to a message that may safely be sent again under its id."""
    WAIT = "wait"
    """A quota or rate limit: wait for the window."""
    NEXT = "next"
    """This channel does not reach this person."""
    DEAD = "dead"
    """Our content is wrong: no channel and no retry mends that."""
    HALT = "halt"
    """The account's configuration is wrong: wait, and raise an alarm."""
    UNCERTAIN = "uncertain"
    """It may have arrived: wait for the receipt before another channel is tried."""


class Delivery(TypedDict):
    """The outcome of one attempt; `mark` says what was learnt about the person."""

    outcome: Outcome
    errcode: int | None
    reason: str
    message_id: str | None
    mark: str | None
