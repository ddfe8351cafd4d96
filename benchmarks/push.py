"""Pushing messages to phones: the push path against the bare HTTP client, and what one worker drains.

Receipts are switched off, since they are the callback's work and would come from a simulator on the same
processors.
"""

import asyncio
import functools
import json
import statistics
from typing import Any

import aiohttp

from benchmarks import people
from benchmarks.pusher import FIELDS, KIND, LINK
from benchmarks.results import keep
from benchmarks.stage import Stage, stage
from server.parts import Parts, parts_for, redis_client
from wechat import paths

CONCURRENCY = 64
RUNS = 5
PER_RUN = 3000
LATENCY_MS = 80
BATCH = 500
COLD_PROCESSES = 8
DRAIN_SECONDS = 120


async def run() -> None:
    """Five interleaved runs of the push path, the bare client and the outbox; then the cold starts."""
    async with stage() as made, aiohttp.ClientSession(made.settings.local_simulator_url) as simulator:
        async with parts_for(made.settings) as parts:
            recipients = [person_id for _, person_id in await people.followers(parts, PER_RUN)]
            await people.in_simulator(simulator, PER_RUN, 0)
            await simulator.post("/_sim/config", json={"latency_ms": LATENCY_MS, "callback_url": None})
            numbers = (str(PER_RUN), str(CONCURRENCY))
            path_rates, bare_rates, outbox_rates = [], [], []
            for index in range(RUNS):
                path = json.loads(await made.run("benchmarks.pusher", "carry", *numbers))
                # What the push path posted is what the bare client posts.
                given = json.dumps(await _last_message(simulator)).encode()
                bare = json.loads(await made.run("benchmarks.pusher", "bare", *numbers, given=given))
                path_rates.append(path["rate"])
                bare_rates.append(bare["rate"])
                outbox_rates.append(await _drain(made, parts, simulator, recipients))
                print(
                    f"  run {index + 1}: push path {path['rate']:.0f}/s ({path['busy']:.0%} busy), "
                    f"bare client {bare['rate']:.0f}/s ({bare['busy']:.0%} busy), "
                    f"outbox {outbox_rates[-1]:.0f}/s",
                    flush=True,
                )
        fetches = max([await _cold_start(made, simulator) for _ in range(RUNS)])
    against = statistics.median(bare_rates)
    keep("push", statistics.median(path_rates), "messages/s", against)
    keep("push/outbox", statistics.median(outbox_rates), "messages/s", against)
    keep("push-token-fetches", fetches, "fetches")
    if fetches != 1:
        raise RuntimeError("processes that start together fetched more than one token")


async def _calls(simulator: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with simulator.get("/_sim/calls", params={"path": path}) as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def _last_message(simulator: aiohttp.ClientSession) -> dict[str, Any]:
    """The body of the latest message, as the simulator received it."""
    message: dict[str, Any] = (await _calls(simulator, paths.TEMPLATE_SEND.path))["items"][-1]["body"]
    return message


async def fill_outbox(parts: Parts, recipients: list[str]) -> None:
    """Put a message to each recipient into the outbox."""
    notices = parts.services.notices
    for start in range(0, len(recipients), BATCH):
        batch = [
            notices.compose(f"person:{id_}", KIND, FIELDS, ref=f"person:{id_}", areas=[], link=LINK)
            for id_ in recipients[start : start + BATCH]
        ]
        await parts.unit.run(functools.partial(notices.add, notices=batch))


async def drained(parts: Parts) -> None:
    """Wait until the outbox is empty."""
    # The outbox is asked and not the simulator, which is busy enough.
    async with asyncio.timeout(DRAIN_SECONDS):
        while await parts.stores.notices.count_on_the_way():
            await asyncio.sleep(0.25)


async def _drain(made: Stage, parts: Parts, simulator: aiohttp.ClientSession, recipients: list[str]) -> float:
    """Put a message to each recipient into the outbox, and let one worker carry them; messages a second
    from the first to the last arrival. Raises when one is lost or doubled."""
    await fill_outbox(parts, recipients)
    await simulator.delete("/_sim/inbox")
    worker = await made.start("worker")
    await drained(parts)
    await made.stop(worker)
    async with simulator.get("/_sim/inbox") as answer:
        items = (await answer.json())["items"]
    if len(items) != len(recipients) or len({item["openid"] for item in items}) != len(recipients):
        raise RuntimeError(f"{len(items)} messages arrived of {len(recipients)}")
    times = [item["received_at"] for item in items]
    return (len(times) - 1) / (max(times) - min(times))


async def _cold_start(made: Stage, simulator: aiohttp.ClientSession) -> int:
    """Start processes that know no token, let them push at the same moment; how many tokens they fetched."""
    redis = redis_client(made.settings.redis_url.get_secret_value())
    await redis.flushall()
    await redis.aclose()
    before = (await _calls(simulator, paths.STABLE_TOKEN.path))["count"]
    processes = [await made.begin("benchmarks.pusher", "cold", str(n)) for n in range(COLD_PROCESSES)]
    for process in processes:
        if process.stdout is None or await process.stdout.readline() != b"ready\n":
            raise RuntimeError("a process did not become ready")
    for process in processes:
        if process.stdin is not None:
            process.stdin.close()
    if any([await process.wait() for process in processes]):
        raise RuntimeError("a process did not push its message")
    return (await _calls(simulator, paths.STABLE_TOKEN.path))["count"] - before
