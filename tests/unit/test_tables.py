"""Code tables: the nearest area first, then the latest date that has begun."""

from datetime import date
from typing import Any

import pytest

from casework.calendar import limit_end
from casework.tables.defaults import LIMITS, TABLES
from casework.tables.defaults import rows as default_rows
from casework.tables.model import Row
from casework.tables.service import Snapshot
from tests.unit.examples import COUNTY, GROUP, NOW, TOWNSHIP, VILLAGE

AREAS = GROUP["areas"]
DAY = date(2026, 9, 4)


def row(
    value: int, area: str | None = None, since: str = "2021-01-01", key: str = "line", **more: Any
) -> Row:
    return {
        "_id": f"{area}/{since}/{key}",
        "table": "income",
        "key": key,
        "area": area,
        "since": since,
        "value": {"fen": value, **more},
    }


def found(rows: list[Row], areas: list[str] = AREAS, day: date = DAY) -> int | None:
    value = Snapshot(rows).get("income", "line", areas, day)
    return value["fen"] if value else None


EVERYWHERE, LATER, FUTURE = row(1), row(2, since="2026-09-04"), row(3, since="2026-09-05")
OF_COUNTY, OF_TOWNSHIP = row(4, COUNTY["_id"], "2022-01-01"), row(5, TOWNSHIP["_id"], "2021-01-01")
ELSEWHERE = row(6, "another-county")


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([], None),
        ([EVERYWHERE], 1),
        ([EVERYWHERE, LATER, FUTURE], 2),
        ([FUTURE], None),
        ([ELSEWHERE], None),
        ([EVERYWHERE, ELSEWHERE], 1),
        ([LATER, OF_COUNTY], 4),
        ([OF_COUNTY, OF_TOWNSHIP], 5),
        ([OF_COUNTY, row(7, COUNTY["_id"], "2026-01-01"), row(8, COUNTY["_id"], "2027-01-01")], 7),
        # What begins later at the nearer place leaves the farther one in force till then.
        ([OF_COUNTY, row(9, TOWNSHIP["_id"], "2026-10-01")], 4),
    ],
)
def test_which_value_holds(rows: list[Row], value: int | None) -> None:
    assert found(rows) == value
    assert found(rows[::-1]) == value


def test_a_value_holds_from_the_first_day_on_and_only_at_its_place() -> None:
    assert found([EVERYWHERE, LATER], day=date(2026, 9, 3)) == 1
    assert found([EVERYWHERE, OF_TOWNSHIP], areas=COUNTY["areas"]) == 1
    assert found([EVERYWHERE, row(9, VILLAGE["_id"])], areas=VILLAGE["areas"]) == 9


def test_unknown_tables_and_keys_hold_nothing() -> None:
    assert Snapshot([EVERYWHERE]).get("income", "other", AREAS, DAY) is None
    assert Snapshot([EVERYWHERE]).get("other", "line", AREAS, DAY) is None
    assert Snapshot([EVERYWHERE]).table("other", AREAS, DAY) == {}


def test_a_whole_table_is_in_its_order_and_leaves_out_what_does_not_hold() -> None:
    rows = [row(1, key="b", order=2), row(2, key="a", order=1), row(3, key="c", since="2027-01-01")]
    assert list(Snapshot(rows).table("income", AREAS, DAY)) == ["a", "b"]


def test_the_defaults_hold_everywhere_and_keep_their_order() -> None:
    rows = list(default_rows())
    assert len({r["_id"] for r in rows}) == len(rows)
    for name, values in TABLES.items():
        assert list(Snapshot(rows).table(name, [], DAY)) == list(values)


@pytest.mark.parametrize("key", LIMITS)
def test_the_default_limits_can_be_counted(key: str) -> None:
    limit = LIMITS[key]
    assert limit_end(NOW, limit["days"], limit["days_kind"]).at > NOW
    assert limit["remind_hours"] > 0
