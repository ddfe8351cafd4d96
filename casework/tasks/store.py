"""Tasks in MongoDB."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from casework.access import Reach
from casework.tasks.model import LIVE, Task
from casework.unit import Tx, session_in


class TaskStore:
    """Collection ``tasks``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._tasks = database["tasks"]

    async def prepare(self) -> None:
        """Create the indexes."""
        order = [("due_at", ASCENDING), ("_id", ASCENDING)]
        await self._tasks.create_index([("assignee", ASCENDING), *order])
        await self._tasks.create_index([("areas", ASCENDING), *order])
        await self._tasks.create_index("subject")
        await self._tasks.create_index("next_alarm_at")

    async def add(self, tx: Tx, task: Task) -> None:
        """Insert a task."""
        tx.insert(self._tasks, task)

    async def get(self, id_: str, tx: Tx | None = None) -> Task | None:
        """One task."""
        return await self._tasks.find_one({"_id": id_}, session=await session_in(tx))

    async def change(
        self, tx: Tx, id_: str, version: int, states: Sequence[str], changes: Mapping[str, Any]
    ) -> Task | None:
        """Set fields of a task that still has this version and one of these states; None otherwise."""
        return await self._tasks.find_one_and_update(
            {"_id": id_, "version": version, "state": {"$in": list(states)}},
            {"$set": dict(changes), "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=await session_in(tx),
        )

    async def take_alarms(self, tx: Tx, task: Task, changes: Mapping[str, Any]) -> bool:
        """Set what is left of a task's alarms, unless another worker or another change came first.

        The version stays: what a phone shows is as it was, so that a form filled in without a signal
        is not refused because a reminder went out meanwhile.
        """
        result = await self._tasks.update_one(
            {"_id": task["_id"], "version": task["version"], "next_alarm_at": task["next_alarm_at"]},
            {"$set": dict(changes)},
            session=await session_in(tx),
        )
        return result.modified_count == 1

    async def page(
        self, allowed: Reach, states: Sequence[str], after: Sequence[Any] | None, limit: int
    ) -> list[Task]:
        """Tasks in reach by due time, the latest first where all of them have ended; `after` is the (due
        time, id) of the last one seen."""
        mine: list[dict[str, Any]] = []
        if allowed.staff_id:
            mine.append({"assignee": allowed.staff_id})
        if allowed.areas:
            mine.append({"areas": {"$in": list(allowed.areas)}})
        query: dict[str, Any] = {"$and": [{"$or": mine}, {"state": {"$in": list(states)}}]}
        way, beyond = (ASCENDING, "$gt") if set(states) & set(LIVE) else (DESCENDING, "$lt")
        if after:
            due, id_ = after
            query["$and"].append({"$or": [{"due_at": {beyond: due}}, {"due_at": due, "_id": {beyond: id_}}]})
        return await self._tasks.find(query).sort([("due_at", way), ("_id", way)]).to_list(limit)

    async def with_alarm_due(self, now: datetime, limit: int) -> list[Task]:
        """Live tasks whose earliest alarm is due."""
        return (
            await self._tasks.find({"next_alarm_at": {"$lte": now}}).sort("next_alarm_at", 1).to_list(limit)
        )

    async def count_live(self) -> int:
        """How many tasks are neither done nor cancelled."""
        return await self._tasks.count_documents({"state": {"$in": list(LIVE)}})
