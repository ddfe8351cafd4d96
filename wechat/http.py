"""Kept-alive HTTP connections to the platform, and the removal of secrets from whatever is logged."""

import asyncio
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

# WeChat puts these into URLs and JSON bodies. "code" must stand alone, or "errcode" would be hidden too.
_HIDE = (
    r"(?:(?:component_|authorizer_)?access_token|refresh_token|app_?secret|secret"
    r"|js_code|code|session_key|ticket)"
)
_IN_URL = re.compile(
    rf"(?:(?<![A-Za-z0-9_])|(?<=%3F)|(?<=%26)){_HIDE}(?:=|%3D)([^&\s\"'<>#,)]+)", re.IGNORECASE
)
_IN_BODY = re.compile(rf"([\"']){_HIDE}\1\s*:\s*([\"'])((?:\\.|(?!\2).)*)", re.IGNORECASE)
_HIDDEN = "***"


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Hide secrets in a text that is about to be logged or shown.

    Args:
        text: any text: a URL, a JSON body, a message of the platform.
        known: secret values to hide wherever they stand, even without their name.

    Returns:
        The text with the values of access_token, secret, appsecret, js_code, code, session_key and ticket
        replaced by ``***``.
    """

    def hide(match: re.Match[str], group: int) -> str:
        start = match.start(group) - match.start()
        return match.group()[:start] + _HIDDEN

    for value in known:
        if value:
            text = text.replace(value, _HIDDEN)
    text = _IN_URL.sub(lambda match: hide(match, 1), text)
    return _IN_BODY.sub(lambda match: hide(match, 3), text)


class HttpFailure(Exception):
    """No answer came.

    Attributes:
        kind: ``timeout``, ``connect``, ``dropped`` or ``too_large``.
        sent: whether the request may have reached the other side.
    """

    def __init__(self, kind: str, *, sent: bool) -> None:
        super().__init__(kind)
        self.kind = kind
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end.

    Attributes:
        status: the HTTP status.
        body: the bytes, decompressed.
        content_type: the media type in lower case, without parameters.
    """

    status: int
    body: bytes
    content_type: str


def _failure_of(error: BaseException) -> HttpFailure:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return HttpFailure("timeout", sent=False)
    if isinstance(error, TimeoutError):
        return HttpFailure("timeout", sent=True)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL):
        return HttpFailure("connect", sent=False)
    return HttpFailure("dropped", sent=True)


_JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


@functools.cache
def _timeouts(total: float, connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, connect=min(connect, total))


class HttpPool:
    """One pool of kept-alive connections.

    A TLS handshake costs more than everything else in a call, so connections are kept. Proxies from the
    environment are ignored, redirects are not followed and cookies are not kept: a URL here carries a token,
    which must go nowhere else.

    Args:
        limit: the most connections at one time.
        connect_timeout: seconds to get a connection, the wait for a free one included.
        keepalive: seconds that an idle connection is kept.
        max_body: the most bytes accepted in an answer.
    """

    def __init__(
        self,
        limit: int = 64,
        connect_timeout: float = 3.0,
        keepalive: float = 30.0,
        max_body: int = 32 * 1024 * 1024,
    ) -> None:
        self._limit = limit
        self._connect_timeout = connect_timeout
        self._keepalive = keepalive
        self._max_body = max_body
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def _open(self) -> aiohttp.ClientSession:
        # The session belongs to the running loop, so the first request makes it and not the constructor.
        if self._closed:
            raise RuntimeError("the pool is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._limit, keepalive_timeout=self._keepalive),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def request(
        self,
        method: str,
        url: str | URL,
        *,
        params: Mapping[str, str] | None = None,
        json: bytes | None = None,
        data: Any = None,
        timeout: float = 10.0,  # noqa: ASYNC109 - the time-out belongs to aiohttp, which tells its phases apart.
    ) -> Answer:
        """Send one request and read its answer; nothing is repeated here.

        Args:
            method: ``GET`` or ``POST``.
            url: the address, with or without a query.
            params: what is added to the query.
            json: a body that is JSON already.
            data: another body: bytes, text or ``aiohttp.FormData``.
            timeout: seconds for the whole call.

        Returns:
            The answer, whatever its status.

        Raises:
            HttpFailure: when no answer came. It holds neither the URL nor the original error, because their
                texts can hold a token.
        """
        session = self._open()
        headers = _JSON_HEADERS if json is not None else None
        try:
            async with session.request(
                method,
                url,
                params=params,
                data=json if json is not None else data,
                headers=headers,
                allow_redirects=False,
                timeout=_timeouts(timeout, self._connect_timeout),
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > self._max_body:
                        break
                else:
                    return Answer(response.status, bytes(body), response.content_type.lower())
                failure = HttpFailure("too_large", sent=True)
        except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            failure = _failure_of(error)
        # Raised outside the except block, so that the original error is not even kept as the context.
        raise failure

    async def close(self) -> None:
        """Close every connection; the pool cannot be used afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None
