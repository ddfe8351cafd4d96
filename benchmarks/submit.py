"""Submitting reports: the whole service in one process against the bare driver."""

import json
import statistics

from benchmarks import people
from benchmarks.results import keep
from benchmarks.stage import Stage, stage
from server.parts import parts_for

CONCURRENCY = 32
RUNS = 5
PER_RUN = 1500
VILLAGERS = 400


async def run() -> None:
    """Five interleaved runs of each; the median of each, and their ratio."""
    async with stage() as made:
        settings = made.settings
        async with parts_for(settings) as parts:
            signed_in = await people.villagers(parts, VILLAGERS)
            places = await people.places(parts)
        host = f"127.0.0.1:{settings.port}"
        requests = [
            people.request_bytes(host, signed_in[n % VILLAGERS][1], people.report(places[n % len(places)], n))
            for n in range(PER_RUN * RUNS + 200)
        ]
        await made.start("serve", ready=f"{settings.local_url}/healthz")
        await load(made, requests[-200:])
        rates: list[float] = []
        bare: dict[str, list[float]] = {"motor": [], "hop": []}
        for index in range(RUNS):
            rates.append(await load(made, requests[index * PER_RUN : (index + 1) * PER_RUN]))
            for way, found in bare.items():
                out = await made.run("benchmarks.bare", str(PER_RUN), str(CONCURRENCY), way)
                found.append(json.loads(out)["rate"])
            print(
                f"  run {index + 1}: service {rates[-1]:.0f}/s, bare driver {bare['motor'][-1]:.0f}/s, "
                f"in one hop {bare['hop'][-1]:.0f}/s",
                flush=True,
            )
    rate = statistics.median(rates)
    keep("submit", rate, "reports/s", statistics.median(bare["motor"]))
    keep("submit/one-hop", rate, "reports/s", statistics.median(bare["hop"]))


async def load(made: Stage, requests: list[bytes]) -> float:
    """Send the reports, all of which are to be taken; reports a second."""
    argv = ("closed", "127.0.0.1", str(made.settings.port), str(CONCURRENCY))
    result = json.loads(await made.run("benchmarks.load", *argv, given=people.encoded(requests)))
    if result["statuses"] != {"201": len(requests)}:
        raise RuntimeError(f"not all were taken: {result['statuses']}")
    return float(result["rate"])
