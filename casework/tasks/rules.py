"""When a task is due, which words go out before and after, and how urgent it looks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from casework.calendar import Deadline, limit_end
from casework.clock import readable
from casework.problems import InvalidForm
from casework.tasks.model import LIVE, Alarm, Task, TaskState

#: Overdue work goes up a level each day: village head → township → county.
LEVEL_PAUSE = timedelta(days=1)
LEVELS = 3
#: From this age of being late a task is red; until then it is orange.
RED_AFTER = timedelta(days=1)
#: Households that were not met this often are brought before the supervisor.
UNMET_MOST = 2


def limit(start: datetime, row: Mapping[str, Any]) -> Deadline:
    """The end of a limit given as a row of the table ``limits``."""
    return limit_end(start, row["days"], row["days_kind"])


def alarms(now: datetime, accept_due: datetime | None, due: datetime, remind_hours: int) -> list[Alarm]:
    """The alarms of a task that are still to come at `now`, earliest first.

    `accept_due` is None once the task is accepted; a reminder comes `remind_hours` before an end.
    """
    remind = timedelta(hours=remind_hours)
    found: list[Alarm] = []
    if accept_due is not None:
        found.append({"kind": "task_reminder", "at": accept_due - remind, "level": -1})
        found.append({"kind": "task_late", "at": accept_due, "level": 0})
    found.append({"kind": "task_reminder", "at": due - remind, "level": -1})
    found += [{"kind": "task_late", "at": due + LEVEL_PAUSE * n, "level": n} for n in range(LEVELS)]
    return sorted((a for a in found if a["at"] > now), key=lambda a: a["at"])


def next_alarm(found: Sequence[Alarm]) -> datetime | None:
    """When the earliest of these alarms goes off."""
    return min((a["at"] for a in found), default=None)


#: What became of a task, for somebody who still has an older state before them. `{staff}` is responsible.
NOW_WORDS: Mapping[str, str] = {
    "open": "任务现由{staff}负责，等待接单",
    "nobody": "任务现无人负责，等待指派",
    "accepted": "{staff}已于 {at} 接单",
    "put_off": "{staff}已上门、未见到人，办理时限改为 {due}",
    "done": "{staff}已于 {at} 提交核实结果",
    "cancelled": "申报人已于 {at} 撤回，任务取消",
}


def now_words(task: Task, staff_name: str | None) -> str:
    """What became of a task, in one sentence that names no villager."""
    state = task["state"]
    if state == TaskState.OPEN and staff_name is None:
        state = "nobody"
    elif state == TaskState.ACCEPTED and task["unmet"]:
        state = "put_off"
    at = task["ended_at"] or task["accepted_at"]
    return NOW_WORDS[state].format(
        staff=staff_name or "责任干部", at=readable(at) if at else "", due=readable(task["due_at"])
    )


def colour(task: Task, now: datetime) -> str:
    """``red``: late by a day, or nobody's; ``orange``: late or due within a day; else ``normal``."""
    if task["state"] not in LIVE:
        return "normal"
    due = task["accept_due_at"] if task["state"] == "open" else task["due_at"]
    if task["assignee"] is None or now >= due + RED_AFTER:
        return "red"
    return "orange" if now >= due - RED_AFTER else "normal"


def visible_states(names: Sequence[str]) -> list[str]:
    """Task states by name; raises `InvalidForm` on an unknown one."""
    known = {state.value for state in TaskState}
    if any(name not in known for name in names):
        message = f"应为 {'、'.join(sorted(known))}"
        raise InvalidForm(errors=[{"field": "state", "message": message}])
    return list(names)
