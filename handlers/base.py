"""What all handlers share: access decided before anything is read, problems, commands."""

import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, NoReturn, TypeVar

import orjson
import structlog
from pydantic import BaseModel
from pymongo.errors import PyMongoError
from tornado.web import HTTPError, RequestHandler

from casework.access import PERMISSIONS, Actor
from casework.clock import utc
from casework.commands.service import Answer, Command, canonical_body
from casework.forms import Form, parse
from casework.ids import new_id
from casework.problems import Away, ClientTooOld, InvalidForm, Malformed, NotFound, Problem, TooLarge
from handlers.problems import MEDIA_TYPE, body_of, status_of
from handlers.request_id import REQUEST_ID
from handlers.services import Services

HEADERS: Mapping[str, str] = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
METHODS = ("get", "head", "post", "put", "patch", "delete")
BODY_LIMIT = 64 * 1024
PUBLIC = "public"

Method = TypeVar("Method", bound=Callable[..., Awaitable[None] | None])
FormType = TypeVar("FormType", bound=Form)
Routes = list[tuple[str, type[RequestHandler]]]

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def public(method: Method) -> Method:
    """Anybody may call this."""
    method.access = PUBLIC  # type: ignore[attr-defined]
    return method


def needs(verb: str, limit: str = "read") -> Callable[[Method], Method]:
    """Only a signed-in person whose roles include `verb` may call this.

    How far they reach is decided by the use case. `limit` names the rate limit that a call counts to.
    """

    def mark(method: Method) -> Method:
        method.access = verb  # type: ignore[attr-defined]
        method.limit = limit  # type: ignore[attr-defined]
        return method

    return mark


