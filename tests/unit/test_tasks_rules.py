"""When a task is due, which words go out around that, and how urgent it looks."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.tasks.model import LIVE, Alarm, Task, TaskState
from casework.tasks.rules import alarms, colour, limit, next_alarm, now_words
from tests.unit.examples import NOW, china

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACCEPT_DUE, DUE = NOW + 2 * DAY, NOW + 5 * DAY
SPANS = st.timedeltas(timedelta(days=-10), timedelta(days=30))


def told(found: list[Alarm]) -> list[tuple[str, int, timedelta]]:
    return [(a["kind"], a["level"], a["at"] - NOW) for a in found]


def task(**changes: Any) -> Task:
    made = {"state": "open", "assignee": "s1", "accept_due_at": ACCEPT_DUE, "due_at": DUE}
    return {**made, **changes}  # type: ignore[return-value,typeddict-item]


def test_a_limit_is_counted_as_its_row_says() -> None:
    row = {"days": 5, "days_kind": "working", "remind_hours": 24}
    assert limit(NOW, row).at == china("2026-09-11 23:59:59")
    assert limit(NOW, {**row, "days_kind": "calendar"}).at == china("2026-09-09 23:59:59")


def test_a_new_task_reminds_and_escalates_for_both_limits() -> None:
    assert told(alarms(NOW, ACCEPT_DUE, DUE, 24)) == [
        ("task_reminder", -1, 1 * DAY),
        ("task_late", 0, 2 * DAY),
        ("task_reminder", -1, 4 * DAY),
        ("task_late", 0, 5 * DAY),
        ("task_late", 1, 6 * DAY),
        ("task_late", 2, 7 * DAY),
    ]


def test_an_accepted_task_has_only_the_visit_before_it() -> None:
    assert told(alarms(NOW, None, DUE, 24)) == [
        ("task_reminder", -1, 4 * DAY),
        ("task_late", 0, 5 * DAY),
        ("task_late", 1, 6 * DAY),
        ("task_late", 2, 7 * DAY),
    ]


def test_what_is_past_at_once_is_left_out() -> None:
    assert told(alarms(NOW, None, NOW + HOUR, 24))[0] == ("task_late", 0, HOUR)
    assert told(alarms(NOW, None, NOW, 24)) == [("task_late", 1, DAY), ("task_late", 2, 2 * DAY)]
    assert alarms(NOW, ACCEPT_DUE - 30 * DAY, DUE - 30 * DAY, 24) == []


@given(SPANS | st.none(), SPANS, st.integers(0, 200))
def test_alarms_are_sorted_and_still_to_come(
    accept: timedelta | None, visit: timedelta, remind_hours: int
) -> None:
    found = alarms(NOW, None if accept is None else NOW + accept, NOW + visit, remind_hours)
    times = [a["at"] for a in found]
    assert times == sorted(times)
    assert all(at > NOW for at in times)
    assert next_alarm(found) == next_alarm(found[::-1]) == (times[0] if times else None)
    assert all((a["kind"] == "task_reminder") == (a["level"] == -1) for a in found)


@pytest.mark.parametrize(
    ("changes", "now", "seen"),
    [
        ({}, NOW, "normal"),
        ({}, ACCEPT_DUE - DAY - timedelta(seconds=1), "normal"),
        ({}, ACCEPT_DUE - DAY, "orange"),
        ({}, ACCEPT_DUE, "orange"),
        ({}, ACCEPT_DUE + DAY - timedelta(seconds=1), "orange"),
        ({}, ACCEPT_DUE + DAY, "red"),
        ({"state": "accepted"}, ACCEPT_DUE + DAY, "normal"),
        ({"state": "accepted"}, DUE - DAY, "orange"),
        ({"state": "accepted"}, DUE + DAY, "red"),
        ({"assignee": None}, NOW, "red"),
        ({"assignee": None, "state": "accepted"}, NOW, "red"),
        ({"state": "done"}, DUE + 30 * DAY, "normal"),
        ({"state": "cancelled", "assignee": None}, DUE + 30 * DAY, "normal"),
    ],
)
def test_how_urgent_a_task_looks(changes: dict[str, Any], now: datetime, seen: str) -> None:
    assert colour(task(**changes), now) == seen


def test_every_state_is_live_or_an_end() -> None:
    assert set(LIVE) == {s.value for s in TaskState} - {"done", "cancelled"}


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({}, "冯示例", "任务现由冯示例负责，等待接单"),
        ({}, None, "任务现无人负责，等待指派"),
        ({"state": "accepted", "accepted_at": NOW}, "冯示例", "冯示例已于 2026年9月4日 10:00 接单"),
        (
            {"state": "accepted", "accepted_at": NOW, "unmet": 1},
            "冯示例",
            "已上门、未见到人，办理时限改为 2026年9月9日",
        ),
        ({"state": "done", "ended_at": NOW}, "冯示例", "冯示例已于 2026年9月4日 10:00 提交核实结果"),
        ({"state": "cancelled", "ended_at": NOW}, None, "申报人已于 2026年9月4日 10:00 撤回，任务取消"),
    ],
)
def test_what_became_of_a_task_in_words(changes: dict[str, Any], name: str | None, words: str) -> None:
    ended = {"accepted_at": None, "ended_at": None, "unmet": 0}
    assert words in now_words(task(**ended | changes), name)
