"""Sends one call to the platform: which host, which token, how often, and what its answer means."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import orjson
from yarl import URL

from wechat import paths
from wechat.errcodes import Disposition
from wechat.errors import WeChatError, WeChatFailure, WeChatUnreachable
from wechat.http import Answer, HttpFailure, HttpPool, redact

#: Pauses before a call is repeated because the platform is busy (−1); each is lengthened by up to half.
BUSY_PAUSES = (0.2, 0.6, 1.8)
#: Pauses before a repeatable call is repeated because no answer came: fewer, as each try may cost a time-out.
UNREACHABLE_PAUSES = (0.2, 0.6)

_BINARY = ("image/", "audio/", "video/", "voice/", "application/octet-stream", "application/zip")

Observe = Callable[[str, int | str, float], None]


class TokenSource(Protocol):
    """Gives the account's access tokens; see ``wechat.tokens.Tokens``."""

    async def get(self) -> str: ...

    async def refresh(self, bad_token: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form.

    Attributes:
        field: the form's field.
        filename: what the platform sees as its name, without a folder.
        content: the whole file.
        content_type: its media type.
    """

    field: str
    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Call:
    """One call, resolved once and sent as often as needed; ``repr`` shows nothing of what it carries.

    Attributes:
        path: the path's line in the table.
        method: ``GET`` or ``POST``.
        params: the query without the token.
        json: the body, when it is JSON.
        data: another body.
        files: uploads; then ``form`` holds the form's other fields.
        timeout: seconds for one try, or ``None`` for the table's.
        repeatable: overrules the table's, or ``None``.
    """

    path: paths.Path
    method: str
    params: Mapping[str, str] | None = field(default=None, repr=False)
    json: bytes | None = field(default=None, repr=False)
    data: bytes | str | None = field(default=None, repr=False)
    files: tuple[Upload, ...] = field(default=(), repr=False)
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout: float | None = None
    repeatable: bool | None = None

    def body(self) -> Any:
        """The body for one try, unless it is JSON."""
        # A form is used up when it is sent, so every try gets a new one; otherwise a repeat uploads nothing.
        if not self.files:
            return self.data
        form = aiohttp.FormData()
        for name, value in self.form:
            form.add_field(name, value)
        for file in self.files:
            form.add_field(file.field, file.content, filename=file.filename, content_type=file.content_type)
        return form


def ignore(path: str, outcome: int | str, seconds: float) -> None:
    """Observe nothing."""


class Transport:
    """Sends the calls of one account.

    Args:
        tokens: gives the account's access tokens.
        http: the connections to the platform.
        api_base: the host in place of ``paths.PLATFORM_HOST``.
        secret: the AppSecret, to keep it out of errors.
        observe: called after every try with the path, an outcome (``"ok"``, WeChat's code, ``"timeout"`` or
            another kind of ``WeChatUnreachable``) and the seconds it took.
        sleep: pauses; a test hands in one that does not wait.
        jitter: gives a number from 0 to 1 that lengthens a pause.
    """

    def __init__(
        self,
        tokens: TokenSource,
        http: HttpPool,
        api_base: str,
        secret: str,
        *,
        observe: Observe = ignore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._tokens = tokens
        self._http = http
        self._bases = paths.bases(api_base)
        self._secret = secret
        self._observe = observe
        self._sleep = sleep
        self._jitter = jitter
        # The address of each path with the present token, since building one costs as much as the whole rest.
        self._addresses: dict[paths.Path, tuple[str | None, URL]] = {}

    def __repr__(self) -> str:
        return "Transport()"

    def base_of(self, path: paths.Path) -> str:
        """The address of the host that serves a path."""
        return self._bases[path.host]

    async def send(self, call: Call) -> Any:
        """Send a call, and again where that is safe.

        A refused token is replaced once. A busy platform (−1) is asked again after growing pauses. When no
        answer came, only what is repeatable is sent again.

        Returns:
            The JSON object, or ``bytes`` when the answer is a medium.

        Raises:
            WeChatError: the platform answered with a code.
            WeChatUnreachable: no usable answer came.
            TokenUnavailable: no access token can be had.
        """
        path = call.path
        token = await self._tokens.get() if path.token else None
        repeatable = path.repeatable if call.repeatable is None else call.repeatable
        busy = iter(BUSY_PAUSES)
        unreachable = iter(UNREACHABLE_PAUSES)
        refreshed = False
        while True:
            try:
                return await self._try(call, token)
            except WeChatError as error:
                if error.disposition is Disposition.refresh_token and token is not None and not refreshed:
                    refreshed = True
                    token = await self._tokens.refresh(token)
                    continue
                pause = next(busy, None) if error.errcode == -1 else None
                if pause is None:
                    raise
            except WeChatUnreachable as error:
                # Without a connection nothing was sent, so that any call may be sent again.
                pause = next(unreachable, None) if repeatable or not error.sent else None
                if pause is None:
                    raise
            await self._sleep(pause * (1 + 0.5 * self._jitter()))

    async def _try(self, call: Call, token: str | None) -> Any:
        name = call.path.path
        started = time.monotonic()
        outcome: int | str = "cancelled"
        failure: WeChatFailure | None = None
        result: Any = None
        try:
            answer = await self._http.request(
                call.method,
                self._address(call.path, token),
                params=call.params,
                json=call.json,
                data=call.body(),
                timeout=call.timeout or call.path.timeout,
            )
            result = _read(name, answer)
            code = _errcode(result)
            outcome = code or "ok"
            if code:
                errmsg = redact(str(result.get("errmsg", "")), self._known(call, token))
                failure = WeChatError(code, errmsg, name)
        except HttpFailure as error:
            outcome = error.kind
            failure = WeChatUnreachable(name, error.kind, sent=error.sent)
        except WeChatUnreachable as error:
            outcome = error.kind
            failure = error
        finally:
            self._observe(name, outcome, time.monotonic() - started)
        if failure is not None:
            raise failure
        return result

    def _address(self, path: paths.Path, token: str | None) -> URL:
        known = self._addresses.get(path)
        if known is not None and known[0] == token:
            return known[1]
        address = URL(self._bases[path.host] + path.path)
        if token is not None:
            address = address.with_query(access_token=token)
        if path.path in paths.PATHS:
            self._addresses[path] = (token, address)
        return address

    def _known(self, call: Call, token: str | None) -> tuple[str, ...]:
        """What must not stand in an error, wherever the platform repeats it."""
        params = call.params or {}
        return (token or "", self._secret, params.get("js_code", ""), params.get("code", ""))


def _read(path: str, answer: Answer) -> Any:
    if answer.status != 200:
        raise WeChatUnreachable(path, "status", status=answer.status)
    if answer.body.lstrip()[:1] == b"{":
        # WeChat labels JSON as text/plain and more, so the body decides.
        result = _loads(answer.body)
        if isinstance(result, dict):
            if isinstance(result.get("base_resp"), dict):
                result.update(result.pop("base_resp"))
            return result
    elif answer.content_type.startswith(_BINARY):
        return answer.body
    raise WeChatUnreachable(path, "not_json", status=answer.status)


def _errcode(result: Any) -> int:
    """Read the code: some older paths send it as text, a few leave it out when all went well."""
    if not isinstance(result, dict):
        return 0
    try:
        return int(result.get("errcode") or 0)
    except (TypeError, ValueError):
        return 0


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        # Nicknames come with raw control characters and broken UTF-8, which a strict reader refuses.
        return json.loads(body.decode("utf-8", "ignore"), strict=False)
    except ValueError:
        return None
