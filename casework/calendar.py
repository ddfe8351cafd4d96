"""Working days and legal limits, in Asia/Shanghai."""

import functools
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import chinese_calendar

from casework.clock import CHINA, legal_date

END_OF_DAY = time(23, 59, 59)


class WorkingDay(NamedTuple):
    """Whether a date is worked on; `provisional` when the State Council's list for its year is not
    known to us yet, and weekdays stand in for it."""

    working: bool
    provisional: bool


@functools.lru_cache(maxsize=4096)
def working_day(day: date) -> WorkingDay:
    """Whether people work on `day`, with holidays and make-up days."""
    try:
        return WorkingDay(chinese_calendar.is_workday(day), False)
    except NotImplementedError:
        return WorkingDay(day.weekday() < 5, True)


class Deadline(NamedTuple):
    """An instant (UTC) and whether it rests on a year whose holidays are not published yet."""

    at: datetime
    provisional: bool


@functools.lru_cache(maxsize=4096)
def deadline(day: date, days: int, days_kind: str) -> Deadline:
    """The end of the last day of a limit that starts on `day`.

    `days_kind` is ``working`` or ``calendar``. The first day does not count (Civil Code, art. 201); a
    calendar limit that ends on a day off runs to the next working day (art. 203).
    """
    current, left, provisional = day, days, False
    if days_kind == "calendar":
        current, left = day + timedelta(days=days - 1), 1
        current -= timedelta(days=0 if days else 1)
    elif days_kind != "working":
        raise ValueError(f"unknown kind of days: {days_kind}")
    while left > 0:
        current += timedelta(days=1)
        is_working = working_day(current)
        provisional = provisional or is_working.provisional
        left -= is_working.working
    return Deadline(datetime.combine(current, END_OF_DAY, CHINA).astimezone(UTC), provisional)


def limit_end(start: datetime, days: int, days_kind: str) -> Deadline:
    """The end of a limit that starts at the instant `start`."""
    return deadline(legal_date(start), days, days_kind)
