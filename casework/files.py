"""Sealed files: documents whose ciphertext stands in GridFS."""

from contextlib import suppress
from typing import Any, NamedTuple

from bson import ObjectId
from gridfs.errors import CorruptGridFile, NoFile
from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket
from pymongo import ReturnDocument

from casework.fields import FieldCipher, Sealed


class FileOf(NamedTuple):
    """Where a document's file stands: the GridFS bucket, and the name of the sealed value in its place."""

    bucket: str
    field: str


class SealedFiles:
    """The files of a collection, in a GridFS bucket of their own.

    A document's `file` is its file's id, and `sealed` is the sealed value without the ciphertext, which is
    the file. GridFS knows no transactions, so while a file is replaced the document names others as `spare`:
    the new one until it is whole, the old one until it is deleted, and what a crash left of either. Whoever
    replaces a file adds theirs and thereby takes over: nobody else's spare file becomes the file any more.
    """

    def __init__(self, database: AsyncIOMotorDatabase[Any], collection: str, file: FileOf) -> None:
        self._documents = database[collection]
        self._files = AsyncIOMotorGridFSBucket(database, file.bucket)
        self._collection = collection
        self._field = file.field

    async def put(self, name: str, data: bytes) -> str:
        """Keep sealed bytes; their id. `name` must say nothing about what they are."""
        return str(await self._files.upload_from_stream(name, data))

    async def delete(self, file: str) -> None:
        """Remove sealed bytes, if they are there."""
        with suppress(NoFile):
            await self._files.delete(ObjectId(file))

    async def read(self, id_: str) -> tuple[Any, Sealed] | None:
        """A document and its sealed value; None when it is not there.

        Raises `NoFile` or `CorruptGridFile` when the file that it names is not whole.
        """
        document = await self._documents.find_one({"_id": id_})
        while document:
            try:
                return document, await self._sealed(document)
            except (NoFile, CorruptGridFile):
                before, document = document, await self._documents.find_one({"_id": id_})
                # Else it was replaced or erased while it was being read.
                if document and document["file"] == before["file"]:
                    raise
        return None

    async def _sealed(self, document: Any) -> Sealed:
        stream = await self._files.open_download_stream(ObjectId(document["file"]))
        return {**document["sealed"], "ciphertext": bytes(await stream.read())}

    async def erase(self, id_: str) -> None:
        """Delete a document with its files; one that is gone already stays so."""
        while document := await self._documents.find_one({"_id": id_}):
            # The files go first, so that a crash leaves the document that tells of them.
            for file in (document["file"], *document.get("spare", ())):
                await self.delete(file)
            await self._documents.delete_one(_as_read(document))

    async def reseal(self, document: Any, cipher: FieldCipher) -> bool:
        """Seal a document's file anew under the current key, and delete what an earlier try left.

        False when somebody else changed the document at the same time. Raises `UnreadableField`, `NoFile`,
        `CorruptGridFile`.
        """
        left, new = document.get("spare", []), ObjectId()
        document = await self._change(document, {"$set": {"spare": [*left, str(new)]}})
        if document and document["sealed"]["kid"] != cipher.kid:
            document = await self._replace(document, new, [*left, document["file"]], cipher)
        if document is None:
            return False
        for file in document["spare"]:
            await self.delete(file)
        return await self._change(document, {"$unset": {"spare": ""}}) is not None

    async def _replace(self, document: Any, new: ObjectId, spare: list[str], cipher: FieldCipher) -> Any:
        found = await self.read(document["_id"])
        if found is None:
            return None
        place = (self._collection, document["_id"], self._field)
        sealed = cipher.seal(cipher.open_bytes(found[1], *place), *place)
        await self._files.upload_from_stream_with_id(new, document["_id"], sealed.pop("ciphertext"))
        replaced = await self._change(
            document, {"$set": {"file": str(new), "sealed": sealed, "spare": spare}}
        )
        if replaced is None:
            await self.delete(str(new))
        return replaced

    async def _change(self, document: Any, update: dict[str, Any]) -> Any:
        return await self._documents.find_one_and_update(
            _as_read(document), update, return_document=ReturnDocument.AFTER
        )


def _as_read(document: Any) -> dict[str, Any]:
    """The query for a document whose files are still those that were read."""
    return {"_id": document["_id"], "file": document["file"], "spare": document.get("spare")}
