"""Regions in MongoDB."""

from collections.abc import Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, ReplaceOne

from casework.regions.model import Region


class RegionStore:
    """Collection ``regions``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._regions = database["regions"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._regions.create_index("code", unique=True)
        await self._regions.create_index([("parent", ASCENDING), ("code", ASCENDING)])
        await self._regions.create_index("areas")

    async def get(self, id_: str) -> Region | None:
        """One region by its id."""
        return await self._regions.find_one({"_id": id_})

    async def children(self, parent: str | None) -> list[Region]:
        """The nodes right below `parent` (None: the roots), by code."""
        return await self._regions.find({"parent": parent}).sort("code", ASCENDING).to_list(2000)

    async def by_codes(self, codes: Sequence[str]) -> dict[str, Region]:
        """Regions by their present division code."""
        return {r["code"]: r async for r in self._regions.find({"code": {"$in": list(codes)}})}

    async def save(self, regions: Sequence[Region]) -> None:
        """Insert or replace whole nodes."""
        if regions:
            await self._regions.bulk_write(
                [ReplaceOne({"_id": r["_id"]}, r, upsert=True) for r in regions], ordered=False
            )
