"""What pages of an official account need from WeChat: who is there, and leave to use its functions."""

from dataclasses import replace
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from casework.clock import Clock
from casework.problems import Away
from wechat.client import OAuthPerson, WeChatApi
from wechat.oauth import States, authorize_url
from wechat.tickets import PageSignature, Tickets


class OfficialPages:
    """The pages of one official account; see `handlers.services.Pages`."""

    def __init__(self, redis: "Redis", api: WeChatApi, clock: Clock, open_base: str) -> None:
        self._api = api
        self._open_base = open_base
        self._states = States(redis, api.appid)
        self._tickets = Tickets(redis, api, clock.time)

    async def leave(self, back: str, payload: dict[str, Any]) -> tuple[str, str]:
        """Where to send the browser, and the state with which it comes back to `back`."""
        try:
            state = await self._states.issue(payload)
        except RedisError as error:
            raise Away from error
        # The silent scope: nobody has to read and allow anything before they get to the page.
        return authorize_url(self._open_base, self._api.appid, back, state, "snsapi_base"), state

    async def come_back(self, state: str) -> dict[str, Any] | None:
        """Use a state up; its payload, or None when it is unknown, used or too old."""
        try:
            return await self._states.use(state)
        except RedisError as error:
            raise Away from error

    async def person(self, code: str) -> OAuthPerson:
        """Who came back with this code; raises `WeChatFailure`.

        The silent scope does not tell the unionid, by which the account and the mini program know each
        other's people. Of a follower the account is told it.
        """
        found = await self._api.oauth_person(code)
        if found.unionid:
            return found
        follower = await self._api.follower(found.openid)
        return replace(found, unionid=follower.unionid)

    async def sign(self, url: str) -> PageSignature:
        """The signature of a page's address; raises `WeChatFailure`."""
        return await self._tickets.sign_page(url)
