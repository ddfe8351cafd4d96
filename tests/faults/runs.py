"""Runs under load: something breaks, everything comes back, and the checker compares."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from pymongo.errors import PyMongoError

from benchmarks import people
from server.clock import SharedClock, clock_for
from server.parts import parts_for
from tests.faults.cluster import VICTIMS, Cluster

RATE = 50.0
VILLAGERS = 200
VILLAGES = 100
KILLS = 21
#: Between two kills: long enough for the load to notice, short enough that parts are down together.
GAP_SECONDS = (0.2, 0.9)
SETTLE_SECONDS = 120.0
#: How far the clock is moved when nothing goes on any more: what waits for a lease or a pause need not be
#: waited for. In all it stays below the ten minutes in which the platform drops doubles.
STEP_SECONDS = 8.0
MOVE_AT_MOST_SECONDS = 480.0
#: What the platform may be: the simulator's faults, see `wechat.simulator.bodies.FaultBody`.
TROUBLES: Mapping[str, Mapping[str, Any]] = {
    "silent": {"silence": True},
    "slow": {"latency_ms": 5000},
    "refusing": {"refuse": True},
    "out-of-quota": {"errcode": 45009},
}
STEP_PAUSE_SECONDS = 0.25


@dataclass
class Outcome:
    """What a run did and what the checker found."""

    killed: list[str] = field(default_factory=list)
    load: dict[str, Any] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    audit: str = ""
    """What ``fangpin audit verify`` printed, where it was not content."""

    @property
    def broken(self) -> dict[str, int]:
        """The promises that were broken."""
        fine = ("reports", "messages", "elsewhere")
        return {name: count for name, count in self.found.items() if count and name not in fine}


class Villages:
    """The people of one installation, met once; each run reports for households of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.first = 0
        self.people: list[tuple[str, str]] = []
        self.places: list[str] = []

    async def settle(self) -> None:
        """Make the cadres, the villagers and their phones."""
        async with parts_for(self.cluster.settings) as parts:
            self.places = await people.township(parts, VILLAGES)
            random.Random(1).shuffle(self.places)
            met = await people.followers(parts, VILLAGERS)
        url = self.cluster.settings.local_simulator_url
        async with aiohttp.ClientSession(url) as simulator:
            await people.in_simulator(simulator, VILLAGERS, 2 * VILLAGES)
        # Everybody calls from an address of their own.
        self.people = [(openid, f"10.1.{n // 250}.{n % 250 + 1}") for n, (openid, _) in enumerate(met)]

    @contextlib.asynccontextmanager
    async def reporting(self, record: Path, outcome: Outcome) -> AsyncIterator[None]:
        """Report at `RATE` as long as the block lasts; afterwards all reports are taken."""
        settings = self.cluster.settings
        urls = (settings.local_url, settings.local_simulator_url)
        pipe = asyncio.subprocess.PIPE
        process = await self.cluster.python(
            "tests.faults.load", *urls, str(RATE), str(record), stdin=pipe, stdout=pipe
        )
        assert process.stdin is not None
        given = {"people": self.people, "places": self.places, "first": self.first}
        process.stdin.write(json.dumps(given).encode() + b"\n")
        try:
            await process.stdin.drain()
            assert process.stdout is not None and await process.stdout.readline() == b"reporting\n"
            yield
            process.stdin.close()
            out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, "the load failed"
        outcome.load = json.loads(out)
        self.first += outcome.load["reports"]


