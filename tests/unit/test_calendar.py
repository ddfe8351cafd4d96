"""Legal limits in Asia/Shanghai, with the holidays and make-up days of 2026."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.calendar import WorkingDay, deadline, limit_end, working_day
from casework.clock import CHINA, iso, legal_date, readable, utc
from tests.unit.examples import china

DAYS = st.dates(date(2025, 12, 1), date(2027, 2, 28))
KINDS = st.sampled_from(["working", "calendar"])


def last_day(day: str, days: int, kind: str) -> str:
    return legal_date(deadline(date.fromisoformat(day), days, kind).at).isoformat()


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-09-04", True),
        ("2026-09-05", False),
        ("2026-10-01", False),
        ("2026-10-07", False),
        ("2026-02-17", False),
        # Saturdays and Sundays that are worked for a holiday.
        ("2026-02-14", True),
        ("2026-09-20", True),
        ("2026-10-10", True),
    ],
)
def test_days_off_and_make_up_days(day: str, working: bool) -> None:
    assert working_day(date.fromisoformat(day)) == WorkingDay(working, provisional=False)


@pytest.mark.parametrize(("day", "working"), [("2027-10-01", True), ("2027-10-02", False)])
def test_weekdays_stand_in_for_a_year_that_is_not_published(day: str, working: bool) -> None:
    assert working_day(date.fromisoformat(day)) == WorkingDay(working, provisional=True)


@pytest.mark.parametrize(
    ("day", "days", "end"),
    [
        ("2026-09-07", 2, "2026-09-09"),
        ("2026-09-03", 2, "2026-09-07"),
        ("2026-09-05", 1, "2026-09-07"),
        # National Day: the 1st to the 7th are off, Saturday the 10th is worked.
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-09-30", 3, "2026-10-10"),
        ("2026-10-09", 2, "2026-10-12"),
        # The Mid-Autumn Festival takes Friday the 25th; Sunday the 20th is worked.
        ("2026-09-18", 1, "2026-09-20"),
        ("2026-09-24", 1, "2026-09-28"),
        # The Spring Festival: the 15th to the 23rd of February.
        ("2026-02-13", 2, "2026-02-24"),
    ],
)
def test_a_limit_in_working_days(day: str, days: int, end: str) -> None:
    assert last_day(day, days, "working") == end


@pytest.mark.parametrize(
    ("day", "days", "end"),
    [
        ("2026-09-07", 1, "2026-09-08"),
        ("2026-09-07", 15, "2026-09-22"),
        # The last day is a Saturday, a Sunday, in a holiday, or a worked Sunday.
        ("2026-09-07", 5, "2026-09-14"),
        ("2026-09-07", 6, "2026-09-14"),
        ("2026-09-25", 6, "2026-10-08"),
        ("2026-09-30", 7, "2026-10-08"),
        ("2026-09-15", 5, "2026-09-20"),
        # Days off inside the limit count.
        ("2026-09-30", 9, "2026-10-09"),
    ],
)
def test_a_limit_in_calendar_days_runs_on_when_its_last_day_is_off(day: str, days: int, end: str) -> None:
    assert last_day(day, days, "calendar") == end


@pytest.mark.parametrize("kind", ["working", "calendar"])
def test_a_limit_of_no_days_ends_on_the_day_itself_or_the_next_that_is_worked(kind: str) -> None:
    assert last_day("2026-09-07", 0, kind) == "2026-09-07"
    assert last_day("2026-10-01", 0, kind) == "2026-10-08"


@pytest.mark.parametrize(("days", "kind"), [(5, "lunar"), (5, ""), (-1, "working"), (-1, "calendar")])
def test_limits_that_make_no_sense_are_refused(days: int, kind: str) -> None:
    with pytest.raises(ValueError, match="no limit"):
        deadline(date(2026, 9, 7), days, kind)


@given(DAYS, st.integers(1, 40))
def test_exactly_n_working_days_lie_within_a_limit_of_n(day: date, days: int) -> None:
    end = legal_date(deadline(day, days, "working").at)
    within = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(working_day(d).working for d in within) == days
    assert working_day(end).working


@given(DAYS, st.integers(0, 60))
def test_a_calendar_limit_ends_on_the_first_working_day_from_its_last_day_on(day: date, days: int) -> None:
    end = legal_date(deadline(day, days, "calendar").at)
    passed = [day + timedelta(days=n) for n in range(days, (end - day).days)]
    assert end >= day + timedelta(days=days)
    assert working_day(end).working
    assert not any(working_day(d).working for d in passed)


@given(DAYS, st.integers(0, 40), KINDS)
def test_who_starts_later_or_gets_more_days_never_ends_earlier(day: date, days: int, kind: str) -> None:
    end = deadline(day, days, kind).at
    assert deadline(day + timedelta(days=1), days, kind).at >= end
    assert deadline(day, days + 1, kind).at >= end


@given(DAYS, st.integers(0, 40), KINDS)
def test_an_end_is_the_last_second_of_a_day_in_china(day: date, days: int, kind: str) -> None:
    end = deadline(day, days, kind).at
    assert end.tzinfo is UTC
    assert f"{end.astimezone(CHINA):%H:%M:%S}" == "23:59:59"


@pytest.mark.parametrize(
    ("day", "days", "kind", "provisional"),
    [
        ("2026-12-30", 1, "working", False),
        ("2026-12-30", 2, "working", True),
        ("2026-12-30", 1, "calendar", False),
        ("2026-12-30", 5, "calendar", True),
        ("2027-01-04", 0, "working", True),
    ],
)
def test_what_rests_on_an_unpublished_year_is_provisional(
    day: str, days: int, kind: str, provisional: bool
) -> None:
    assert deadline(date.fromisoformat(day), days, kind).provisional is provisional


@pytest.mark.parametrize(
    ("start", "end"), [("2026-09-07 23:59", "2026-09-08"), ("2026-09-08 00:00", "2026-09-09")]
)
def test_midnight_in_china_decides_which_day_a_limit_starts_on(start: str, end: str) -> None:
    assert legal_date(limit_end(china(start), 1, "working").at).isoformat() == end


def test_instants_read_as_in_china() -> None:
    instant = datetime(2026, 9, 7, 16, 5, tzinfo=UTC)
    assert legal_date(instant) == date(2026, 9, 8)
    assert readable(instant) == "2026年9月8日 00:05"
    assert iso(instant.astimezone(CHINA)) == "2026-09-07T16:05:00Z"
    assert utc(instant.astimezone(CHINA)) == instant
    assert utc(instant.astimezone(CHINA)).tzinfo is UTC
