"""The outbox in MongoDB: claimed in batches, by lease."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, WriteConcern

from casework.ids import new_id
from casework.notices.model import ON_THE_WAY, Notice, NoticeState, Try
from casework.unit import Tx, hop, session_in

_ACTIVE = {"state": {"$in": list(ON_THE_WAY)}}
_RELEASED = {"state": NoticeState.PENDING.value, "lease": None}
#: How long a message waits for an older one to the same person that is on its way elsewhere.
ORDER_PAUSE = timedelta(milliseconds=250)


class NoticeStore:
    """Collection ``notices``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._notices = database["notices"]
        # What a crash of the database may take back without harm does not wait for the disk: leases, and
        # the records of template messages. Such a message is sent again under its id, and the platform
        # drops the double. The road to the phone is much shorter by that.
        self._quick = self._notices.with_options(write_concern=WriteConcern(1))

    async def prepare(self) -> None:
        """Create the indexes; the one for claims holds only what is still on its way."""
        await self._notices.create_index([("due_at", ASCENDING)], partialFilterExpression=_ACTIVE)
        await self._notices.create_index([("to", ASCENDING), ("_id", DESCENDING)])
        await self._notices.create_index("tries.message_id", sparse=True)

    async def add(self, tx: Tx, notices: Sequence[Notice]) -> None:
        """Put messages into the outbox, inside the transaction that causes them."""
        tx.insert(self._notices, *notices)

    async def claim(
        self, now: datetime, limit: int, lease: timedelta, busy: Collection[str] = ()
    ) -> list[Notice]:
        """Lease up to `limit` due messages, the oldest due first, none to the recipients in `busy`.

        To one person in order: a message is handed back while an older one to the same person is on
        its way elsewhere. The check comes after the lease, so of two workers one always sees the other.
        """
        return await hop(lambda: self._claim(now, limit, lease, busy))

    def _claim(self, now: datetime, limit: int, lease: timedelta, busy: Collection[str]) -> list[Notice]:
        notices, leases = self._notices.delegate, self._quick.delegate
        due: dict[str, Any] = {**_ACTIVE, "due_at": {"$lte": now}}
        if busy:
            due["to"] = {"$nin": list(busy)}
        ids = [n["_id"] for n in notices.find(due, {"_id": 1}).sort("due_at", ASCENDING).limit(limit)]
        if not ids:
            return []
        token = new_id()
        leases.update_many(
            {**due, "_id": {"$in": ids}},
            {"$set": {"state": NoticeState.SENDING.value, "lease": token, "due_at": now + lease}},
        )
        mine: list[Notice] = list(notices.find({"_id": {"$in": ids}, "lease": token}).sort("_id", ASCENDING))
        mine_ids = {n["_id"] for n in mine}
        people = list({n["to"] for n in mine})
        oldest: dict[str, str] = {}
        for other in notices.find({**_ACTIVE, "to": {"$in": people}}, {"to": 1}).sort("_id", ASCENDING):
            if other["_id"] not in mine_ids:
                oldest.setdefault(other["to"], other["_id"])
        early = {n["_id"] for n in mine if n["_id"] > oldest.get(n["to"], n["_id"])}
        if early:
            leases.update_many(
                {"_id": {"$in": list(early)}, "lease": token},
                {"$set": _RELEASED | {"due_at": now + ORDER_PAUSE}},
            )
        return [n for n in mine if n["_id"] not in early]

    async def release(self, ids: Sequence[str], token: str, due_at: datetime) -> None:
        """Hand leased messages back untouched."""
        await self._quick.update_many(
            {"_id": {"$in": list(ids)}, "lease": token},
            {"$set": _RELEASED | {"due_at": due_at}},
        )

    async def start_try(self, notice: Notice, attempt: Try, lease_end: datetime) -> bool:
        """Record that an attempt begins; False when the lease was lost to another worker."""
        # Of any other message no double is dropped, so it must never begin unrecorded.
        collection = self._quick if attempt["channel"] == "template" else self._notices
        result = await collection.update_one(
            {"_id": notice["_id"], "lease": notice["lease"], "state": NoticeState.SENDING.value},
            {"$push": {"tries": attempt}, "$set": {"due_at": lease_end}},
        )
        return result.modified_count == 1

    async def end_try(self, notice: Notice, index: int, attempt: Try, changes: Mapping[str, Any]) -> bool:
        """Record the outcome of attempt `index` and the message's new state."""
        collection = self._quick if attempt["channel"] == "template" else self._notices
        result = await collection.update_one(
            {"_id": notice["_id"], "lease": notice["lease"]},
            {"$set": {f"tries.{index}": attempt, **changes}, "$inc": {"version": 1}},
        )
        return result.modified_count == 1

    async def change(self, notice: Notice, changes: Mapping[str, Any], tx: Tx | None = None) -> bool:
        """Change a leased message; False when the lease was lost."""
        result = await self._notices.update_one(
            {"_id": notice["_id"], "lease": notice["lease"]},
            {"$set": dict(changes), "$inc": {"version": 1}},
            session=await session_in(tx),
        )
        return result.modified_count == 1

    async def delivered(self, message_ids: Sequence[str]) -> set[str]:
        """Record that messages arrived; those of the ids that are known."""
        ids = list(message_ids)
        # A message whose every try is done is only recorded as sent once its id is there.
        found = self._notices.find(
            {"tries.message_id": {"$in": ids}, "state": {"$nin": list(ON_THE_WAY)}}, {"tries.message_id": 1}
        )
        known = {t.get("message_id") async for notice in found for t in notice["tries"]}
        await self._quick.update_many(
            {"tries.message_id": {"$in": ids}, "state": NoticeState.SENT.value},
            {
                "$set": {"state": NoticeState.DELIVERED.value, "tries.$[arrived].result": "delivered"},
                "$inc": {"version": 1},
            },
            array_filters=[{"arrived.message_id": {"$in": ids}}],
        )
        return known.intersection(ids)

    async def refused(self, message_id: str, now: datetime) -> bool:
        """Record that a message did not arrive: the next channel's turn. False when it is not known."""
        changed = await self._quick.update_one(
            {
                "tries": {"$elemMatch": {"message_id": message_id, "result": "sent"}},
                "state": NoticeState.SENT.value,
            },
            {
                "$set": {
                    "state": NoticeState.PENDING.value,
                    "due_at": now,
                    "lease": None,
                    "tries.$.result": "failed",
                },
                "$inc": {"version": 1},
            },
        )
        return changed.modified_count == 1

    async def inbox(self, people: Sequence[str], before: str | None, limit: int) -> list[Notice]:
        """Messages to any of these recipients, newest first, older than the id `before`."""
        query: dict[str, Any] = {"to": {"$in": list(people)}}
        if before:
            query["_id"] = {"$lt": before}
        return await self._notices.find(query).sort("_id", DESCENDING).to_list(limit)

    async def oldest_due(self) -> datetime | None:
        """When the oldest message still on its way was made (for the metric)."""
        first = await self._notices.find_one(_ACTIVE, {"created_at": 1}, sort=[("due_at", ASCENDING)])
        return first["created_at"] if first else None

    async def count_on_the_way(self) -> int:
        """How many messages are still on their way."""
        return await self._notices.count_documents(_ACTIVE)
