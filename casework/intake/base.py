"""What every use case about reports works with."""

from casework.access import Actor, reach
from casework.audit.store import AuditStore
from casework.clock import Clock
from casework.commands.service import Commands
from casework.fields import BlindIndex, FieldCipher
from casework.ids import spoken
from casework.intake.model import Intake, IntakeState
from casework.intake.store import IntakeStore
from casework.notices.model import Notice
from casework.notices.service import Notices
from casework.photos.service import Photos
from casework.problems import NotFound
from casework.recordings.service import Recordings
from casework.regions.service import Regions
from casework.staff.service import StaffService
from casework.tables.service import Tables
from casework.tasks.model import Task
from casework.tasks.service import Tasks
from casework.unit import Tx, Unit

OPEN_STATES = (IntakeState.SUBMITTED.value, IntakeState.VERIFYING.value)


class IntakeWork:
    """Base of the use cases, which `service.Intakes` joins: what they are given, and what they share."""

    def __init__(
        self,
        store: IntakeStore,
        tasks: Tasks,
        notices: Notices,
        photos: Photos,
        recordings: Recordings,
        staff: StaffService,
        regions: Regions,
        tables: Tables,
        audit: AuditStore,
        commands: Commands,
        unit: Unit,
        cipher: FieldCipher,
        index: BlindIndex,
        clock: Clock,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._notices = notices
        self._photos = photos
        self._recordings = recordings
        self._staff = staff
        self._regions = regions
        self._tables = tables
        self._audit = audit
        self._commands = commands
        self._unit = unit
        self._cipher = cipher
        self._index = index
        self._clock = clock

    def _tell(self, intake: Intake, kind: str, status: str, due: str = "") -> list[Notice]:
        """A word to the applicant; without a phone of their own, to the cadre who filed for them."""
        if intake["owner"]:
            to = f"person:{intake['owner']}"
        elif intake["filer"]:
            to = f"staff:{intake['filer']}"
        else:
            return []
        fields = {"number": spoken(intake["number"]), "village": intake["village"], "status": status}
        if due:
            fields["due"] = due
        link = f"/m/reports/{intake['_id']}"
        ref = f"intake:{intake['_id']}"
        return [self._notices.compose(to, kind, fields, ref=ref, areas=intake["areas"], link=link)]

    async def _task_in(self, tx: Tx, task_id: str) -> Task:
        task = await self._tasks.get_by_id(task_id, tx)
        if task is None:
            raise NotFound
        return task

    async def _own(self, actor: Actor, id_: str, verb: str) -> Intake:
        allowed = reach(actor, verb)
        intake = await self._store.get(id_)
        if intake is None or not allowed.covers(owner=intake["owner"], areas=intake["areas"]):
            raise NotFound
        return intake

    async def _in_reach(self, actor: Actor, id_: str, verb: str) -> Intake:
        """A report of the actor's own, or that they filed, work on or look after; raises `NotFound`."""
        allowed = reach(actor, verb)
        intake = await self._store.get(id_)
        if intake is None:
            raise NotFound
        assignee = None
        if allowed.staff_id:
            # A report that was added to another one is the business of whoever works on that one.
            first = await self._store.get(intake["joined_to"]) if intake["joined_to"] else intake
            task = await self._tasks.get_by_id(first["task"]) if first and first["task"] else None
            assignee = task["assignee"] if task else None
        by_area = allowed.covers(owner=intake["owner"], assignee=assignee, areas=intake["areas"])
        if not by_area and not (allowed.staff_id and intake["filer"] == allowed.staff_id):
            raise NotFound
        return intake
