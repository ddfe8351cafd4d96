"""Photos: re-encoded, without position, sealed."""

from datetime import datetime
from typing import Any, NotRequired, TypedDict


class Photo(TypedDict):
    """A photo of one owner. `sha256` is that of the bytes which the phone sent, by which it asks
    whether they arrived; `file` is the sealed picture in GridFS (`spare`: see `casework.files`),
    `thumbnail` stands sealed in place."""

    _id: str
    owner: str
    sha256: str
    width: int
    height: int
    size: int
    file: str
    spare: NotRequired[list[str]]
    sealed: dict[str, Any]
    thumbnail: dict[str, Any]
    created_at: datetime
    version: int
    schema: int
