"""Parts are killed with -9 under load, or the platform is in trouble, and no promise is broken."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from tests.faults import runs
from tests.faults.cluster import cluster
from tests.faults.runs import Outcome, Villages

SEEDS = (1, 2, 3)
#: A minute of the shared clock; what people wait for is shorter.
TROUBLE_SECONDS, CLOCK_SECONDS = 3.0, 57.0
ELECTION_MS = 2000


class Installation:
    """A cluster that lives as long as the tests of this file, on a loop of its own."""

    def __init__(self, runner: asyncio.Runner, villages: Villages) -> None:
        self._runner = runner
        self.villages = villages

    def run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """Run to the end, and check that no promise was broken."""
        outcome = self._runner.run(work)
        assert outcome.broken == {}
        assert outcome.audit == ""
        return outcome


def _installation(members: int) -> Iterator[Installation]:
    with asyncio.Runner() as runner:
        opened = cluster(members, ELECTION_MS)
        villages = Villages(runner.run(opened.__aenter__()))
        try:
            runner.run(villages.settle())
            yield Installation(runner, villages)
        finally:
            runner.run(opened.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """An installation whose MongoDB has one member."""
    yield from _installation(1)


@pytest.fixture
def replica_set() -> Iterator[Installation]:
    """An installation whose MongoDB has three members."""
    yield from _installation(3)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_kill_breaks_a_promise(installation: Installation, seed: int) -> None:
    outcome = installation.run(runs.kills(installation.villages, seed))
    assert len(outcome.killed) == sum(runs.KILLS.values()) >= 20
    processes = {kind.partition("-")[0] for kind in runs.KILLS if kind != "sealer"}
    assert {name.partition("-")[0] for name in outcome.killed} == processes
    assert outcome.load["rate"] >= runs.RATE * 0.98


def test_a_platform_in_trouble_costs_no_report_and_no_message(installation: Installation) -> None:
    work = runs.platform_in_trouble(installation.villages, runs.TROUBLES, TROUBLE_SECONDS, CLOCK_SECONDS)
    outcome = installation.run(work)
    assert outcome.load["refused"] == 0
    # They waited for the platform, and went the best way afterwards.
    assert outcome.found["elsewhere"] == 0


def test_a_primary_that_dies_costs_no_report(replica_set: Installation) -> None:
    outcome = replica_set.run(runs.losing_the_primary(replica_set.villages, 1))
    assert len(outcome.killed) == 1
