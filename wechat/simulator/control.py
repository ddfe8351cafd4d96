"""`/_sim/`: how tests and demos drive the simulator and read what happened.

Every answer is JSON. Bad input is answered 400 and an unknown person 404, both as
`{"error": code, "message": words}`. Pages on other ports may call these paths.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from wechat.simulator.base import WorldHandler
from wechat.simulator.callbacks import Delivery
from wechat.simulator.config import CallbackMode
from wechat.simulator.events import KINDS, CannotHappen, Deed, begin
from wechat.simulator.state import DropWhen, Entry, Person, Template, instant
from wechat.simulator.world import RESET_BY_DEFAULT, RESETTABLE

HEARTBEAT_SECONDS = 15
LONGEST_WAIT_SECONDS = 60
PAGE_OF_PEOPLE = 1_000

Body = TypeVar("Body", bound=BaseModel)


class Strict(BaseModel):
    """A request body in which an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid")


class UserBody(Strict):
    """A person: `POST /_sim/users`."""

    nickname: str = Field(min_length=1, max_length=64)
    name: str | None = Field(None, max_length=64)
    role_hint: str | None = Field(None, max_length=32)
    phone: str | None = Field(None, max_length=20)
    follow: bool = True
    openid: str | None = Field(None, min_length=1, max_length=64)
    mp_openid: str | None = Field(None, min_length=1, max_length=64)
    unionid: str | None = Field(None, min_length=1, max_length=64)


class EventBody(Strict):
    """What a person does: `POST /_sim/events`.

    `duplicate` is how many more times the same message is delivered after the first, `concurrent` delivers
    all copies at once, and `wait: false` answers 202 before the account has.
    """

    openid: str
    type: str
    key: str = ""
    content: str = ""
    scene: str | int = ""
    latitude: float = 0
    longitude: float = 0
    label: str = ""
    fields: dict[str, Any] | None = None
    duplicate: int = Field(0, ge=0, le=100)
    concurrent: bool = False
    wait: bool = True

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"must be one of {', '.join(KINDS)}")
        return value


class FaultBody(Strict):
    """Something that goes wrong on a platform path: `POST /_sim/faults`.

    Arguments:
        path: the platform's path, or `*` for all.
        errcode, errmsg: answer this error code, without effect.
        http_status: answer this HTTP status, without effect.
        html: answer an HTML page instead of JSON, without effect.
        latency_ms: wait this long first; alone, the call goes on as usual afterwards.
        drop: close the connection without answering: true or "before" without effect, "after" with its
        effect. refuse: tear the connection down at once, without effect.
        rate: how likely each call is hit, 0 to 1.
        times: how many calls are hit before the fault ends; without it, until it is removed.
        appid: hit only this application's calls.
    """

    path: str = Field(min_length=1)
    errcode: int | None = None
    errmsg: str | None = None
    http_status: int | None = Field(None, ge=200, le=599)
    html: bool = False
    latency_ms: float = Field(0, ge=0, le=600_000)
    drop: DropWhen | None = None
    refuse: bool = False
    rate: float = Field(1, ge=0, le=1)
    times: int | None = Field(None, ge=1)
    appid: str | None = None

    @field_validator("path")
    @classmethod
    def _rooted(cls, value: str) -> str:
        return value if value.startswith(("/", "*")) else f"/{value}"

    @field_validator("drop", mode="before")
    @classmethod
    def _when(cls, value: Any) -> Any:
        return {True: "before", False: None}.get(value, value) if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _says_something(self) -> FaultBody:
        if not (
            self.errcode is not None
            or self.http_status is not None
            or self.html
            or self.latency_ms
            or self.drop
            or self.refuse
        ):
            raise ValueError("give one of errcode, http_status, html, latency_ms, drop, refuse")
        return self


class ClockBody(Strict):
    """How to move the clock: `POST /_sim/clock`, with exactly one of the two."""

    advance_seconds: float | None = None
    set: datetime | None = None

    @model_validator(mode="after")
    def _one(self) -> ClockBody:
        if (self.advance_seconds is None) == (self.set is None):
            raise ValueError("give either advance_seconds or set")
        if self.set is not None and self.set.tzinfo is None:
            raise ValueError("set needs an offset, for example 2026-01-31T09:00:00+08:00")
        return self


class ConfigBody(Strict):
    """What can be changed at run time: `POST /_sim/config`."""

    callback_url: str | None = None
    callback_mode: CallbackMode | None = None
    latency_ms: float | None = Field(None, ge=0, le=600_000)

    @field_validator("callback_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is not None and (
            urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc
        ):
            raise ValueError("must be an http or https URL, or null to deliver nothing")
        return value


