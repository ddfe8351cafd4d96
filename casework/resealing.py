"""Sealing anew what is sealed under an older key, so that the older key can be taken away.

Every store that keeps sealed values or blind indexes says which in its `SEALED`. Nothing that people see
changes, so versions stay.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
from gridfs.errors import CorruptGridFile, NoFile
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, UpdateOne

from casework.fields import BlindIndex, FieldCipher, Sealed, UnreadableField
from casework.files import FileOf, SealedFiles

BATCH = 100


class Indexed(NamedTuple):
    """A blind index: its purpose, and the sealed value that it is made of: the first of these paths that the
    document has."""

    purpose: str
    made_of: tuple[str, ...]


@dataclass(frozen=True)
class Sealing:
    """What is sealed in the documents of a collection.

    `values` maps the path of each sealed value to the field that it is bound to; in a list `{id}` stands for
    the id of its item. `indexes` are the blind indexes by path: a digest, or a list of them. `passing` are
    digests of something that is not kept, and of use for a short while only: they are not made again but
    taken away. `file` is the sealed file that each document has.
    """

    collection: str
    values: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, Indexed] = field(default_factory=dict)
    passing: tuple[str, ...] = ()
    file: FileOf | None = None


class Left(NamedTuple):
    """How many sealed values, and how many digests, still need a key that is not the current one, by the
    key's id."""

    values: Counter[str]
    digests: Counter[str]


