"""Code tables in MongoDB."""

from collections.abc import Iterable
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import UpdateOne

from casework.tables.model import Row


class TableStore:
    """Collection ``code_tables``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._rows = database["code_tables"]

    async def all(self) -> list[Row]:
        """Every row; the tables are small."""
        return await self._rows.find().to_list(None)

    async def add_missing(self, rows: Iterable[Row]) -> None:
        """Insert the rows whose id is not there yet; a county's changes stay."""
        await self._rows.bulk_write(
            [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True) for row in rows],
            ordered=False,
        )
