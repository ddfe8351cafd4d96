"""Photos in MongoDB: documents, and the sealed pictures in GridFS."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bson import ObjectId
from gridfs.errors import NoFile
from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from casework.photos.model import Photo


class PhotoStore:
    """Collection ``photos`` and the GridFS bucket ``pictures``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._photos = database["photos"]
        self._pictures = AsyncIOMotorGridFSBucket(database, "pictures")

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._photos.create_index([("owner", ASCENDING), ("sha256", ASCENDING)], unique=True)

    async def put_picture(self, name: str, data: bytes) -> str:
        """Keep sealed bytes; their id. `name` must say nothing about the picture."""
        return str(await self._pictures.upload_from_stream(name, data))

    async def picture(self, file: str) -> bytes:
        """Sealed bytes by their id."""
        stream = await self._pictures.open_download_stream(ObjectId(file))
        return bytes(await stream.read())

    async def delete_picture(self, file: str) -> None:
        """Remove sealed bytes, if they are there."""
        with suppress(NoFile):
            await self._pictures.delete(ObjectId(file))

    async def add(self, photo: Photo) -> bool:
        """Insert a photo; False when this owner has it already."""
        try:
            await self._photos.insert_one(photo)
        except DuplicateKeyError:
            return False
        return True

    async def find(self, owner: str, sha256: str) -> Photo | None:
        """An owner's photo by the hash of what was sent."""
        return await self._photos.find_one({"owner": owner, "sha256": sha256})

    async def owned(self, owner: str, sha256s: Sequence[str]) -> dict[str, Photo]:
        """Those of an owner's photos that are there, by hash."""
        found = self._photos.find({"owner": owner, "sha256": {"$in": list(sha256s)}})
        return {photo["sha256"]: photo async for photo in found}

    async def get(self, id_: str) -> Photo | None:
        """One photo."""
        return await self._photos.find_one({"_id": id_})

    async def delete(self, id_: str) -> None:
        """Remove a photo's document."""
        await self._photos.delete_one({"_id": id_})
