"""A bad minute of the platform's: few calls in it; after it everything arrives, once and in order."""

import dataclasses
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.netutil import bind_sockets

from casework.notices.gates import PATIENCE, PAUSES
from server import worker
from server.clock import SharedClock
from server.parts import Parts, parts_for
from server.seed import PEOPLE
from tests.support import Phones, until
from tests.worker.helpers import calls, collection, fault, mend, put, working
from wechat import paths
from wechat.simulator import RunningSimulator

TOKEN = "/cgi-bin/stable_token"
MESSAGES = 60
#: Longer than the longest pause of a message, in seconds.
LONGEST = 300
EXTRA_PEOPLE = 11
#: Few enough that an order of sending can be told.
IN_FLIGHT = 8
#: Those under way when a channel closes, and those that find out in a minute with growing pauses.
MOST_TRIES = PATIENCE + IN_FLIGHT + len(PAUSES)
TROUBLES: dict[str, dict[str, Any]] = {
    "busy": {"errcode": -1},
    "a page instead of an answer": {"html": True},
    "a gateway's status": {"http_status": 502},
    "the day's quota": {"errcode": 45009},
    "too many calls": {"errcode": 45011},
    "our address is not on the list": {"errcode": 40164},
    "the account is banned": {"errcode": 50002},
    "a token that is never good": {"errcode": 40001},
    "connections are reset": {"refuse": True},
    "answers are lost before the effect": {"drop": "before"},
    "answers are lost after the effect": {"drop": "after"},
    "no answer at all": {"silence": True},
}


@pytest.fixture(autouse=True)
def one_quick_call_a_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call here is a try of the outbox; a worker sends to few people at once."""
    monkeypatch.setattr("wechat.transport.BUSY_PAUSES", ())
    monkeypatch.setattr("wechat.transport.UNREACHABLE_PAUSES", ())
    monkeypatch.setattr(worker, "IN_FLIGHT", IN_FLIGHT)
    quick = dataclasses.replace(paths.TEMPLATE_SEND, timeout=0.25)
    monkeypatch.setattr(paths, "TEMPLATE_SEND", quick)
    monkeypatch.setitem(paths.PATHS, quick.path, quick)


@pytest.fixture
async def people(parts: Parts, phones: Phones) -> list[str]:
    """Twenty people who follow the account."""
    extra = [await phones.add_villager(number) for number in range(EXTRA_PEOPLE)]
    account, app_id = parts.services.account, parts.settings.oa_app_id
    for key in extra:
        await account.meet(app_id, f"oDemo_{key}", f"uDemo_{key}")
        await account.set_fan(app_id, f"oDemo_{key}", following=True)
    return [person.key for person in PEOPLE] + extra


@pytest.fixture
async def load(parts: Parts, people: list[str]) -> list[str]:
    """Sixty messages, one to each person in turn."""
    return [await put(parts, people[n % len(people)], number=f"{n:03}") for n in range(MESSAGES)]


@asynccontextmanager
async def away(simulator: RunningSimulator) -> AsyncIterator[None]:
    """Nobody listens at the platform's address, until the block ends."""
    server = simulator._server
    server.stop()
    await server.close_all_connections()
    yield
    server.add_sockets(bind_sockets(simulator.port, "127.0.0.1"))


async def states(parts: Parts) -> dict[str, int]:
    """How many messages are in each state."""
    found: dict[str, int] = {}
    async for notice in collection(parts, "notices").find({}, {"state": 1}):
        found[notice["state"]] = found.get(notice["state"], 0) + 1
    return found


async def given_up(*all_parts: Parts) -> None:
    """Wait until no worker tries anything before its channel's pause is over."""

    async def quiet() -> bool:
        sending = (await states(all_parts[0])).get("sending", 0)
        return not sending and all(parts.postman.room() == 0 for parts in all_parts)

    await until(quiet, what="the end of all tries")


async def a_minute_passes(clock: SharedClock, *all_parts: Parts) -> None:
    """A minute in which workers find out as often as they want."""
    await given_up(*all_parts)
    for _ in range(12):
        clock.move(5)
        await given_up(*all_parts)


async def all_arrive(clock: SharedClock, parts: Parts, ends: Collection[str] = ("delivered",)) -> float:
    """Let time pass until every message has arrived; how many seconds it took."""

    async def settled() -> bool:
        now = parts.clock.now()
        due = {"state": {"$in": ["pending", "sending"]}, "due_at": {"$lte": now}}
        waits = {"state": "sent", "awaits": True, "due_at": {"$gt": now}}
        busy = await collection(parts, "notices").count_documents({"$or": [due, waits]})
        return not busy or parts.postman.room() == 0

    for seconds in range(LONGEST):
        await until(settled, what="the end of what is due")
        if set(await states(parts)) <= set(ends):
            return seconds
        clock.move(1)
    raise AssertionError(await states(parts))


