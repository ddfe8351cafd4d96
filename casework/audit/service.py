"""Recording, sealing and verifying the audit trail.

An entry is written unsealed inside the transaction of its effect: a shared counter there would
serialise all transactions. One leased sealer then numbers and chains entries in batches, and writes
a signed checkpoint for each batch outside the database.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from casework.access import Actor
from casework.audit import rules
from casework.audit.model import Batch, Entry
from casework.audit.store import AuditStore
from casework.clock import Clock
from casework.ids import new_id

BATCH_SIZE = 2000
#: How long a sealer that died keeps its place.
LEASE = timedelta(seconds=5)


def entry(
    clock: Clock, actor: Actor | str, verb: str, object_: str, areas: list[str], **detail: Any
) -> Entry:
    """A new audit entry. `object_` is ``kind:id``; `detail` takes codes and ids only."""
    return {
        "_id": new_id(),
        "at": clock.now(),
        "actor": actor if isinstance(actor, str) else actor.id,
        "verb": verb,
        "object": object_,
        "areas": areas,
        "detail": detail,
    }


Checkpoint = dict[str, Any]


class Sealer:
    """Puts unsealed entries into the chain.

    A lease keeps it to one sealer, so that the checkpoints of a time stand in one place. The chain does
    not rest on the lease: no batch number can be written twice.
    """

    def __init__(
        self, store: AuditStore, clock: Clock, write_checkpoint: Callable[[Checkpoint], None], name: str
    ) -> None:
        """`name` is no other sealer's; whoever looks for the one that works finds it in the lease."""
        self._store = store
        self._clock = clock
        self._write_checkpoint = write_checkpoint
        self._name = name

    async def seal(self) -> int:
        """Seal what is unsealed, one batch at most; the number of entries sealed (0 while another sealer
        holds the lease).

        A sealer may have died between writing a batch and marking its entries: where one of the last batch's
        entries still looks unsealed, its checkpoint is written (a second one is the same as the first) and
        they are marked first, so that whoever sees a batch knows that all before it are marked. Two sealers
        cannot write the same batch number.
        """
        entries = await self._store.unsealed(BATCH_SIZE)
        now = self._clock.now()
        if not entries or not await self._store.take_lease(self._name, now, now + LEASE):
            return 0
        last = await self._store.last_batch()
        if last:
            sealed = set(last["entries"])
            half_way = bool(await self._store.unmarked(last["entries"]))
            if half_way:
                await self._complete(last)
            entries = [e for e in entries if e["_id"] not in sealed]
            if not entries:
                return len(sealed) if half_way else 0
        number, first, previous = (
            (last["_id"] + 1, last["first"] + len(last["entries"]), last["hash"])
            if last
            else (1, 1, rules.GENESIS)
        )
        batch: Batch = {
            "_id": number,
            "at": now,
            "first": first,
            "entries": [e["_id"] for e in entries],
            "previous": previous,
            "hash": rules.chain(previous, entries),
        }
        if not await self._store.add_batch(batch):
            return 0
        await self._complete(batch)
        return len(entries)

    async def _complete(self, batch: Batch) -> None:
        """What follows once a batch is written: its checkpoint, then the marks on its entries."""
        entries = batch["first"] - 1 + len(batch["entries"])
        self._write_checkpoint({"batch": batch["_id"], "entries": entries, "hash": batch["hash"]})
        await self._store.mark(batch)

    async def leave(self) -> None:
        """Let another sealer take over at once; nothing changes while another one holds the lease."""
        now = self._clock.now()
        await self._store.take_lease(self._name, now, now)


@dataclass
class Verdict:
    """The result of a check of the whole trail."""

    batches: int = 0
    sealed: int = 0
    unsealed: int = 0
    unsealed_age: float = 0.0
    """Seconds since the oldest unsealed entry was made."""
    unsigned: int = 0
    """Batches of which no checkpoint was given: those of other machines, or somebody removed them."""
    faults: list[str] = field(default_factory=list)


