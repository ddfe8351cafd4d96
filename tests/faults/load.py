"""The load, as a process of its own: villagers who report, whatever happens, until their report is taken.

``python -m tests.faults.load URL SIMULATOR RATE RECORD`` reads ``{"people": [[openid, address]…], "places":
[…], "first": number}`` from the first line of its input, and starts a report every 1/RATE seconds until its
input ends. Each report has a key of its own; without a 201 it is sent again under the same key. Every try is
a line of RECORD, its status 0 where there was no answer.
At the end some reports that were taken are sent once more. Prints a line ``reporting`` when it
begins, and at the end one JSON object: how many reports and tries, how many of these were not answered with
201, how long the longest time without a 201 was (seconds), and the rate at which reports began.
"""

import asyncio
import itertools
import json
import random
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import people

TIMEOUT = aiohttp.ClientTimeout(total=12)
#: Before the second try; before each further one longer, up to the last.
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)
#: After the last new report, so long until all are taken.
PATIENCE_SECONDS = 240.0
AGAIN = 25


class Villager:
    """One person with a phone; signs in anew when the session has gone."""

    def __init__(self, http: aiohttp.ClientSession, urls: tuple[str, str], openid: str, address: str) -> None:
        self._http = http
        self._service, self._platform = urls
        self._openid = openid
        self._headers = {"X-Forwarded-For": address}
        self._token: str | None = None
        self._signing_in = asyncio.Lock()

    async def post(self, path: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any], bool]:
        """(status, answer, whether it is a repeated one); status 0 where no answer came."""
        try:
            token = await self._signed_in()
            sent = self._headers | headers | {"Authorization": f"Bearer {token}"}
            async with self._http.post(f"{self._service}{path}", json=body, headers=sent) as answer:
                if answer.status == 401:
                    self._token = None
                found = await answer.json(content_type=None)
                return answer.status, found, "Idempotency-Replayed" in answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0, {}, False

    async def _signed_in(self) -> str:
        async with self._signing_in:
            if self._token is None:
                code = await self._json("GET", f"{self._platform}/_sim/login-code?openid={self._openid}")
                body = {"code": code["code"]}
                self._token = str((await self._json("POST", f"{self._service}/api/session", body))["token"])
            return self._token

    async def _json(self, method: str, url: str, body: Any = None) -> dict[str, Any]:
        async with self._http.request(method, url, json=body, headers=self._headers) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found


class Load:
    """All reports of one run, and the record of their tries."""

    def __init__(self, record: Path, villagers: list[Villager], places: list[str], first: int) -> None:
        self._record = record.open("a", buffering=1)
        self._villagers = villagers
        self._places = places
        self._first = first
        self.tries = self.refused = 0
        self.taken: list[tuple[int, str, str]] = []
        self._last = time.monotonic()
        self.longest_gap = 0.0

    async def report(self, number: int, key: str) -> None:
        """Report until it is taken."""
        id_ = await self._until_taken(number, key)
        now = time.monotonic()
        self.longest_gap = max(self.longest_gap, now - self._last)
        self._last = now
        self.taken.append((number, key, id_))

    async def again(self, number: int, key: str, id_: str) -> None:
        """Send a report that was taken once more; raises when it is not answered as the first time."""
        assert await self._until_taken(number, key) == id_, f"the key {key} made two reports"

    async def _until_taken(self, number: int, key: str) -> str:
        """Send a report until it is answered with 201; its id."""
        for pause in itertools.chain(PAUSES_SECONDS, itertools.repeat(PAUSES_SECONDS[-1])):
            status, answer = await self._send(number, key)
            if status == 201:
                return str(answer["id"])
            # Those who were refused together do not come back together.
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
        raise AssertionError("unreachable")

    async def _send(self, number: int, key: str) -> tuple[int, dict[str, Any]]:
        villager = self._villagers[number % len(self._villagers)]
        form = people.report(self._places[number % len(self._places)], self._first + number)
        status, answer, replayed = await villager.post("/api/intakes", form, {"Idempotency-Key": key})
        self.tries += 1
        self.refused += status != 201
        line = {"key": key, "status": status, "id": answer.get("id"), "number": answer.get("number")}
        line |= {"replayed": replayed, "at": time.time(), "code": answer.get("code")}  # noqa: TID251
        self._record.write(json.dumps(line) + "\n")
        return status, answer


async def run(urls: tuple[str, str], rate: float, record: Path) -> dict[str, Any]:
    """Report until the input ends; then until all reports are taken."""
    loop = asyncio.get_running_loop()
    given = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    ended = loop.run_in_executor(None, sys.stdin.read)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=TIMEOUT, connector=connector) as http:
        villagers = [Villager(http, urls, openid, address) for openid, address in given["people"]]
        load = Load(record, villagers, given["places"], given["first"])
        print("reporting", flush=True)
        begun = loop.time()
        reports: list[asyncio.Task[None]] = []
        while not ended.done():
            reports.append(asyncio.ensure_future(load.report(len(reports), str(uuid.uuid4()))))
            await asyncio.sleep(max(0.0, begun + len(reports) / rate - loop.time()))
        seconds = loop.time() - begun
        # A load that was kept from its processor makes good what it has missed.
        missed = range(len(reports), round(rate * seconds))
        reports += [asyncio.ensure_future(load.report(number, str(uuid.uuid4()))) for number in missed]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*reports)
            sample = random.sample(load.taken, min(AGAIN, len(load.taken)))
            await asyncio.gather(*(load.again(*one) for one in sample))
    return {
        "reports": len(reports),
        "tries": load.tries,
        "refused": load.refused,
        "rate": len(reports) / seconds,
        "longest_gap": load.longest_gap,
    }


if __name__ == "__main__":
    service, simulator, rate_, record_ = sys.argv[1:]
    print(json.dumps(asyncio.run(run((service, simulator), float(rate_), Path(record_)))))
