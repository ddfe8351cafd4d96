"""Log entries: one JSON object a line, with the request's id and without personal data."""

import logging
import re
import sys
from typing import Any, BinaryIO, Protocol

import orjson
import structlog
from structlog.contextvars import merge_contextvars
from structlog.typing import EventDict, WrappedLogger

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

    def stamp(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["level"] = method
        event["time"] = clock.now().isoformat(timespec="milliseconds")
        return event

    processors: list[Any] = [merge_contextvars, redact, stamp, _render_exception, _render]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Library(structlog.get_logger())]
    root.setLevel(max(number, logging.WARNING))


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what is known to be personal, at any depth; structlog calls this for every entry."""
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


def _render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str)


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
