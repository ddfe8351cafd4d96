"""wechatpy's client, made asynchronous: what all typed calls build on.

wechatpy's endpoint methods end in ``return self._post(…)``. A client whose ``get`` and ``post`` are
coroutines therefore makes them awaitable: ``await api.user.get(openid)``, ``await api.menu.create(…)``.
Nothing else of wechatpy's client is used: no ``requests`` session, no token handling and no retry of its own.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar
from urllib.parse import parse_qsl

import orjson
from wechatpy.client import WeChatClient

from wechat import paths
from wechat.errors import CallRefused, WeChatUnreachable
from wechat.transport import Call, Transport, Upload

T = TypeVar("T")

# wechatpy's helpers that need an answer at once, open a connection of their own, write down a host, or put
# the token into a URL for others. Calling one by mistake must fail at once instead of blocking the loop.
_NOT_AWAITABLE = (
    ("cloud", "upload_file"),
    ("jsapi", "get_jsapi_card_ticket"),
    ("jsapi", "get_jsapi_ticket"),
    ("media", "get_url"),
    ("qrcode", "get_url"),
    ("qrcode", "show"),
    ("tag", "iter_tag_users"),
    ("user", "iter_followers"),
)


def _not_awaitable(name: str) -> Callable[..., NoReturn]:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError(f"{name} does not go through the asynchronous client")

    return refuse


class Caller(WeChatClient):
    """One account's way to the platform.

    Args:
        app_id: the account's AppID.
        secret: its AppSecret.
        transport: sends the calls.
    """

    def __init__(self, app_id: str, secret: str, transport: Transport) -> None:
        # The base constructor is left out on purpose: it would open a blocking requests session.
        self.appid = app_id
        self.secret = secret
        self._transport = transport
        for endpoint, name in _NOT_AWAITABLE:
            setattr(getattr(self, endpoint), name, _not_awaitable(f"{endpoint}.{name}"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.appid!r})"

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
            url: relative to ``api_base_url``, or with one of WeChat's own hosts, replaced by the setting.
            **kwargs: ``params``, ``data`` (a dict is sent as JSON), ``json``, ``files``, ``api_base_url``,
                ``timeout`` in seconds, ``result_processor``.

        Returns:
            The JSON object, or what ``result_processor`` makes of it; ``bytes`` when the answer is a medium.

        Raises:
            WeChatError: the platform answered with a code.
            WeChatUnreachable: no usable answer came.
            TokenUnavailable: no access token can be had.
            ValueError: for a host that is not WeChat's.
            TypeError: for an argument that does not exist.
        """
        return await self._request("POST", url, **kwargs)

    async def call(
        self,
        path: paths.Path,
        payload: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Any:
        """Call a path of the table.

        Args:
            path: the line of the table.
            payload: the JSON body.
            params: the query without the token.
            repeatable: overrules the table's.

        Returns, raises:
            As ``post``.
        """
        json = None if payload is None else orjson.dumps(payload)
        return await self._transport.send(
            Call(path, path.method, params=params, json=json, repeatable=repeatable)
        )

    async def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        processor = kwargs.pop("result_processor", None)
        call = _resolve(method.upper(), url_or_endpoint, self.API_BASE_URL, kwargs)
        result = await self._transport.send(call)
        if processor is None or not isinstance(result, dict):
            return result
        return read(call.path, result, processor)


def read(path: paths.Path, answer: Any, parse: Callable[[Any], T]) -> T:
    """Turn an answer into what the caller wants.

    Raises:
        WeChatUnreachable: the answer lacks what the documentation promises.
    """
    try:
        return parse(answer)
    except (LookupError, TypeError, ValueError, AttributeError):
        # Raised outside, since the original error may show personal data of the answer.
        pass
    raise WeChatUnreachable(path.path, "shape")


def require(path: paths.Path, problems: Iterable[str]) -> None:
    """Stop a call that the platform would refuse.

    Raises:
        CallRefused: with every problem found.
    """
    if found := list(problems):
        raise CallRefused(path.path, found)


def text(value: Any) -> str:
    """Read what must be there: a non-empty text, or a number as text.

    Raises:
        ValueError: it is missing.
    """
    if not isinstance(value, str | int) or value == "":
        raise ValueError("missing")
    return str(value)


def maybe(value: Any) -> str | None:
    """Read what may be missing."""
    return str(value) if value else None


def _resolve(method: str, url: str, default_base: str, kwargs: dict[str, Any]) -> Call:
    base = kwargs.pop("api_base_url", None) or default_base
    full = url if url.startswith(("http://", "https://")) else base + url
    if not full.startswith(paths.PLATFORM_HOST + "/"):
        # The token must not travel to a host that nobody set.
        raise ValueError("only paths of WeChat's API host can be called")
    rest, _, query = full[len(paths.PLATFORM_HOST) :].partition("?")
    params = kwargs.pop("params", None) or {}
    pairs = parse_qsl(params) if isinstance(params, str) else params.items()
    params = {
        str(name): str(value)
        for name, value in (*parse_qsl(query), *pairs)
        if name != "access_token" and value is not None
    }
    files = _files(kwargs.pop("files", None))
    data, payload = kwargs.pop("data", None), kwargs.pop("json", None)
    timeout = kwargs.pop("timeout", None)
    if kwargs:
        raise TypeError(f"unknown arguments: {', '.join(sorted(kwargs))}")
    form: tuple[tuple[str, str], ...] = ()
    if files and isinstance(data, Mapping):
        form, data = tuple((str(name), str(value)) for name, value in data.items()), None
    elif isinstance(data, Mapping | list):
        payload, data = data, None
    return Call(
        paths.find(rest, method),
        method,
        params=params,
        json=None if payload is None else orjson.dumps(payload, option=orjson.OPT_NON_STR_KEYS),
        data=data,
        files=files,
        form=form,
        timeout=timeout,
    )


def _files(files: Mapping[str, Any] | None) -> tuple[Upload, ...]:
    """Read each upload once, in the shapes of ``requests``: a file, or (name, file or bytes, type)."""
    uploads = []
    for field, given in (files or {}).items():
        filename, content, content_type = None, given, None
        if isinstance(given, tuple):
            filename, content, content_type = (*given, None)[:3]
        if hasattr(content, "read"):
            filename = filename or os.path.basename(str(getattr(content, "name", "")))
            content = content.read()
        if isinstance(content, str):
            content = content.encode()
        uploads.append(
            Upload(
                str(field),
                filename or str(field),
                bytes(content),
                content_type or "application/octet-stream",
            )
        )
    return tuple(uploads)
