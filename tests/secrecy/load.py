"""People who go on reporting and reading while something is done to the service."""

import asyncio
import contextlib
import itertools
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.secrecy.story import PLACE_CODE, snapshot, spoken
from tests.support import Client, Phones, Reply, report_form

#: After so many requests somebody opens the app anew, and stays below the limits of one session.
REQUESTS_A_SESSION = 100
REPORTS_MOST = 15
TRIES = 400
#: People look at what they read: the load is constant, and leaves the machine to what is done meanwhile.
LOOK_SECONDS = 0.1


@dataclass
class Tally:
    """What was asked, and what went wrong with it."""

    reads: int = 0
    writes: int = 0
    cut_off: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Household:
    """What a person knows that they have reported."""

    id: str
    id_no: str
    task: str
    statement: str


class Person:
    """Somebody with a phone who reports, and reads what they reported."""

    def __init__(self, phones: Phones, key: str, numbers: Iterator[int], tally: Tally) -> None:
        self.phones = phones
        self.key = key
        self.numbers = numbers
        self.tally = tally
        self.households: list[Household] = []
        self.shown: dict[str, bytes] = {}
        self._client: Client | None = None
        self._left = 0

    async def _ask(self, ask: Callable[[Client], Awaitable[Reply]]) -> Reply:
        """Ask until there is an answer: a connection may end with the process at its other end."""
        await asyncio.sleep(LOOK_SECONDS)
        for _ in range(TRIES):
            try:
                if self._client is None or self._left == 0:
                    self._client, self._left = await self.phones.sign_in(self.key), REQUESTS_A_SESSION
                self._left -= 1
                return await ask(self._client)
            except aiohttp.ClientConnectionError:
                self.tally.cut_off += 1
                await asyncio.sleep(LOOK_SECONDS)
        raise AssertionError("the service did not come back")

    async def read(self, path: str, right: Callable[[Any], bool]) -> Any:
        """Read something; what comes must be right."""
        reply = await self._ask(lambda client: client.get(path))
        self.tally.reads += 1
        if reply.status != 200 or not right(reply.body):
            self.tally.wrong.append(f"GET {path}: {reply.status} {str(reply.body)[:200]}")
        return reply.body

    async def report(self, **more: Any) -> None:
        """Report for one more household."""
        place = (await self._place())["id"]
        number = next(self.numbers)
        statement = f"第{number}户的情况"
        form = report_form(place, number, statement=statement, **more)
        key = str(uuid.uuid4())
        sent = await self._ask(lambda client: client.command("/api/intakes", form, key=key))
        self.tally.writes += 1
        if sent.status not in (200, 201) or sent.body["joined"]:
            self.tally.wrong.append(f"report: {sent.status} {sent.body}")
            return
        self.households.append(Household(sent.body["id"], form["id_no"], sent.body["task"], statement))

    async def _place(self) -> Any:
        found = await self._ask(lambda client: client.get(f"/api/regions?code={PLACE_CODE}"))
        return found.body["items"][0]

    async def report_with_everything(self, seed: int) -> None:
        """A report with a photo and a voice note, of which the person keeps what they are shown."""
        photo = await self._ask(lambda c: c.put("photos", snapshot(seed, 200)))
        voice = await self._ask(lambda c: c.put("recordings", spoken(seed)))
        shas = {
            "photos": [{"sha256": photo.body["sha256"], "kind": "medical"}],
            "voice": voice.body["sha256"],
        }
        await self.report(**shas)
        path = f"/api/intakes/{self.households[-1].id}"
        [kept] = (await self.read(path, bool))["photos"]
        paths = [f"{path}/photos/{kept['id']}", f"{path}/photos/{kept['id']}?size=thumbnail", f"{path}/voice"]
        self.shown |= {one: await self.read(one, bool) for one in paths}

    async def read_all(self, chance: random.Random) -> None:
        """Look at everything once, of the reports at one."""
        one, newest = chance.choice(self.households), self.households[-1].id
        texts = {each.id: each.statement for each in self.households}
        await self.read("/api/intakes?limit=5", lambda body: body["items"][0]["id"] == newest)
        await self.read(f"/api/intakes/{one.id}", lambda body: body["fields"]["statement"] == one.statement)
        await self.read(
            "/api/held", lambda body: texts == {r["id"]: r["fields"]["statement"] for r in body["reports"]}
        )
        for path, picture in self.shown.items():
            await self.read(path, lambda body, picture=picture: body == picture)

    async def read_each(self) -> None:
        """Look at each report once."""
        for one in self.households:
            await self.read(
                f"/api/intakes/{one.id}", lambda body, one=one: body["fields"]["statement"] == one.statement
            )

    async def go_on(self, done: asyncio.Event) -> None:
        """Report and read until it is over."""
        chance = random.Random(self.key)
        while not done.is_set():
            if len(self.households) < REPORTS_MOST:
                await self.report()
            await self.read_all(chance)


class Cadre(Person):
    """Who is responsible for all of them, and reads the tasks."""

    async def watch(self, others: list[Person], done: asyncio.Event) -> None:
        """Read the tasks of the others' reports until it is over."""
        chance = random.Random(self.key)
        while not done.is_set():
            one = chance.choice(chance.choice(others).households)
            await self.read("/api/tasks?limit=5", lambda body: len(body["items"]) == 5)
            await self.read(
                f"/api/tasks/{one.task}", lambda body, one=one: body["fields"]["statement"] == one.statement
            )


async def begin(phones: Phones, tally: Tally) -> tuple[list[Person], Cadre]:
    """The people, each with some reports from before."""
    numbers = itertools.count(1)
    people = [Person(phones, f"villager_{n}", numbers, tally) for n in (1, 2, 3)]
    for seed, person in enumerate(people):
        await person.report_with_everything(100 + seed)
        await person.report()
    return people, Cadre(phones, "grid_1", numbers, tally)


@contextlib.asynccontextmanager
async def at_work(people: list[Person], cadre: Cadre) -> AsyncIterator[None]:
    """All of them go on meanwhile."""
    over = asyncio.Event()
    load = [asyncio.ensure_future(one.go_on(over)) for one in people]
    load.append(asyncio.ensure_future(cadre.watch(people, over)))
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*load)
