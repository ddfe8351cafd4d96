"""Answers to commands, kept with their keys for 90 days."""

from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase

from casework.unit import Tx

KEEP_SECONDS = 90 * 24 * 3600


class CommandStore:
    """Collection ``commands``; `_id` is ``actor|key``, so a key belongs to one actor."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._commands = database["commands"]

    async def prepare(self) -> None:
        """Create the index that forgets answers after 90 days."""
        await self._commands.create_index("at", expireAfterSeconds=KEEP_SECONDS)

    async def add(self, tx: Tx, document: dict[str, Any]) -> None:
        """Keep an answer inside the transaction of its effect."""
        tx.insert(self._commands, document)

    async def find(self, id_: str) -> dict[str, Any] | None:
        """The kept answer, if there is one."""
        return await self._commands.find_one({"_id": id_})
