"""The outbox in MongoDB: claimed in batches, by lease."""

import functools
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, UpdateOne, WriteConcern

from casework.ids import new_id
from casework.notices.model import ON_THE_WAY, Notice, NoticeState, Outcome, Try
from casework.notices.rules import ORDER_PAUSE, behind
from casework.together import Together
from casework.unit import Tx, hop, session_in

_ACTIVE = {"state": {"$in": list(ON_THE_WAY)}}
_AWAITING = {"awaits": True}
_RELEASED = {"state": NoticeState.PENDING.value, "lease": None}


def _uncertain(message_id: Any) -> dict[str, Any]:
    """Messages of which nobody knows whether they went out under this id."""
    unclear = {"message_id": message_id, "result": {"$in": ["started", Outcome.UNCERTAIN.value]}}
    return {"tries": {"$elemMatch": unclear}, "state": NoticeState.PENDING.value}


class _Change(NamedTuple):
    """A change of one message, and by what is seen that it was made; None where nobody asks."""

    query: Mapping[str, Any]
    update: Mapping[str, Any]
    begun: Mapping[str, Any] | None = None


async def _change_each(collection: AsyncIOMotorCollection[Any], changes: Sequence[_Change]) -> Sequence[bool]:
    """Change many messages by one command; whether each of them was changed."""
    updates = [UpdateOne(change.query, change.update) for change in changes]
    result = await collection.bulk_write(updates, ordered=False)
    if result.modified_count == len(changes):
        return [True] * len(changes)
    # Somebody has lost a lease. Whose it was is not in the answer, but in the messages.
    asked = [change.begun for change in changes if change.begun]
    begun = {n["_id"] async for n in collection.find({"$or": asked}, {"_id": 1})} if asked else set()
    return [change.query["_id"] in begun for change in changes]


