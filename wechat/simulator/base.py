"""What all of the simulator's handlers share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from tornado.web import HTTPError, RequestHandler

from wechat.simulator.state import Person
from wechat.simulator.world import World
from wechat.simulator.worlds import Worlds

log = logging.getLogger(__name__)
Body = TypeVar("Body", bound=BaseModel)


class WorldHandler(RequestHandler):
    """A handler that acts on one of the accounts, and whose log lines hold neither query nor body.

    Attributes:
        worlds: all of them.
        world: the one the request is for; handlers choose it in `prepare`, and until then it is the first.
    """

    def initialize(self, worlds: Worlds) -> None:
        """Take the accounts this handler may act on."""
        self.worlds = worlds
        self.world: World = worlds.first

    def compute_etag(self) -> str | None:
        """Answer no ETag: every answer is new, and hashing each costs time in a benchmark."""
        return None

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """Answer, once the journal holds what the call has changed."""
        if self.world.journal is not None:
            self.world.journal.commit()
        return super().finish(chunk)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an unexpected error with method and path; the framework would add tokens and openids."""
        # A call that is cut short because the simulator closes is no error.
        if typ is None or value is None or isinstance(value, HTTPError | asyncio.CancelledError):
            return
        log.error("%s %s failed", self.request.method, self.request.path, exc_info=(typ, value, tb))


class Refused(HTTPError):
    """An answer other than success, whose words are shown to the caller."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(status)
        self.words = words


class ControlHandler(WorldHandler):
    """What all control handlers share: JSON both ways, errors in words, and calls from other origins.

    Attributes:
        says: what each method does, for the documentation page.
        bodies: the model of the body each method reads.
        queries: what the parameters of the query mean.
    """

    says: ClassVar[Mapping[str, str]] = {}
    bodies: ClassVar[Mapping[str, type[BaseModel]]] = {}
    queries: ClassVar[Mapping[str, str]] = {}

    def prepare(self) -> None:
        """Choose the account that `?app_id=` names.

        Raises:
            HTTPError: 404 if there is none with this id.
        """
        app_id = self.get_query_argument("app_id", None)
        if app_id is not None:
            world = self.worlds.of_app(app_id)
            if world is None:
                raise Refused(404, "no simulated account has this app_id")
            self.world = world

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
