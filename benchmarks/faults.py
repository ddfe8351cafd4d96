"""Kills under load, a platform in trouble, a primary that dies: what became of the promises.

The runs are those of `tests/faults`, with more seeds, a whole minute of each trouble, and the replica set's
usual settings.
"""

import functools
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from benchmarks.results import keep
from tests.faults import runs
from tests.faults.cluster import cluster
from tests.faults.runs import Outcome, Villages

SEEDS = 20
TROUBLE_SECONDS = 60.0
PRIMARIES = 3


async def run() -> None:
    """Twenty runs of kills, one of each trouble, one of elections; raises when a promise was broken."""
    outcomes = []
    for seed in range(1, SEEDS + 1):
        outcomes.append(await _on_a_new_one(f"seed {seed}", functools.partial(runs.kills, seed=seed)))
    for kind in runs.TROUBLES:
        work = functools.partial(runs.platform_in_trouble, kinds=[kind], seconds=TROUBLE_SECONDS)
        outcomes.append(await _on_a_new_one(kind, work))
        if refused := outcomes[-1].load["refused"]:
            raise RuntimeError(f"{refused} reports were refused while the platform was {kind}")
    primaries = await _on_a_new_one("primary", functools.partial(runs.losing_the_primary, times=PRIMARIES), 3)
    outcomes.append(primaries)

    found: Counter[str] = Counter()
    for outcome in outcomes:
        found.update(outcome.found)
    keep("faults/reports", found["reports"], "reports")
    keep("faults/kills", sum(len(outcome.killed) for outcome in outcomes), "kills")
    keep("faults/lost", found["lost"] + found["untaken"] + found["undelivered"], "reports and messages")
    keep("faults/doubled", found["doubled"] + found["different"], "reports and messages")
    keep("faults/without-writes", primaries.load["longest_gap"], "s")
    if broken := [outcome for outcome in outcomes if outcome.broken or outcome.audit]:
        raise RuntimeError(f"promises were broken: {broken}")


async def _on_a_new_one(
    name: str, work: Callable[[Villages], Awaitable[Outcome]], members: int = 1
) -> Outcome:
    """A run on an installation of its own."""
    begun = time.monotonic()
    async with cluster(members) as made:
        villages = Villages(made)
        await villages.settle()
        outcome = await work(villages)
    load, found, seconds = outcome.load, outcome.found, time.monotonic() - begun
    print(
        f"  {name}: {len(outcome.killed)} kills, {load['reports']} reports in {load['tries']} tries at "
        f"{load['rate']:.0f}/s, {found['messages']} messages, longest time without a 201 "
        f"{load['longest_gap']:.1f} s, broken: {outcome.broken or 'nothing'} ({seconds:.0f} s)",
        flush=True,
    )
    return outcome
