"""Photos go up before the form that names them, each under the hash of its bytes."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from casework.access import Actor, reach
from casework.clock import Clock
from casework.fields import FieldCipher
from casework.ids import new_id
from casework.photos import rules
from casework.photos.model import Photo
from casework.photos.store import PhotoStore
from casework.problems import InvalidForm, NotFound
from casework.uploads.model import ByteRange, Progress
from casework.uploads.service import Uploads


class Photos:
    """Use cases about photos. `executor` runs the decoding, so that requests go on meanwhile."""

    def __init__(
        self, store: PhotoStore, uploads: Uploads, cipher: FieldCipher, clock: Clock, executor: Executor
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._cipher = cipher
        self._clock = clock
        self._executor = executor

    async def upload(
        self, actor: Actor, sha256: str, data: bytes, part: ByteRange | None = None
    ) -> tuple[Photo, bool] | Progress:
        """Keep a photo, or a part of one; (photo, whether it is new), or the progress until it is whole.
        Sending what has arrived again changes nothing.

        Raises what `Uploads.take` and `rules.clean` raise.
        """
        reach(actor, "photo.upload")
        owner = actor.person_id
        find, keep = partial(self._store.find, owner, sha256), partial(self._keep, owner, sha256)
        return await self._uploads.take(owner, rules.KIND, sha256, data, part, find, keep)

    async def _keep(self, owner: str, sha256: str, data: bytes) -> tuple[Photo, bool]:
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(self._executor, rules.clean, data)
        id_ = new_id()
        sealed = self._cipher.seal(picture.jpeg, "photos", id_, "picture")
        file = await self._store.pictures.put(id_, sealed.pop("ciphertext"))
        photo: Photo = {
            "_id": id_,
            "owner": owner,
            "sha256": sha256,
            "width": picture.width,
            "height": picture.height,
            "size": len(picture.jpeg),
            "file": file,
            "sealed": sealed,
            "thumbnail": self._cipher.seal(picture.thumbnail, "photos", id_, "thumbnail"),
            "created_at": self._clock.now(),
            "version": 1,
            "schema": 1,
        }
        if await self._store.add(photo):
            return photo, True
        # The same photo came twice at once: the other one stays.
        await self._store.pictures.delete(file)
        known = await self._store.find(owner, sha256)
        if known is None:
            raise NotFound
        return known, False

    async def has(self, actor: Actor, sha256: str) -> bool:
        """Whether the actor's photo with this hash has arrived."""
        reach(actor, "photo.upload")
        return await self._store.find(actor.person_id, sha256) is not None

    async def progress(self, actor: Actor, sha256: str) -> Progress:
        """How much of the actor's photo has arrived, so that a phone goes on where it stopped."""
        if await self.has(actor, sha256):
            return Progress(0, complete=True)
        return Progress(await self._uploads.received(actor.person_id, rules.KIND, sha256), complete=False)

    async def ids_of(self, actor: Actor, sha256s: Sequence[str], field: str) -> dict[str, str]:
        """The ids of the actor's photos by hash; `InvalidForm` on `field` when any has not arrived."""
        if not sha256s:
            return {}
        found = await self._store.owned(actor.person_id, sha256s)
        missing = [h for h in sha256s if h not in found]
        if missing:
            message = f"有 {len(missing)} 张照片还没有传完，请等待上传完成"
            raise InvalidForm(errors=[{"field": field, "message": message}])
        return {h: found[h]["_id"] for h in sha256s}

    async def picture(self, photo_id: str, thumbnail: bool) -> bytes:
        """The JPEG of a photo. Whether somebody may see it is decided by what it belongs to."""
        if thumbnail:
            photo = await self._store.get(photo_id)
            if photo is None:
                raise NotFound
            return self._cipher.open_bytes(photo["thumbnail"], "photos", photo["_id"], "thumbnail")
        found = await self._store.pictures.read(photo_id)
        if found is None:
            raise NotFound
        photo, sealed = found
        return self._cipher.open_bytes(sealed, "photos", photo["_id"], "picture")

    async def erase(self, photo_id: str) -> None:
        """Delete a photo for good; one that is gone already stays so. That nothing shows it any more is
        known to the caller."""
        await self._store.pictures.erase(photo_id)
