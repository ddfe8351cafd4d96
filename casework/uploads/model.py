"""Files on their way up: parts of them, kept until the whole is there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

#: What a client should send at a time: small enough to get through a weak signal, large enough to be few.
PART_BYTES = 128 * 1024


@dataclass(frozen=True)
class Kind:
    """What is uploaded: its `name` in the database, the most `limit` bytes, and the words for people."""

    name: str
    limit: int
    too_large: str
    broken: str


class ByteRange(NamedTuple):
    """Which bytes of a file a part is: from `first` to `last`, both included, of `total`."""

    first: int
    last: int
    total: int

    @property
    def size(self) -> int:
        """How many bytes that are."""
        return self.last - self.first + 1

    @property
    def is_last(self) -> bool:
        """Whether the file ends with this part."""
        return self.last + 1 == self.total


@dataclass(frozen=True)
class Progress:
    """How far an upload is. `received` bytes have arrived from the beginning on; what is `complete` is
    kept in another form, so its bytes are no longer counted."""

    received: int
    complete: bool


class Part(TypedDict):
    """One part of an owner's file, sealed. `at` is when the file's first part came, so that all parts of a
    file are forgotten at once."""

    _id: str
    owner: str
    kind: str
    sha256: str
    first: int
    last: int
    total: int
    sealed: dict[str, Any]
    at: datetime
    schema: int
