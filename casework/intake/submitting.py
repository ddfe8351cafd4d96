"""Taking a report in: a new one, or one that joins the household's open one."""

from typing import Any

import orjson
from pymongo.errors import DuplicateKeyError

from casework.access import Actor, reach
from casework.audit.service import entry
from casework.clock import iso, legal_date, readable
from casework.commands.service import Answer, Command
from casework.ids import new_id, new_number
from casework.intake import rules
from casework.intake.base import OPEN_STATES, IntakeWork
from casework.intake.model import Intake, IntakeState, ReportForm, Step
from casework.intake.store import SEALED_ALONE
from casework.masks import masked_name
from casework.problems import InvalidForm, WrongState
from casework.regions.model import Region
from casework.unit import Tx

#: Fields that are not among the sealed details: they stand elsewhere in the document.
KEPT_APART = frozenset({*SEALED_ALONE, "id", "place", "risks", "photos", "voice", "consent", "filed_for"})
ATTEMPTS = 5


class Submitting(IntakeWork):
    """Use cases of whoever reports, for themselves or for somebody (代办)."""

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
        voice = await self._recordings.id_of(actor, form.voice, "voice") if form.voice else None
        values = form.model_dump()
        digest_of = self._content(values)
        id_ = form.id or new_id()
        for _ in range(ATTEMPTS):
            intake = await self._new_intake(actor, command, form, values, place, photos, voice, id_)
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
        """The bytes by which the same report, sent again, is known.

        A phone that is asked twice for its position says it a metre apart.
        """
        return orjson.dumps({**values, "id": None, "position": None}, option=orjson.OPT_SORT_KEYS)

    async def _new_intake(
        self,
        actor: Actor,
        command: Command,
        form: ReportForm,
        values: dict[str, Any],
        place: Region,
        photos: dict[str, str],
        voice: str | None,
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
            "household_key": self._index.all_of("household", form.head_id_no or form.id_no),
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
            "voice": voice,
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
                    "due_at": iso(task["due_at"]),
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


class _Closed(Exception):
    """The report to be joined was closed in the meantime."""
