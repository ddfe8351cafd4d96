"""What the worker's tests share: messages in the outbox, a carrier's round, and the platform's troubles."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from motor.motor_asyncio import AsyncIOMotorCollection

from casework.notices.model import Notice
from casework.staff.model import Staff
from server.events import Events
from server.parts import Parts
from server.seed import PEOPLE
from server.worker import Worker
from tests.support import Phones, until

TEMPLATE = "/cgi-bin/message/template/send"
CUSTOMER = "/cgi-bin/message/custom/send"
USER_INFO = "/cgi-bin/user/info"
#: Marks of states in which a message is at its end.
ENDED = ("sent", "delivered", "inbox")


def collection(parts: Parts, name: str) -> AsyncIOMotorCollection[Any]:
    """A collection of the test's database."""
    return parts.mongo[parts.settings.mongodb_database][name]


async def document(parts: Parts, name: str, **wanted: Any) -> dict[str, Any]:
    """The document of a collection with these values, which must be there."""
    found: dict[str, Any] | None = await collection(parts, name).find_one(wanted)
    assert found, f"nothing in {name} with {wanted}"
    return found


async def staff_of(parts: Parts, key: str) -> Staff:
    """The member of staff behind the demo person `key`."""
    number = next(str(person.staff_no) for person in PEOPLE if person.key == key)
    return (await parts.stores.staff.by_no([number]))[number]


async def address(parts: Parts, key: str) -> str:
    """``staff:id`` of a cadre of the demo, ``person:id`` of anybody else."""
    if not key.startswith(("villager", "extra")):
        return f"staff:{(await staff_of(parts, key))['_id']}"
    fan = await parts.services.account.fan(parts.settings.oa_app_id, f"oDemo_{key}")
    assert fan
    return f"person:{fan['person_id']}"


async def put(
    parts: Parts, key: str, kind: str = "task_new", *, number: str = "1001", areas: Sequence[str] = ()
) -> str:
    """Put a message to the demo person `key` into the outbox; its id."""
    fields = {
        "number": number,
        "village": "白石乡 枫木村 一组",
        "name": "测*甲",
        "due": "2026年11月23日 18:00",
    }
    notice = parts.services.notices.compose(
        await address(parts, key), kind, fields, ref="task:test", areas=list(areas), link="/m/tasks/test"
    )
    await parts.unit.run(lambda tx: parts.services.notices.add(tx, [notice]))
    return notice["_id"]


async def notice_of(parts: Parts, id_: str) -> Notice:
    """A message as it is kept."""
    found: Notice | None = await collection(parts, "notices").find_one({"_id": id_})
    assert found
    return found


async def results(parts: Parts, id_: str) -> list[tuple[str, str]]:
    """The (channel, result) of each try of a message."""
    return [(t["channel"], t["result"]) for t in (await notice_of(parts, id_))["tries"]]


async def carry(parts: Parts) -> int:
    """One round of a worker: claim what is due and carry it; how many messages were claimed."""
    bundles = await parts.postman.claim(64)
    await asyncio.gather(*(parts.postman.carry_bundle(bundle) for bundle in bundles))
    return sum(len(bundle.notices) for bundle in bundles)


async def carry_until_ended(parts: Parts, phones: Phones, id_: str) -> Notice:
    """Carry a message to its end, moving the clock to each time at which it is due."""
    for _ in range(40):
        await carry(parts)
        notice = await notice_of(parts, id_)
        if notice["state"] in ENDED:
            return notice
        await move_to(parts, phones, notice["due_at"].timestamp())
    raise AssertionError(f"not at its end: {notice['tries']}")


async def move(phones: Phones, seconds: float) -> None:
    """Move the clock of all processes."""
    await phones.control("POST", "clock", {"advance_seconds": seconds})


async def move_to(parts: Parts, phones: Phones, instant: float) -> None:
    """Move the clock to an instant, if it is still to come, and a moment past it."""
    await move(phones, max(instant - parts.clock.time(), 0) + 0.001)


async def fault(phones: Phones, path: str = TEMPLATE, **what: Any) -> None:
    """Let something go wrong on one of the platform's paths."""
    await phones.control("POST", "faults", {"path": path, **what})


async def mend(phones: Phones) -> None:
    """End all faults."""
    await phones.control("DELETE", "faults")


async def calls(phones: Phones, path: str = TEMPLATE) -> int:
    """How often a path of the platform was called."""
    return int((await phones.control("GET", f"calls?path={path}"))["count"])


async def apply_events(parts: Parts) -> int:
    """Apply the platform's events that are due; how many were looked at."""
    events, count = Events(parts), 0
    while applied := await events.apply_due():
        count += applied
    return count


async def carry_and_hear(parts: Parts, phones: Phones) -> int:
    """`carry`, and then what the platform says of it, so that nothing more is awaited of these messages."""
    claimed = await carry(parts)
    await receipts_arrived(phones)
    await apply_events(parts)
    return claimed


async def receipts_arrived(phones: Phones) -> None:
    """Wait until the platform has told all its receipts."""

    async def none_pending() -> bool:
        return not (await phones.control("GET", "calls"))["receipts"]["pending"]

    await until(none_pending, what="the end of the receipts")


async def at_end(parts: Parts, *ids: str) -> list[Notice]:
    """Wait until a running worker has brought these messages to an end."""

    async def ended() -> list[Notice] | None:
        found = await collection(parts, "notices").find({"_id": {"$in": list(ids)}}).to_list(None)
        return found if len(found) == len(ids) and all(n["state"] in ENDED for n in found) else None

    return await until(ended, seconds=20, what="the end of the messages")


@asynccontextmanager
async def working(*all_parts: Parts) -> AsyncIterator[None]:
    """A worker for each of these parts, until the block ends."""
    told = asyncio.Event()
    running = [asyncio.ensure_future(Worker(parts).run(told.wait())) for parts in all_parts]
    try:
        yield
    finally:
        told.set()
        await asyncio.gather(*running)


@asynccontextmanager
async def logged() -> AsyncIterator[list[Any]]:
    """The log entries of the block."""
    with structlog.testing.capture_logs() as entries:
        yield entries
