"""Which channel next, and when to try again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from casework.account.model import ALWAYS, AppKind
from casework.account.service import Contact
from casework.notices.model import NoticeState, Outcome, Try
from casework.notices.rules import (
    CHANNELS,
    CLOSED,
    CUSTOMER_MESSAGES,
    CUSTOMER_WINDOW,
    LEASE,
    ORDER_PAUSE,
    QUOTA_PAUSE,
    RECEIPT_WAIT,
    RETRY_PAUSES,
    TEMPLATE_REPEATABLE,
    TOUCH_WINDOW,
    TURN,
    Way,
    after_crash,
    behind,
    pause_after,
    receipt_id,
    settled,
    ways_left,
    ways_to,
)
from tests.unit.examples import NOW

SECOND = timedelta(seconds=1)
KEY = "task"
HOME, OTHER, MINI = "wx-home", "wx-other", "wx-mini"


def contact(
    app_id: str = HOME, *, wrote: timedelta | None = None, touched: timedelta | None = None, **known: Any
) -> Contact:
    """A follower of an official account who wrote, and pressed or scanned, so long ago; None: never."""
    kind = AppKind.MINI_PROGRAM if app_id == MINI else AppKind.OFFICIAL
    known = {"following": kind is AppKind.OFFICIAL, **known}
    if wrote is not None:
        known["interacted_at"] = NOW - wrote
    if touched is not None:
        known["touched_at"] = NOW - touched
    return Contact(app_id, kind, f"openid-in-{app_id}", **known)


def named(ways: list[Way]) -> list[str]:
    """Ways written as ``channel`` at home, or ``channel of app`` elsewhere."""
    return [
        way.channel if way.contact.app_id == HOME else f"{way.channel} of {way.contact.app_id}"
        for way in ways
    ]


def attempt(channel: str, result: str, at: datetime = NOW, app_id: str = HOME) -> Try:
    return {"channel": channel, "app_id": app_id, "at": at, "result": result}


def attempts(*told: str) -> list[Try]:
    """Attempts written as ``channel result``, or ``channel result app``."""
    return [
        attempt(channel, result, app_id=app[0] if app else HOME)
        for channel, result, *app in map(str.split, told)
    ]


@pytest.mark.parametrize(
    ("who", "channels"),
    [
        (contact(), ["template"]),
        (contact(following=False), []),
        (contact(blocked=True), []),
        # A message opens 48 hours for five customer messages.
        (contact(wrote=timedelta(0)), ["template", "customer"]),
        (contact(wrote=CUSTOMER_WINDOW - SECOND), ["template", "customer"]),
        (contact(wrote=CUSTOMER_WINDOW), ["template"]),
        (contact(wrote=timedelta(days=30)), ["template"]),
        # Another process's clock may be a little ahead.
        (contact(wrote=-SECOND), ["template", "customer"]),
        (contact(wrote=SECOND, customer_sent=CUSTOMER_MESSAGES - 1), ["template", "customer"]),
        (contact(wrote=SECOND, customer_sent=CUSTOMER_MESSAGES), ["template"]),
        # Pressing, scanning and following open a minute, however many were sent before.
        (contact(touched=TOUCH_WINDOW - SECOND), ["template", "customer"]),
        (contact(touched=TOUCH_WINDOW), ["template"]),
        (contact(wrote=SECOND, touched=SECOND, customer_sent=CUSTOMER_MESSAGES), ["template", "customer"]),
        (contact(wrote=SECOND, following=False), []),
        (contact(wrote=SECOND, blocked=True), []),
        # A consent counts for the template that it was given for, follower or not.
        (contact(consents={KEY: 1}), ["template", "subscription"]),
        (contact(consents={KEY: 0}), ["template"]),
        (contact(consents={"another": 3}), ["template"]),
        (contact(consents={KEY: 2}, following=False), ["subscription"]),
        (contact(consents={KEY: ALWAYS}, blocked=True), ["subscription"]),
        (contact(consents={KEY: 1}, wrote=SECOND), ["template", "subscription", "customer"]),
        # A mini program has nothing but subscription notices.
        (contact(MINI), []),
        (contact(MINI, wrote=SECOND, touched=SECOND, following=True), []),
        (contact(MINI, consents={KEY: 1}), [f"mini_program of {MINI}"]),
        (contact(MINI, consents={KEY: ALWAYS}), [f"mini_program of {MINI}"]),
        (contact(MINI, consents={KEY: 0}), []),
    ],
)
def test_the_channels_that_reach_somebody_just_now(who: Contact, channels: list[str]) -> None:
    assert named(ways_to([who], KEY, HOME, NOW)) == channels


def test_without_a_template_only_customer_messages_are_left() -> None:
    everywhere = [contact(wrote=SECOND, consents={KEY: 1}), contact(MINI, consents={KEY: 1})]
    assert named(ways_to(everywhere, None, HOME, NOW)) == ["customer"]


def test_within_a_channel_the_account_of_the_place_comes_first() -> None:
    known = [
        contact(OTHER, wrote=SECOND, consents={KEY: 1}),
        contact(MINI, consents={KEY: 1}),
        contact(wrote=SECOND, consents={KEY: 1}),
    ]
    assert named(ways_to(known, KEY, HOME, NOW)) == [
        "template",
        f"template of {OTHER}",
        "subscription",
        f"subscription of {OTHER}",
        f"mini_program of {MINI}",
        "customer",
        f"customer of {OTHER}",
    ]
    assert named(ways_to(known, KEY, OTHER, NOW))[:2] == [f"template of {OTHER}", "template"]
    # Whom only another account knows hears from that one.
    assert named(ways_to(known[:1], KEY, HOME, NOW))[0] == f"template of {OTHER}"
    assert ways_to([], KEY, HOME, NOW) == []


@pytest.mark.parametrize(
    ("tries", "left"),
    [
        ([], "template"),
        (["template retry"], "template"),
        (["template wait"], "template"),
        (["template halt"], "template"),
        (["template repeated"], "template"),
        (["template next"], f"template of {OTHER}"),
        (["template next", f"template next {OTHER}"], "subscription"),
        (["template next", f"template exhausted {OTHER}"], "subscription"),
        (["template unknown", f"template failed {OTHER}"], "subscription"),
        (["template failed", f"template failed {OTHER}", "subscription unknown"], "customer"),
        (["template next", f"template next {OTHER}", "subscription next", "customer retry"], "customer"),
        (["template next", f"template next {OTHER}", "subscription next", "customer next"], None),
        (["template dead"], None),
        (["template retry", "customer dead", "template retry"], None),
    ],
)
def test_the_next_way_after_what_was_tried(tries: list[str], left: str | None) -> None:
    known = [contact(wrote=SECOND, consents={KEY: 1}), contact(OTHER)]
    ways = ways_left(ways_to(known, KEY, HOME, NOW), attempts(*tries))
    assert next(iter(named(ways)), None) == left


@pytest.mark.parametrize("result", sorted(CLOSED))
@pytest.mark.parametrize("channel", CHANNELS)
def test_what_closed_one_way_closes_no_other(channel: str, result: str) -> None:
    known = [contact(wrote=SECOND, consents={KEY: 1}), contact(MINI, consents={KEY: 1})]
    ways = ways_to(known, KEY, HOME, NOW)
    way = next(way for way in ways if way.channel == channel)
    tried = attempt(channel, result, app_id=way.contact.app_id)
    assert ways_left(ways, [tried]) == [other for other in ways if other != way]


def test_a_way_that_opens_again_is_used_though_another_was_refused_before() -> None:
    tries = attempts("template next")
    assert ways_left(ways_to([contact()], KEY, HOME, NOW), tries) == []
    assert named(ways_left(ways_to([contact(wrote=SECOND)], KEY, HOME, NOW), tries)) == ["customer"]


def test_a_receipt_id_tells_account_person_and_template_apart() -> None:
    ids = {
        receipt_id(app_id, openid, key)
        for app_id in (HOME, OTHER)
        for openid in ("o1", "o2")
        for key in (KEY, "progress")
    }
    assert len(ids) == 8
    assert receipt_id(HOME, "o1", KEY) in ids


@pytest.mark.parametrize("outcome", Outcome)
def test_how_long_the_first_attempt_pauses(outcome: Outcome) -> None:
    pauses = {Outcome.WAIT: QUOTA_PAUSE, Outcome.HALT: QUOTA_PAUSE, Outcome.RETRY: RETRY_PAUSES[0]}
    assert pause_after(outcome, attempts(f"template {outcome.value}")) == pauses.get(outcome)


def test_pauses_grow_until_the_channel_is_used_up() -> None:
    busy = [attempts("template retry") * n for n in range(1, len(RETRY_PAUSES) + 2)]
    pauses = [pause_after(Outcome.RETRY, tries) for tries in busy]
    assert pauses == [*RETRY_PAUSES, None]
    assert list(RETRY_PAUSES) == sorted(set(RETRY_PAUSES))


def test_while_everything_fails_no_message_uses_up_its_pauses() -> None:
    closed_for = timedelta(seconds=20)
    for count in (1, 3 * len(RETRY_PAUSES)):
        for outcome in (Outcome.RETRY, Outcome.WAIT, Outcome.HALT):
            tries = attempts("template retry") * count
            # Another message finds out first, so that none can keep the channel closed by itself.
            assert pause_after(outcome, tries, closed_for) == closed_for + TURN
    # What no other try could mend is not tried again because of that.
    for outcome in (Outcome.NEXT, Outcome.DEAD, Outcome.SENT, Outcome.UNCERTAIN):
        assert pause_after(outcome, attempts("template retry"), closed_for) is None


def test_each_way_has_its_own_pauses_and_waiting_for_a_quota_uses_up_none() -> None:
    tries = attempts("template retry", "template retry", "customer wait", "customer retry")
    assert pause_after(Outcome.RETRY, tries) == RETRY_PAUSES[0]
    elsewhere = attempts(*["template retry"] * len(RETRY_PAUSES), f"template retry {OTHER}")
    assert pause_after(Outcome.RETRY, elsewhere) == RETRY_PAUSES[0]
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


def test_what_waits_behind_a_dead_worker_lets_others_go_first() -> None:
    begun = datetime(2026, 11, 21, 8, tzinfo=UTC)
    older = {"state": NoticeState.SENDING.value, "due_at": begun + LEASE}
    pauses = [behind(older, begun + timedelta(seconds=s)) - begun for s in (0, 0.5, 1, 5, 20, 29.99, 40)]
    assert [round(pause.total_seconds(), 2) for pause in pauses] == [
        0.05,
        0.55,
        1.05,
        7.0,
        29.5,
        30.04,
        40.05,
    ]


def test_what_waits_behind_a_pause_waits_until_it_is_over() -> None:
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    later = now + timedelta(seconds=7)
    assert behind({"state": NoticeState.PENDING.value, "due_at": later}, now) == later
    assert behind({"state": NoticeState.PENDING.value, "due_at": now}, now) == now + ORDER_PAUSE
