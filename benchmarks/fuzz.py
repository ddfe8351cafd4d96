"""A long hail of hostile requests on the real web process: faults, hangs, and what it costs in memory.

The requests are those of `tests/hostile`, from this process; the service is one of its own, with a worker
that applies what it has kept. Every round has a seed of its own and moves the clock on, so that no rate limit
of the round before stands in the way.
"""

import itertools
import sys
from pathlib import Path

import aiohttp

from benchmarks.results import keep
from benchmarks.stage import Stage, stage
from server.parts import Parts, parts_for
from tests.hostile.broken_callbacks import Account, broken_callback, ordinary_callback
from tests.hostile.strange_requests import Document, World, make_world, strange_request, tokens
from tests.hostile.wire import Fault, Found, Hang, Shot, Tally, errors_in, fire, request
from tests.support import Phones, place_of

ROUNDS = 40
#: In each round so many callbacks, and for each operation so many requests of either sort.
CALLBACKS = 1800
EACH = 12
SEED = 20_261_121
ROUND_SECONDS = 601
#: The memory that the second half may add: fragments of large bodies, but nothing that goes on growing.
GROWTH_MB = 8.0
SHOWN = 5


def memory_mb(pid: int) -> float:
    """The resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory: it has ended")


async def run() -> None:
    """All rounds; keeps the rows, and raises when there was a fault, a hang, a wrong answer, an unexpected
    error in a log, or memory that goes on growing."""
    async with stage() as made, parts_for(made.settings) as parts, aiohttp.ClientSession() as http:
        settings = made.settings
        service = await made.start("serve", ready=f"{settings.local_url}/healthz")
        await made.start("worker")
        phones = Phones(http, settings.local_simulator_url, settings.local_url)
        world = await make_world(phones, settings.mp_app_id, await place_of(parts, "431021101201001"))
        async with http.get(f"{settings.local_url}/api/openapi.json") as answer:
            document = Document.read(await answer.json())
        tally, memory = Tally(), []
        for number in range(ROUNDS):
            met = len(tally.found)
            await _round(parts, world, document, SEED + number, tally)
            for one in tally.found[met:]:
                print(f"  {type(one).__name__} with seed {SEED + number}: {one}", file=sys.stderr, flush=True)
            memory.append(memory_mb(service.pid))
            print(
                f"  round {number + 1}: {tally.requests} requests, {len(tally.found)} found, "
                f"slowest {tally.slowest:.2f} s, {memory[-1]:.0f} MB",
                flush=True,
            )
            if len(tally.found) >= SHOWN:
                break
            await phones.control("POST", "clock", {"advance_seconds": ROUND_SECONDS})
        logged = _errors(made)
    _judge(tally, memory, logged)


async def _round(parts: Parts, world: World, document: Document, seed: int, tally: Tally) -> None:
    account, port = Account.main(parts.settings), parts.settings.port

    def ordinary(number: int) -> Shot:
        if number % 2:
            return ordinary_callback(account, seed * 1000 + number, parts.clock.time())
        return Shot("ordinary", request("GET", "/readyz"), frozenset({200}), "GET")

    callbacks = (broken_callback(account, seed, number, parts.clock.time()) for number in range(CALLBACKS))
    tally.add(await fire(port, callbacks, ordinary))
    drawn = document.draw(EACH, seed)
    signed_in = await tokens(parts.services.sessions, world.people, len(drawn))
    strange = (
        strange_request(world, one, token, seed, number)
        for number, (one, token) in enumerate(zip(drawn, signed_in, strict=True))
    )
    tally.add(await fire(port, strange, ordinary, document.check))


def _errors(made: Stage) -> list[str]:
    """What the logs of the service and of the worker say of faults."""
    found: list[str] = []
    for name in ("serve.log", "worker.log"):
        with (made.settings.data_dir / name).open("rb") as log:
            found += (f"{name}: {line}" for line in itertools.islice(errors_in(log), SHOWN))
    return found


def _judge(tally: Tally, memory: list[float], logged: list[str]) -> None:
    tenth, middle = memory[max(0, len(memory) // 10 - 1)], memory[len(memory) // 2 - 1]
    growth = memory[-1] - middle
    print(f"  answers: {tally.statuses()}; {tally.ordinary} ordinary requests in between")
    print(f"  memory: {tenth:.0f} MB after a tenth, {middle:.0f} half way, {memory[-1]:.0f} at the end")
    keep("fuzz/requests", tally.requests + tally.ordinary, "requests")
    keep("fuzz/500s", sum(isinstance(one, Fault) for one in tally.found), "answers")
    keep("fuzz/hangs", sum(isinstance(one, Hang) for one in tally.found), "requests")
    keep("fuzz/slowest", tally.slowest * 1000, "ms")
    keep("fuzz/memory-growth", memory[-1] - tenth, "MB")
    print(*logged, sep="\n", file=sys.stderr)
    if tally.found:
        raise Found(tally.found[0].shot, tally.found[0].why)
    if logged:
        raise RuntimeError("the log speaks of faults")
    if growth > GROWTH_MB:
        raise RuntimeError(f"the second half took {growth:.1f} MB more, wanted at most {GROWTH_MB}")
