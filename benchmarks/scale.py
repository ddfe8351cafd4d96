"""Submitting reports through one and through two server processes, and what the processors do meanwhile."""

import json
import os
import statistics

from benchmarks import people
from benchmarks.processors import seconds_of
from benchmarks.results import keep
from benchmarks.stage import Stage, stage
from benchmarks.submit import CONCURRENCY, PER_RUN, RUNS, VILLAGERS
from server.parts import Parts, parts_for

WARM_UP = 200
#: What takes the processors' time, besides the load.
PARTS = ("server", "mongod", "redis")


async def run() -> None:
    """Five interleaved runs with one and with two servers; the medians, and the time of processors that each
    part took for a report while there were two."""
    async with stage() as made, parts_for(made.settings) as parts:
        signed_in = await people.villagers(parts, VILLAGERS)
        places = await people.places(parts)
        host = f"127.0.0.1:{made.settings.port}"
        requests = iter(
            people.request_bytes(host, signed_in[n % VILLAGERS][1], people.report(places[n % len(places)], n))
            for n in range(2 * RUNS * (PER_RUN + WARM_UP))
        )
        databases = await _databases(parts)
        first = await made.start("serve")
        rates: dict[str, list[float]] = {"one": [], "two": []}
        spent: dict[str, list[float]] = {part: [] for part in (*PARTS, "load", "all")}
        for index in range(RUNS):
            for name, found in rates.items():
                servers = [first] if name == "one" else [first, await made.start("serve")]
                pids = {"server": [server.pid for server in servers], **databases}
                await _load(made, [next(requests) for _ in range(WARM_UP)])
                before = seconds_of(pids)
                result = await _load(made, [next(requests) for _ in range(PER_RUN)])
                took = {part: after - before[part] for part, after in seconds_of(pids).items()}
                took["load"] = result["busy"] * result["seconds"]
                took["all"] = sum(took.values())
                found.append(result["rate"])
                if name == "two":
                    for part, seconds in took.items():
                        spent[part].append(1000 * seconds / PER_RUN)
                    await made.stop(servers[1])
                shown = ", ".join(f"{part} {1000 * s / PER_RUN:.1f}" for part, s in took.items())
                print(f"  run {index + 1}, {name}: {found[-1]:.0f}/s; ms a report: {shown}", flush=True)
    one, two = (statistics.median(found) for found in rates.values())
    keep("scale/one", one, "reports/s")
    keep("scale/two", two, "reports/s", one)
    # All that the processors had to give in the time of a report.
    keep("scale/cpu-ms-all", statistics.median(spent.pop("all")), "ms", 1000 * (os.cpu_count() or 1) / two)
    total = sum(statistics.median(found) for found in spent.values())
    for part, found in spent.items():
        keep(f"scale/cpu-ms-{part}", statistics.median(found), "ms", total)


async def _databases(parts: Parts) -> dict[str, list[int]]:
    """The process ids of the databases, which they tell themselves."""
    status = await parts.mongo.admin.command("serverStatus")
    return {"mongod": [int(status["pid"])], "redis": [int((await parts.redis.info("server"))["process_id"])]}


async def _load(made: Stage, requests: list[bytes]) -> dict[str, float]:
    """Send the requests; the load's seconds, rate, and how busy it was itself."""
    argv = ("closed", "127.0.0.1", str(made.settings.port), str(CONCURRENCY))
    result = json.loads(await made.run("benchmarks.load", *argv, given=people.encoded(requests)))
    if result["statuses"] != {"201": len(requests)}:
        raise RuntimeError(f"not all were taken: {result['statuses']}")
    return {name: float(result[name]) for name in ("seconds", "rate", "busy")}
