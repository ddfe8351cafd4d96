"""Whether a channel is worth trying just now: what one process has learnt from its latest attempts.

While the platform is away, out of quota or refuses the account, messages stay untouched in the outbox, in
their order, and one of them at a time finds out whether it is back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from casework.notices.model import Outcome
from casework.notices.rules import QUOTA_PAUSE

#: So many attempts in a row without a proper answer close a channel.
PATIENCE = 8
#: For how long, each time that the attempt after it fails as well.
PAUSES = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 20, 30))
#: How long others wait for the attempt that finds out.
PROBE_PAUSE = timedelta(seconds=1)

#: Outcomes that tell of the platform, and in which words; all others show that it works.
TROUBLES: Mapping[Outcome, str] = {
    Outcome.RETRY: "unreachable",
    Outcome.UNCERTAIN: "unreachable",
    Outcome.WAIT: "quota",
    Outcome.HALT: "refused",
}


@dataclass
class Gate:
    """One channel of one account.

    Open: everybody passes. Closed until an instant: nobody. After that one attempt at a time passes, and its
    outcome opens or closes the gate.
    """

    closed_until: datetime | None = None
    reason: str = ""
    failures: int = 0
    rounds: int = 0
    probe: datetime | None = None
    """When the attempt began that finds out, while one does."""

    def room(self, now: datetime) -> int | None:
        """How many may start now; None: any number."""
        if self.closed_until is None:
            return None
        return 0 if now < self.closed_until or self.probe else 1

    def enter(self, now: datetime) -> datetime | None:
        """Start an attempt (None), or learn when to ask again. Whoever entered tells `leave`."""
        if self.closed_until is None:
            return None
        if now < self.closed_until:
            return self.closed_until
        if self.probe:
            return now + PROBE_PAUSE
        self.probe = now
        return None

    def leave(self, outcome: Outcome | None, began: datetime, now: datetime) -> None:
        """An attempt ended that had entered at the instant `began`; None: it was not made after all."""
        probing = self.probe == began
        if probing:
            self.probe = None
        if outcome is None:
            return
        trouble = TROUBLES.get(outcome)
        if trouble is None:
            self.closed_until, self.reason, self.failures, self.rounds, self.probe = None, "", 0, 0, None
            return
        self.failures += 1
        if outcome in (Outcome.WAIT, Outcome.HALT):
            self._close(now + QUOTA_PAUSE, trouble)
        elif probing or (self.closed_until is None and self.failures >= PATIENCE):
            # Those that were under way when the gate closed tell nothing new.
            self._close(now + PAUSES[min(self.rounds, len(PAUSES) - 1)], trouble)

    def _close(self, until: datetime, reason: str) -> None:
        self.rounds += 1
        # One that ends badly after another has closed the gate for longer does not open it earlier.
        self.closed_until = max(until, self.closed_until) if self.closed_until else until
        self.reason = reason
