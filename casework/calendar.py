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
    """The end (23:59:59) of the last day of a limit of `days` days that starts on `day`.

    `days_kind` is ``working`` or ``calendar``. The first day does not count (Civil Code, art. 201); a
    limit that would end on a day off runs to the next working day (art. 203). A limit of no days ends
    on `day` itself. Raises `ValueError` for another kind or a negative number of days.
    """
    if days_kind not in ("working", "calendar") or days < 0:
        raise ValueError(f"no limit of {days} {days_kind} days")
    last, left = (day, days) if days_kind == "working" else (day + timedelta(days=days), 0)
    working, provisional = working_day(last)
    while left > 0 or not working:
        last += timedelta(days=1)
        working, provisional = working_day(last)
        left -= working
    return Deadline(datetime.combine(last, END_OF_DAY, CHINA).astimezone(UTC), provisional)


def limit_end(start: datetime, days: int, days_kind: str) -> Deadline:
    """The end of a limit that starts at the instant `start`."""
    return deadline(legal_date(start), days, days_kind)
