"""Servers and workers are restarted one after the other, and nobody notices."""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from benchmarks import people
from benchmarks.stage import Stage, stage
from casework.audit.service import verify
from server.parts import Parts, parts_for
from tests.support import count, documents, until

REPORTS_A_SECOND = 30
READS_A_SECOND = 10
CALLBACKS_A_SECOND = 5
#: So many of a kind are under way at most: where the machine is slow, the load waits for it.
AT_ONCE = 24
#: People whose phone keeps a connection that it uses now and then.
SLOW_READERS = 6
SLOW_SECONDS = 1.1
ANSWER_SECONDS = 20
VILLAGERS = 80
VILLAGES = 40
#: How long the platform takes to answer, so that workers are told to stop while they send.
LATENCY_MS = 80
#: A message that a stopped worker had kept for itself would wait for the end of its lease, 30 s.
LONGEST_WAY = 20.0


@dataclass
class Clients:
    """Clients that repeat nothing: whatever goes wrong with a connection is a failed request."""

    port: int
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    told_to_go: int = 0

    async def send(self, request: bytes, wanted: int, *, kept: bool) -> Any:
        """Send a request over a kept connection or one of its own; its answer, None if it failed."""
        connection = self.idle.pop() if kept and self.idle else None
        kind = "used connection" if connection else "new connection"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = connection or await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                at = head.index(b"content-length:")
                body = await reader.readexactly(int(head[at + 15 : head.index(b"\r\n", at)]))
        except (OSError, EOFError) as error:
            self.failed[f"{kind}: {type(error).__name__}"] += 1
            return None
        told_to_go = b"connection: close" in head
        self.told_to_go += told_to_go
        if kept and not told_to_go:
            self.idle.append((reader, writer))
        else:
            writer.close()
        status = int(head[9:12])
        (self.answered if status == wanted else self.failed)[f"{kind}: {status}"] += 1
        return json.loads(body) if status == wanted else None


class Load:
    """Everything that people do meanwhile, until `over`."""

    def __init__(
        self,
        port: int,
        simulator: aiohttp.ClientSession,
        places: list[str],
        villagers: list[tuple[str, str]],
    ) -> None:
        self.port = port
        self.clients = Clients(port)
        self.over = asyncio.Event()
        self.reported: dict[str, float] = {}
        """When a report was accepted, by its number."""
        self.callbacks: Counter[tuple[bool, int]] = Counter()
        """(whether the account took what somebody wrote, how often the platform had to try)"""
        self._simulator = simulator
        self._places = places
        self._people = villagers

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._at_a_rate(REPORTS_A_SECOND, self._report))
            group.create_task(self._at_a_rate(READS_A_SECOND, self._read))
            group.create_task(self._at_a_rate(CALLBACKS_A_SECOND, self._write))
            for number in range(SLOW_READERS):
                group.create_task(self._read_slowly(number))

    async def _at_a_rate(self, rate: float, do: Callable[[int], Awaitable[None]]) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            try:
                await do(number)
            finally:
                room.release()

        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                if self.over.is_set():
                    break
                await room.acquire()
                group.create_task(one(number))
                await asyncio.sleep(1 / rate)

    async def _report(self, number: int) -> None:
        _, token = self._people[number % VILLAGERS]
        form = people.report(self._places[number % len(self._places)], number)
        request = people.request_bytes(f"127.0.0.1:{self.port}", token, form)
        answer = await self.clients.send(request, 201, kept=number % 2 == 0)
        if answer is not None:
            # The simulator notes arrivals by the real clock too.
            self.reported[answer["number"]] = time.time()  # noqa: TID251

    async def _read(self, number: int) -> None:
        await self.clients.send(self._reading(number % VILLAGERS), 200, kept=number % 2 == 0)

    async def _read_slowly(self, number: int) -> None:
        own = Clients(self.port, answered=self.clients.answered, failed=self.clients.failed)
        while not self.over.is_set():
            await own.send(self._reading(number), 200, kept=True)
            await asyncio.sleep(SLOW_SECONDS)
        self.clients.idle += own.idle

    def _reading(self, number: int) -> bytes:
        head = f"Host: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self._people[number][1]}"
        return f"GET /api/inbox HTTP/1.1\r\n{head}\r\n\r\n".encode()

    async def _write(self, number: int) -> None:
        deed = {"openid": self._people[number % VILLAGERS][0], "type": "text", "content": "帮扶政策"}
        async with self._simulator.post("/_sim/events", json=deed) as answer:
            told = await answer.json()
        self.callbacks[told["accepted"], len(told["tries"])] += 1

    def close(self) -> None:
        for _, writer in self.clients.idle:
            writer.close()


