"""Codes that phones scan: parametric QR codes of the account, and codes of the mini program."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from wechat import limits, paths
from wechat.calls.caller import Caller, maybe, read, require, text


@dataclass(frozen=True, slots=True)
class QrCode:
    """A parametric QR code.

    Attributes:
        ticket: fetches its picture, see ``qr_picture``.
        url: what the picture encodes, to draw it oneself.
        seconds: how long it lives, or ``None`` for a permanent one.
    """

    ticket: str
    url: str
    seconds: int | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read createQRCode's answer."""
        seconds = maybe(given.get("expire_seconds"))
        return cls(text(given["ticket"]), text(given["url"]), int(seconds) if seconds else None)


def _scene(scene: str | int) -> dict[str, Any]:
    key = "scene_id" if isinstance(scene, int) else "scene_str"
    return {"action_info": {"scene": {key: scene}}}


class CodeCalls(Caller):
    """Sources: createQRCode under https://developers.weixin.qq.com/doc/service/api/qrcode/qrcodes/, and
    getUnlimitedQRCode under https://developers.weixin.qq.com/miniprogram/dev/server/API/qrcode-link/qr-code/.
    """

    async def temporary_qr(self, scene: str | int, seconds: int) -> QrCode:
        """Create a parametric code that ends.

        Args:
            scene: what the scan's event tells: 1 to 64 characters, or a number of 32 bits that is not 0.
            seconds: how long it lives, at most 30 days.

        Raises:
            CallRefused: with everything that is wrong.
        """
        limit = limits.QR_SCENE_NUMBER if isinstance(scene, int) else limits.QR_SCENE
        require(paths.QR_CREATE, [*limit.problems(scene), *limits.QR_SECONDS.problems(seconds)])
        action = "QR_SCENE" if isinstance(scene, int) else "QR_STR_SCENE"
        wanted = {"expire_seconds": seconds, "action_name": action, **_scene(scene)}
        return read(paths.QR_CREATE, await self.qrcode.create(wanted), QrCode.of)

    async def permanent_qr(self, scene: str | int) -> QrCode:
        """Create a parametric code for ever; an account has 100,000.

        Args:
            scene: what the scan's event tells: 1 to 64 characters, or a number from 1 to 100,000.

        Raises:
            CallRefused: the scene does not fit.
        """
        limit = limits.QR_PERMANENT_NUMBER if isinstance(scene, int) else limits.QR_SCENE
        require(paths.QR_CREATE, limit.problems(scene))
        action = "QR_LIMIT_SCENE" if isinstance(scene, int) else "QR_LIMIT_STR_SCENE"
        answer = await self.qrcode.create({"action_name": action, **_scene(scene)})
        return read(paths.QR_CREATE, answer, QrCode.of)

    def qr_picture_url(self, ticket: str) -> str:
        """The address of a parametric code's picture, for a browser; it holds no secret."""
        base = self._transport.base_of(paths.QR_PICTURE)
        return f"{base}{paths.QR_PICTURE.path}?ticket={quote(ticket, safe='')}"

    async def qr_picture(self, ticket: str) -> bytes:
        """Fetch a parametric code's picture.

        Raises:
            WeChatUnreachable: kind ``status``, 404, for a ticket that is wrong or has ended.
        """
        return read(paths.QR_PICTURE, await self.call(paths.QR_PICTURE, params={"ticket": ticket}), _picture)

    async def mini_code(
        self,
        scene: str,
        *,
        page: str | None = None,
        width: int = 430,
        release: str = "release",
        check_page: bool = True,
    ) -> bytes:
        """Draw a code of the mini program, without an end and without a number, 5,000 a minute (45009).

        Args:
            scene: what the page gets: at most 32 of digits, letters and ``!#$&'()*+,/:;=?@-._~``.
            page: without a slash before and without a query; the home page without.
            width: pixels, 280 to 1,280.
            release: which release opens: ``release``, ``trial`` or ``develop``.
            check_page: whether a page that is not published is refused (41030).

        Returns:
            The picture.

        Raises:
            CallRefused: with everything that is wrong.
        """
        problems = [*limits.MINI_SCENE.problems(scene), *limits.MINI_WIDTH.problems(width)]
        require(paths.MINI_CODE, [*problems, *limits.MINI_PAGE.problems(page or "")])
        wanted = {"scene": scene, "width": width, "env_version": release, "check_path": check_page}
        if page:
            wanted["page"] = page
        return read(paths.MINI_CODE, await self.call(paths.MINI_CODE, wanted), _picture)


def _picture(answer: Any) -> bytes:
    if not isinstance(answer, bytes):
        raise TypeError("no picture")
    return answer
