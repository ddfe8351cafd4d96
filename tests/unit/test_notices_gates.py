"""When a channel is tried, and when messages stay untouched because the platform is in trouble."""

from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from casework.notices.gates import PATIENCE, PAUSES, PROBE_PAUSE, TROUBLES, Gate
from casework.notices.model import Outcome
from casework.notices.rules import QUOTA_PAUSE
from tests.unit.examples import NOW

SECOND = timedelta(seconds=1)
UNREACHABLE = [outcome for outcome, reason in TROUBLES.items() if reason == "unreachable"]
REFUSED = [outcome for outcome, reason in TROUBLES.items() if reason != "unreachable"]
ANSWERS = [outcome for outcome in Outcome if outcome not in TROUBLES]


def tried(gate: Gate, outcome: Outcome | None, at: datetime = NOW) -> None:
    """One attempt that begins and ends at once."""
    assert gate.enter(at) is None
    gate.leave(outcome, at, at)


def closed(outcome: Outcome = Outcome.RETRY) -> Gate:
    """A gate that so many failures in a row have just closed."""
    gate = Gate()
    for _ in range(PATIENCE):
        tried(gate, outcome)
    return gate


def opens_at(gate: Gate) -> datetime:
    """When a closed gate lets somebody find out."""
    assert gate.closed_until
    return gate.closed_until


def test_a_new_gate_lets_everybody_pass() -> None:
    gate = Gate()
    assert gate.room(NOW) is None
    assert [gate.enter(NOW) for _ in range(100)] == [None] * 100


@pytest.mark.parametrize("outcome", UNREACHABLE)
def test_so_many_failures_in_a_row_close_it_and_one_fewer_does_not(outcome: Outcome) -> None:
    gate = Gate()
    for _ in range(PATIENCE - 1):
        tried(gate, outcome)
    assert (gate.room(NOW), gate.reason) == (None, "")
    tried(gate, outcome)
    assert (gate.room(NOW), gate.reason) == (0, "unreachable")
    assert gate.enter(NOW) == NOW + PAUSES[0]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_whatever_kind_shows_that_the_platform_works(answer: Outcome) -> None:
    gate = Gate()
    for outcome in [*[Outcome.RETRY] * (PATIENCE - 1), answer] * 5:
        tried(gate, outcome)
    assert gate.room(NOW) is None


@pytest.mark.parametrize(("outcome", "reason"), [(Outcome.WAIT, "quota"), (Outcome.HALT, "refused")])
def test_a_used_up_quota_or_a_refused_account_closes_it_at_once(outcome: Outcome, reason: str) -> None:
    gate = Gate()
    tried(gate, outcome)
    assert (gate.enter(NOW), gate.reason) == (NOW + QUOTA_PAUSE, reason)


def test_after_its_pause_one_at_a_time_finds_out() -> None:
    gate = closed()
    later = opens_at(gate)
    assert gate.room(later - SECOND / 100) == 0
    assert gate.room(later) == 1
    assert gate.enter(later) is None
    assert gate.room(later) == 0
    assert gate.enter(later) == later + PROBE_PAUSE
    gate.leave(Outcome.SENT, later, later + SECOND)
    assert (gate.room(later), gate.reason) == (None, "")


def test_one_that_was_not_made_after_all_leaves_finding_out_to_the_next() -> None:
    gate = closed()
    later = opens_at(gate)
    tried(gate, None, later)
    assert gate.room(later) == 1
    assert gate.closed_until == later


def test_pauses_grow_up_to_the_longest_and_begin_anew_once_it_worked() -> None:
    gate, pauses, now = closed(), [], NOW
    for _ in range(len(PAUSES) + 3):
        pauses.append(opens_at(gate) - now)
        now = opens_at(gate)
        tried(gate, Outcome.RETRY, now)
    assert pauses == [*PAUSES, *[PAUSES[-1]] * 3]
    assert list(PAUSES) == sorted(set(PAUSES))
    now = opens_at(gate)
    tried(gate, Outcome.NEXT, now)
    for _ in range(PATIENCE):
        assert gate.closed_until is None
        tried(gate, Outcome.RETRY, now)
    assert gate.closed_until == now + PAUSES[0]


def test_failures_of_those_under_way_when_it_closed_tell_nothing_new() -> None:
    gate = Gate()
    assert [gate.enter(NOW) for _ in range(64)] == [None] * 64
    for _ in range(64):
        gate.leave(Outcome.RETRY, NOW, NOW + SECOND / 2)
    assert gate.closed_until == NOW + SECOND / 2 + PAUSES[0]
    # A slow one that ends while another one finds out is not taken for that one.
    slow = Gate()
    for _ in range(PATIENCE + 1):
        slow.enter(NOW)
    for _ in range(PATIENCE):
        slow.leave(Outcome.RETRY, NOW, NOW)
    later = opens_at(slow)
    assert slow.enter(later) is None
    slow.leave(Outcome.RETRY, NOW, later)
    assert (slow.closed_until, slow.room(later)) == (later, 0)
    slow.leave(Outcome.RETRY, later, later + SECOND)
    assert slow.closed_until == later + SECOND + PAUSES[1]


def test_one_of_those_under_way_that_got_through_opens_it() -> None:
    gate = closed()
    gate.leave(Outcome.SENT, NOW - SECOND, NOW)
    assert gate.room(NOW) is None


class GateMachine(RuleBasedStateMachine):
    """Any mix of attempts, endings and time."""

    @initialize()
    def begin(self) -> None:
        self.gate = Gate()
        self.now = NOW
        #: When each attempt that is under way began, and whether it found the gate closed.
        self.under_way: list[tuple[datetime, bool]] = []

    @rule()
    def enter(self) -> None:
        was_closed = self.gate.closed_until is not None
        room, later = self.gate.room(self.now), self.gate.enter(self.now)
        assert (later is None) == (room != 0)
        if later is None:
            self.under_way.append((self.now, was_closed))
        else:
            assert later > self.now

    @precondition(lambda self: self.under_way)
    @rule(outcome=st.sampled_from([None, *Outcome]), which=st.integers(0, 100))
    def leave(self, outcome: Outcome | None, which: int) -> None:
        before = self.gate.closed_until
        started, _ = self.under_way.pop(which % len(self.under_way))
        self.gate.leave(outcome, started, self.now)
        if outcome is None:
            assert self.gate.closed_until == before
        elif outcome in ANSWERS:
            assert self.gate.closed_until is None
        elif outcome in REFUSED:
            assert self.gate.closed_until == self.now + QUOTA_PAUSE
        elif before:
            # A failure never opens it, and never makes anybody wait less.
            assert opens_at(self.gate) >= before
        if self.gate.closed_until is None:
            self.under_way = [(began, False) for began, _ in self.under_way]

    @rule(seconds=st.floats(0.001, 120))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def one_at_a_time_while_it_is_closed(self) -> None:
        assert sum(probe for _, probe in self.under_way) <= 1

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        if self.gate.closed_until:
            assert self.gate.closed_until <= self.now + max(*PAUSES, QUOTA_PAUSE)
            assert self.gate.reason in TROUBLES.values()
        else:
            assert (self.gate.reason, self.gate.room(self.now)) == ("", None)

    @invariant()
    def somebody_finds_out_when_nobody_does(self) -> None:
        if self.gate.closed_until and self.now >= self.gate.closed_until and not self.under_way:
            assert self.gate.room(self.now) == 1


GateMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyGate = GateMachine.TestCase
