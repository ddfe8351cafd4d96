"""Media: pictures, sound and films that messages show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from wechat import limits, paths
from wechat.calls.caller import Caller, maybe, read, require, text


@dataclass(frozen=True, slots=True)
class Medium:
    """A medium that was fetched.

    Attributes:
        content: the file, or ``None`` for a film.
        video_url: where a film can be fetched for some minutes, or ``None``.
    """

    content: bytes | None
    video_url: str | None

    @classmethod
    def of(cls, given: Any) -> Self:
        """Read getMedia's answer: the file itself, or the address of a film."""
        return cls(given, None) if isinstance(given, bytes) else cls(None, text(given["video_url"]))


@dataclass(frozen=True, slots=True)
class Material:
    """A medium that stays.

    Attributes:
        media_id: what messages and menus name.
        url: the address of a picture, for use inside WeChat; ``None`` for other types.
    """

    media_id: str
    url: str | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read addMaterial's answer."""
        return cls(text(given["media_id"]), maybe(given.get("url")))


def _problems(kind: str, content: bytes, kinds: tuple[str, ...]) -> list[str]:
    if kind not in kinds:
        return [f"文件类型不支持，请选择：{'、'.join(limits.MEDIA[one].what for one in kinds)}"]
    return limits.MEDIA[kind].problems(content)


class MediaCalls(Caller):
    """Sources: pages under https://developers.weixin.qq.com/doc/service/api/material/."""

    async def upload_media(self, kind: str, filename: str, content: bytes) -> str:
        """Upload a medium for 3 days; the bytes are sent anew at every try.

        Args:
            kind: ``image`` (10 MB), ``voice`` (2 MB), ``video`` (10 MB) or ``thumb`` (64 KB).
            filename: with the ending that tells the format.
            content: the whole file.

        Returns:
            The ``media_id``; a thumb's is named otherwise in the answer but used alike.

        Raises:
            CallRefused: an unknown type, an empty file or one too large.

        Source: uploadTempMedia.
        """
        require(paths.MEDIA_UPLOAD, _problems(kind, content, tuple(limits.MEDIA)))
        answer = await self.media.upload(kind, (filename, content))
        return read(paths.MEDIA_UPLOAD, answer, lambda a: text(a.get("media_id") or a.get("thumb_media_id")))

    async def download_media(self, media_id: str) -> Medium:
        """Fetch a medium that was uploaded or received within 3 days (40007 later). Source: getMedia."""
        return read(paths.MEDIA_GET, await self.media.download(media_id), Medium.of)

    async def upload_material(self, kind: str, filename: str, content: bytes) -> Material:
        """Upload a medium that stays, such as the picture of a card.

        Args:
            kind: ``image``, ``voice`` or ``thumb``, of the same sizes as for ``upload_media``.
            filename: with the ending that tells the format.
            content: the whole file.

        Raises:
            CallRefused: an unknown type, an empty file or one too large.

        Source: addMaterial.
        """
        require(paths.MATERIAL_ADD, _problems(kind, content, ("image", "voice", "thumb")))
        return read(paths.MATERIAL_ADD, await self.material.add(kind, (filename, content)), Material.of)
