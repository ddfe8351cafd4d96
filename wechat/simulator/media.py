"""Pictures, sounds and films that were uploaded: temporary media and permanent material.

What a file is, is read from its first bytes, never from its name.
Source: 新增临时素材 (uploadTempMedia), 上传永久素材 (addMaterial), 上传图文消息图片 (uploadImage).
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, cast, get_args

from wechat.simulator.limits import MEMORY, PLATFORM

Kind = Literal["image", "voice", "video", "thumb"]
KINDS: tuple[str, ...] = get_args(Kind)
KIB, MIB = 1024, 1024 * 1024

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "amr": "audio/amr",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "wma": "audio/x-ms-wma",
    "mp4": "video/mp4",
}


def file_type(body: bytes) -> str | None:
    """Return what a file is, by its first bytes: a key of `CONTENT_TYPES`, or None."""
    for name, at, magic in (
        ("jpg", 0, b"\xff\xd8\xff"),
        ("png", 0, b"\x89PNG\r\n\x1a\n"),
        ("gif", 0, b"GIF8"),
        ("bmp", 0, b"BM"),
        ("amr", 0, b"#!AMR"),
        ("mp3", 0, b"ID3"),
        ("wav", 8, b"WAVE"),
        ("wma", 0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        ("mp4", 4, b"ftyp"),
    ):
        if body.startswith(magic, at):
            return name
    # A sound without a tag begins with a frame: eleven bits set.
    return "mp3" if len(body) > 1 and body[0] == 0xFF and body[1] & 0xE0 == 0xE0 else None


@dataclass(frozen=True)
class Accepted:
    """What an upload of one kind may be, and the error code for a file that is too large."""

    types: tuple[str, ...]
    most_bytes: int
    too_large: int


TEMPORARY: dict[Kind, Accepted] = {
    "image": Accepted(("png", "jpg", "gif"), 10 * MIB, 40009),
    "voice": Accepted(("amr", "mp3"), 2 * MIB, 40010),
    "video": Accepted(("mp4",), 10 * MIB, 40011),
    "thumb": Accepted(("jpg",), 64 * KIB, 40012),
}
PERMANENT: dict[Kind, Accepted] = {
    "image": Accepted(("bmp", "png", "jpg", "gif"), 10 * MIB, 40009),
    "voice": Accepted(("mp3", "wma", "wav", "amr"), 2 * MIB, 40010),
    "video": Accepted(("mp4",), 10 * MIB, 40011),
    "thumb": Accepted(("jpg",), 64 * KIB, 40012),
}
IN_ARTICLES = Accepted(("jpg", "png"), MIB, 40009)


def kind_of(text: str) -> Kind | None:
    """Return `text` as a kind of medium, None if it is none."""
    return cast(Kind, text) if text in KINDS else None


@dataclass(frozen=True)
class Medium:
    """An upload; `expires_at` (unix seconds) is None for permanent material.

    `listed` tells material of the account's library from pictures that only belong to an article.
    """

    media_id: str
    app_id: str
    kind: Kind
    type: str
    body: bytes
    name: str
    created_at: float
    expires_at: float | None
    listed: bool
    title: str = ""
    introduction: str = ""

    @property
    def content_type(self) -> str:
        """The MIME type of the content."""
        return CONTENT_TYPES[self.type]


class Media:
    """Everything uploaded, up to a number of files and of bytes in all; what came first goes first."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all media."""
        self._media: OrderedDict[str, Medium] = OrderedDict()
        self._bytes = 0

    def add(
        self,
        app_id: str,
        kind: Kind,
        body: bytes,
        now: float,
        *,
        permanent: bool = False,
        listed: bool = True,
        name: str = "",
        title: str = "",
        introduction: str = "",
    ) -> Medium:
        """Keep an upload and return it.

        Raises:
            ValueError: the content is of no known type.
        """
        found = file_type(body)
        if found is None:
            raise ValueError("the content is of no known type")
        medium = Medium(
            media_id=secrets.token_urlsafe(48),
            app_id=app_id,
            kind=kind,
            type=found,
            body=body,
            name=name,
            created_at=now,
            expires_at=None if permanent else now + PLATFORM.media_seconds,
            listed=permanent and listed,
            title=title,
            introduction=introduction,
        )
        self._media[medium.media_id] = medium
        self._bytes += len(body)
        while self._bytes > MEMORY.media_bytes or len(self._media) > MEMORY.media:
            self._drop(next(iter(self._media)))
        return medium

    def find(self, media_id: str, now: float) -> Medium | None:
        """Return a medium that has not expired at `now`."""
        medium = self._media.get(media_id)
        if medium is None or (medium.expires_at is not None and medium.expires_at <= now):
            return None
        return medium

    def material(self, app_id: str, kind: str) -> list[Medium]:
        """Return the permanent material of a kind in an application's library, newest first."""
        return [
            medium
            for medium in reversed(self._media.values())
            if medium.listed and medium.app_id == app_id and medium.kind == kind
        ]

    def remove(self, media_id: str) -> None:
        """Delete a medium."""
        self._drop(media_id)

    def _drop(self, media_id: str) -> None:
        self._bytes -= len(self._media.pop(media_id).body)
