"""Which channel next, and when to try again."""

from datetime import datetime, timedelta

import pytest

from casework.account.service import Contact
from casework.notices.model import Outcome, Try
from casework.notices.rules import (
    CUSTOMER_WINDOW,
    QUOTA_PAUSE,
    RECEIPT_WAIT,
    RETRY_PAUSES,
    TEMPLATE_REPEATABLE,
    after_crash,
    next_channel,
    pause_after,
    settled,
    usable_channels,
)
from tests.unit.examples import NOW

SECOND = timedelta(seconds=1)


def contact(*, following: bool = True, blocked: bool = False, age: timedelta | None = SECOND) -> Contact:
    """A fan who wrote or clicked `age` ago; None: never."""
    return Contact("wx-test", "o1", following, blocked, NOW - age if age is not None else None)


def attempt(channel: str, result: str, at: datetime = NOW) -> Try:
    return {"channel": channel, "at": at, "result": result}


def attempts(*told: str) -> list[Try]:
    """Attempts written as ``channel result``."""
    return [attempt(*each.split()) for each in told]


@pytest.mark.parametrize(
    ("who", "channels"),
    [
        (None, []),
        (contact(following=False), []),
        (contact(blocked=True), []),
        (contact(age=None), ["template"]),
        (contact(age=timedelta(0)), ["template", "customer"]),
        (contact(age=CUSTOMER_WINDOW - SECOND), ["template", "customer"]),
        (contact(age=CUSTOMER_WINDOW), ["template"]),
        (contact(age=timedelta(days=30)), ["template"]),
        # Another process's clock may be a little ahead.
        (contact(age=-SECOND), ["template", "customer"]),
    ],
)
def test_the_channels_that_reach_somebody_just_now(who: Contact | None, channels: list[str]) -> None:
    assert usable_channels(who, NOW) == channels


@pytest.mark.parametrize(
    ("tries", "channel"),
    [
        ([], "template"),
        (["template retry"], "template"),
        (["template wait"], "template"),
        (["template halt"], "template"),
        (["template repeated"], "template"),
        (["template next"], "customer"),
        (["template exhausted"], "customer"),
        (["template unknown"], "customer"),
        (["template failed"], "customer"),
        (["template next", "customer retry"], "customer"),
        (["template next", "customer next"], None),
        (["template next", "customer exhausted"], None),
        (["template dead"], None),
        (["template retry", "customer dead", "template retry"], None),
    ],
)
def test_the_next_channel_after_what_was_tried(tries: list[str], channel: str | None) -> None:
    assert next_channel(contact(), attempts(*tries), NOW) == channel


def test_only_the_inbox_is_left_for_somebody_whom_no_channel_reaches() -> None:
    assert next_channel(None, [], NOW) is None
    assert next_channel(contact(following=False), [], NOW) is None
    assert next_channel(contact(age=None), attempts("template next"), NOW) is None


def test_a_channel_that_opens_again_is_used_though_another_was_refused_before() -> None:
    tries = attempts("template next")
    assert next_channel(contact(age=None), tries, NOW) is None
    assert next_channel(contact(), tries, NOW) == "customer"


@pytest.mark.parametrize("outcome", Outcome)
def test_how_long_the_first_attempt_pauses(outcome: Outcome) -> None:
    pauses = {Outcome.WAIT: QUOTA_PAUSE, Outcome.HALT: QUOTA_PAUSE, Outcome.RETRY: RETRY_PAUSES[0]}
    assert pause_after(outcome, attempts(f"template {outcome.value}")) == pauses.get(outcome)


def test_pauses_grow_until_the_channel_is_used_up() -> None:
    busy = [attempts("template retry") * n for n in range(1, len(RETRY_PAUSES) + 2)]
    pauses = [pause_after(Outcome.RETRY, tries) for tries in busy]
    assert pauses == [*RETRY_PAUSES, None]
    assert list(RETRY_PAUSES) == sorted(set(RETRY_PAUSES))


def test_each_channel_has_its_own_pauses_and_waiting_for_a_quota_uses_up_none() -> None:
    tries = attempts("template retry", "template retry", "customer wait", "customer retry")
    assert pause_after(Outcome.RETRY, tries) == RETRY_PAUSES[0]
    assert pause_after(Outcome.WAIT, attempts("template wait") * 100) == QUOTA_PAUSE


@pytest.mark.parametrize(
    ("channel", "age", "what"),
    [
        ("template", timedelta(0), "again"),
        ("template", RECEIPT_WAIT, "again"),
        ("template", TEMPLATE_REPEATABLE - SECOND, "again"),
        ("template", TEMPLATE_REPEATABLE, "unknown"),
        ("customer", timedelta(0), "wait"),
        ("customer", RECEIPT_WAIT - SECOND, "wait"),
        ("customer", RECEIPT_WAIT, "unknown"),
        ("customer", TEMPLATE_REPEATABLE, "unknown"),
    ],
)
def test_an_attempt_whose_worker_died(channel: str, age: timedelta, what: str) -> None:
    assert after_crash(attempt(channel, "started", NOW - age), NOW) == what


@pytest.mark.parametrize(
    ("channel", "result", "errcode", "age", "counts_as"),
    [
        ("template", "retry", None, TEMPLATE_REPEATABLE, "unknown"),
        ("template", "retry", None, TEMPLATE_REPEATABLE - SECOND, "retry"),
        ("template", "retry", -1, TEMPLATE_REPEATABLE, "retry"),
        ("template", "next", None, TEMPLATE_REPEATABLE, "next"),
        ("customer", "retry", None, TEMPLATE_REPEATABLE, "retry"),
    ],
    ids=["too old", "still dropped as a double", "refused, so not sent", "ended", "another channel"],
)
def test_a_lost_answer_is_unknown_once_the_platform_drops_no_double(
    channel: str, result: str, errcode: int | None, age: timedelta, counts_as: str
) -> None:
    tried: Try = {**attempt(channel, result, NOW - age), "errcode": errcode}
    assert [t["result"] for t in settled([tried], NOW)] == [counts_as]
