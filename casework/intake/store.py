"""Reports and verifications in MongoDB."""

from collections.abc import Mapping, Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from casework.access import Reach
from casework.intake.model import Intake, IntakeState, Step
from casework.unit import Tx, session_in


class IntakeStore:
    """Collections ``intakes`` and ``verifications``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._intakes = database["intakes"]
        self._verifications = database["verifications"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._intakes.create_index(
            "household_key", unique=True, partialFilterExpression={"open": True}, name="one_open_a_household"
        )
        await self._intakes.create_index("number", unique=True)
        await self._intakes.create_index("joined_to", partialFilterExpression={"joined_to": {"$gt": ""}})
        await self._intakes.create_index([("owner", ASCENDING), ("_id", DESCENDING)])
        await self._intakes.create_index([("areas", ASCENDING), ("_id", DESCENDING)])
        await self._verifications.create_index([("intake", ASCENDING), ("_id", ASCENDING)])

    async def add(self, tx: Tx, intake: Intake) -> None:
        """Insert a report."""
        tx.insert(self._intakes, intake)

    async def get(self, id_: str, tx: Tx | None = None) -> Intake | None:
        """One report."""
        return await self._intakes.find_one({"_id": id_}, session=await session_in(tx))

    async def by_number(self, number: str) -> Intake | None:
        """One report by the number that people read out."""
        return await self._intakes.find_one({"number": number})

    async def open_of(self, household_keys: Sequence[str]) -> Intake | None:
        """The open report of a household, whichever key it was indexed under."""
        return await self._intakes.find_one({"household_key": {"$in": list(household_keys)}, "open": True})

    async def same(self, tx: Tx, intake: Intake, digests: Sequence[str], joined_to: str) -> Intake | None:
        """What the person behind `intake` sent before with the very same content, into the open report
        `joined_to`."""
        return await self._intakes.find_one(
            {
                "owner": intake["owner"],
                "filer": intake["filer"],
                "digest": {"$in": list(digests)},
                "$or": [{"_id": joined_to}, {"joined_to": joined_to}],
            },
            session=await session_in(tx),
        )

    async def change(
        self, tx: Tx, id_: str, states: Sequence[str], changes: Mapping[str, Any], steps: Sequence[Step]
    ) -> Intake | None:
        """Set fields and add steps to a report in one of these states; None when it is in another."""
        update: dict[str, Any] = {"$push": {"history": {"$each": list(steps)}}, "$inc": {"version": 1}}
        if changes:
            update["$set"] = dict(changes)
        return await self._intakes.find_one_and_update(
            {"_id": id_, "state": {"$in": list(states)}},
            update,
            return_document=ReturnDocument.AFTER,
            session=await session_in(tx),
        )

    async def joined_to(self, id_: str, tx: Tx | None = None) -> list[Intake]:
        """The reports that were added to this one, oldest first."""
        found = self._intakes.find(
            {"joined_to": id_, "state": IntakeState.JOINED.value}, session=await session_in(tx)
        )
        return await found.sort("_id", ASCENDING).to_list(100)

    async def page(self, query: Mapping[str, Any], before: str | None, limit: int) -> list[Intake]:
        """Reports that match, newest first, older than the id `before`."""
        wanted = {**query, **({"_id": {"$lt": before}} if before else {})}
        return await self._intakes.find(wanted).sort("_id", DESCENDING).to_list(limit)

    @staticmethod
    def reached(allowed: Reach) -> dict[str, Any]:
        """The query for everything in reach by ownership or area."""
        parts: list[dict[str, Any]] = []
        if allowed.person_id:
            parts.append({"owner": allowed.person_id})
        if allowed.staff_id:
            parts.append({"filer": allowed.staff_id})
        if allowed.areas:
            parts.append({"areas": {"$in": list(allowed.areas)}})
        return {"$or": parts}

    async def add_verification(self, tx: Tx, verification: Mapping[str, Any]) -> None:
        """Insert a verification."""
        tx.insert(self._verifications, verification)

    async def verifications_of(self, intake_id: str) -> list[dict[str, Any]]:
        """The verifications of a report, oldest first."""
        return await self._verifications.find({"intake": intake_id}).sort("_id", ASCENDING).to_list(50)
