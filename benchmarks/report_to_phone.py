"""From pressing the button to the cadre's phone: open loop, everything on this machine."""

import asyncio
import json
import random
import statistics
from typing import Any

import aiohttp

from benchmarks import people
from benchmarks.results import keep
from benchmarks.stage import stage
from server.parts import parts_for

RATE = 50
SECONDS = 30
WARM_UP = 100
VILLAGERS = 500
VILLAGES = 100
LATENCY_MS = 80
SETTLE_SECONDS = 60
SEED = 1


async def run() -> None:
    """One run of 30 s: percentiles of the time from the start of the request to the inbox."""
    async with stage() as made:
        settings = made.settings
        async with parts_for(settings) as parts:
            places = await people.township(parts, VILLAGES)
            # Reports do not come house by house: neighbours' would all go to one cadre, one after the other.
            random.Random(SEED).shuffle(places)
            signed_in = await people.villagers(parts, VILLAGERS)
        host = f"127.0.0.1:{settings.port}"
        count = RATE * SECONDS
        requests = [
            people.request_bytes(host, signed_in[n % VILLAGERS][1], people.report(places[n % len(places)], n))
            for n in range(count + WARM_UP)
        ]
        await made.start("serve", ready=f"{settings.local_url}/healthz")
        await made.start("worker")
        async with aiohttp.ClientSession(base_url=settings.local_simulator_url) as simulator:
            await people.in_simulator(simulator, VILLAGERS, 2 * VILLAGES)
            await simulator.post("/_sim/config", json={"latency_ms": LATENCY_MS})
            load = ("open", "127.0.0.1", str(settings.port), str(RATE))
            await made.run("benchmarks.load", *load, given=people.encoded(requests[count:]))
            out = await made.run("benchmarks.load", *load, given=people.encoded(requests[:count]))
            reports = json.loads(out)["reports"]
            refused = [r["status"] for r in reports if r["status"] != 201]
            arrivals = await _arrivals(simulator, {r["number"] for r in reports})
    times = sorted(arrivals[r["number"]][0] - r["started"] for r in reports if arrivals.get(r["number"]))
    lost = sum(not arrivals.get(r["number"]) for r in reports)
    doubled = sum(len(arrivals.get(r["number"], ())) > 1 for r in reports)
    cuts = statistics.quantiles(times, n=100)
    keep("report-to-phone/p50", cuts[49] * 1000, "ms")
    keep("report-to-phone/p99", cuts[98] * 1000, "ms")
    print(
        f"  {len(reports)} reports, {len(refused)} refused, {lost} lost, {doubled} doubled, "
        f"slowest {times[-1] * 1000:.0f} ms"
    )
    if refused or lost or doubled:
        raise RuntimeError("a report was refused, lost or doubled")


async def _arrivals(simulator: aiohttp.ClientSession, wanted: set[str]) -> dict[str, list[float]]:
    """When each report arrived on the cadre's phone, by number; waits until all have, or a minute."""
    found: dict[str, list[float]] = {}
    for _ in range(SETTLE_SECONDS * 4):
        async with simulator.get("/_sim/inbox", params={"limit": "100000"}) as answer:
            items: list[dict[str, Any]] = (await answer.json())["items"]
        found = {}
        for item in items:
            values = {key: value["value"] for key, value in (item["data"] or {}).items()}
            if item["openid"].startswith("oCadre") and "您有新的核实任务" in values.values():
                number = values["character_string2"].replace(" ", "")
                found.setdefault(number, []).append(item["received_at"])
        if wanted <= found.keys():
            break
        await asyncio.sleep(0.25)
    return found
