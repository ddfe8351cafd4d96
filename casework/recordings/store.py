"""Voice notes in MongoDB: documents, and the sealed sounds in GridFS."""

from contextlib import suppress
from typing import Any

from bson import ObjectId
from gridfs.errors import NoFile
from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from casework.recordings.model import Recording


class RecordingStore:
    """Collection ``recordings`` and the GridFS bucket ``sounds``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._recordings = database["recordings"]
        self._sounds = AsyncIOMotorGridFSBucket(database, "sounds")

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._recordings.create_index([("owner", ASCENDING), ("sha256", ASCENDING)], unique=True)

    async def put_sound(self, name: str, data: bytes) -> str:
        """Keep sealed bytes; their id. `name` must say nothing about the sound."""
        return str(await self._sounds.upload_from_stream(name, data))

    async def sound(self, file: str) -> bytes:
        """Sealed bytes by their id."""
        stream = await self._sounds.open_download_stream(ObjectId(file))
        return bytes(await stream.read())

    async def delete_sound(self, file: str) -> None:
        """Remove sealed bytes, if they are there."""
        with suppress(NoFile):
            await self._sounds.delete(ObjectId(file))

    async def delete(self, id_: str) -> None:
        """Remove a voice note's document."""
        await self._recordings.delete_one({"_id": id_})

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

    async def get(self, id_: str) -> Recording | None:
        """One voice note."""
        return await self._recordings.find_one({"_id": id_})
