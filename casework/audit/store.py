"""Audit entries and their sealed batches in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from casework.audit.model import Batch, Entry
from casework.unit import Tx


class AuditStore:
    """Collections ``audit`` (entries), ``audit_batches``, and the sealer's entry in ``leases``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._entries = database["audit"]
        self._batches = database["audit_batches"]
        self._leases = database["leases"]

    async def prepare(self) -> None:
        """Create the indexes."""
        # Unsealed entries stand together in it, because a missing `batch` is indexed as null.
        await self._entries.create_index([("batch", ASCENDING), ("_id", ASCENDING)])
        await self._entries.create_index([("object", ASCENDING), ("_id", ASCENDING)])

    async def add(self, tx: Tx, entries: Sequence[Entry]) -> None:
        """Write entries inside the transaction of the effect that they record."""
        tx.insert(self._entries, *entries)

    async def unsealed(self, limit: int) -> list[Entry]:
        """The oldest entries without a batch."""
        return await self._entries.find({"batch": None}).sort("_id", ASCENDING).to_list(limit)

    async def take_lease(self, holder: str, now: datetime, until: datetime) -> bool:
        """Take the sealer's lease, or keep it for longer; False while somebody else holds it."""
        mine_or_over = [{"holder": holder}, {"until": {"$lte": now}}]
        try:
            await self._leases.update_one(
                {"_id": "sealer", "$or": mine_or_over},
                {"$set": {"holder": holder, "until": until}},
                upsert=True,
            )
        except DuplicateKeyError:
            # It exists and is another's: the upsert found nothing to change and could not insert.
            return False
        return True

    async def last_batch(self) -> Batch | None:
        """The newest batch."""
        return await self._batches.find_one(sort=[("_id", DESCENDING)])

    async def add_batch(self, batch: Batch) -> bool:
        """Insert a batch; False when another sealer took its number."""
        try:
            await self._batches.insert_one(batch)
        except DuplicateKeyError:
            return False
        return True

    async def mark(self, batch: Batch) -> None:
        """Name the batch on its entries; doing so again changes nothing."""
        await self._entries.update_many({"_id": {"$in": batch["entries"]}}, {"$set": {"batch": batch["_id"]}})

    async def oldest_unsealed(self, besides: Sequence[str] = ()) -> datetime | None:
        """When the oldest entry was made that names no batch yet; `besides` are ids to pass over."""
        entry = await self._entries.find_one(_unsealed(besides), {"at": 1}, sort=[("_id", ASCENDING)])
        return entry["at"] if entry else None

    def batches(self) -> Any:
        """All batches in order (an asynchronous cursor)."""
        return self._batches.find().sort("_id", ASCENDING)

    async def entries_of(self, ids: Sequence[str]) -> dict[str, Entry]:
        """Entries by id; missing ones are missing from the result."""
        return {entry["_id"]: entry async for entry in self._entries.find({"_id": {"$in": list(ids)}})}

    async def unmarked(self, ids: Sequence[str]) -> list[str]:
        """Those of these entries that name no batch."""
        if not ids:
            return []
        found = self._entries.find({"_id": {"$in": list(ids)}, "batch": None}, {"_id": 1})
        return [entry["_id"] async for entry in found]

    async def marked_ids(self, number: int) -> set[str]:
        """The ids of all entries that name this batch."""
        return {entry["_id"] async for entry in self._entries.find({"batch": number}, {"_id": 1})}

    async def orphan_count(self) -> int:
        """How many entries name a batch that is not there.

        A batch is written before its entries are marked, so that it is there for whoever sees a mark: the
        answer is right while a sealer works.
        """
        named: list[dict[str, Any]] = [
            {"$match": {"batch": {"$ne": None}}},
            {"$group": {"_id": "$batch", "entries": {"$sum": 1}}},
            {
                "$lookup": {
                    "from": self._batches.name,
                    "localField": "_id",
                    "foreignField": "_id",
                    "as": "there",
                }
            },
            {"$match": {"there": []}},
            {"$group": {"_id": None, "entries": {"$sum": "$entries"}}},
        ]
        found = await self._entries.aggregate(named).to_list(None)
        return int(found[0]["entries"]) if found else 0

    async def unsealed_count(self, besides: Sequence[str] = ()) -> int:
        """How many entries name no batch yet; `besides` are ids to pass over."""
        return await self._entries.count_documents(_unsealed(besides))


def _unsealed(besides: Sequence[str]) -> dict[str, Any]:
    return {"batch": None, "_id": {"$nin": list(besides)}}
