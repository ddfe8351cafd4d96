"""Which request is being answered, for whoever writes a log entry."""

from contextvars import ContextVar

#: The id of the request that this task answers; None outside of one.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
