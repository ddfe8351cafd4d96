"""Pages by cursor: no offset, and no exact total above a thousand."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson

from casework.problems import Malformed

T = TypeVar("T")
PAGE_SIZE = 20
MOST = 100
COUNT_LIMIT = 1000


@dataclass(frozen=True)
class Page(Generic[T]):
    """`items` in order, and `next` (opaque; None on the last page)."""

    items: list[T]
    next: str | None


def encode_cursor(*key: Any) -> str:
    """The sort key of the last item on a page as an opaque string."""
    parts = [["t", part.timestamp()] if isinstance(part, datetime) else ["v", part] for part in key]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The sort key inside a cursor: numbers (times as seconds) and strings.

    Raises `Malformed` for anything that `encode_cursor` did not make.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = orjson.loads(base64.urlsafe_b64decode(padded.encode()))
        values = [value for _, value in parts]
    except (ValueError, TypeError, binascii.Error):
        raise Malformed("翻页标记无效，请回到第一页。") from None
    if len(values) != length or not all(isinstance(v, str | int | float | None) for v in values):
        raise Malformed("翻页标记无效，请回到第一页。")
    return values


def page_limit(text: str | None) -> int:
    """The page size that a request asks for, kept between 1 and 100."""
    if text is None:
        return PAGE_SIZE
    if not text.isascii() or not text.isdigit():
        raise Malformed("每页条数应为 1 到 100 的整数。")
    return max(1, min(MOST, int(text[:6])))
