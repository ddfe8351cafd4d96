"""What the contract's tests share: one seeded database, and the service's log."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from handlers.request_id import REQUEST_ID
from server.clock import SharedClock
from server.logs import configure_logging
from server.settings import LogLevel
from tests.seeded import database_name, parts, seeded_database

__all__ = ["database_name", "parts", "seeded_database"]


@pytest.fixture(autouse=True)
def logs(clock: SharedClock) -> Iterator[io.BytesIO]:
    """What the service logs during a test, as it does in production; all levels."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure_logging(LogLevel.DEBUG, clock, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    REQUEST_ID.set(None)
    structlog.reset_defaults()
