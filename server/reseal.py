"""Sealing anew under the current keys what is sealed under older ones, beside running servers."""

from collections.abc import Callable, Iterator

from casework.account import store as account
from casework.audit.service import entry
from casework.ids import new_id
from casework.intake import store as intake
from casework.photos import store as photos
from casework.recordings import store as recordings
from casework.resealing import Left, Resealing, Sealing
from casework.staff import store as staff
from casework.uploads import store as uploads
from server.parts import Parts, parts_for
from server.settings import Settings

#: Not among them are the digests of commands and of binding codes: nothing is read by them, and they end by
#: themselves after 90 days and 10 minutes.
SEALINGS: tuple[Sealing, ...] = tuple(
    sealing for store in (staff, account, intake, uploads, photos, recordings) for sealing in store.SEALED
)


def resealing_of(parts: Parts) -> Resealing:
    """The work on a process's database, with its keys."""
    database = parts.mongo[parts.settings.mongodb_database]
    return Resealing(database, SEALINGS, parts.cipher, parts.index)


async def reseal(settings: Settings, say: Callable[[str], None], *, check: bool = False) -> int:
    """Seal anew whatever is left, or with `check` only count it; `say` is told the progress.

    The exit status is 0 when nothing is left that needs an older key.
    """
    async with parts_for(settings) as parts:
        work = resealing_of(parts)
        left = await work.left()
        if not check:
            left = await _work_through(parts, work, left, say)
    for line in _told(parts, left):
        say(line)
    return 1 if left.values or left.digests else 0


async def _work_through(parts: Parts, work: Resealing, left: Left, say: Callable[[str], None]) -> Left:
    """Seal anew until nothing is left, or only what a round could not change; what is left."""
    total, before = 0, None
    # What servers changed at the same moment is there for another round.
    while left != before:
        before = left
        for sealing in SEALINGS:
            if done := await work.reseal(sealing):
                say(f"{sealing.collection}：改用现在的密钥 {done} 份")
                total += done
        left = await work.left()
    if total:
        made = entry(parts.clock, "operator", "keys.reseal", f"reseal:{new_id()}", [], documents=total)
        await parts.unit.run(lambda tx: parts.stores.audit.add(tx, [made]))
    return left


def _told(parts: Parts, left: Left) -> Iterator[str]:
    rings = (("数据密钥", parts.cipher, left.values), ("查找密钥", parts.index, left.digests))
    for name, ring, counts in rings:
        yield f"{name}：现在用 {ring.kid}。"
        for kid in ring.older:
            yield f"  {kid} 还有 {counts[kid]} 处。" if counts[kid] else f"  {kid} 已不再需要，可以去掉。"
        for kid in sorted(counts.keys() - {*ring.older}):
            yield f"  {kid} 还有 {counts[kid]} 处，但没有这个密钥，这些内容打不开，请把它放回去。"
