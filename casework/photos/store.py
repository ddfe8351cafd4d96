"""Photos in MongoDB: documents, and the sealed pictures in GridFS."""

from collections.abc import Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from casework.files import FileOf, SealedFiles
from casework.photos.model import Photo
from casework.resealing import Sealing

PICTURE = FileOf("pictures", "picture")
SEALED = (Sealing("photos", {"thumbnail": "thumbnail"}, file=PICTURE),)


class PhotoStore:
    """Collection ``photos`` and the GridFS bucket ``pictures``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._photos = database["photos"]
        self.pictures = SealedFiles(database, "photos", PICTURE)

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._photos.create_index([("owner", ASCENDING), ("sha256", ASCENDING)], unique=True)

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