async def restart_in_turn(made: Stage, command: str, processes: list[asyncio.subprocess.Process]) -> None:
    """Replace each process by another one, twice."""
    for index, process in enumerate(processes):  # as `systemctl restart` does
        await made.stop(process)
        processes[index] = await made.start(command)
    for index, process in enumerate(processes):  # as Kubernetes does
        processes[index], _ = await asyncio.gather(made.start(command), made.stop(process))
    assert {process.returncode for process in made.processes} <= {0, None}


async def arrivals(simulator: aiohttp.ClientSession) -> list[tuple[str, float]]:
    """The number of the report and the time of each task message on a cadre's phone."""
    async with simulator.get("/_sim/inbox", params={"limit": "100000"}) as answer:
        items = (await answer.json())["items"]
    found = []
    for item in items:
        if item["channel"] != "template":
            continue
        values = {key: value["value"] for key, value in item["data"].items()}
        if "您有新的核实任务" in values.values():
            found.append((values["character_string2"].replace(" ", ""), item["received_at"]))
    return found


async def check_trail(parts: Parts) -> None:
    """Every audit entry gets sealed, and the chain is whole, though sealers took turns."""

    async def sealed() -> bool:
        return await parts.stores.audit.unsealed_count() == 0

    await until(sealed, what="the seal of the last entry")
    verdict = await verify(
        parts.stores.audit, parts.clock, parts.checkpoints.read, parts.checkpoints.signature_ok
    )
    assert verdict.faults == []


@pytest.mark.gen_test(timeout=240)
async def test_a_rolling_restart_under_load_fails_loses_and_doubles_nothing() -> None:
    async with (
        stage() as made,
        parts_for(made.settings) as parts,
        aiohttp.ClientSession(made.settings.local_simulator_url) as simulator,
    ):
        places = await people.township(parts, VILLAGES)
        random.Random(1).shuffle(places)
        villagers = await people.villagers(parts, VILLAGERS)
        await people.in_simulator(simulator, VILLAGERS, 2 * VILLAGES)
        await simulator.post("/_sim/config", json={"latency_ms": LATENCY_MS})
        names = ("serve", "serve", "worker", "worker")
        started = await asyncio.gather(*(made.start(name) for name in names))
        servers, workers = started[:2], started[2:]
        load = Load(made.settings.port, simulator, places, villagers)

        async def restart() -> None:
            await asyncio.gather(
                restart_in_turn(made, "serve", servers), restart_in_turn(made, "worker", workers)
            )
            load.over.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(load.run())
            group.create_task(restart())
        load.close()
        assert load.clients.failed == {}
        assert load.clients.answered.keys() >= {"used connection: 201", "new connection: 201"}
        assert load.clients.told_to_go > 0
        assert set(load.callbacks) == {(True, 1)}

        async def all_there() -> list[tuple[str, float]] | None:
            found = await arrivals(simulator)
            return found if load.reported.keys() <= {number for number, _ in found} else None

        arrived = await until(all_there, seconds=LONGEST_WAY, what="the last message")
        assert len(arrived) == len(load.reported) == (await count(parts, "intakes"))[0]
        assert max(at - load.reported[number] for number, at in arrived) < LONGEST_WAY
        await check_trail(parts)
        for process in servers:
            process.kill()
        await asyncio.gather(*(made.stop(process) for process in workers))
        assert [n["_id"] for n in await documents(parts, "notices") if n["lease"]] == []
