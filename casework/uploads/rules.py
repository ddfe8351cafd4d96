"""Decisions about parts of a file that need no database."""

from collections.abc import Iterable

from casework.problems import InvalidForm, Malformed, TooLarge, TooOften, WrongOffset
from casework.uploads.model import ByteRange, Kind

PART_LEAST = 16 * 1024
#: Unfinished files of one person, and the bytes that these will have.
UNFINISHED_MOST = 20
UNFINISHED_BYTES = 64 * 1024 * 1024
#: Where errors about the range stand.
FIELD = "Content-Range"


def _wrong(message: str) -> InvalidForm:
    return InvalidForm(errors=[{"field": FIELD, "message": message}])


def check_part(part: ByteRange, length: int, kind: Kind) -> None:
    """Whether a body of `length` bytes can be this part at all.

    Raises `TooLarge` for a file above the limit of its kind, `InvalidForm` for a range that is none or too
    small, `Malformed` for a body that is not as long as its range.
    """
    if not part.first <= part.last < part.total:
        raise _wrong("分段的起止位置不对，请从头上传")
    if part.total > kind.limit:
        raise TooLarge(kind.too_large)
    if length != part.size:
        raise Malformed("这一段没有传完整，请重新上传这一段。")
    if part.size < PART_LEAST and not part.is_last:
        raise _wrong(f"除最后一段外，每段不能小于 {PART_LEAST // 1024} KB")


def is_next(part: ByteRange, previous: ByteRange | None) -> bool:
    """Whether a part goes on where the file ends so far; False for what has arrived before.

    `previous` is the last part that has arrived. Raises `WrongOffset` for anything else, with the number of
    bytes to go on from.
    """
    received = previous.last + 1 if previous else 0
    if part.last < received:
        return False
    if part.first != received:
        raise WrongOffset(received=received)
    return True


def check_unfinished(part: ByteRange, totals: Iterable[int]) -> None:
    """Raises `TooOften` for one file more than somebody may have under way, whose unfinished ones will have
    the lengths `totals`."""
    lengths = [*totals, part.total]
    if len(lengths) > UNFINISHED_MOST or sum(lengths) > UNFINISHED_BYTES:
        raise TooOften("没有传完的照片和语音太多，请等前面的传完再试。", retry_after=60)
