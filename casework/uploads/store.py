"""Parts of files in MongoDB."""

from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from casework.resealing import Sealing
from casework.uploads.model import ByteRange, Part

SEALED = (Sealing("upload_parts", {"sealed": "bytes"}),)
KEEP_SECONDS = 7 * 24 * 3600


class UploadStore:
    """Collection ``upload_parts``. A file's parts follow each other without gaps, by `first`."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._parts = database["upload_parts"]

    async def prepare(self) -> None:
        """Create the indexes; one of them forgets what was not finished in seven days."""
        of_file = [("owner", ASCENDING), ("kind", ASCENDING), ("sha256", ASCENDING), ("first", ASCENDING)]
        await self._parts.create_index(of_file, unique=True)
        await self._parts.create_index("at", expireAfterSeconds=KEEP_SECONDS)

    async def add(self, part: Part) -> bool:
        """Keep a part; False when one that begins there has been kept already."""
        try:
            await self._parts.insert_one(part)
        except DuplicateKeyError:
            return False
        return True

    async def latest(self, owner: str, kind: str, sha256: str) -> Part | None:
        """The last part so far, without its bytes."""
        wanted = {"owner": owner, "kind": kind, "sha256": sha256}
        return await self._parts.find_one(wanted, {"sealed": 0}, sort=[("first", DESCENDING)])

    async def parts(self, owner: str, kind: str, sha256: str) -> list[Part]:
        """All parts in order."""
        found = self._parts.find({"owner": owner, "kind": kind, "sha256": sha256})
        return await found.sort("first", ASCENDING).to_list(None)

    async def totals(self, owner: str) -> list[int]:
        """The lengths that an owner's unfinished files will have."""
        found = self._parts.find({"owner": owner, "first": 0}, {"total": 1})
        return [part["total"] async for part in found]

    async def drop(self, owner: str, kind: str, sha256: str) -> None:
        """Forget all parts of a file."""
        await self._parts.delete_many({"owner": owner, "kind": kind, "sha256": sha256})


def range_of(part: Part) -> ByteRange:
    """Which bytes a kept part is."""
    return ByteRange(part["first"], part["last"], part["total"])