class TemplateBody(Strict):
    """A message template: `POST /_sim/templates`; `content` has lines such as `编号:{{thing1.DATA}}`."""

    app_id: str | None = None
    template_id: str = Field(min_length=1, max_length=128)
    title: str = Field(max_length=128)
    content: str = Field(max_length=4096)


class ResetBody(Strict):
    """What to forget: `POST /_sim/reset`; without `only` everything but the tokens."""

    only: (
        list[Literal["users", "inbox", "calls", "faults", "templates", "codes", "menu", "tokens"]] | None
    ) = None


class Refused(HTTPError):
    """An answer other than success, whose words are shown to the caller."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(status)
        self.words = words


class ControlHandler(WorldHandler):
    """What all control handlers share: JSON both ways, errors in words, and calls from other origins."""

    def set_default_headers(self) -> None:
        """Let demo pages on other ports call the control paths; nothing here is anybody's secret."""
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
        self.set_header("Access-Control-Allow-Headers", "Content-Type")
        self.set_header("Cache-Control", "no-store")

    def options(self) -> None:
        """Answer a browser that asks before it calls."""
        self.set_status(204)
        self.finish()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error as JSON; what went wrong inside is logged, not shown."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        words = error.words if isinstance(error, Refused) else self._reason
        names = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 409: "conflict"}
        self.answer({"error": names.get(status_code, "internal"), "message": words})

    def answer(self, payload: Any, status: int | None = None) -> None:
        """Finish with a JSON body, and with a status where one is given."""
        if status is not None:
            self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(orjson.dumps(payload))

    def body(self, model: type[Body]) -> Body:
        """Return the request's JSON body as `model`; an empty body is an empty object.

        Raises:
            HTTPError: 400 that names every wrong field.
        """
        try:
            return model.model_validate(orjson.loads(self.request.body or b"{}"))
        except orjson.JSONDecodeError as error:
            raise bad_request("the body is not JSON") from error
        except ValidationError as error:
            wrong = (
                f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}"
                for one in error.errors(include_url=False, include_context=False)
            )
            raise bad_request("; ".join(wrong)) from error

    def person(self, openid: str) -> Person:
        """Return whoever has this id of any of the three kinds.

        Raises:
            HTTPError: 404 if nobody has.
        """
        person = self.world.people.find(openid)
        if person is None:
            raise Refused(404, "nobody has this openid")
        return person

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number from the query.

        Raises:
            HTTPError: 400 if it is no number between `low` and `high`.
        """
        text = self.get_query_argument(name, None)
        try:
            value = default if text is None else float(text)
        except ValueError as error:
            raise bad_request(f"{name} is not a number") from error
        if not low <= value <= high:
            raise bad_request(f"{name} must be between {low:g} and {high:g}")
        return value


def bad_request(words: str) -> Refused:
    """Return a 400 whose words are shown to the caller."""
    return Refused(400, words)


class UsersHandler(ControlHandler):
    """People."""

    def get(self) -> None:
        """List people in the order they were made; `role_hint`, `openid` (any kind), `limit` narrow it."""
        openid = self.get_query_argument("openid", None)
        if openid is not None:
            found = self.world.people.find(openid)
            self.answer({"items": [found.as_json()] if found else [], "total": len(self.world.people)})
            return
        role = self.get_query_argument("role_hint", None)
        limit = int(self.number("limit", PAGE_OF_PEOPLE, 1, 100_000))
        chosen = (person for person in self.world.people if role is None or person.role_hint == role)
        items = [person.as_json() for person in itertools.islice(chosen, limit)]
        self.answer({"items": items, "total": len(self.world.people)})

    def post(self) -> None:
        """Make a person (201), or return whoever already has one of the given ids (200)."""
        person, new = self.world.add_person(**self.body(UserBody).model_dump())
        self.answer(person.as_json(), 201 if new else 200)


class EventsHandler(ControlHandler):
    """What people do."""

    async def post(self) -> None:
        """Do it, deliver it to the callback, and answer with the tries and the decoded reply."""
        body = self.body(EventBody)
        person = self.person(body.openid)
        values = body.model_dump(exclude={"openid", "wait"})
        deed = Deed(**{**values, "scene": str(values["scene"])})
        try:
            task = begin(self.world, person, deed)
        except CannotHappen as error:
            raise bad_request(str(error)) from error
        if not body.wait:
            self.answer({"accepted": None, "tries": [], "reply": None}, 202)
            return
        self.answer(_told(await task))


def _told(deliveries: list[Delivery]) -> dict[str, Any]:
    return {
        "accepted": bool(deliveries) and all(delivery.accepted for delivery in deliveries),
        "tries": [
            {**one.as_json(), "copy": copy}
            for copy, delivery in enumerate(deliveries)
            for one in delivery.tries
        ],
        "reply": next((delivery.reply for delivery in deliveries if delivery.reply), None),
    }


class LoginCodeHandler(ControlHandler):
    """Single-use codes: for `jscode2session` (kind=login), the account's pages (oauth) or a number
    (phone)."""

    def get(self) -> None:
        """Return {code} for the person with this openid."""
        person = self.person(self.get_query_argument("openid", ""))
        kind = self.get_query_argument("kind", "login")
        if kind == "login":
            code = self.world.issue_code("login", "mp", person)
        elif kind == "oauth":
            code = self.world.issue_code("oauth", "oa", person, "snsapi_base")
        elif kind == "phone":
            code = self.world.issue_code("phone", "mp", person)
        else:
            raise bad_request("kind must be one of login, oauth, phone")
        self.answer({"code": code})


class InboxHandler(ControlHandler):
    """What arrived on phones, in order."""

    async def get(self) -> None:
        """Return {items}; with `min` and `wait_seconds` not before there are that many or time is over.

        `openid` chooses a person, `channel` a channel, `after` only what came after that `seq`, `limit` the
        newest.
        """
        openid = self.get_query_argument("openid", None)
        person = self.person(openid) if openid else None
        channel = self.get_query_argument("channel", None)
        after = self.number("after", 0, 0, 1e15)
        wanted = self.number("min", 0, 0, 1e6)
        limit = int(self.number("limit", 1e6, 1, 1e6))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.number("wait_seconds", 0, 0, LONGEST_WAIT_SECONDS)
        while True:
            items = [
                entry
                for entry in self.world.people.entries(person)
                if entry.seq > after and self.belongs(entry) and (channel is None or entry.channel == channel)
            ]
            left = deadline - loop.time()
            if len(items) >= wanted or left <= 0 or self.world.closing:
                break
            await self.world.people.arrival(left)
        self.answer({"items": [entry.as_json() for entry in items[-limit:]]})

    def delete(self) -> None:
        """Empty all phones."""
        self.world.reset(("inbox",))
        self.answer({"ok": True})

    def belongs(self, entry: Entry) -> bool:
        """Whether an entry is part of the list: here only what the account sent."""
        return entry.direction == "in"


class ChatHandler(InboxHandler):
    """The whole chat, with the person's own messages and WeChat's lines."""

    def belongs(self, entry: Entry) -> bool:
        """Whether an entry is part of the list: all are."""
        return True


class FaultsHandler(ControlHandler):
    """What goes wrong."""

    def get(self) -> None:
        """List the faults in force, with how often each has fired."""
        self.answer({"items": [fault.as_json() for fault in self.world.faults.all()]})

    def post(self) -> None:
        """Put a fault in force."""
        values = self.body(FaultBody).model_dump()
        self.answer(self.world.faults.add(values.pop("path"), **values).as_json(), 201)

    def delete(self) -> None:
        """Remove all faults, or those of `?path=`."""
        self.world.faults.clear(self.get_query_argument("path", None))
        self.answer({"ok": True})


class CallsHandler(ControlHandler):
    """What the service asked of the platform."""

    def get(self) -> None:
        """Return exact counts by path and outcome, and with `?path=` the newest calls of that path."""
        calls = self.world.calls
        path = self.get_query_argument("path", None)
        answer: dict[str, Any] = {
            "counts": dict(calls.counts),
            "outcomes": {key: dict(value) for key, value in calls.outcomes.items()},
            "total": calls.counts.total(),
            "receipts": {
                **vars(self.world.deliverer.receipts),
                "pending": self.world.deliverer.receipts_pending,
            },
        }
        if path is not None:
            answer["count"] = calls.counts.get(path, 0)
            answer["items"] = [record.as_json() for record in calls.newest(path)]
        self.answer(answer)

    def delete(self) -> None:
        """Start counting from nothing."""
        self.world.reset(("calls",))
        self.answer({"ok": True})


class ClockHandler(ControlHandler):
    """The demo's time."""

    def get(self) -> None:
        """Return the present instant."""
        now = self.world.clock.time()
        self.answer({"now": instant(now), "unix": now})

    def post(self) -> None:
        """Move the clock for all processes."""
        body = self.body(ClockBody)
        seconds = body.advance_seconds or 0.0
        if body.set is not None:
            seconds = body.set.astimezone(UTC).timestamp() - self.world.clock.time()
        try:
            self.world.clock.move(seconds)
        except RuntimeError as error:
            raise Refused(409, "this clock cannot be moved") from error
        if self.world.stream:
            self.world.stream.publish("clock", {"unix": self.world.clock.time()})
        self.get()