async def check_arrivals(phones: Phones, spread: int) -> None:
    """Everything arrived once, to each person in order, and at most `spread` places before what is older."""
    items = (await phones.control("GET", "inbox"))["items"]
    seen = [
        (m["openid"], int(m["fields"][1]["value"]))
        for m in sorted(items, key=lambda m: int(m["seq"]))
        if m["channel"] == "template"
    ]
    assert sorted(number for _, number in seen) == list(range(MESSAGES))
    for openid in {who for who, _ in seen}:
        numbers = [number for who, number in seen if who == openid]
        assert numbers == sorted(numbers), openid
    assert max(number - place for place, (_, number) in enumerate(seen)) <= spread, seen


async def results_of_all(parts: Parts) -> set[str]:
    """What ever became of a try."""
    return {t["result"] async for notice in collection(parts, "notices").find() for t in notice["tries"]}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_bad_minute(
    parts: Parts, phones: Phones, clock: SharedClock, load: list[str], trouble: str
) -> None:
    await fault(phones, **TROUBLES[trouble])
    async with working(parts):
        await a_minute_passes(clock, parts)
        assert await states(parts) == {"pending": MESSAGES}
        made = await calls(phones)
        # A refused token is replaced once within a try.
        assert made <= MOST_TRIES * (2 if "token" in trouble else 1)
        assert await calls(phones, TOKEN) <= MOST_TRIES
        await mend(phones)
        # Where a message arrives before its number is known, its receipt may come too early to be kept.
        lost = "after the effect" in trouble
        await all_arrive(clock, parts, ("delivered", "sent") if lost else ("delivered",))
        assert parts.postman.closed() == {}
    # What was tried in the bad minute may still pause when the others go.
    await check_arrivals(phones, spread=made + IN_FLIGHT)
    assert await results_of_all(parts) <= {"retry", "wait", "halt", "sent", "delivered"}


async def test_two_workers_in_a_bad_minute(
    parts: Parts, phones: Phones, clock: SharedClock, load: list[str]
) -> None:
    await fault(phones, errcode=-1)
    async with parts_for(parts.settings) as others, working(parts, others):
        await a_minute_passes(clock, parts, others)
        made = await calls(phones)
        assert made <= 2 * MOST_TRIES
        await mend(phones)
        await all_arrive(clock, parts)
    await check_arrivals(phones, spread=made + 2 * IN_FLIGHT)
    assert await results_of_all(parts) == {"retry", "delivered"}


async def test_a_platform_that_does_not_listen(
    parts: Parts, phones: Phones, clock: SharedClock, load: list[str], simulator: RunningSimulator
) -> None:
    async with away(simulator), working(parts):
        await a_minute_passes(clock, parts)
        assert await states(parts) == {"pending": MESSAGES}
    async with working(parts):
        await all_arrive(clock, parts)
    await check_arrivals(phones, spread=MOST_TRIES + IN_FLIGHT)
    assert await calls(phones) == MESSAGES


async def test_tokens_that_the_platform_has_forgotten_are_replaced_once(
    parts: Parts, phones: Phones, clock: SharedClock, load: list[str]
) -> None:
    await parts.oa.user_info("oDemo_villager_1")
    before = await calls(phones, TOKEN)
    await phones.control("POST", "reset", {"only": ["tokens"]})
    async with parts_for(parts.settings) as others, working(parts, others):
        await all_arrive(clock, parts)
    assert await calls(phones, TOKEN) == before + 1
    await check_arrivals(phones, spread=3 * IN_FLIGHT)


@pytest.mark.parametrize("trouble", [{"errcode": -1}, {"drop": "after"}, {"http_status": 502}], ids=str)
async def test_a_platform_that_answers_every_other_time(
    parts: Parts, phones: Phones, clock: SharedClock, load: list[str], trouble: dict[str, Any]
) -> None:
    await phones.control("POST", "reset", {"only": [], "seed": 4711})
    await fault(phones, rate=0.4, **trouble)
    async with working(parts):
        await all_arrive(clock, parts, ("delivered", "sent"))
    await check_arrivals(phones, spread=MESSAGES)
    assert await results_of_all(parts) <= {"retry", "sent", "delivered"}
