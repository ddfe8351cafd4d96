"""What is recorded about every effect: who did what to which thing, when, and where."""

from datetime import datetime
from typing import Any, TypedDict


class Entry(TypedDict, total=False):
    """One audit entry. `detail` holds codes and ids, never personal data.

    `batch` is absent until the sealer has put the entry into a batch.
    """

    _id: str
    at: datetime
    actor: str
    verb: str
    object: str
    areas: list[str]
    detail: dict[str, Any]
    batch: int


class Batch(TypedDict):
    """A sealed run of entries. `hash` chains over the entries in order, starting at `previous`."""

    _id: int
    at: datetime
    first: int
    entries: list[str]
    previous: str
    hash: str