class ConfigHandler(ControlHandler):
    """Settings that can change at run time, and what the phones' page needs to know."""

    def get(self) -> None:
        """Return the settings; never a secret."""
        self.answer(self.shown())

    def shown(self) -> dict[str, Any]:
        """Return the settings as this path and the stream show them."""
        world = self.world
        return {
            "callback_url": world.deliverer.url,
            "callback_mode": world.deliverer.mode,
            "latency_ms": world.latency_ms,
            "account_name": world.config.account_name,
            "oa_app_id": world.config.oa_app_id,
            "oa_username": world.config.oa_username,
            "mp_app_id": world.config.mp_app_id,
            "menu": world.shown_menu(),
        }

    def post(self) -> None:
        """Change the given settings and leave the others."""
        body = self.body(ConfigBody)
        if "callback_url" in body.model_fields_set:
            self.world.deliverer.url = body.callback_url
        if body.callback_mode is not None:
            self.world.deliverer.mode = body.callback_mode
        if body.latency_ms is not None:
            self.world.latency_ms = body.latency_ms
        if self.world.stream:
            self.world.stream.publish("config", self.shown())
        self.get()


class VerifyHandler(ControlHandler):
    """The question WeChat asks when a callback URL is set."""

    async def post(self) -> None:
        """Ask the callback to echo a string, and tell what it answered."""
        attempt = await self.world.deliverer.verify_url()
        self.answer({"ok": attempt.error is None, **attempt.as_json()})


