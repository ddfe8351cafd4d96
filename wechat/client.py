"""The platform's whole API, asynchronous, over wechatpy's endpoint classes.

wechatpy's endpoint methods end in ``return self._post(…)``. A client whose ``get`` and ``post`` are
coroutines therefore makes them awaitable: ``await api.user.get(openid)``, ``await api.menu.create(…)``,
``await api.message.send_subscribe_message(…)``. Nothing else of wechatpy's client is used: no ``requests``
session, no token handling and no retry of its own.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import aiohttp
import orjson
from wechatpy.client import WeChatClient

from wechat import paths
from wechat.errcodes import Disposition
from wechat.errors import TokenUnavailable, WeChatError, WeChatFailure, WeChatUnreachable
from wechat.http import Answer, HttpFailure, HttpPool, redact
from wechat.tokens import Tokens

__all__ = [
    "MiniProgramSession",
    "TokenUnavailable",
    "WeChatApi",
    "WeChatError",
    "WeChatFailure",
    "WeChatUnreachable",
]

#: Pauses before a call is repeated because the platform is busy (−1); each is lengthened by up to half.
BUSY_PAUSES = (0.2, 0.6, 1.8)
#: Pauses before a repeatable call is repeated because no answer came: fewer, as each try may cost a time-out.
UNREACHABLE_PAUSES = (0.2, 0.6)

_BINARY = ("image/", "audio/", "video/", "voice/", "application/octet-stream", "application/zip")

# wechatpy's helpers that need an answer at once, open a connection of their own, or put the token into a URL
# for others. Calling one by mistake must fail at once instead of blocking the loop.
_NOT_AWAITABLE = (
    ("cloud", "upload_file"),
    ("jsapi", "get_jsapi_card_ticket"),
    ("jsapi", "get_jsapi_ticket"),
    ("media", "get_url"),
    ("qrcode", "show"),
    ("tag", "iter_tag_users"),
    ("user", "iter_followers"),
)


@dataclass(frozen=True, slots=True)
class MiniProgramSession:
    """Who logged in to the mini program. WeChat's ``session_key`` is not kept, since nothing here needs it.

    Attributes:
        openid: the person in the mini program.
        unionid: the person across the apps of one open-platform account, or ``None``.
    """

    openid: str
    unionid: str | None


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, resolved once and sent as often as needed."""

    method: str
    url: str
    path: paths.Path
    params: dict[str, str]
    json: bytes | None
    data: bytes | str | None
    files: tuple[tuple[str, str, bytes, str | None], ...]
    form: tuple[tuple[str, str], ...]
    timeout: float
    repeatable: bool

    @property
    def login_code(self) -> str:
        return self.params.get("js_code") or self.params.get("code") or ""

    def body(self) -> Any:
        # A form is used up when it is sent, so every try gets a new one; otherwise a repeat uploads nothing.
        if not self.files:
            return self.data
        form = aiohttp.FormData()
        for name, value in self.form:
            form.add_field(name, value)
        for name, filename, content, content_type in self.files:
            form.add_field(
                name, content, filename=filename, content_type=content_type or "application/octet-stream"
            )
        return form


def _ignore(path: str, outcome: int | str, seconds: float) -> None:
    """Observe nothing."""


def _not_awaitable(name: str) -> Callable[..., NoReturn]:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError(f"{name} does not go through the asynchronous client")

    return refuse


