"""Time as the work sees it: UTC instants, and legal dates as they read in China."""

import functools
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """The one source of time, handed to every process."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""

    def now(self) -> datetime:
        """The present instant, UTC-aware."""


def legal_date(instant: datetime) -> date:
    """The calendar date in Asia/Shanghai at `instant` (any aware datetime)."""
    return instant.astimezone(CHINA).date()


@functools.lru_cache(maxsize=4096)
def readable(instant: datetime) -> str:
    """`instant` as people in China read it in a message, for example ``2026年11月23日 18:00``;
    the same form fits the ``time`` fields of message templates."""
    local = instant.astimezone(CHINA)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"


def iso(instant: datetime) -> str:
    """`instant` as answers carry it: ISO 8601 in UTC, ``2026-11-23T10:00:00Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def utc(instant: datetime) -> datetime:
    """`instant` as UTC; MongoDB hands out aware UTC datetimes, clients may send any offset."""
    return instant.astimezone(UTC)