async def killing(cluster: Cluster, rng: random.Random, outcome: Outcome) -> None:
    """Kill every kind of part, each as often as the others, in an order and at moments drawn from `rng`."""
    kinds = list(VICTIMS) * (KILLS // len(VICTIMS))
    rng.shuffle(kinds)
    for kind in kinds:
        await asyncio.sleep(rng.uniform(*GAP_SECONDS))
        outcome.killed.append(await cluster.kill(kind, rng))


async def settled(cluster: Cluster) -> None:
    """Wait until every message has gone out and every audit entry is sealed."""
    clock = clock_for(cluster.settings)
    assert isinstance(clock, SharedClock)
    moved, before = 0.0, -1
    async with parts_for(cluster.settings) as parts, asyncio.timeout(SETTLE_SECONDS):
        while True:
            try:
                left = await parts.stores.notices.count_on_the_way()
                unsealed = await parts.stores.audit.unsealed_count()
            except PyMongoError:
                left = unsealed = -1
            if not left and not unsealed:
                break
            if left == before and moved < MOVE_AT_MOST_SECONDS:
                clock.move(STEP_SECONDS)
                moved += STEP_SECONDS
            before = left
            await asyncio.sleep(0.3)
    clock.close()


async def checked(cluster: Cluster, records: list[Path], outcome: Outcome) -> None:
    """Let the checker compare, and verify the audit trail."""
    pipe = asyncio.subprocess.PIPE
    checker = await cluster.python("tests.faults.check", *map(str, records), stdout=pipe)
    out, _ = await checker.communicate()
    assert checker.returncode == 0, "the checker failed"
    outcome.found = json.loads(out)
    audit = await cluster.python("server", "audit", "verify", stdout=pipe, stderr=pipe)
    said, error = await audit.communicate()
    outcome.audit = "" if audit.returncode == 0 else (said + error).decode()


async def run(villages: Villages, name: str, trouble: Callable[[Outcome], Awaitable[None]]) -> Outcome:
    """One run: reports come in while `trouble` happens; everything comes back; the checker compares.

    The records of all runs on an installation are compared, so that a later run does not undo an earlier one.
    """
    cluster, outcome = villages.cluster, Outcome()
    async with villages.reporting(cluster.data_dir / f"record-{name}.jsonl", outcome):
        await trouble(outcome)
        await cluster.all_up()
    await settled(cluster)
    await checked(cluster, sorted(cluster.data_dir.glob("record-*.jsonl")), outcome)
    return outcome


async def kills(villages: Villages, seed: int) -> Outcome:
    """A run in which parts are killed at moments drawn from `seed`."""
    rng = random.Random(seed)
    return await run(villages, f"kills-{seed}", lambda outcome: killing(villages.cluster, rng, outcome))


async def troubling(cluster: Cluster, trouble: Mapping[str, Any], seconds: float, moved: float) -> None:
    """Let the platform be in trouble for some seconds, while the clock moves on by `moved` besides."""
    clock = clock_for(cluster.settings)
    assert isinstance(clock, SharedClock)
    steps = max(1, round(seconds / STEP_PAUSE_SECONDS))
    async with aiohttp.ClientSession(cluster.settings.local_simulator_url) as platform:
        async with platform.post("/_sim/faults", json={"path": "/cgi-bin/*", **trouble}) as answer:
            assert answer.status == 201, await answer.text()
        for _ in range(steps):
            await asyncio.sleep(seconds / steps)
            clock.move(moved / steps)
        await platform.delete("/_sim/faults")
    clock.close()


async def platform_trouble(villages: Villages, kind: str, seconds: float, moved: float = 0.0) -> Outcome:
    """A run in which the platform is in trouble of a kind of `TROUBLES`; meanwhile nobody is refused."""

    async def trouble(_: Outcome) -> None:
        await troubling(villages.cluster, TROUBLES[kind], seconds, moved)

    return await run(villages, kind, trouble)


async def losing_the_primary(villages: Villages, times: int) -> Outcome:
    """A run in which the replica set's primary is killed, `times` over, and comes back each time."""

    async def trouble(outcome: Outcome) -> None:
        for _ in range(times):
            await asyncio.sleep(GAP_SECONDS[1])
            primary = await villages.cluster.primary()
            await primary.kill()
            outcome.killed.append(primary.name)
            # The others have elected one of them when this answers.
            await villages.cluster.primary()
            await primary.up()

    return await run(villages, "primary", trouble)
