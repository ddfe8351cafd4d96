"""One thing that one cadre must do before a due time."""

from datetime import datetime
from enum import StrEnum
from typing import TypedDict


class TaskState(StrEnum):
    """`open` until accepted; `done` and `cancelled` are ends."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DONE = "done"
    CANCELLED = "cancelled"


LIVE = (TaskState.OPEN.value, TaskState.ACCEPTED.value)


class Alarm(TypedDict):
    """Something that happens by itself at `at` unless the task has moved on: a reminder to the person
    responsible (`level` -1), or a word to the supervisors at an escalation `level`."""

    kind: str
    at: datetime
    level: int


class Task(TypedDict):
    """A task. `subject` is what it is about (an intake's id); `village` and `name` are how messages
    may name it (the name is masked). `next_alarm_at` is the earliest alarm, for the index."""

    _id: str
    kind: str
    subject: str
    number: str
    place: str
    areas: list[str]
    village: str
    name: str
    assignee: str | None
    state: str
    green_channel: bool
    accept_due_at: datetime
    due_at: datetime
    provisional: bool
    alarms: list[Alarm]
    next_alarm_at: datetime | None
    unmet: int
    created_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    version: int
    schema: int
