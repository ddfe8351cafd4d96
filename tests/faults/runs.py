"""Runs under load: something breaks, everything comes back, and the checker compares."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import people
from casework.notices.model import ON_THE_WAY
from server.clock import SharedClock, clock_for
from server.parts import parts_for
from tests.faults.cluster import Cluster

RATE = 50.0
VILLAGERS = 200
VILLAGES = 100
#: How often each kind of part is killed in a run: those that are back in no time more often.
KILLS = {
    "redis": 4,
    "redis-data": 4,
    "mongod": 3,
    "simulator": 3,
    "server": 3,
    "worker": 2,
    "sealer": 2,
}
#: The moments of the kills lie within so many seconds.
KILLING_SECONDS = 6.0
SETTLE_SECONDS = 240.0
#: When nothing goes on any more, the clock is moved to where something does: what waits for a lease or a
#: pause need not be waited for. In all it stays below the ten minutes in which the platform drops doubles.
MOVE_AT_MOST = timedelta(minutes=9)
QUIET_SECONDS = 0.4
#: What the platform may be: the simulator's faults, see `wechat.simulator.bodies.FaultBody`.
TROUBLES: Mapping[str, Mapping[str, Any]] = {
    "silent": {"silence": True},
    "slow": {"latency_ms": 5000},
    "refusing": {"refuse": True},
    "out-of-quota": {"errcode": 45009},
}
STEP_PAUSE_SECONDS = 0.25
#: How long a replica set works before its primary is killed.
BEFORE_SECONDS = 1.0


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
    """Kill as `KILLS` says, at moments drawn from `rng`: several parts may be away at once, and what is to be
    killed while it is away is killed as soon as it is back."""

    async def kill(kind: str, moment: float, choice: random.Random) -> None:
        await asyncio.sleep(moment)
        outcome.killed.append(await cluster.kill(kind, choice))

    kinds = [kind for kind, times in KILLS.items() for _ in range(times)]
    plan = [(kind, rng.uniform(0, KILLING_SECONDS), random.Random(rng.random())) for kind in kinds]
    await asyncio.gather(*(kill(*one) for one in plan))


async def settled(cluster: Cluster) -> None:
    """Wait until every message has gone out and every audit entry is sealed."""
    clock = clock_for(cluster.settings)
    assert isinstance(clock, SharedClock)
    moved, before = timedelta(0), -1
    async with parts_for(cluster.settings) as parts, asyncio.timeout(SETTLE_SECONDS):
        notices = parts.mongo[parts.settings.mongodb_database]["notices"]
        while True:
            left = await parts.stores.notices.count_on_the_way()
            if not left and not await parts.stores.audit.unsealed_count():
                break
            if left and left == before:
                # What waits behind a message that a dead worker has claimed waits for that one's lease, and
                # what waits for the platform, due long ago or not, for whoever finds out next.
                later = {"due_at": {"$gt": clock.now()}}
                first = await notices.find_one({"state": "sending", **later}, sort=[("due_at", 1)])
                if first is None:
                    active = {"state": {"$in": list(ON_THE_WAY)}, **later}
                    first = await notices.find_one(active, sort=[("due_at", 1)])
                wait = first["due_at"] - clock.now() if first else timedelta(0)
                if timedelta(0) < wait < MOVE_AT_MOST - moved:
                    clock.move(wait.total_seconds())
                    moved += wait
            before = left
            await asyncio.sleep(QUIET_SECONDS)
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


async def troubling(cluster: Cluster, kind: str, seconds: float, moved: float) -> None:
    """Let the platform be in trouble of a kind of `TROUBLES` for some seconds, while the clock moves on by
    `moved` besides."""
    clock = clock_for(cluster.settings)
    assert isinstance(clock, SharedClock)
    steps = max(1, round(seconds / STEP_PAUSE_SECONDS))
    async with aiohttp.ClientSession(cluster.settings.local_simulator_url) as platform:
        async with platform.post("/_sim/faults", json={"path": "/cgi-bin/*", **TROUBLES[kind]}) as answer:
            assert answer.status == 201, await answer.text()
        for _ in range(steps):
            await asyncio.sleep(seconds / steps)
            clock.move(moved / steps)
        await platform.delete("/_sim/faults")
    clock.close()


async def platform_in_trouble(
    villages: Villages, kinds: Iterable[str], seconds: float, moved: float = 0.0
) -> Outcome:
    """A run in which the platform is in one trouble after the other."""

    async def trouble(_: Outcome) -> None:
        for kind in kinds:
            await troubling(villages.cluster, kind, seconds, moved)

    return await run(villages, "trouble", trouble)


async def losing_the_primary(villages: Villages, times: int) -> Outcome:
    """A run in which the replica set's primary is killed, `times` over, and comes back each time."""

    async def trouble(outcome: Outcome) -> None:
        for _ in range(times):
            await asyncio.sleep(BEFORE_SECONDS)
            primary = await villages.cluster.primary()
            await primary.kill()
            outcome.killed.append(primary.name)
            # The others have elected one of them when this answers.
            await villages.cluster.primary()
            await primary.up()

    return await run(villages, "primary", trouble)
