"""What the platform says of a text or a picture, and from where it calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Self

from wechat import limits, paths
from wechat.calls.caller import Caller, read, require, text


class CheckScene(IntEnum):
    """Where people would read it. Source: msgSecCheck, ``scene``."""

    profile = 1
    comment = 2
    forum = 3
    social = 4


class Suggestion(StrEnum):
    """What the platform advises. Source: msgSecCheck, ``suggest``."""

    safe = "pass"
    review = "review"
    risky = "risky"


class CheckedMedium(IntEnum):
    """What kind of medium it is. Source: mediaCheckAsync, ``media_type``."""

    audio = 1
    image = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the platform thinks of a text.

    Attributes:
        suggestion: pass it, have somebody look at it, or refuse it.
        label: why: 100 nothing, 10001 advertisement, 20001 politics, 20002 pornography, 20003 abuse,
            20006 crime, 20008 fraud, 20012 vulgarity, 20013 copyright, 21000 other.
        trace_id: names the check to the platform's support.
    """

    suggestion: Suggestion
    label: int
    trace_id: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read msgSecCheck's answer."""
        result = given["result"]
        return cls(Suggestion(result["suggest"]), int(result["label"]), text(given["trace_id"]))


class CheckCalls(Caller):
    """Sources: pages under https://developers.weixin.qq.com/miniprogram/dev/server/API/sec-center/sec-check/
    and https://developers.weixin.qq.com/doc/service/api/base/.
    """

    async def check_text(self, openid: str, words: str, scene: CheckScene = CheckScene.comment) -> Verdict:
        """Have a text checked.

        Args:
            openid: who wrote it, in the mini program within the last two hours (61010 otherwise).
            words: at most 2,500 characters.
            scene: where people would read it.

        Raises:
            CallRefused: the text is empty or too long.

        Source: msgSecCheck, version 2.
        """
        require(paths.CHECK_TEXT, limits.CHECKED_TEXT.problems(words))
        asked = {"version": 2, "openid": openid, "scene": int(scene), "content": words}
        return read(paths.CHECK_TEXT, await self.call(paths.CHECK_TEXT, asked), Verdict.of)

    async def check_media(
        self,
        openid: str,
        url: str,
        kind: CheckedMedium = CheckedMedium.image,
        scene: CheckScene = CheckScene.comment,
    ) -> str:
        """Have a picture or a sound checked; the verdict comes as a ``wxa_media_check`` event in 30 minutes.

        Args:
            openid: who made it, in the mini program within the last two hours (61010 otherwise).
            url: where the platform can fetch it, at most 10 MB.
            kind: what it is.
            scene: where people would see it.

        Returns:
            The ``trace_id`` that the event will name.

        Source: mediaCheckAsync, version 2.
        """
        asked = {
            "version": 2,
            "openid": openid,
            "scene": int(scene),
            "media_url": url,
            "media_type": int(kind),
        }
        answer = await self.call(paths.CHECK_MEDIA, asked)
        return read(paths.CHECK_MEDIA, answer, lambda a: text(a["trace_id"]))

    async def callback_ips(self) -> list[str]:
        """Ask from which addresses the platform calls us. Source: getCallbackIp."""
        answer = await self.misc.get_wechat_ips()
        return read(paths.CALLBACK_IPS, answer, lambda ips: [text(ip) for ip in ips])

    async def api_ips(self) -> list[str]:
        """Ask at which addresses the platform's API is, for firewalls. Source: getApiDomainIp."""
        answer = await self.call(paths.API_IPS)
        return read(paths.API_IPS, answer, lambda a: [text(ip) for ip in a["ip_list"]])
