"""Pages by cursor: no offset, and no total."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson

from casework.problems import Malformed

T = TypeVar("T")
PAGE_SIZE = 20
MOST = 100


@dataclass(frozen=True)
class Page(Generic[T]):
    """`items` in order, and `next` (opaque; None on the last page)."""

    items: list[T]
    next: str | None


def encode_cursor(*key: str | datetime) -> str:
    """The sort key of the last item on a page (texts and aware instants) as an opaque string."""
    parts = [part.astimezone(UTC).isoformat() if isinstance(part, datetime) else part for part in key]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type[str] | type[datetime]) -> list[Any]:
    """The sort key inside a cursor: a value of each of `types`, instants in UTC.

    Raises `Malformed` for anything that is no key of these types.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = orjson.loads(base64.urlsafe_b64decode(padded.encode()))
        return [_value(part, type_) for part, type_ in zip(parts, types, strict=True)]
    except (ValueError, TypeError, OverflowError):
        raise Malformed("翻页标记无效，请回到第一页。") from None


def _value(part: Any, type_: type) -> str | datetime:
    if not isinstance(part, str):
        raise TypeError
    return datetime.fromisoformat(part).astimezone(UTC) if type_ is datetime else part


def page_limit(text: str | None) -> int:
    """The page size that a request asks for, kept between 1 and 100."""
    if text is None:
        return PAGE_SIZE
    if not text.isascii() or not text.isdigit():
        raise Malformed("每页条数应为 1 到 100 的整数。")
    # The cut keeps a number of thousands of digits from being computed.
    return max(1, min(MOST, int(text.lstrip("0")[:6] or 0)))