class TemplatesHandler(ControlHandler):
    """Message templates."""

    def get(self) -> None:
        """List the templates of `?app_id=` (the official account's without it)."""
        app_id = self.get_query_argument("app_id", self.world.config.oa_app_id)
        self.answer(
            {
                "items": [
                    {"template_id": one.template_id, "title": one.title, "content": one.content}
                    for one in self.world.templates.known(app_id)
                ]
            }
        )

    def post(self) -> None:
        """Register a template; from the first on, other ids are refused."""
        body = self.body(TemplateBody)
        app_id = body.app_id or self.world.config.oa_app_id
        template = Template(body.template_id, body.title, body.content)
        self.world.templates.add(app_id, template)
        self.answer({"app_id": app_id, "template_id": template.template_id, "keys": dict(template.keys)}, 201)


class ResetHandler(ControlHandler):
    """Start over."""

    def post(self) -> None:
        """Forget what is named in `only`, or everything but the tokens."""
        only = self.body(ResetBody).only
        # The order of the table, so that people go before what hangs on them.
        parts = RESET_BY_DEFAULT if only is None else tuple(part for part in RESETTABLE if part in only)
        self.world.reset(parts)
        self.answer({"ok": True, "forgotten": list(parts)})


class StreamHandler(ControlHandler):
    """Server-sent events: `message`, `user`, `menu`, `clock`, `config`; `resync` says to read all again."""

    async def get(self) -> None:
        """Send events until the reader leaves or the simulator closes."""
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("X-Accel-Buffering", "no")
        self._queue = self.world.stream.join()
        try:
            self.write("retry: 1000\n\n")
            await self.flush()
            while True:
                try:
                    event = await asyncio.wait_for(self._queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    event = b": still here\n\n"
                if event is None:
                    break
                self.write(event)
                await self.flush()
        except StreamClosedError:
            pass
        finally:
            self.world.stream.leave(self._queue)

    def on_connection_close(self) -> None:
        """Wake the loop above, so that it does not wait for the next event to notice."""
        queue = getattr(self, "_queue", None)
        if queue is not None and not queue.full():
            queue.put_nowait(None)


class UnknownHandler(ControlHandler):
    """Any other path under `/_sim/`: without it a misspelt one would count as a call of the platform."""

    def prepare(self) -> None:
        """Answer 404 in words."""
        raise Refused(404, "no such control path")


routes = [
    (r"/_sim/users", UsersHandler),
    (r"/_sim/events", EventsHandler),
    (r"/_sim/login-code", LoginCodeHandler),
    (r"/_sim/inbox", InboxHandler),
    (r"/_sim/chat", ChatHandler),
    (r"/_sim/faults", FaultsHandler),
    (r"/_sim/calls", CallsHandler),
    (r"/_sim/clock", ClockHandler),
    (r"/_sim/config", ConfigHandler),
    (r"/_sim/verify", VerifyHandler),
    (r"/_sim/templates", TemplatesHandler),
    (r"/_sim/reset", ResetHandler),
    (r"/_sim/stream", StreamHandler),
    (r"/_sim/.*", UnknownHandler),
]
