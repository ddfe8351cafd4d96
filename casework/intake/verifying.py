"""The cadre's part: accept the task, be given it, verify, telephone."""

from typing import Any

from casework.access import PERMISSIONS, Actor, reach
from casework.audit.service import entry
from casework.clock import iso, legal_date, readable
from casework.commands.service import Answer, Command
from casework.ids import new_id
from casework.intake import rules
from casework.intake.base import OPEN_STATES, IntakeWork
from casework.intake.model import Intake, IntakeState, Step, VerificationForm
from casework.notices.model import Notice
from casework.problems import InvalidForm, NotFound, WrongState
from casework.tasks.model import Task, TaskState
from casework.unit import Tx


class Verifying(IntakeWork):
    """Use cases of whoever goes there, and of those who send them."""

    async def accept(self, actor: Actor, command: Command, task_id: str) -> Answer:
        """The cadre has the task; the applicant is told who is coming."""
        await self._tasks.get(actor, task_id, "task.accept")

        async def work(tx: Tx) -> Answer:
            task = await self._task_in(tx, task_id)
            changed = await self._tasks.accept(tx, actor, task, command.base_version)
            step: Step = {"at": self._clock.now(), "event": "accepted"}
            if task["assignee"]:
                step["by"] = task["assignee"]
            intake = await self._store.change(
                tx, task["subject"], OPEN_STATES, {"state": IntakeState.VERIFYING.value}, [step]
            )
            if intake:
                status, due = "干部将上门核实", readable(task["due_at"])
                await self._notices.add(tx, self._tell(intake, "report_accepted", status, due))
            return Answer({"id": task_id, "state": changed["state"], "version": changed["version"]})

        return await self._commands.once(actor, command, work)

    async def verify(self, actor: Actor, command: Command, task_id: str, form: VerificationForm) -> Answer:
        """Record what the cadre found, and tell the applicant.

        True, partly and not true end the task; a household that was not met gets a new due time, and
        from the second time on the supervisor is told (domain: `could_not_meet`).
        """
        seen = await self._tasks.get(actor, task_id, "task.verify")
        today = legal_date(self._clock.now())
        if errors := rules.verification_errors(form, await self._tables.now(), seen["areas"], today):
            raise InvalidForm(errors=errors)
        photos = await self._photos.ids_of(actor, [p.sha256 for p in form.photos], "photos")
        if form.signature:
            photos |= await self._photos.ids_of(actor, [form.signature], "signature")

        async def work(tx: Tx) -> Answer:
            task = await self._task_in(tx, task_id)
            notices: list[Notice] = []
            step: Step = {"at": self._clock.now(), "event": "verified", "code": form.finding.value}
            if actor.staff_id:
                step["by"] = actor.staff_id
            if rules.is_finished(form.finding):
                changed = await self._tasks.end(tx, task, command.base_version, TaskState.DONE)
                changes: dict[str, Any] = {
                    "state": IntakeState.VERIFIED.value,
                    "finding": form.finding.value,
                    "green_channel": form.urgency == "green_channel",
                    "open": False,
                }
            else:
                changed, notices = await self._tasks.put_off(tx, task, command.base_version)
                step = {**step, "event": "could_not_meet", "due": changed["due_at"]}
                changes = {}
            intake = await self._store.change(tx, task["subject"], OPEN_STATES, changes, [step])
            if intake is None:
                raise WrongState
            verification = self._verification(actor, command, task, form, photos)
            await self._store.add_verification(tx, verification)
            status = "核实完成，请点开查看" if rules.is_finished(form.finding) else "上门未见到人，将再次上门"
            told = self._tell(intake, "report_outcome", status)
            if rules.is_finished(form.finding):
                told += await self._end_joined(tx, intake)
            await self._notices.add(tx, [*notices, *told])
            made = entry(
                self._clock,
                actor,
                "task.verify",
                f"task:{task_id}",
                task["areas"],
                finding=form.finding.value,
                intake=intake["_id"],
                verification=verification["_id"],
            )
            await self._audit.add(tx, [made])
            return Answer(
                {
                    "id": task_id,
                    "state": changed["state"],
                    "version": changed["version"],
                    "finding": form.finding.value,
                    "due_at": iso(changed["due_at"]),
                }
            )

        return await self._commands.once(actor, command, work)

    async def _end_joined(self, tx: Tx, first: Intake) -> list[Notice]:
        """Those whose reports were added to `first` learn that it has been verified, not what was found:
        an ID number that somebody typed must not tell them about another household."""
        told: list[Notice] = []
        for joined in await self._store.joined_to(first["_id"], tx):
            step: Step = {"at": self._clock.now(), "event": "joined_verified"}
            await self._store.change(tx, joined["_id"], [IntakeState.JOINED.value], {}, [step])
            told += self._tell(joined, "report_outcome", "一起办理的申报已核实完成")
        return told

    async def assign(self, actor: Actor, command: Command, task_id: str, staff_no: str) -> Answer:
        """Give a live task to a member of staff who may verify; the applicant sees who is coming."""
        seen = await self._tasks.get(actor, task_id, "task.assign")
        allowed, roles = reach(actor, "task.assign"), PERMISSIONS["task.verify"].keys()
        chosen = await self._staff.fit_for(staff_no, roles, allowed, seen["areas"])
        if chosen is None:
            message = "请选择辖区内能上门核实的在岗人员"
            raise InvalidForm(errors=[{"field": "staff_no", "message": message}])

        async def work(tx: Tx) -> Answer:
            task = await self._task_in(tx, task_id)
            changed, told = await self._tasks.assign(tx, actor, task, command.base_version, chosen)
            step: Step = {"at": self._clock.now(), "event": "assigned", "by": chosen["_id"]}
            step["due"] = changed["due_at"]
            state = {"state": IntakeState.SUBMITTED.value}
            await self._store.change(tx, task["subject"], OPEN_STATES, state, [step])
            await self._notices.add(tx, told)
            return Answer({"id": task_id, "version": changed["version"], "staff": chosen["name"]})

        return await self._commands.once(actor, command, work)

    def _verification(
        self, actor: Actor, command: Command, task: Task, form: VerificationForm, photos: dict[str, str]
    ) -> dict[str, Any]:
        id_ = new_id()
        plain = {"finding", "urgency", "photos", "signature"}
        values = form.model_dump(mode="json", exclude=plain)
        return {
            "_id": id_,
            "task": task["_id"],
            "intake": task["subject"],
            "by": actor.staff_id,
            "areas": task["areas"],
            "finding": form.finding.value,
            "urgency": form.urgency,
            "form": self._cipher.seal_json(values, "verifications", id_, "form"),
            "photos": [{"id": photos[p.sha256], "kind": p.kind} for p in form.photos],
            "signature": photos[form.signature] if form.signature else None,
            "at": self._clock.now(),
            "device_time": command.device_time,
            "version": 1,
            "schema": 1,
        }

    async def reveal_phone(self, actor: Actor, task_id: str) -> str:
        """The applicant's telephone number for the cadre who goes there; each look is audited."""
        task = await self._tasks.get(actor, task_id, "task.reveal_phone")
        intake = await self._store.get(task["subject"])
        if intake is None or "phone" not in intake["secrets"]:
            raise NotFound

        async def work(tx: Tx) -> None:
            made = entry(
                self._clock,
                actor,
                "task.reveal_phone",
                f"intake:{intake['_id']}",
                task["areas"],
                task=task_id,
            )
            await self._audit.add(tx, [made])

        await self._unit.run(work)
        return self._cipher.open(intake["secrets"]["phone"], "intakes", intake["_id"], "phone")
