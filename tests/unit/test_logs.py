"""Log entries are JSON lines that carry the request's id and nothing personal."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from handlers.request_id import REQUEST_ID
from server.clock import SharedClock
from server.logs import configure_logging
from server.settings import LogLevel


@pytest.fixture
def output(clock: SharedClock) -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure_logging(LogLevel.INFO, clock, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    REQUEST_ID.set(None)
    structlog.reset_defaults()


def entries(output: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_an_entry(output: io.BytesIO, clock: SharedClock) -> None:
    log = structlog.get_logger()
    REQUEST_ID.set("r1")
    log.info("report accepted", report="r-7", count=3)
    log.debug("unseen")
    (entry,) = entries(output)
    assert entry["event"] == "report accepted"
    assert (entry["report"], entry["count"], entry["level"], entry["request_id"]) == ("r-7", 3, "info", "r1")
    assert entry["time"][:10] == clock.now().date().isoformat()


def test_what_is_personal_is_dropped_at_any_depth(output: io.BytesIO) -> None:
    secret = "110101199003070038"
    structlog.get_logger().info(
        "saved",
        id_no=secret,
        phone=secret,
        household={"name": secret, "size": 4},
        items=[{"address": secret}],
    )
    assert secret not in output.getvalue().decode()
    assert entries(output)[0]["household"] == {"size": 4}


def test_exceptions_show_no_long_numbers_and_no_local_variables(output: io.BytesIO) -> None:
    def fail(story: str) -> None:
        raise ValueError("wrong: 11010119900307003X")

    try:
        fail("told in confidence")
    except ValueError:
        structlog.get_logger().exception("failed")
    (entry,) = entries(output)
    assert "ValueError: wrong: ***" in entry["exception"]
    assert "= 'told in confidence'" not in entry["exception"]


def test_entries_of_libraries_come_out_alike(output: io.BytesIO) -> None:
    logging.getLogger("some.library").warning("dropped %s", "13800138000")
    logging.getLogger("some.library").info("unseen")
    (entry,) = entries(output)
    assert (entry["event"], entry["library"], entry["level"]) == ("dropped ***", "some.library", "warning")
