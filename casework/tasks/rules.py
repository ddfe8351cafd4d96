"""When a task is due, which words go out before and after, and how urgent it looks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from casework.calendar import Deadline, limit_end
from casework.tasks.model import LIVE, Alarm, Task

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


def colour(task: Task, now: datetime) -> str:
    """``red``: late by a day, or nobody's; ``orange``: late or due within a day; else ``normal``."""
    if task["state"] not in LIVE:
        return "normal"
    due = task["accept_due_at"] if task["state"] == "open" else task["due_at"]
    if task["assignee"] is None or now >= due + RED_AFTER:
        return "red"
    return "orange" if now >= due - RED_AFTER else "normal"
