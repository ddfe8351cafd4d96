"""Log entries: one JSON object a line, with the request's id and without personal data."""

import asyncio
import atexit
import logging
import re
import sys
from typing import Any, BinaryIO, Protocol

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from handlers.request_id import REQUEST_ID
from server.settings import LogLevel

# What may say who somebody is, where they live, how they fare, or how to act in their name. The names
# are those of our models, of the API and of WeChat's own messages.
PERSONAL = frozenset(
    (
        "id_no",
        "id_number",
        "idcard",
        "phone",
        "mobile",
        "tel",
        "name",
        "full_name",
        "real_name",
        "nickname",
        "address",
        "detail_address",
        "statement",
        "story",
        "description",
        "text",
        "content",
        "note",
        "notes",
        "remark",
        "diagnosis",
        "illness",
        "bank_card",
        "bank_account",
        "signature",
        "photo",
        "openid",
        "unionid",
        "touser",
        "fromusername",
        "tousername",
        "latitude",
        "longitude",
        "location",
        "birthday",
        "password",
        "token",
        "access_token",
        "refresh_token",
        "session_key",
        "js_code",
        "ticket",
        "secret",
        "key_value",
        "ciphertext",
        "cookie",
        "authorization",
        "body",
        "form",
        "household_name",
        "head_name",
        "applicant",
        "members",
    )
)
# Texts that others compose, such as those of exceptions, may quote an ID number, phone or card.
_LONG_NUMBER = re.compile(r"\d{10,}[\dXx]?")
_HIDDEN = "***"


class _Clock(Protocol):
    def now(self) -> Any: ...


def configure_logging(level: LogLevel, clock: _Clock, output: BinaryIO | None = None) -> None:
    """Send all log entries of this process, the libraries' as well, to one stream.

    Args:
        level: the least severe entry that is written; libraries write from WARNING on at most.
        clock: gives the time of each entry.
        output: a binary stream; standard output when omitted.
    """
    number = getattr(logging, level.value)
    stream: BinaryIO = output or sys.stdout.buffer

    def line(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
        # One processor instead of a chain of five: a busy process writes a line for each request.
        request_id = REQUEST_ID.get()
        if request_id:
            event["request_id"] = request_id
        event = redact(logger, method, event)
        event["level"] = method
        event["time"] = clock.now().isoformat(timespec="milliseconds")
        return orjson.dumps(_render_exception(logger, method, event), default=str)

    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Lines(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Library(structlog.get_logger())]
    root.setLevel(max(number, logging.WARNING))


class _Lines:
    """Writes lines; what is less than a warning together with the others of a turn of the event loop.

    A busy process writes a line for each request, and handing each to the kernel by itself would cost more
    than making it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: list[bytes] = []
        atexit.register(self._write)

    def __call__(self, *_args: Any) -> "_Lines":
        """The logger of any name; structlog asks for it."""
        return self

    def info(self, line: bytes) -> None:
        """Write a line at the end of this turn of the loop, or at once where there is no loop."""
        self._waiting.append(line)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self._write)
            except RuntimeError:
                self._write()

    def error(self, line: bytes) -> None:
        """Write a line at once, after those that wait."""
        self._waiting.append(line)
        self._write()

    debug = info
    warning = warn = critical = fatal = exception = log = msg = error

    def _write(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines and not self._stream.closed:
            lines.append(b"")
            self._stream.write(b"\n".join(lines))
            self._stream.flush()


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what is known to be personal, at any depth; every entry goes through this."""
    if not PERSONAL.isdisjoint(event):
        for key in PERSONAL & event.keys():
            del event[key]
    for key, value in event.items():
        kind = type(value)
        if kind is dict or kind is list or kind is tuple:
            event[key] = _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items() if str(key).lower() not in PERSONAL}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _render_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    # Only entries with an exception pay for its rendering; local variables are never shown.
    if event.get("exc_info"):
        event = structlog.processors.format_exc_info(logger, method, event)
    if "exception" in event:
        event["exception"] = _LONG_NUMBER.sub(_HIDDEN, event["exception"])
    return event


class _Library(logging.Handler):
    """Turns the entries of libraries that use the standard logging into ours."""

    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = _LONG_NUMBER.sub(_HIDDEN, record.getMessage())
            self._log.log(record.levelno, said, library=record.name, exc_info=record.exc_info)
        except Exception:
            self.handleError(record)
