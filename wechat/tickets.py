"""Signatures with which a page of the official account may use WeChat's functions (scan, position …).

Rules: https://developers.weixin.qq.com/doc/service/guide/h5/jssdk.html, appendix 1 (jsapi_ticket: valid
7,200 s, few fetches a day, so that the cluster shares one; SHA1 over four fields in the order of their
names).
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypedDict
from urllib.parse import urldefrag

from redis.asyncio import Redis

from wechat import paths
from wechat.errors import WeChatUnreachable
from wechat.shared import Copy, Shared, copy_of


class PageSignature(TypedDict):
    """What the page hands to ``wx.config``, under WeChat's own names."""

    appId: str
    timestamp: int
    nonceStr: str
    signature: str


class Caller(Protocol):
    """The part of ``WeChatApi`` that is used here."""

    appid: str

    async def call(self, path: paths.Path, *, params: dict[str, str]) -> Any: ...


def signature_of(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """Sign a page.

    Args:
        ticket: the account's jsapi_ticket.
        nonce: any text.
        timestamp: seconds since 1970.
        url: the page's whole address as the browser shows it, without its fragment and not quoted again.

    Returns:
        The SHA1 in hexadecimal.
    """
    signed = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url}"
    # WeChat prescribes SHA1.
    return hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324


class Tickets:
    """The jsapi_ticket of one official account.

    Args:
        redis: shared by all processes of the cluster.
        api: the account's API.
        now: tells seconds since 1970.
        sleep: pauses; a test hands in one that does not wait.
    """

    def __init__(
        self,
        redis: Redis,
        api: Caller,
        now: Callable[[], float],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._now = now
        self._shared = Shared(redis, f"wechat:ticket:{api.appid}", self._fetch, now, sleep=sleep)

    def __repr__(self) -> str:
        return f"Tickets({self._api.appid!r})"

    async def sign_page(self, url: str) -> PageSignature:
        """Sign the page that is open at an address.

        Args:
            url: the page's whole address; its fragment does not count.

        Raises:
            WeChatFailure: no ticket can be had.
        """
        ticket = await self._shared.get()
        nonce, timestamp = secrets.token_hex(8), int(self._now())
        return {
            "appId": self._api.appid,
            "timestamp": timestamp,
            "nonceStr": nonce,
            "signature": signature_of(ticket, nonce, timestamp, urldefrag(url).url),
        }

    async def _fetch(self) -> Copy:
        asked_at = self._now()
        answer = await self._api.call(paths.JSAPI_TICKET, params={"type": "jsapi"})
        copy = copy_of(answer.get("ticket"), answer.get("expires_in"), asked_at)
        if copy is None:
            raise WeChatUnreachable(paths.JSAPI_TICKET.path, "shape")
        return copy