class Resealing:
    """Works in small batches beside running servers, and goes on where it was stopped: what is found is
    what is left, and it is replaced only where it is still what was read."""

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Any],
        sealings: Iterable[Sealing],
        cipher: FieldCipher,
        index: BlindIndex,
    ) -> None:
        self._database = database
        self._sealings = tuple(sealings)
        self._cipher = cipher
        self._index = index
        self._log = structlog.get_logger()

    async def left(self) -> Left:
        """What is left. Keys that nobody has any more are told as well."""
        values: Counter[str] = Counter()
        digests: Counter[str] = Counter()
        for sealing in self._sealings:
            collection = self._database[sealing.collection]
            paths = [*sealing.values, *(["sealed"] if sealing.file else [])]
            # Values in lists give a list of key ids, which the second step takes apart.
            each: list[dict[str, Any]] = [
                {"$project": {"kid": [f"${path}.kid" for path in paths]}},
                {"$unwind": "$kid"},
                {"$unwind": "$kid"},
                {"$match": {"kid": {"$ne": self._cipher.kid}}},
                {"$group": {"_id": "$kid", "count": {"$sum": 1}}},
            ]
            async for found in collection.aggregate(each):
                values[found["_id"]] += found["count"]
            for path in [*sealing.indexes, *sealing.passing]:
                each = [
                    {"$match": self._not_found(path)},
                    {"$unwind": f"${path}"},
                    {"$group": {"_id": {"$first": {"$split": [f"${path}", ":"]}}, "count": {"$sum": 1}}},
                ]
                async for found in collection.aggregate(each):
                    digests[found["_id"]] += found["count"]
        return Left(values, digests)

    def _not_found(self, path: str) -> dict[str, Any]:
        """The query for documents with digests of which none is under the current key."""
        return {path: {"$gt": "", "$not": {"$regex": f"^{self._index.kid}:"}}}

    async def reseal(self, sealing: Sealing) -> int:
        """Go once through a collection; how many documents were changed.

        What does not open, or is being changed at the same time, is left.
        """
        changed, last = 0, None
        while batch := await self._next(sealing, last):
            last = batch[-1]["_id"]
            changed += await self._values(sealing, batch)
            if sealing.file:
                changed += await self._files(sealing, sealing.file, batch)
        return changed

    async def _next(self, sealing: Sealing, last: Any) -> list[dict[str, Any]]:
        old = {"$in": self._cipher.older}
        wanted: list[dict[str, Any]] = [{f"{path}.kid": old} for path in sealing.values]
        if sealing.file:
            wanted += [{"sealed.kid": old}, {"spare": {"$exists": True}}]
        for path in sealing.indexes:
            others = {"$elemMatch": {"$not": {"$regex": f"^{self._index.kid}:"}}}
            wanted += [self._not_found(path), {path: others}]
        wanted += [self._not_found(path) for path in sealing.passing]
        query = {"$or": wanted, **({"_id": {"$gt": last}} if last is not None else {})}
        roots = {path.partition(".")[0]: 1 for path in [*sealing.values, *sealing.indexes, *sealing.passing]}
        shown = {**roots, **({"sealed": 1, "file": 1, "spare": 1} if sealing.file else {})}
        found = self._database[sealing.collection].find(query, shown)
        return await found.sort("_id", ASCENDING).limit(BATCH).to_list(None)

    async def _values(self, sealing: Sealing, batch: Sequence[Mapping[str, Any]]) -> int:
        updates = []
        for document in batch:
            try:
                as_read, changes = self._anew(sealing, document)
            except UnreadableField as error:
                self._tell(sealing, document, error)
                continue
            if changes:
                updates.append(UpdateOne({"_id": document["_id"], **as_read}, {"$set": changes}))
        if not updates:
            return 0
        done = await self._database[sealing.collection].bulk_write(updates, ordered=False)
        return int(done.modified_count)

    def _anew(self, sealing: Sealing, document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(what the document must still say, what it shall say)."""
        as_read: dict[str, Any] = {}
        changes: dict[str, Any] = {}
        opened: dict[str, bytes] = {}
        for path, name in sealing.values.items():
            for place, item, sealed in _places(document, path.split(".")):
                bound = (sealing.collection, document["_id"], name.format(id=item))
                if sealed["kid"] != self._cipher.kid:
                    value = self._cipher.open_bytes(sealed, *bound)
                    changes[place] = self._cipher.seal(value, *bound)
                    as_read[f"{place}.nonce"] = sealed["nonce"]
                    opened[place] = value
        for path, indexed in sealing.indexes.items():
            old = document.get(path)
            if not old:
                continue
            source, sealed = _first(document, indexed.made_of)
            field_ = sealing.values[source]
            value = opened.get(source) or self._cipher.open_bytes(
                sealed, sealing.collection, document["_id"], field_
            )
            digest = self._index.of(indexed.purpose, value)
            new = [digest] if isinstance(old, list) else digest
            if new != old:
                changes[path] = new
                as_read |= {path: old, f"{source}.nonce": sealed["nonce"]}
        for path in sealing.passing:
            old = document.get(path)
            if old and not old.startswith(f"{self._index.kid}:"):
                changes[path] = ""
                as_read[path] = old
        return as_read, changes

    async def _files(self, sealing: Sealing, file: FileOf, batch: Sequence[Mapping[str, Any]]) -> int:
        files, changed = SealedFiles(self._database, sealing.collection, file), 0
        for document in batch:
            # One at a time, because each is held in memory as a whole.
            if document["sealed"]["kid"] == self._cipher.kid and "spare" not in document:
                continue
            try:
                changed += await files.reseal(document, self._cipher)
            except (UnreadableField, NoFile, CorruptGridFile) as error:
                self._tell(sealing, document, error)
        return changed

    def _tell(self, sealing: Sealing, document: Mapping[str, Any], error: Exception) -> None:
        kind, id_ = type(error).__name__, document["_id"]
        self._log.error("does not open", collection=sealing.collection, id=id_, kind=kind)


def _places(
    node: Any, path: Sequence[str], at: str = "", item: str = ""
) -> Iterator[tuple[str, str, Sealed]]:
    """The sealed values at a path: (their exact path, the id of the list's item they are in, the value)."""
    if isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _places(inner, path, f"{at}{number}.", inner["id"])
    elif not path:
        if node:
            yield at.removesuffix("."), item, node
    elif node and path[0] in node:
        yield from _places(node[path[0]], path[1:], f"{at}{path[0]}.", item)


def _first(document: Mapping[str, Any], paths: Sequence[str]) -> tuple[str, Sealed]:
    for path in paths:
        for _, _, sealed in _places(document, path.split(".")):
            return path, sealed
    raise UnreadableField(f"nothing stands at {' or '.join(paths)}")
