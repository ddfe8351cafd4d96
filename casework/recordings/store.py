"""Voice notes in MongoDB: documents, and the sealed sounds in GridFS."""

from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from casework.files import FileOf, SealedFiles
from casework.recordings.model import Recording
from casework.resealing import Sealing

SOUND = FileOf("sounds", "sound")
SEALED = (Sealing("recordings", file=SOUND),)


class RecordingStore:
    """Collection ``recordings`` and the GridFS bucket ``sounds``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._recordings = database["recordings"]
        self.sounds = SealedFiles(database, "recordings", SOUND)

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._recordings.create_index([("owner", ASCENDING), ("sha256", ASCENDING)], unique=True)

    async def add(self, recording: Recording) -> bool:
        """Insert a voice note; False when this owner has it already."""
        try:
            await self._recordings.insert_one(recording)
        except DuplicateKeyError:
            return False
        return True

    async def find(self, owner: str, sha256: str) -> Recording | None:
        """An owner's voice note by its hash."""
        return await self._recordings.find_one({"owner": owner, "sha256": sha256})
