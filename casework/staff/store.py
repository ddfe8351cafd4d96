"""Staff, units and binding codes in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ReplaceOne, ReturnDocument

from casework.resealing import Sealing
from casework.staff.model import BindingCode, Staff, Unit
from casework.unit import Tx, session_in

SEALED = (Sealing("staff", {"phone": "phone"}),)


class StaffStore:
    """Collections ``staff``, ``units`` and ``binding_codes``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._staff = database["staff"]
        self._units = database["units"]
        self._codes = database["binding_codes"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._staff.create_index("staff_no", unique=True)
        await self._staff.create_index("grants.node")
        await self._staff.create_index("person_id", unique=True, sparse=True)
        await self._codes.create_index("expires_at", expireAfterSeconds=0)

    async def get(self, id_: str, tx: Tx | None = None) -> Staff | None:
        """One member of staff."""
        return await self._staff.find_one({"_id": id_}, session=await session_in(tx))

    async def by_person(self, person_id: str) -> Staff | None:
        """The active member of staff whom this person is bound to."""
        return await self._staff.find_one({"person_id": person_id, "active": True})

    async def by_no(self, staff_nos: Sequence[str]) -> dict[str, Staff]:
        """Staff by their numbers."""
        return {s["staff_no"]: s async for s in self._staff.find({"staff_no": {"$in": list(staff_nos)}})}

    async def at(self, nodes: Sequence[str]) -> list[Staff]:
        """Active staff with any grant at one of these regions."""
        return await self._staff.find({"grants.node": {"$in": list(nodes)}, "active": True}).to_list(1000)

    async def save(self, staff: Sequence[Staff]) -> None:
        """Insert or replace whole members of staff."""
        if staff:
            await self._staff.bulk_write(
                [ReplaceOne({"_id": s["_id"]}, s, upsert=True) for s in staff], ordered=False
            )

    async def save_units(self, units: Sequence[Unit]) -> None:
        """Insert or replace whole units."""
        if units:
            await self._units.bulk_write(
                [ReplaceOne({"_id": u["_id"]}, u, upsert=True) for u in units], ordered=False
            )

    async def units_by_name(self, names: Sequence[str]) -> dict[str, Unit]:
        """Units by name."""
        return {u["name"]: u async for u in self._units.find({"name": {"$in": list(names)}})}

    async def bound_persons(self) -> list[str]:
        """The persons whose phones are bound to a member of staff who is still in office."""
        bound = self._staff.find({"active": True, "person_id": {"$exists": True}}, {"person_id": 1})
        return [staff["person_id"] async for staff in bound]

    async def bind(self, tx: Tx, id_: str, person_id: str) -> Staff | None:
        """Name the person behind a member of staff; None when the member is gone or inactive."""
        return await self._staff.find_one_and_update(
            {"_id": id_, "active": True},
            {"$set": {"person_id": person_id}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=await session_in(tx),
        )

    async def unbind_person(self, tx: Tx, person_id: str) -> None:
        """Free a person from whichever member of staff they were bound to."""
        await self._staff.update_one(
            {"person_id": person_id},
            {"$unset": {"person_id": ""}, "$inc": {"version": 1}},
            session=await session_in(tx),
        )

    async def put_code(self, tx: Tx, code: BindingCode) -> None:
        """Keep a code; it replaces the one before."""
        await self._codes.replace_one({"_id": code["_id"]}, code, upsert=True, session=await session_in(tx))

    async def try_code(self, staff_id: str, now: datetime, most: int) -> BindingCode | None:
        """Count one try against the live code; None when there is none, or no tries are left."""
        return await self._codes.find_one_and_update(
            {"_id": staff_id, "expires_at": {"$gt": now}, "tries": {"$lt": most}},
            {"$inc": {"tries": 1}},
            return_document=ReturnDocument.AFTER,
        )

    async def use_code(self, tx: Tx, staff_id: str, digest: str) -> bool:
        """Remove a code as used; False when another request used it first."""
        return (
            await self._codes.delete_one({"_id": staff_id, "digest": digest}, session=await session_in(tx))
        ).deleted_count == 1