class WeChatApi(WeChatClient):
    """One account's API. The official account and the mini program have one each.

    Args:
        app_id: the account's AppID.
        secret: its AppSecret.
        tokens: gives the account's access tokens.
        http: the connections to the platform.
        api_base: the platform's host; it replaces every host that wechatpy writes down.
        observe: called after every try with the path, an outcome (``"ok"``, WeChat's code, ``"timeout"`` or
            another kind of ``WeChatUnreachable``) and the seconds it took.
        sleep: pauses; a test hands in one that does not wait.
        jitter: gives a number from 0 to 1 that lengthens a pause.

    Every call raises:
        WeChatError: the platform answered with a code.
        WeChatUnreachable: no usable answer came.
        TokenUnavailable: no access token can be had.
    All three are ``WeChatFailure`` and hold neither tokens nor secrets.
    """

    def __init__(
        self,
        app_id: str,
        secret: str,
        tokens: Tokens,
        http: HttpPool,
        api_base: str,
        *,
        observe: Callable[[str, int | str, float], None] = _ignore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        # The base constructor is left out on purpose: it would open a blocking requests session.
        self.appid = app_id
        self.secret = secret
        self._tokens = tokens
        self._pool = http
        self._api_base = api_base.rstrip("/")
        self._observe = observe
        self._sleep = sleep
        self._jitter = jitter
        for endpoint, name in _NOT_AWAITABLE:
            setattr(getattr(self, endpoint), name, _not_awaitable(f"{endpoint}.{name}"))

    def __repr__(self) -> str:
        return f"WeChatApi({self.appid!r})"

    @property
    def access_token(self) -> str:
        """Always empty: some endpoint classes copy it into parameters, where the real one is put later."""
        return ""

    async def get(self, url: str, **kwargs: Any) -> Any:
        """GET a path; see ``post``."""
        return await self._request("GET", url, **kwargs)

    async def post(self, url: str, **kwargs: Any) -> Any:
        """POST to a path, as wechatpy's endpoint classes do.

        Args:
            url: relative to ``api_base_url``, or with WeChat's own host, which is replaced by the setting.
            **kwargs: ``params``, ``data`` (a dict is sent as JSON), ``json``, ``files``, ``api_base_url``,
                ``timeout`` in seconds, ``result_processor``.

        Returns:
            The JSON object, or what ``result_processor`` makes of it; ``bytes`` when the answer is a medium.
        """
        return await self._request("POST", url, **kwargs)

    async def send_template(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        url: str | None = None,
        mini_program: Mapping[str, str] | None = None,
        client_msg_id: str | None = None,
    ) -> str:
        """Send a template message.

        Args:
            openid: the recipient in the official account.
            template_id: the account's template.
            data: values by the template's keywords, within the platform's limits (see ``channels.clip``).
            url: opened by a tap, unless there is a mini program.
            mini_program: ``{"appid": …, "pagepath": …}``, opened by a tap.
            client_msg_id: makes the sending idempotent for 10 minutes; only then is it repeated when no
                answer came. At most 32 characters.

        Returns:
            WeChat's message id, as its receipt event names it.

        Source: sendTemplateMessage.
        """
        message: dict[str, Any] = {
            "touser": openid,
            "template_id": template_id,
            "data": {name: {"value": value} for name, value in data.items()},
        }
        optional = {
            "url": url,
            "miniprogram": dict(mini_program) if mini_program else None,
            "client_msg_id": client_msg_id,
        }
        message.update({name: value for name, value in optional.items() if value})
        result = await self.post("message/template/send", data=message)
        return self._member(result, "msgid", paths.TEMPLATE_SEND)

    async def send_text(self, openid: str, text: str) -> None:
        """Send a customer message: 5 within 48 hours of the person's last message (45015, 45047).

        It cannot be repeated safely, so a lost answer leaves open whether it arrived.
        """
        await self.message.send_text(openid, text)

    async def user_info(self, openid: str) -> dict[str, Any]:
        """Ask for a follower: ``subscribe`` (0 or 1), ``unionid``, ``tagid_list`` … Source: userInfo."""
        result = await self.user.get(openid)
        if not isinstance(result, dict):
            raise WeChatUnreachable(paths.USER_INFO.path, "not_json")
        return result

    async def code_to_session(self, code: str) -> MiniProgramSession:
        """Turn a mini program's log-in code into a person; a code works once.

        Raises:
            WeChatError: 40029 or 40163 for a bad or used code, 40226 for a risky user, 45011 for too many.

        Source: code2Session. No access token is attached, since the secret authenticates the call.
        """
        result = await self.wxa.code_to_session(code)
        openid = self._member(result, "openid", paths.CODE_TO_SESSION)
        unionid = result.get("unionid")
        return MiniProgramSession(openid, str(unionid) if unionid else None)

    @staticmethod
    def _member(result: Any, name: str, path: paths.Path) -> str:
        value = result.get(name) if isinstance(result, dict) else None
        if not value:
            raise WeChatUnreachable(path.path, "not_json")
        return str(value)

    async def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        processor = kwargs.pop("result_processor", None)
        call = self._resolve(method.upper(), url_or_endpoint, kwargs)
        token = await self._tokens.get() if call.path.token else None
        result = await self._persist(call, token)
        return processor(result) if processor is not None and isinstance(result, dict) else result

    async def _persist(self, call: _Call, token: str | None) -> Any:
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
                pause = next(unreachable, None) if call.repeatable or not error.sent else None
                if pause is None:
                    raise
            await self._sleep(pause * (1 + 0.5 * self._jitter()))

    async def _try(self, call: _Call, token: str | None) -> Any:
        params = call.params if token is None else {**call.params, "access_token": token}
        started = time.monotonic()
        outcome: int | str = "cancelled"
        failure: WeChatFailure | None = None
        result: Any = None
        try:
            answer = await self._pool.request(
                call.method, call.url, params=params, json=call.json, data=call.body(), timeout=call.timeout
            )
            result = self._read(call.path.path, answer)
            code = _errcode(result)
            outcome = code or "ok"
            if code:
                errmsg = redact(str(result.get("errmsg", "")), (token or "", self.secret, call.login_code))
                failure = WeChatError(code, errmsg, call.path.path)
        except HttpFailure as error:
            outcome = error.kind
            failure = WeChatUnreachable(call.path.path, error.kind, sent=error.sent)
        except WeChatUnreachable as error:
            outcome = error.kind
            failure = error
        finally:
            self._observe(call.path.path, outcome, time.monotonic() - started)
        if failure is not None:
            raise failure
        return result

    def _resolve(self, method: str, url: str, kwargs: dict[str, Any]) -> _Call:
        base = kwargs.pop("api_base_url", None) or self.API_BASE_URL
        full = url if url.startswith(("http://", "https://")) else base + url
        if not full.startswith(paths.PLATFORM_HOST + "/"):
            # The token must not travel to a host that nobody set.
            raise ValueError("only paths of WeChat's API host can be called")
        rest, _, query = full[len(paths.PLATFORM_HOST) :].partition("?")
        path = paths.find(rest, method)
        params = kwargs.pop("params", None) or {}
        pairs = parse_qsl(params) if isinstance(params, str) else params.items()
        params = {
            str(name): str(value)
            for name, value in (*parse_qsl(query), *pairs)
            if name != "access_token" and value is not None
        }
        files = _files(kwargs.pop("files", None))
        data, payload = kwargs.pop("data", None), kwargs.pop("json", None)
        form: tuple[tuple[str, str], ...] = ()
        if files and isinstance(data, Mapping):
            form, data = tuple((str(name), str(value)) for name, value in data.items()), None
        elif isinstance(data, Mapping | list):
            payload, data = data, None
        timeout = kwargs.pop("timeout", None) or path.timeout
        if kwargs:
            raise TypeError(f"unknown arguments: {', '.join(sorted(kwargs))}")
        guarded = (
            path is paths.TEMPLATE_SEND
            and isinstance(payload, Mapping)
            and bool(payload.get("client_msg_id"))
        )
        return _Call(
            method=method,
            url=self._api_base + rest,
            path=path,
            params=params,
            json=None if payload is None else orjson.dumps(payload, option=orjson.OPT_NON_STR_KEYS),
            data=data,
            files=files,
            form=form,
            timeout=float(timeout),
            repeatable=path.repeatable or guarded,
        )

    @staticmethod
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


def _files(files: Mapping[str, Any] | None) -> tuple[tuple[str, str, bytes, str | None], ...]:
    """Read each upload once, in the shapes of ``requests``: a file, or (name, file or bytes, type)."""
    read = []
    for field, given in (files or {}).items():
        filename, content, content_type = None, given, None
        if isinstance(given, tuple):
            filename, content, content_type = (*given, None)[:3]
        if hasattr(content, "read"):
            filename = filename or os.path.basename(str(getattr(content, "name", "")))
            content = content.read()
        if isinstance(content, str):
            content = content.encode()
        read.append((str(field), filename or str(field), bytes(content), content_type))
    return tuple(read)
