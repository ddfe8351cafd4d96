"""From a report to its verification: submit, accept, verify, withdraw, read."""

from collections.abc import Sequence
from typing import Any

import orjson
from pymongo.errors import DuplicateKeyError

from casework.access import PERMISSIONS, Actor, reach
from casework.audit.service import entry
from casework.audit.store import AuditStore
from casework.clock import Clock, legal_date, readable
from casework.commands.service import Answer, Command, Commands
from casework.fields import BlindIndex, FieldCipher
from casework.ids import new_id, new_number, spoken
from casework.intake import rules
from casework.intake.model import (
    Finding,
    Intake,
    IntakeState,
    ReportForm,
    Step,
    VerificationForm,
)
from casework.intake.store import IntakeStore
from casework.masks import masked_id_no, masked_name, masked_phone
from casework.notices.model import Notice
from casework.notices.service import Notices
from casework.pages import Page, decode_cursor, encode_cursor
from casework.photos.service import Photos
from casework.problems import InvalidForm, NotFound, WrongState
from casework.regions.model import Region
from casework.regions.service import Regions
from casework.staff.service import StaffService
from casework.tables.service import Tables
from casework.tasks.model import Task, TaskState
from casework.tasks.service import Tasks
from casework.unit import Tx, Unit

#: Fields of the form that are sealed each on its own, because they are read each on its own.
SEALED_ALONE = ("applicant_name", "phone", "id_no", "head_id_no", "statement")
#: Fields that are not among the sealed details: they stand elsewhere in the document.
KEPT_APART = frozenset({*SEALED_ALONE, "id", "place", "risks", "photos", "consent", "filed_for"})
OPEN_STATES = (IntakeState.SUBMITTED.value, IntakeState.VERIFYING.value)
ATTEMPTS = 5


