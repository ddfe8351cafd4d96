"""Regions in MongoDB."""

from collections.abc import Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, GEOSPHERE, ReplaceOne

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
        await self._regions.create_index([("centre", GEOSPHERE)])

    async def get(self, id_: str) -> Region | None:
        """One region by its id."""
        return await self._regions.find_one({"_id": id_})

    async def children(self, parent: str | None) -> list[Region]:
        """The nodes right below `parent` (None: the roots), by code."""
        return await self._regions.find({"parent": parent}).sort("code", ASCENDING).to_list(2000)

    async def near(
        self, longitude: float, latitude: float, kinds: Sequence[str], metres: float, most: int
    ) -> list[tuple[Region, float]]:
        """The nearest regions of these kinds by their centre, each with its distance in metres."""
        nearest: dict[str, Any] = {
            "near": {"type": "Point", "coordinates": [longitude, latitude]},
            "key": "centre",
            "query": {"kind": {"$in": list(kinds)}},
            "maxDistance": metres,
            "distanceField": "distance",
            "spherical": True,
        }
        found = self._regions.aggregate([{"$geoNear": nearest}, {"$limit": most}])
        return [(region, region.pop("distance")) async for region in found]

    async def by_codes(self, codes: Sequence[str]) -> dict[str, Region]:
        """Regions by their present division code."""
        return {r["code"]: r async for r in self._regions.find({"code": {"$in": list(codes)}})}

    async def save(self, regions: Sequence[Region]) -> None:
        """Insert or replace whole nodes."""
        if regions:
            await self._regions.bulk_write(
                [ReplaceOne({"_id": r["_id"]}, r, upsert=True) for r in regions], ordered=False
            )
