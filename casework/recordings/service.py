"""Voice notes go up before the form that names them, each under the hash of its bytes."""

from functools import partial

from casework.access import Actor, reach
from casework.clock import Clock
from casework.fields import FieldCipher
from casework.ids import new_id
from casework.problems import InvalidForm, NotFound
from casework.recordings import rules
from casework.recordings.model import Recording
from casework.recordings.store import RecordingStore
from casework.uploads.model import ByteRange, Progress
from casework.uploads.service import Uploads


class Recordings:
    """Use cases about voice notes."""

    def __init__(self, store: RecordingStore, uploads: Uploads, cipher: FieldCipher, clock: Clock) -> None:
        self._store = store
        self._uploads = uploads
        self._cipher = cipher
        self._clock = clock

    async def upload(
        self, actor: Actor, sha256: str, data: bytes, part: ByteRange | None = None
    ) -> tuple[Recording, bool] | Progress:
        """Keep a voice note, or a part of one; (voice note, whether it is new), or the progress until it is
        whole. Sending what has arrived again changes nothing.

        Raises what `Uploads.take` and `rules.type_of` raise.
        """
        reach(actor, "recording.upload")
        owner = actor.person_id
        find, keep = partial(self._store.find, owner, sha256), partial(self._keep, owner, sha256)
        return await self._uploads.take(owner, rules.KIND, sha256, data, part, find, keep)

    async def _keep(self, owner: str, sha256: str, data: bytes) -> tuple[Recording, bool]:
        type_ = rules.type_of(data)
        id_ = new_id()
        sealed = self._cipher.seal(data, "recordings", id_, "sound")
        file = await self._store.sounds.put(id_, sealed.pop("ciphertext"))
        recording: Recording = {
            "_id": id_,
            "owner": owner,
            "sha256": sha256,
            "size": len(data),
            "type": type_,
            "file": file,
            "sealed": sealed,
            "created_at": self._clock.now(),
            "version": 1,
            "schema": 1,
        }
        if await self._store.add(recording):
            return recording, True
        # The same voice note came twice at once: the other one stays.
        await self._store.sounds.delete(file)
        known = await self._store.find(owner, sha256)
        if known is None:
            raise NotFound
        return known, False

    async def has(self, actor: Actor, sha256: str) -> bool:
        """Whether the actor's voice note with this hash has arrived."""
        reach(actor, "recording.upload")
        return await self._store.find(actor.person_id, sha256) is not None

    async def progress(self, actor: Actor, sha256: str) -> Progress:
        """How much of the actor's voice note has arrived, so that a phone goes on where it stopped."""
        if await self.has(actor, sha256):
            return Progress(0, complete=True)
        return Progress(await self._uploads.received(actor.person_id, rules.KIND, sha256), complete=False)

    async def id_of(self, actor: Actor, sha256: str, field: str) -> str:
        """The id of the actor's voice note by its hash; `InvalidForm` on `field` when it has not arrived."""
        found = await self._store.find(actor.person_id, sha256)
        if found is None:
            message = "语音还没有传完，请等待上传完成"
            raise InvalidForm(errors=[{"field": field, "message": message}])
        return found["_id"]

    async def sound(self, recording_id: str) -> tuple[str, bytes]:
        """The media type and the bytes of a voice note. Whether somebody may hear it is decided by what it
        belongs to."""
        found = await self._store.sounds.read(recording_id)
        if found is None:
            raise NotFound
        recording, sealed = found
        return recording["type"], self._cipher.open_bytes(sealed, "recordings", recording["_id"], "sound")

    async def erase(self, recording_id: str) -> None:
        """Delete a voice note for good; one that is gone already stays so. That nothing holds it any more
        is known to the caller."""
        await self._store.sounds.erase(recording_id)
