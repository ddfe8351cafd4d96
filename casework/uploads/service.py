"""Files go up whole or in parts, so that a lost signal costs one part and not the file."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from casework.clock import Clock
from casework.fields import FieldCipher
from casework.ids import new_id
from casework.problems import Malformed, NotAPicture, NotARecording, TooLarge, WrongOffset
from casework.uploads import rules
from casework.uploads.model import ByteRange, Kind, Part, Progress
from casework.uploads.store import UploadStore, range_of

T = TypeVar("T")
#: What does not become right by being sent again.
REFUSALS = (Malformed, NotAPicture, NotARecording, TooLarge)
COLLECTION = "upload_parts"


class Uploads:
    """Brings the bytes of a file together, for the capabilities that keep files."""

    def __init__(self, store: UploadStore, cipher: FieldCipher, clock: Clock) -> None:
        self._store = store
        self._cipher = cipher
        self._clock = clock

    async def received(self, owner: str, kind: Kind, sha256: str) -> int:
        """How many bytes of an unfinished file have arrived, from the beginning on."""
        latest = await self._store.latest(owner, kind.name, sha256)
        return range_of(latest).last + 1 if latest else 0

    async def take(
        self,
        owner: str,
        kind: Kind,
        sha256: str,
        data: bytes,
        part: ByteRange | None,
        find: Callable[[], Awaitable[T | None]],
        keep: Callable[[bytes], Awaitable[tuple[T, bool]]],
    ) -> tuple[T, bool] | Progress:
        """Take a whole file (`part` is None) or a part of one.

        What `find` finds has arrived before, and nothing happens. The bytes of a whole are handed to `keep`,
        and what that returns is the result: (what is kept, whether it is new). Until then it is the progress.
        Parts of a file that is kept or refused are forgotten. Raises `Malformed` when the bytes do not have
        the hash they claim, what `rules` raise about a part, and what `keep` raises.
        """
        if known := await find():
            return known, False
        try:
            return await self._take(owner, kind, sha256, data, part, keep)
        except (Malformed, WrongOffset):
            # The last part may have come twice at once, and the other one has ended the file.
            if known := await find():
                return known, False
            raise

    async def _take(
        self,
        owner: str,
        kind: Kind,
        sha256: str,
        data: bytes,
        part: ByteRange | None,
        keep: Callable[[bytes], Awaitable[tuple[T, bool]]],
    ) -> tuple[T, bool] | Progress:
        whole = data if part is None else await self._whole_with(owner, kind, sha256, data, part)
        if isinstance(whole, Progress):
            return whole
        try:
            if hashlib.sha256(whole).hexdigest() != sha256:
                raise Malformed(kind.broken)
            kept = await keep(whole)
        except REFUSALS:
            await self._store.drop(owner, kind.name, sha256)
            raise
        await self._store.drop(owner, kind.name, sha256)
        return kept

    async def _whole_with(
        self, owner: str, kind: Kind, sha256: str, data: bytes, part: ByteRange
    ) -> bytes | Progress:
        """The whole file if this part ends it; otherwise the part is kept."""
        rules.check_part(part, len(data), kind)
        latest = await self._store.latest(owner, kind.name, sha256)
        previous = range_of(latest) if latest else None
        if previous and previous.total != part.total:
            # One of the two lengths is wrong, and nobody knows which.
            await self._store.drop(owner, kind.name, sha256)
            raise Malformed(kind.broken)
        if not rules.is_next(part, previous):
            return Progress(previous.last + 1 if previous else 0, complete=False)
        if part.is_last:
            return b"".join([*await self._opened(owner, kind, sha256), data])
        if latest is None:
            rules.check_unfinished(part, await self._store.totals(owner))
        id_ = new_id()
        sealed = self._cipher.seal(data, COLLECTION, id_, "bytes")
        document: Part = {
            "_id": id_,
            "owner": owner,
            "kind": kind.name,
            "sha256": sha256,
            "first": part.first,
            "last": part.last,
            "total": part.total,
            "sealed": sealed,
            "at": latest["at"] if latest else self._clock.now(),
            "schema": 1,
        }
        if await self._store.add(document):
            return Progress(part.last + 1, complete=False)
        # The same part came twice at once: the other one stays.
        return Progress(await self.received(owner, kind, sha256), complete=False)

    async def _opened(self, owner: str, kind: Kind, sha256: str) -> list[bytes]:
        parts = await self._store.parts(owner, kind.name, sha256)
        return [self._cipher.open_bytes(part["sealed"], COLLECTION, part["_id"], "bytes") for part in parts]