def described(
    summary: str,
    *,
    body: type[BaseModel] | None = None,
    answers: Mapping[int, type[BaseModel] | str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    command: bool = False,
) -> Callable[[Method], Method]:
    """What the API document says of a method.

    `answers` maps statuses to models, or to a media type for what is no JSON; `query` and
    `headers` name what may be given there, with its meaning; `command` says that the method takes an
    Idempotency-Key and If-Match.
    """

    def mark(method: Method) -> Method:
        method.description = {  # type: ignore[attr-defined]
            "summary": summary,
            "body": body,
            "answers": dict(answers or {}),
            "query": dict(query or {}),
            "headers": dict(headers or {}),
            "command": command,
        }
        return method

    return mark


class UndecidedAccess(Exception):
    """A handler's method says nothing about who may call it; the application does not start."""


def check_access(routes: Iterable[tuple[str, type[RequestHandler]]]) -> None:
    """Every method of every handler names its access, and every verb is in the permission table."""
    faults = []
    for path, handler in routes:
        for name in METHODS:
            method = getattr(handler, name)
            if method is getattr(RequestHandler, name):
                continue
            access = getattr(method, "access", None)
            if access != PUBLIC and access not in PERMISSIONS:
                faults.append(f"{name.upper()} {path} ({handler.__name__}): {access or 'undecided'}")
    if faults:
        raise UndecidedAccess("; ".join(faults))


class Handler(RequestHandler):
    """Base of all handlers: request id, problems instead of stack traces, safe headers."""

    body_limit: ClassVar[int] = BODY_LIMIT
    body_too_large: ClassVar[str | None] = None
    """What to tell people about a body above the limit, where that can be said better than in general."""

    @property
    def services(self) -> Services:
        """The use cases and ports."""
        services: Services = self.application.settings["services"]
        return services

    @property
    def request_id(self) -> str:
        """Made by us: what a client sends could carry personal data into the logs."""
        if not hasattr(self, "_request_id"):
            self._request_id = new_id()
        return self._request_id

    def set_default_headers(self) -> None:
        """Headers of every answer; pages set a wider content policy of their own."""
        self.clear_header("Server")
        self.set_header("X-Request-Id", self.request_id)
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def compute_etag(self) -> str | None:
        """None: what must not be stored needs no tag, and "304" tells a client nothing that it has. What may
        be stored has a tag of its own (`handlers.phone`)."""
        return None

    def prepare(self) -> Awaitable[None] | None:
        """Decide about access before the body is looked at."""
        self.application.settings["under_way"].add(self)
        REQUEST_ID.set(self.request_id)
        method = getattr(self, (self.request.method or "").lower(), None)
        access = getattr(method, "access", None)
        if access is None:
            return None
        self._check_client()
        if len(self.request.body) > self.body_limit:
            raise TooLarge(self.body_too_large)
        return None if access == PUBLIC else self._sign_in(getattr(method, "limit", "read"))

    def on_finish(self) -> None:
        """A stop waits until nothing is under way."""
        self.application.settings["under_way"].discard(self)

    def _check_client(self) -> None:
        """A client that is too old gets 426 and keeps its queue. Header: ``Fangpin-Client: name/1.2.3``."""
        given = self.request.headers.get("Fangpin-Client")
        if given is None:
            return
        match = re.fullmatch(r"[\w-]{1,30}/(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", given)
        if not match:
            raise Malformed("Fangpin-Client 应为 名称/版本号。")
        if tuple(int(part or 0) for part in match.groups()) < self.services.oldest_client:
            raise ClientTooOld

    @property
    def token(self) -> str:
        """The session token, from the Authorization header; never from the address."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    async def _sign_in(self, limit: str) -> None:
        session = await self.services.sessions.check(self.token, limit, self.request.remote_ip or "")
        staff_id, grants = session.staff_id, None
        if staff_id:
            grants = await self.services.staff.grants_of(staff_id, session.person_id)
        self.actor = Actor(
            person_id=session.person_id,
            app_id=session.app_id,
            openid=session.openid,
            # Somebody who has left their post is a villager from then on, whatever the session says.
            staff_id=staff_id if grants is not None else None,
            grants=grants or (),
        )

    def json_body(self) -> Any:
        """The body as JSON, parsed once; raises `Malformed`."""
        if not hasattr(self, "_json_body"):
            try:
                self._json_body = orjson.loads(self.request.body)
            except orjson.JSONDecodeError:
                raise Malformed from None
        return self._json_body

    def form(self, form: type[FormType]) -> FormType:
        """The body as a form; raises `Malformed` or `InvalidForm`."""
        return parse(form, self.json_body())

    def command(self, name: str, *, must_have_base: bool = False) -> Command:
        """The write that this request is: its key, its base version, the device's time.

        Headers: ``Idempotency-Key`` (a UUID, required), ``If-Match`` (the version that the client saw),
        ``Fangpin-Device-Time`` (ISO 8601 with an offset). The path counts to the body, so that one key
        cannot act on two things.
        """
        key = self.request.headers.get("Idempotency-Key", "")
        if not _UUID.fullmatch(key):
            message = "每次提交要带一个 UUID 作为 Idempotency-Key"
            raise InvalidForm(errors=[{"field": "Idempotency-Key", "message": message}])
        base = self.request.headers.get("If-Match", "").strip().strip('"')
        if base and not re.fullmatch(r"\d{1,9}", base):
            raise InvalidForm(errors=[{"field": "If-Match", "message": "应为记录的版本号"}])
        if must_have_base and not base:
            raise InvalidForm(errors=[{"field": "If-Match", "message": "请带上所看到的记录版本号"}])
        body = self.json_body() if self.request.body else None
        return Command(
            key=str(uuid.UUID(key)),
            name=f"{name} {self.request.path}",
            body=canonical_body(body),
            base_version=int(base) if base else None,
            device_time=self._device_time(),
        )

    def _device_time(self) -> datetime | None:
        given = self.request.headers.get("Fangpin-Device-Time")
        if not given:
            return None
        try:
            moment = datetime.fromisoformat(given)
            if moment.tzinfo is None:
                raise ValueError
            return utc(moment)
        except (ValueError, OverflowError):
            message = "应为带时区的时间，例如 2026-11-21T08:00:00+08:00"
            raise InvalidForm(errors=[{"field": "Fangpin-Device-Time", "message": message}]) from None

    def id_in_path(self, text: str) -> str:
        """An identifier from the path; what is none is not found."""
        if not _UUID.fullmatch(text):
            raise NotFound
        return text.lower()

    def answer(self, body: Mapping[str, Any], status: int = 200) -> None:
        """Write a JSON answer."""
        self.set_status(status)
        self.finish(orjson.dumps(body, option=orjson.OPT_UTC_Z))

    async def answer_command(self, command: Command, work: Awaitable[Answer]) -> None:
        """Do a command and write its answer; a repeat is answered as the first time and says so in a
        header, also where it would be refused by now (the consent text has changed, say)."""
        try:
            answer = await work
        except Problem:
            kept = await self.services.commands.kept(self.actor, command)
            if kept is None:
                raise
            answer = kept
        if answer.repeated:
            self.set_header("Idempotency-Replayed", "true")
        self.answer(answer.body, 201 if answer.created else 200)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Turn whatever went wrong into a problem; a stack trace goes to the log only."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, PyMongoError):
            # The database is away or overloaded: the client keeps what it has and comes again.
            problem: Problem = Away()
        elif isinstance(error, Problem):
            problem = error
        else:
            self._write_plain_error(status_code)
            return
        status = status_of(problem)
        self.set_status(status)
        if status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if "retry_after" in problem.extra:
            self.set_header("Retry-After", str(problem.extra["retry_after"]))
        elif status == 503:
            self.set_header("Retry-After", "2")
        self.set_header("Content-Type", f"{MEDIA_TYPE}; charset=utf-8")
        self.finish(orjson.dumps(body_of(problem, self.request_id)))

    def _write_plain_error(self, status: int) -> None:
        titles = {
            400: "请求无法读取，请返回重试。",
            404: "没有这个页面。",
            405: "不支持这种操作。",
        }
        title = titles.get(status, "系统出了点问题，请稍后再试。填写的内容不会丢失。")
        code = {404: "not_found", 405: "method_not_allowed"}.get(
            status, "malformed" if status < 500 else "internal"
        )
        if status == 405:
            known = [name.upper() for name in METHODS if hasattr(getattr(self, name), "access")]
            self.set_header("Allow", ", ".join(known))
        self.set_header("Content-Type", f"{MEDIA_TYPE}; charset=utf-8")
        body = {"type": "about:blank", "code": code, "status": status, "title": title, "errors": []}
        self.finish(orjson.dumps({**body, "request_id": self.request_id}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Problems are answers, not faults; everything else is logged."""
        if not isinstance(value, Problem | HTTPError):
            log_fault(value)


def log_fault(error: BaseException) -> None:
    """Log what nobody expected, with its trace."""
    log = structlog.get_logger()
    # The message of a database error can hold a document, so only its kind is logged.
    if isinstance(error, PyMongoError):
        log.error("database error", kind=type(error).__name__, code=getattr(error, "code", None))
        return
    log.error("unexpected error", exc_info=error)


class NoSuchPage(Handler):
    """Everything that no route matches."""

    def prepare(self) -> NoReturn:
        """Answer 404 whatever the method."""
        raise HTTPError(404)
