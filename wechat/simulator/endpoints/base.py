"""What all of the platform's paths share: the call, the answer, and how a body is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson

from wechat.simulator.errors import PlatformError
from wechat.simulator.state import Person
from wechat.simulator.tokens import App, AppKind
from wechat.simulator.world import World

Json = dict[str, Any]
OK: Json = {"errcode": 0, "errmsg": "ok"}
FORM_LIST = re.compile(r"(\w+)\[\d*\]")


@dataclass(frozen=True, slots=True)
class Binary:
    """An answer that is a file: a picture, a sound.

    Arguments:
        filename: what it is called if it is to be saved; None shows it.
        status: the HTTP status.
    """

    body: bytes
    content_type: str
    filename: str | None = None
    status: int = 200


Answer = Json | Binary


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form."""

    filename: str
    body: bytes


@dataclass(slots=True)
class Call:
    """One call of a path.

    Arguments:
        method: the HTTP method.
        path: what was called.
        query: returns a parameter of the query, "" without it.
        body: the whole body.
        called_at: when the call arrived, in unix seconds.
        base: the simulator's own address as the caller wrote it, such as `http://127.0.0.1:8100`.
        field: returns a text field of a multipart body, "" without it.
        upload: the file in the field `media` of a multipart body.
        app: the application whose token the call carries, once that is known; None on a path without one.
    """

    method: str
    path: str
    query: Callable[[str], str]
    body: bytes
    called_at: float
    base: str
    field: Callable[[str], str]
    upload: Upload | None
    app: App | None = None

    @property
    def caller(self) -> App:
        """Return the application whose token the call carries.

        Raises:
            PlatformError: 41001 on a path that takes no token.
        """
        if self.app is None:
            raise PlatformError(41001)
        return self.app

    def json(self) -> Json:
        """Return the body as a JSON object.

        Raises:
            PlatformError: 44002 (empty), 47001 (not a JSON object).
        """
        if not self.body:
            raise PlatformError(44002)
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise PlatformError(47001) from error
        if not isinstance(body, dict):
            raise PlatformError(47001)
        return body

    def json_or_form(self) -> Json:
        """Return the body as a JSON object, or as one made of a form (`kidList[0]=1` begins a list).

        The documentation of the notice templates shows both.
        """
        if self.body.lstrip().startswith(b"{"):
            return self.json()
        form: Json = {}
        for key, value in parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True):
            listed = FORM_LIST.fullmatch(key)
            if listed:
                form.setdefault(listed[1], []).append(value)
            else:
                form[key] = value
        return form


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the platform.

    Arguments:
        method: the only HTTP method accepted (43001 or 43002 otherwise).
        run: what it does; it has its effect at once, and returns the answer or raises `PlatformError`.
        token: whose access token it needs: one application's, any's, or None for a path without token.
        content_type: the platform answers some paths with JSON that calls itself text.
    """

    method: Literal["GET", "POST"]
    run: Callable[[World, Call], Answer]
    token: AppKind | Literal["any"] | None
    content_type: str = "application/json; encoding=utf-8"

    @property
    def title(self) -> str:
        """What the platform's documentation calls it."""
        return (self.run.__doc__ or "").partition("\n")[0].rstrip(".")


def reader(world: World, call: Call, openid: str) -> Person:
    """Return the person whom the calling application knows by this openid.

    Raises:
        PlatformError: 40003 if nobody is, or it is an openid of the other application.
    """
    person = world.people.find(openid)
    if person is None or openid != (person.oa_openid if call.caller.kind == "oa" else person.mp_openid):
        raise PlatformError(40003)
    return person


def openids(body: Json, most: int, field: str = "openid_list") -> Sequence[str]:
    """Return a list of openids from a body.

    Raises:
        PlatformError: 40031 (no list of texts), 40032 (empty or longer than `most`).
    """
    listed = body.get(field)
    if not isinstance(listed, list) or not all(isinstance(openid, str) for openid in listed):
        raise PlatformError(40031)
    if not 1 <= len(listed) <= most:
        raise PlatformError(40032)
    return listed


def number(value: Any) -> int | None:
    """Return a whole number that may have been sent as text; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def text(value: Any) -> str:
    """Return a text, "" for anything else."""
    return value if isinstance(value, str) else ""


def check_page(world: World, page: str, errcode: int) -> None:
    """Check that the published mini program has a page.

    Arguments:
        page: its path, with or without a query.
        errcode: what a missing page is answered.

    Raises:
        PlatformError: `errcode`.
    """
    if world.pages is not None and page.partition("?")[0] not in world.pages:
        raise PlatformError(errcode)


def mini_program(world: World, body: Json, *, page_errcode: int) -> Json | None:
    """Return the mini program that a message opens, None if it opens none.

    Source: 发送模板消息 (sendTemplateMessage), miniprogram: it must be bound to the account.

    Raises:
        PlatformError: 40013 (not bound), `page_errcode` (a page it does not have).
    """
    named = body.get("miniprogram")
    if not isinstance(named, dict) or not named:
        return None
    if not text(named.get("appid")) or named["appid"] != world.config.mp_app_id:
        raise PlatformError(40013)
    if named.get("pagepath"):
        check_page(world, text(named["pagepath"]), page_errcode)
    return named