class Intakes:
    """Use cases about reports."""

    def __init__(
        self,
        store: IntakeStore,
        tasks: Tasks,
        notices: Notices,
        photos: Photos,
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
        self._staff = staff
        self._regions = regions
        self._tables = tables
        self._audit = audit
        self._commands = commands
        self._unit = unit
        self._cipher = cipher
        self._index = index
        self._clock = clock

    # --- submit -------------------------------------------------------------------------------

    async def submit(self, actor: Actor, command: Command, form: ReportForm) -> Answer:
        """Take in a report, own or by a cadre for somebody (代办).

        In one transaction: the report, the verification task for the person responsible, the messages,
        the audit entry and the stored answer. A household has one open report: another one joins it,
        and the answer says so. Raises `InvalidForm`, `NotAllowed`, `KeyReused`.
        """
        verb = "intake.file_for" if form.filed_for else "intake.submit"
        allowed = reach(actor, verb)
        place = await self._regions.place(form.place)
        if form.filed_for and not allowed.covers(areas=place["areas"]):
            raise InvalidForm(errors=[{"field": "place", "message": "这个村组不在您负责的范围"}])
        today = legal_date(self._clock.now())
        if errors := rules.form_errors(form, await self._tables.now(), place["areas"], today):
            raise InvalidForm(errors=errors)
        photos = await self._photos_of(actor, form)
        values = form.model_dump()
        digest_of = self._content(values)
        id_ = form.id or new_id()
        for _ in range(ATTEMPTS):
            intake = await self._new_intake(actor, command, form, values, place, photos, id_)
            intake["digest"] = self._index.of("report", digest_of)
            try:
                return await self._commands.once(actor, command, self._start(actor, intake, place))
            except DuplicateKeyError as error:
                taken = (error.details or {}).get("keyPattern", {})
                if "household_key" in taken:
                    if answer := await self._join(actor, command, intake, form, digest_of):
                        return answer
                elif "number" not in taken:
                    raise WrongState("这份申报已经提交过，请在“我的申报”中查看。") from None
        raise WrongState("同一户的申报正在办理中，请稍后再试。")

    async def _photos_of(self, actor: Actor, form: ReportForm) -> dict[str, str]:
        photos = await self._photos.ids_of(actor, [p.sha256 for p in form.photos], "photos")
        if form.consent.signature:
            photos |= await self._photos.ids_of(actor, [form.consent.signature], "consent.signature")
        if form.filed_for:
            photos |= await self._photos.ids_of(actor, [form.filed_for.evidence], "filed_for.evidence")
        return photos

    @staticmethod
    def _content(values: dict[str, Any]) -> bytes:
        """The bytes by which the same report, sent again, is known."""
        return orjson.dumps({**values, "id": None}, option=orjson.OPT_SORT_KEYS)

    async def _new_intake(
        self,
        actor: Actor,
        command: Command,
        form: ReportForm,
        values: dict[str, Any],
        place: Region,
        photos: dict[str, str],
        id_: str,
    ) -> Intake:
        now = self._clock.now()
        secrets = {
            name: self._cipher.seal(values[name], "intakes", id_, name)
            for name in SEALED_ALONE
            if values[name]
        }
        details = {k: v for k, v in values.items() if k not in KEPT_APART and v not in (None, "", [])}
        if form.filed_for:
            details["filed_for_reason"] = form.filed_for.reason
        secrets["details"] = self._cipher.seal_json(details, "intakes", id_, "details")
        secrets["signed_name"] = self._cipher.seal(form.consent.signed_name, "intakes", id_, "signed_name")
        consent: dict[str, Any] = {
            "version": form.consent.version,
            "signed_by": form.consent.signed_by,
            "signed_at": command.device_time or now,
            "proxy": form.filed_for is not None,
        }
        if form.consent.signature:
            consent["signature"] = photos[form.consent.signature]
        if form.filed_for:
            consent["evidence"] = photos[form.filed_for.evidence]
        first: Step = {"at": now, "event": "filed" if form.filed_for else "submitted"}
        if form.filed_for and actor.staff_id:
            first["by"] = actor.staff_id
        return {
            "_id": id_,
            "kind": "application",
            "filing": "proxy" if form.filed_for else "self",
            "number": new_number(),
            "owner": None if form.filed_for else actor.person_id,
            "filer": actor.staff_id if form.filed_for else None,
            "household_key": self._index.of("household", form.head_id_no or form.id_no),
            "digest": "",
            "open": True,
            "state": IntakeState.SUBMITTED.value,
            "finding": None,
            "green_channel": False,
            "place": place["_id"],
            "areas": place["areas"],
            "village": await self._regions.full_name(place),
            "name_masked": masked_name(form.applicant_name),
            "risks": form.risks,
            "secrets": secrets,
            "photos": [{"id": photos[p.sha256], "kind": p.kind} for p in form.photos],
            "consent": consent,
            "task": None,
            "joined_to": None,
            "history": [first],
            "created_at": now,
            "device_time": command.device_time,
            "version": 1,
            "schema": 1,
        }

    def _start(self, actor: Actor, intake: Intake, place: Region) -> Any:
        """The work of a new report, for the transaction."""

        async def work(tx: Tx) -> Answer:
            task, notices = await self._tasks.new_verification(
                place,
                subject=intake["_id"],
                number=intake["number"],
                village=intake["village"],
                name=intake["name_masked"],
                green_channel=intake["green_channel"],
            )
            step: Step = {"at": intake["created_at"], "event": "unassigned"}
            if task["assignee"]:
                step = {**step, "event": "assigned", "by": task["assignee"], "due": task["due_at"]}
            document: Intake = {**intake, "task": task["_id"], "history": [*intake["history"], step]}
            told = self._tell(document, "report_received", "等待干部上门核实", due=readable(task["due_at"]))
            await self._store.add(tx, document)
            await self._tasks.add(tx, task)
            await self._notices.add(tx, [*notices, *told])
            made = entry(
                self._clock,
                actor,
                "intake.submit",
                f"intake:{intake['_id']}",
                intake["areas"],
                filing=intake["filing"],
                task=task["_id"],
                assignee=task["assignee"],
            )
            await self._audit.add(tx, [made])
            return Answer(
                {
                    "id": intake["_id"],
                    "number": intake["number"],
                    "state": intake["state"],
                    "joined": False,
                    "task": task["_id"],
                    "assigned": task["assignee"] is not None,
                    "due_at": task["due_at"].isoformat(),
                    "next": rules.what_comes_next(document),
                },
                created=True,
            )

        return work

    async def _join(
        self, actor: Actor, command: Command, intake: Intake, form: ReportForm, content: bytes
    ) -> Answer | None:
        """Add a report to the household's open one; None when that has just been closed.

        The joining person learns that there is one, and nothing of what it says: an ID number that
        somebody typed must not open another household's report. The same content from the same person
        (a finger that taps twice) makes no second document.
        """
        keys = self._index.all_of("household", form.head_id_no or form.id_no)
        first = await self._store.open_of(keys)
        if first is None:
            return None
        digests = self._index.all_of("report", content)

        async def work(tx: Tx) -> Answer:
            # Inside the transaction, because two taps at once may both find the way free outside of it.
            if same := await self._store.same(tx, intake, digests, first["_id"]):
                return Answer(self._joined_answer(same, repeated=True))
            now = self._clock.now()
            step: Step = {"at": now, "event": "joined"}
            changed = await self._store.change(tx, first["_id"], OPEN_STATES, {}, [step])
            if changed is None:
                raise _Closed
            joined: Intake = {
                **intake,
                "open": False,
                "state": IntakeState.JOINED.value,
                "joined_to": first["_id"],
                "history": [*intake["history"], {"at": now, "event": "joined_to"}],
            }
            await self._store.add(tx, joined)
            task = await self._tasks.get_by_id(str(changed["task"]), tx)
            if task and task["assignee"]:
                notice = self._tasks.notice(f"staff:{task['assignee']}", "task_joined", task)
                await self._notices.add(tx, [notice])
            made = entry(
                self._clock,
                actor,
                "intake.join",
                f"intake:{intake['_id']}",
                intake["areas"],
                to=first["_id"],
            )
            await self._audit.add(tx, [made])
            return Answer(self._joined_answer(joined, repeated=False), created=True)

        try:
            return await self._commands.once(actor, command, work)
        except _Closed:
            return None

    @staticmethod
    def _joined_answer(intake: Intake, repeated: bool) -> dict[str, Any]:
        text = "这份申报刚才已经提交过。" if repeated else "您家已有一份正在办理的申报，这份已并入一起办理。"
        return {
            "id": intake["_id"],
            "number": intake["number"],
            "state": intake["state"],
            "joined": not repeated,
            "message": text,
            "next": rules.what_comes_next(intake),
        }

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

    # --- the cadre ----------------------------------------------------------------------------

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

    async def _task_in(self, tx: Tx, task_id: str) -> Task:
        task = await self._tasks.get_by_id(task_id, tx)
        if task is None:
            raise NotFound
        return task

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
                    "due_at": changed["due_at"].isoformat(),
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

    async def task_view(self, actor: Actor, task_id: str) -> tuple[Task, Intake, dict[str, Any], list[str]]:
        """A task with the report it is about: (task, report, the report's open values, the ids of the
        reports that were added to it).

        Name and statement are shown to whoever works on it; telephone and ID number are masked.
        """
        task = await self._tasks.get(actor, task_id)
        intake = await self._store.get(task["subject"])
        if intake is None:
            raise NotFound
        joined = [other["_id"] for other in await self._store.joined_to(intake["_id"])]
        return task, intake, self._open(intake), joined

    # --- the villager -------------------------------------------------------------------------

    async def withdraw(self, actor: Actor, command: Command, id_: str) -> Answer:
        """The applicant takes the report back; its task is cancelled and the cadre told."""
        intake = await self._own(actor, id_, "intake.withdraw")

        async def work(tx: Tx) -> Answer:
            step: Step = {"at": self._clock.now(), "event": "withdrawn"}
            changes = {"state": IntakeState.WITHDRAWN.value, "open": False}
            states = (*OPEN_STATES, IntakeState.JOINED.value)
            changed = await self._store.change(tx, id_, states, changes, [step])
            if changed is None:
                current = await self._store.get(id_, tx)
                raise WrongState(
                    "这份申报已经办完或已撤回，不能再撤回。", state=current["state"] if current else None
                )
            if changed["task"] and (task := await self._tasks.get_by_id(changed["task"], tx)):
                await self._tasks.end(tx, task, None, TaskState.CANCELLED)
                if task["assignee"]:
                    notice = self._tasks.notice(f"staff:{task['assignee']}", "task_withdrawn", task)
                    await self._notices.add(tx, [notice])
            made = entry(self._clock, actor, "intake.withdraw", f"intake:{id_}", intake["areas"])
            await self._audit.add(tx, [made])
            return Answer({"id": id_, "state": changed["state"], "version": changed["version"]})

        return await self._commands.once(actor, command, work)

    async def _own(self, actor: Actor, id_: str, verb: str) -> Intake:
        allowed = reach(actor, verb)
        intake = await self._store.get(id_)
        if intake is None or not allowed.covers(owner=intake["owner"], areas=intake["areas"]):
            raise NotFound
        return intake

    async def view(self, actor: Actor, id_: str) -> tuple[Intake, dict[str, Any], list[dict[str, Any]]]:
        """A report in reach: (report, its open values, the way so far in plain words)."""
        intake = await self._readable(actor, id_)
        names = {}
        for step in intake["history"]:
            if by := step.get("by"):
                names[by] = (await self._staff.get(by))["name"]
        lines = rules.timeline(intake["history"], names)
        reason = await self._reason_told(intake)
        if reason:
            lines[-1]["text"] += f"。理由：{reason}"
        return intake, self._open(intake), lines

    async def _readable(self, actor: Actor, id_: str) -> Intake:
        allowed = reach(actor, "intake.read")
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

    async def _reason_told(self, intake: Intake) -> str:
        if intake["finding"] != Finding.NOT_TRUE:
            return ""
        last = (await self._store.verifications_of(intake["_id"]))[-1]
        form = self._cipher.open_json(last["form"], "verifications", last["_id"], "form")
        return str(form.get("reason", ""))

    async def page(self, actor: Actor, cursor: str | None, limit: int) -> Page[Intake]:
        """Reports in reach, newest first."""
        allowed = reach(actor, "intake.read")
        before = decode_cursor(cursor, str)[0] if cursor else None
        found = await self._store.page(self._store.reached(allowed), before, limit + 1)
        items, more = found[:limit], len(found) > limit
        return Page(items, encode_cursor(items[-1]["_id"]) if more else None)

    async def latest_of(self, person_id: str) -> Intake | None:
        """A person's newest report (for the account's automatic answer)."""
        found = await self._store.page({"owner": person_id}, None, 1)
        return found[0] if found else None

    async def of_number(self, person_id: str, number: str) -> Intake | None:
        """A person's own report by the number that they read out; nobody else's."""
        found = await self._store.by_number(number)
        return found if found and found["owner"] == person_id else None

    async def photo(self, actor: Actor, id_: str, photo_id: str, thumbnail: bool) -> bytes:
        """A picture of a report in reach, or of its verifications."""
        intake = await self._readable(actor, id_)
        shown = [p["id"] for p in intake["photos"]]
        shown += [intake["consent"][k] for k in ("signature", "evidence") if k in intake["consent"]]
        if photo_id not in shown:
            for verification in await self._store.verifications_of(id_):
                shown += [p["id"] for p in verification["photos"]] + [verification["signature"]]
        if photo_id not in shown:
            raise NotFound
        return await self._photos.picture(photo_id, thumbnail)

    def _open(self, intake: Intake) -> dict[str, Any]:
        """The sealed values as those in reach may see them: ID number and telephone masked."""
        opened: dict[str, Any] = self._cipher.open_json(
            intake["secrets"]["details"], "intakes", intake["_id"], "details"
        )
        for name in SEALED_ALONE:
            if name in intake["secrets"]:
                opened[name] = self._cipher.open(intake["secrets"][name], "intakes", intake["_id"], name)
        for name in ("id_no", "head_id_no"):
            if name in opened:
                opened[name] = masked_id_no(opened[name])
        opened["phone"] = masked_phone(opened["phone"])
        return opened


class _Closed(Exception):
    """The report to be joined was closed in the meantime."""


def visible_states(names: Sequence[str]) -> list[str]:
    """Task states by name; raises `InvalidForm` on an unknown one."""
    known = {state.value for state in TaskState}
    if any(name not in known for name in names):
        message = f"应为 {'、'.join(sorted(known))}"
        raise InvalidForm(errors=[{"field": "state", "message": message}])
    return list(names)
