"""Tasks on cadres' phones: made, accepted, handed on, reminded of, ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework.access import Actor, reach
from casework.audit.service import entry
from casework.audit.store import AuditStore
from casework.clock import Clock, legal_date, readable
from casework.ids import new_id, spoken
from casework.notices.model import Notice
from casework.notices.service import Notices
from casework.pages import Page, decode_cursor, encode_cursor
from casework.problems import NotFound, StaleVersion, WrongState
from casework.regions.model import Region
from casework.staff.model import Staff
from casework.staff.service import StaffService
from casework.tables.service import Tables
from casework.tasks import rules
from casework.tasks.model import LIVE, Task, TaskState
from casework.tasks.store import TaskStore
from casework.unit import Tx, Unit

ALARM_BATCH = 50


class Tasks:
    """Use cases about tasks."""

    def __init__(
        self,
        store: TaskStore,
        staff: StaffService,
        tables: Tables,
        notices: Notices,
        audit: AuditStore,
        unit: Unit,
        clock: Clock,
    ) -> None:
        self._store = store
        self._staff = staff
        self._tables = tables
        self._notices = notices
        self._audit = audit
        self._unit = unit
        self._clock = clock

    async def limit_row(self, key: str, areas: Sequence[str], on: datetime) -> dict[str, Any]:
        """The limit `key` (accept, visit, revisit) as it holds at a place at an instant."""
        row = (await self._tables.now()).get("limits", key, areas, legal_date(on))
        if row is None:
            raise RuntimeError(f"no limit {key!r} in the code tables; run `fangpin migrate`")
        return row

    async def new_verification(
        self, place: Region, *, subject: str, number: str, village: str, name: str, green_channel: bool
    ) -> tuple[Task, list[Notice]]:
        """A verification task for whoever is responsible for `place`, and the message that tells them.

        What falls to nobody has no assignee: it is a red line, and the supervisors are told instead.
        """
        now = self._clock.now()
        accept_row = await self.limit_row("accept", place["areas"], now)
        visit_row = await self.limit_row("visit", place["areas"], now)
        accept_due, due = rules.limit(now, accept_row), rules.limit(now, visit_row)
        responsible = await self._staff.responsible_for(place)
        alarms = rules.alarms(now, accept_due.at, due.at, visit_row["remind_hours"])
        task: Task = {
            "_id": new_id(),
            "kind": "verify",
            "subject": subject,
            "number": number,
            "place": place["_id"],
            "areas": place["areas"],
            "village": village,
            "name": name,
            "assignee": responsible["_id"] if responsible else None,
            "state": TaskState.OPEN.value,
            "green_channel": green_channel,
            "accept_due_at": accept_due.at,
            "due_at": due.at,
            "provisional": due.provisional,
            "alarms": alarms,
            "next_alarm_at": rules.next_alarm(alarms),
            "unmet": 0,
            "created_at": now,
            "accepted_at": None,
            "ended_at": None,
            "version": 1,
            "schema": 1,
        }
        if responsible:
            return task, [self.notice(f"staff:{responsible['_id']}", "task_new", task)]
        return task, await self.notices_upwards("task_unassigned", task, 0)

    def notice(self, to: str, kind: str, task: Task) -> Notice:
        """A message about a task; it opens the task's page."""
        fields = {
            "number": spoken(task["number"]),
            "village": task["village"],
            "name": task["name"],
            "due": readable(task["due_at"]),
        }
        link = f"/m/tasks/{task['_id']}"
        return self._notices.compose(
            to, kind, fields, ref=f"task:{task['_id']}", areas=task["areas"], link=link
        )

    async def notices_upwards(self, kind: str, task: Task, level: int) -> list[Notice]:
        """Messages to the supervisors of a task at an escalation level."""
        people = await self._staff.supervisors_of(task["areas"], level)
        return [self.notice(f"staff:{s['_id']}", kind, task) for s in people if s["_id"] != task["assignee"]]

    async def add(self, tx: Tx, task: Task) -> None:
        """Insert a task."""
        await self._store.add(tx, task)

    async def get_by_id(self, id_: str, tx: Tx | None = None) -> Task | None:
        """One task, for use cases that have decided about access already."""
        return await self._store.get(id_, tx)

    async def get(self, actor: Actor, id_: str, verb: str = "task.read") -> Task:
        """One task in the actor's reach; raises `NotFound` for any other."""
        allowed = reach(actor, verb)
        task = await self._store.get(id_)
        if task is None or not allowed.covers(assignee=task["assignee"], areas=task["areas"]):
            raise NotFound
        return task

    async def page(self, actor: Actor, states: Sequence[str], cursor: str | None, limit: int) -> Page[Task]:
        """Tasks in the actor's reach by due time; those that have ended the latest first."""
        allowed = reach(actor, "task.read")
        after = decode_cursor(cursor, datetime, str) if cursor else None
        found = await self._store.page(allowed, states, after, limit + 1)
        items = found[:limit]
        more = len(found) > limit
        return Page(items, encode_cursor(items[-1]["due_at"], items[-1]["_id"]) if more else None)

    async def change(
        self, tx: Tx, task: Task, base_version: int | None, states: Sequence[str], changes: dict[str, Any]
    ) -> Task:
        """Change a task on the version that the client saw; raises `StaleVersion` or `WrongState`, which
        say what the task is now, so that a phone can show both."""
        if base_version is not None and base_version != task["version"]:
            raise StaleVersion(yours=base_version, **await self._now(task))
        if task["state"] not in states:
            raise WrongState(**await self._now(task))
        changed = await self._store.change(tx, task["_id"], task["version"], states, changes)
        if changed is None:
            latest = await self._store.get(task["_id"])
            raise StaleVersion(yours=base_version or task["version"], **await self._now(latest or task))
        return changed

    async def _now(self, task: Task) -> dict[str, Any]:
        """What a task is now, for the answer to somebody who saw another version."""
        name = (await self._staff.get(task["assignee"]))["name"] if task["assignee"] else None
        current = {
            "state": task["state"],
            "version": task["version"],
            "text": rules.now_words(task, name),
        }
        return {"state": task["state"], "current": current}

    async def accept(self, tx: Tx, actor: Actor, task: Task, base_version: int | None) -> Task:
        """The person responsible says: I have it. Reminders to accept fall away."""
        now = self._clock.now()
        row = await self.limit_row("visit", task["areas"], task["created_at"])
        alarms = rules.alarms(now, None, task["due_at"], row["remind_hours"])
        changed = await self.change(
            tx,
            task,
            base_version,
            [TaskState.OPEN.value],
            {
                "state": TaskState.ACCEPTED.value,
                "accepted_at": now,
                "alarms": alarms,
                "next_alarm_at": rules.next_alarm(alarms),
            },
        )
        await self._audit.add(
            tx, [entry(self._clock, actor, "task.accept", f"task:{task['_id']}", task["areas"])]
        )
        return changed

    async def end(self, tx: Tx, task: Task, base_version: int | None, state: TaskState) -> Task:
        """Bring a live task to an end; no alarm is left."""
        return await self.change(
            tx,
            task,
            base_version,
            LIVE,
            {
                "state": state.value,
                "ended_at": self._clock.now(),
                "alarms": [],
                "next_alarm_at": None,
            },
        )

    async def put_off(self, tx: Tx, task: Task, base_version: int | None) -> tuple[Task, list[Notice]]:
        """Nobody was met: a new due time; from the second time on the supervisor is told."""
        now = self._clock.now()
        row = await self.limit_row("revisit", task["areas"], now)
        due = rules.limit(now, row)
        alarms = rules.alarms(now, None, due.at, row["remind_hours"])
        changed = await self.change(
            tx,
            task,
            base_version,
            LIVE,
            {
                # Who has been at the door has accepted the task, whether they pressed the button or not.
                "state": TaskState.ACCEPTED.value,
                "accepted_at": task["accepted_at"] or now,
                "due_at": due.at,
                "provisional": due.provisional,
                "unmet": task["unmet"] + 1,
                "alarms": alarms,
                "next_alarm_at": rules.next_alarm(alarms),
            },
        )
        told: list[Notice] = []
        if changed["unmet"] >= rules.UNMET_MOST:
            told = await self.notices_upwards("task_unmet", changed, 0)
        return changed, told

    async def assign(
        self, tx: Tx, actor: Actor, task: Task, base_version: int | None, chosen: Staff
    ) -> tuple[Task, list[Notice]]:
        """Give a live task to `chosen`, who has the whole time to accept it; both they and whoever had it
        before are told."""
        now = self._clock.now()
        row = await self.limit_row("accept", task["areas"], now)
        accept_due = rules.limit(now, row)
        alarms = rules.alarms(now, accept_due.at, task["due_at"], row["remind_hours"])
        changed = await self.change(
            tx,
            task,
            base_version,
            LIVE,
            {
                "assignee": chosen["_id"],
                "state": TaskState.OPEN.value,
                "accepted_at": None,
                "accept_due_at": accept_due.at,
                "alarms": alarms,
                "next_alarm_at": rules.next_alarm(alarms),
            },
        )
        told = [self.notice(f"staff:{chosen['_id']}", "task_assigned", changed)]
        if task["assignee"] and task["assignee"] != chosen["_id"]:
            told.append(self.notice(f"staff:{task['assignee']}", "task_taken", changed))
        thing = f"task:{task['_id']}"
        parties = {"from_": task["assignee"], "to": chosen["_id"]}
        made = entry(self._clock, actor, "task.assign", thing, task["areas"], **parties)
        await self._audit.add(tx, [made])
        return changed, told

    async def fire_alarms(self) -> int:
        """Send the reminders and escalations that are due; the number of tasks that had any.

        Any number of workers may call this at once: whoever takes the alarms first has fired them, and
        the message is written in the same transaction.
        """
        now = self._clock.now()
        due = await self._store.with_alarm_due(now, ALARM_BATCH)
        for task in due:
            ripe = [a for a in task["alarms"] if a["at"] <= now]
            left = [a for a in task["alarms"] if a["at"] > now]
            notices: list[Notice] = []
            # After a long outage several alarms are ripe at once: one word to each level is enough.
            for kind, level in dict.fromkeys((a["kind"], a["level"]) for a in ripe):
                if level >= 0:
                    notices += await self.notices_upwards(kind, task, level)
                elif task["assignee"]:
                    notices.append(self.notice(f"staff:{task['assignee']}", kind, task))
                else:
                    notices += await self.notices_upwards("task_unassigned", task, 0)
            await self._fire(task, ripe, left, notices)
        return len(due)

    async def _fire(self, task: Task, ripe: list[Any], left: list[Any], notices: list[Notice]) -> None:
        async def work(tx: Tx) -> None:
            changes = {"alarms": left, "next_alarm_at": rules.next_alarm(left)}
            if not await self._store.take_alarms(tx, task, changes):
                return
            await self._notices.add(tx, notices)
            fired = [f"{a['kind']}/{a['level']}" for a in ripe]
            made = entry(
                self._clock, "system", "task.alarm", f"task:{task['_id']}", task["areas"], alarms=fired
            )
            await self._audit.add(tx, [made])

        await self._unit.run(work)