async def verify(
    store: AuditStore,
    clock: Clock,
    read_checkpoints: Callable[[], list[Checkpoint]],
    signature_ok: Callable[[Checkpoint], bool],
) -> Verdict:
    """Recompute the chain over all entries and compare it with the signed checkpoints.

    Finds an entry that was removed, altered, or slipped into the sealed part; a mark that was taken off or
    moved; a removed or altered batch; a cut-off end (by the checkpoints); and a forged checkpoint. All of it
    may be asked while sealers work.

    Args:
        store: the trail.
        clock: tells the age of what is unsealed.
        read_checkpoints: reads all checkpoints as they are at the moment.
        signature_ok: whether a checkpoint is ours and unaltered.
    """
    verdict = Verdict()
    hash_, count, expected = rules.GENESIS, 0, 1
    # Of the batch that was read last: sealed, and not marked yet, because its sealer died or is still at it.
    unmarked: list[str] = []
    unsigned: dict[int, tuple[str, int]] = {}
    signed, forged = _by_batch(read_checkpoints(), signature_ok)
    verdict.faults += [f"checkpoint {line}: signature is wrong" for line in forged]
    async for batch in store.batches():
        number = batch["_id"]
        if number != expected or batch["previous"] != hash_ or batch["first"] != count + 1:
            verdict.faults.append(f"batch {expected}: missing, or its successor was altered")
        # A batch is marked before the next one is written: what is unmarked now has lost its mark.
        for id_ in await store.unmarked(unmarked):
            verdict.faults.append(f"entry {id_}: its mark of batch {expected - 1} was taken off")
        found = await store.entries_of(batch["entries"])
        for id_ in batch["entries"]:
            if id_ not in found:
                verdict.faults.append(f"entry {id_} of batch {number}: removed")
            elif found[id_].get("batch") not in (None, number):
                verdict.faults.append(f"entry {id_} of batch {number}: claims to be in another one")
        chained = rules.chain(batch["previous"], (found[id_] for id_ in batch["entries"] if id_ in found))
        if len(found) == len(batch["entries"]) and chained != batch["hash"]:
            verdict.faults.append(f"batch {number}: an entry was altered")
        count += len(batch["entries"])
        if number in signed:
            verdict.faults += _differences(number, batch["hash"], count, signed.pop(number))
        else:
            unsigned[number] = batch["hash"], count
        unmarked = [id_ for id_, one in found.items() if one.get("batch") is None]
        claiming = await store.marked_ids(number)
        for id_ in sorted(claiming.difference(batch["entries"])):
            verdict.faults.append(f"entry {id_}: claims to be in batch {number} and is not")
        hash_, expected = batch["hash"], number + 1
        verdict.batches += 1
    verdict.sealed = count
    verdict.faults += [f"batch {n}: has a signed checkpoint and is gone" for n in sorted(signed)]
    if unmarked:
        # The last batch's sealer is at it, or will be made up for: its checkpoint comes before its marks.
        unsigned.pop(expected - 1, None)
    if unsigned:
        # What was sealed while the batches were read has its checkpoint by now.
        # A line may be forged, and say anything.
        numbered = [one for one in read_checkpoints() if isinstance(one.get("batch"), int)]
        later = [one for one in numbered if one["batch"] in unsigned]
        since, _ = _by_batch(later, signature_ok)
        for number, (sealed_hash, entries) in unsigned.items():
            verdict.unsigned += number not in since
            verdict.faults += _differences(number, sealed_hash, entries, since.get(number, []))
    if lost := await store.orphan_count():
        verdict.faults.append(f"{lost} entries claim to be in a batch that is not there")
    verdict.unsealed = await store.unsealed_count(unmarked)
    oldest = await store.oldest_unsealed(unmarked)
    verdict.unsealed_age = (clock.now() - oldest).total_seconds() if oldest else 0.0
    return verdict


def _by_batch(
    checkpoints: list[Checkpoint], signature_ok: Callable[[Checkpoint], bool]
) -> tuple[dict[int, list[Checkpoint]], list[int]]:
    """Good checkpoints by their batch, and the lines of the others.

    A batch that was cut off and sealed anew has a second checkpoint beside the first.
    """
    found: dict[int, list[Checkpoint]] = {}
    forged: list[int] = []
    for line, checkpoint in enumerate(checkpoints, 1):
        if signature_ok(checkpoint):
            found.setdefault(checkpoint["batch"], []).append(checkpoint)
        else:
            forged.append(line)
    return found, forged


def _differences(number: int, hash_: str, entries: int, checkpoints: list[Checkpoint]) -> list[str]:
    if any((one["hash"], one["entries"]) != (hash_, entries) for one in checkpoints):
        return [f"batch {number}: differs from its signed checkpoint"]
    return []
