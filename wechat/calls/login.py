"""Who is there: signing in by code, in the mini program and in pages of the official account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from wechat import paths
from wechat.calls.caller import Caller, maybe, read, text
from wechat.errors import SnapshotUser


@dataclass(frozen=True, slots=True)
class MiniProgramSession:
    """Who logged in to the mini program. WeChat's ``session_key`` is not kept, since nothing here needs it.

    Attributes:
        openid: the person in the mini program.
        unionid: the person across the apps of one open-platform account, or ``None``.
    """

    openid: str
    unionid: str | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read code2Session's answer."""
        return cls(text(given["openid"]), maybe(given.get("unionid")))


@dataclass(frozen=True, slots=True)
class OAuthPerson:
    """Who opened a page of the official account. WeChat's tokens for the person are not kept.

    Attributes:
        openid: the person in the official account, whether they follow or not.
        unionid: the person across the apps of one open-platform account; told only with the scope
            ``snsapi_userinfo``.
        scope: what the person allowed: ``snsapi_base`` or ``snsapi_userinfo``.
    """

    openid: str
    unionid: str | None
    scope: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read snsAccessToken's answer."""
        return cls(text(given["openid"]), maybe(given.get("unionid")), str(given.get("scope") or ""))


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number that WeChat has verified.

    Attributes:
        number: without the country's code; never shown by ``repr``.
        country_code: such as ``86``.
    """

    number: str = field(repr=False)
    country_code: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read getPhoneNumber's answer."""
        info = given["phone_info"]
        return cls(text(info["purePhoneNumber"]), text(info["countryCode"]))


class LoginCalls(Caller):
    """A code works once, for 5 minutes; none of these is repeated after a lost answer."""

    async def code_to_session(self, code: str) -> MiniProgramSession:
        """Turn a mini program's log-in code into a person.

        Raises:
            WeChatError: 40029 or 40163 for a bad or used code, 40226 for a risky user, 45011 for too many.

        Source: code2Session. No access token is attached, since the secret authenticates the call.
        """
        return read(paths.CODE_TO_SESSION, await self.wxa.code_to_session(code), MiniProgramSession.of)

    async def oauth_person(self, code: str) -> OAuthPerson:
        """Turn the code that a page came back with into a person; see ``wechat.oauth``.

        Raises:
            SnapshotUser: the page is open in snapshot mode, which shows nobody's true openid.
            WeChatError: 40029 or 40163 for a bad or used code.

        Source: snsAccessToken. No access token is attached, since the secret authenticates the call.
        """
        asked = {
            "appid": self.appid,
            "secret": self.secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        answer = await self.call(paths.OAUTH_TOKEN, params=asked)
        if read(paths.OAUTH_TOKEN, answer, lambda a: int(a.get("is_snapshotuser") or 0)):
            raise SnapshotUser(paths.OAUTH_TOKEN.path)
        return read(paths.OAUTH_TOKEN, answer, OAuthPerson.of)

    async def phone_number(self, code: str) -> PhoneNumber:
        """Turn the code of the mini program's phone button into the person's verified number.

        Raises:
            WeChatError: 40029 for a bad, used or old code.

        Source: getPhoneNumber under https://developers.weixin.qq.com/miniprogram/dev/server/API/.
        """
        answer = await self.call(paths.PHONE_NUMBER, {"code": code})
        return read(paths.PHONE_NUMBER, answer, PhoneNumber.of)