class NoticeStore:
    """Collection ``notices``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._notices = database["notices"]
        # What a crash of the database may take back without harm does not wait for the disk: leases, and
        # the records of template messages. Such a message is sent again under its id, and the platform
        # drops the double. The road to the phone is much shorter by that.
        self._quick = self._notices.with_options(write_concern=WriteConcern(1))
        # By whether it may be quick. At a busy moment many messages begin and end an attempt.
        self._attempts: dict[bool, Together[_Change, bool]] = {
            quick: Together(functools.partial(_change_each, collection))
            for quick, collection in ((True, self._quick), (False, self._notices))
        }

    async def prepare(self) -> None:
        """Create the indexes; those for claims hold only what is still on its way or awaits its receipt."""
        await self._notices.create_index([("first_due_at", ASCENDING)], partialFilterExpression=_ACTIVE)
        await self._notices.create_index([("to", ASCENDING)], partialFilterExpression=_AWAITING)
        await self._notices.create_index([("to", ASCENDING), ("_id", DESCENDING)])
        await self._notices.create_index("tries.message_id", sparse=True)

    async def add(self, tx: Tx, notices: Sequence[Notice]) -> None:
        """Put messages into the outbox, inside the transaction that causes them."""
        tx.insert(self._notices, *notices)

    async def claim(
        self, now: datetime, limit: int, lease: timedelta, busy: Collection[str] = ()
    ) -> tuple[list[Notice], bool]:
        """Lease up to `limit` due messages, the oldest first, none to the recipients in `busy`; and whether
        some were handed back that can be claimed again in a moment.

        To one person in order: a message is handed back while an older one to the same person is on
        its way elsewhere or awaits its receipt. The check comes after the lease, so of two workers one
        always sees the other.
        """
        return await hop(lambda: self._claim(now, limit, lease, busy))

    def _claim(
        self, now: datetime, limit: int, lease: timedelta, busy: Collection[str]
    ) -> tuple[list[Notice], bool]:
        notices, leases = self._notices.delegate, self._quick.delegate
        due: dict[str, Any] = {**_ACTIVE, "due_at": {"$lte": now}}
        if busy:
            due["to"] = {"$nin": list(busy)}
        ids = [n["_id"] for n in notices.find(due, {"_id": 1}).sort("first_due_at", ASCENDING).limit(limit)]
        if not ids:
            return [], False
        token = new_id()
        leases.update_many(
            {**due, "_id": {"$in": ids}},
            {"$set": {"state": NoticeState.SENDING.value, "lease": token, "due_at": now + lease}},
        )
        mine: list[Notice] = list(notices.find({"_id": {"$in": ids}, "lease": token}).sort("_id", ASCENDING))
        mine_ids = {n["_id"] for n in mine}
        theirs = {"to": {"$in": list({n["to"] for n in mine})}}
        unsettled = {"$or": [{**_ACTIVE, **theirs}, {**_AWAITING, "due_at": {"$gt": now}, **theirs}]}
        oldest: dict[str, Notice] = {}
        for other in notices.find(unsettled, {"to": 1, "state": 1, "due_at": 1}):
            if other["_id"] not in mine_ids:
                oldest[other["to"]] = min(other, oldest.get(other["to"], other), key=lambda n: n["_id"])
        early: dict[str, datetime] = {}
        for notice in mine:
            older = oldest.get(notice["to"])
            if older and notice["_id"] > older["_id"]:
                early[notice["_id"]] = behind(older, now)
        if early:
            leases.bulk_write(
                [
                    UpdateOne({"_id": id_, "lease": token}, {"$set": _RELEASED | {"due_at": due_at}})
                    for id_, due_at in early.items()
                ],
                ordered=False,
            )
        return [n for n in mine if n["_id"] not in early], now + ORDER_PAUSE in early.values()

    async def release(self, ids: Sequence[str], token: str, due_at: datetime) -> None:
        """Hand leased messages back untouched."""
        await self._quick.update_many(
            {"_id": {"$in": list(ids)}, "lease": token},
            {"$set": _RELEASED | {"due_at": due_at}},
        )

    async def start_try(self, notice: Notice, attempt: Try, lease_end: datetime) -> bool:
        """Record that an attempt begins; False when the lease was lost to another worker."""
        held = {"_id": notice["_id"], "lease": notice["lease"]}
        return await self._attempt(
            attempt,
            _Change(
                {**held, "state": NoticeState.SENDING.value},
                {"$push": {"tries": attempt}, "$set": {"due_at": lease_end}},
                begun={**held, "tries": {"$elemMatch": {"at": attempt["at"], "result": "started"}}},
            ),
        )

    async def end_try(self, notice: Notice, index: int, attempt: Try, changes: Mapping[str, Any]) -> None:
        """Record the outcome of attempt `index` and the message's new state, unless the lease was lost."""
        await self._attempt(
            attempt,
            _Change(
                {"_id": notice["_id"], "lease": notice["lease"]},
                {"$set": {f"tries.{index}": attempt, **changes}, "$inc": {"version": 1}},
            ),
        )

    async def _attempt(self, attempt: Try, change: "_Change") -> bool:
        # Of any other message no double is dropped, so it must never begin unrecorded.
        return await self._attempts[attempt["channel"] == "template"].ask(change)

    async def change(self, notice: Notice, changes: Mapping[str, Any], tx: Tx | None = None) -> bool:
        """Change a leased message; False when the lease was lost."""
        result = await self._notices.update_one(
            {"_id": notice["_id"], "lease": notice["lease"]},
            {"$set": dict(changes), "$inc": {"version": 1}},
            session=await session_in(tx),
        )
        return result.modified_count == 1

    async def awaits(self, id_: str) -> bool:
        """Whether a sent message still awaits its receipt."""
        return await self._notices.find_one({"_id": id_, **_AWAITING}, {"_id": 1}) is not None

    async def delivered(self, message_ids: Sequence[str]) -> set[str]:
        """Record that messages arrived; those of the ids that are known."""
        ids = list(message_ids)
        done = {
            "$set": {"state": NoticeState.DELIVERED.value, "tries.$[arrived].result": "delivered"},
            "$unset": {"awaits": ""},
            "$inc": {"version": 1},
        }
        arrived = [{"arrived.message_id": {"$in": ids}}]
        # One whose answer was lost waits for exactly this.
        await self._quick.update_many(_uncertain({"$in": ids}), done, array_filters=arrived)
        # A message whose every try is done is only recorded as sent once its id is there.
        found = self._notices.find(
            {"tries.message_id": {"$in": ids}, "state": {"$nin": list(ON_THE_WAY)}}, {"tries.message_id": 1}
        )
        known = {t.get("message_id") async for notice in found for t in notice["tries"]}
        sent = {"tries.message_id": {"$in": ids}, "state": NoticeState.SENT.value}
        await self._quick.update_many(sent, done, array_filters=arrived)
        return known.intersection(ids)

    async def refused(self, message_id: str, reason: str, now: datetime) -> bool:
        """Record that a message did not arrive: the next channel's turn. False when it is not known."""
        sent = {
            "tries": {"$elemMatch": {"message_id": message_id, "result": "sent"}},
            "state": NoticeState.SENT.value,
        }
        changed = await self._quick.update_one(
            {"$or": [sent, _uncertain(message_id)]},
            {
                "$set": {
                    **_RELEASED,
                    "due_at": now,
                    "tries.$[failed].result": "failed",
                    "tries.$[failed].reason": reason,
                },
                "$unset": {"awaits": ""},
                "$inc": {"version": 1},
            },
            array_filters=[{"failed.message_id": message_id}],
        )
        return changed.modified_count == 1

    async def inbox(self, people: Sequence[str], before: str | None, limit: int) -> list[Notice]:
        """Messages to any of these recipients, newest first, older than the id `before`."""
        query: dict[str, Any] = {"to": {"$in": list(people)}}
        if before:
            query["_id"] = {"$lt": before}
        return await self._notices.find(query).sort("_id", DESCENDING).to_list(limit)

    async def count(self, people: Sequence[str]) -> int:
        """How many messages to any of these recipients are kept."""
        return await self._notices.count_documents({"to": {"$in": list(people)}})

    async def oldest_due(self) -> datetime | None:
        """When the oldest message still on its way was made (for the metric)."""
        first = await self._notices.find_one(_ACTIVE, {"created_at": 1}, sort=[("first_due_at", ASCENDING)])
        return first["created_at"] if first else None

    async def count_on_the_way(self) -> int:
        """How many messages are still on their way."""
        return await self._notices.count_documents(_ACTIVE)
