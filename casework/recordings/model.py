"""Voice notes: kept as the phone recorded them, sealed."""

from datetime import datetime
from typing import Any, NotRequired, TypedDict


class Recording(TypedDict):
    """A voice note of one owner. `sha256` is that of its bytes, `type` the media type that these show;
    `file` is the sealed sound in GridFS (`spare`: see `casework.files`)."""

    _id: str
    owner: str
    sha256: str
    size: int
    type: str
    file: str
    spare: NotRequired[list[str]]
    sealed: dict[str, Any]
    created_at: datetime
    version: int
    schema: int
