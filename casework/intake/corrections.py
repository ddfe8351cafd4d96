"""Asking for a correction of what a report says, and answering that.

The original value stays, and the correction stands beside it: a finding was made on what was said then, and
whoever checks the work later must see both. A correction is checked first (《个人信息保护法》第四十六条).
"""

from datetime import datetime
from typing import Any, Literal, TypedDict

from pydantic import model_validator

from casework.access import Actor, reach
from casework.audit.service import entry
from casework.commands.service import Answer, Command
from casework.forms import Form, WrongTogether
from casework.ids import Id, new_id, spoken
from casework.intake.base import IntakeWork
from casework.intake.model import Intake, Phone, ReportForm, Step, Told
from casework.notices.model import Notice
from casework.pages import Page, decode_cursor, encode_cursor
from casework.problems import NotFound, WrongState
from casework.unit import Tx

#: What can be corrected: everything that the form asks. Who signed is no matter of opinion.
FIELDS = ReportForm.model_fields.keys() - {"id", "consent", "filed_for"}
OPEN_MOST = 10
OUTCOME_WORDS = {"corrected": "已按您的要求更正", "kept": "核对后保持原样，请点开查看说明"}
ERASED_WORDS = "这份申报的授权已撤回，内容已删除，不用再更正。"


class CorrectionForm(Form):
    """What is wrong: for the telephone the right `value`, for everything else some words."""

    intake: Id
    field: str
    text: Told = ""
    value: Phone | None = None

    @model_validator(mode="after")
    def _together(self) -> "CorrectionForm":
        if self.field not in FIELDS:
            raise WrongTogether({"field": "请选择要更正的项目"})
        if self.field == "phone":
            if self.value is None:
                raise WrongTogether({"value": "请填写新的手机号"})
        elif self.value is not None:
            raise WrongTogether({"value": "这一项请用文字说明"})
        elif not self.text:
            raise WrongTogether({"text": "请说明哪里不对、应该是什么"})
        return self


class CorrectionAnswerForm(Form):
    """What the person responsible says after checking."""

    outcome: Literal["corrected", "kept"]
    text: Told = ""

    @model_validator(mode="after")
    def _together(self) -> "CorrectionAnswerForm":
        if self.outcome == "kept" and not self.text:
            raise WrongTogether({"text": "保持原样时，请写明告知申报人的理由"})
        return self


class Correction(TypedDict):
    """A wish for a correction. `text` and `answer` are sealed; `state` is open, corrected or kept."""

    _id: str
    intake: str
    number: str
    village: str
    name: str
    owner: str
    field: str
    text: dict[str, Any] | None
    assignee: str | None
    areas: list[str]
    state: str
    answer: dict[str, Any] | None
    answered_at: datetime | None
    created_at: datetime
    version: int
    schema: int


class Correcting(IntakeWork):
    """Use cases about corrections."""

    async def ask_correction(self, actor: Actor, command: Command, form: CorrectionForm) -> Answer:
        """Say that something in one's own report is wrong; whoever is responsible is told.

        A telephone number is contact only and nothing was found by it, so it is replaced at once.
        """
        intake = await self._own(actor, form.intake, "correction.ask")
        now, phone_only = self._clock.now(), form.field == "phone"
        id_ = new_id()
        responsible = await self._responsible(intake)
        correction: Correction = {
            "_id": id_,
            "intake": intake["_id"],
            "number": intake["number"],
            "village": intake["village"],
            "name": intake["name_masked"],
            "owner": actor.person_id,
            "field": form.field,
            "text": self._cipher.seal(form.text, "corrections", id_, "text") if form.text else None,
            "assignee": responsible,
            "areas": intake["areas"],
            "state": "corrected" if phone_only else "open",
            "answer": None,
            "answered_at": now if phone_only else None,
            "created_at": now,
            "version": 1,
            "schema": 1,
        }

        async def work(tx: Tx) -> Answer:
            current = await self._store.get(intake["_id"], tx)
            if current is None:
                raise NotFound
            if not current["secrets"]:
                raise WrongState(ERASED_WORDS, state=current["state"])
            if await self._store.open_corrections(tx, intake["_id"]) >= OPEN_MOST:
                raise WrongState("这份申报的更正要求还没有答复完，请等答复后再提。")
            changes, steps = {}, []
            if form.value:
                sealed = self._cipher.seal(form.value, "intakes", intake["_id"], "phone")
                changes["secrets.phone"] = sealed
            else:
                steps.append(Step(at=now, event="correction_asked"))
                await self._notices.add(tx, await self._ask(intake, id_, responsible))
            await self._store.change(tx, intake["_id"], [current["state"]], changes, steps)
            await self._store.add_correction(tx, correction)
            detail = {"correction": id_, "field": form.field}
            thing = f"intake:{intake['_id']}"
            made = entry(self._clock, actor, "correction.ask", thing, intake["areas"], **detail)
            await self._audit.add(tx, [made])
            return Answer({"id": id_, "state": correction["state"], "version": 1}, created=True)

        return await self._commands.once(actor, command, work)

    async def _responsible(self, intake: Intake) -> str | None:
        """Who has the report's task; else who would get it."""
        first = await self._store.get(intake["joined_to"]) if intake["joined_to"] else intake
        task = await self._tasks.get_by_id(first["task"]) if first and first["task"] else None
        if task and task["assignee"] and (await self._staff.get(task["assignee"]))["active"]:
            return task["assignee"]
        chosen = await self._staff.responsible_for(await self._regions.get(intake["place"]))
        return chosen["_id"] if chosen else None

    async def _ask(self, intake: Intake, id_: str, responsible: str | None) -> list[Notice]:
        people = [responsible] if responsible else []
        if not people:
            people = [s["_id"] for s in await self._staff.supervisors_of(intake["areas"], 0)]
        fields = {
            "number": spoken(intake["number"]),
            "village": intake["village"],
            "name": intake["name_masked"],
        }
        given: dict[str, Any] = {
            "ref": f"correction:{id_}",
            "areas": intake["areas"],
            "link": "/m/tasks",
        }
        return [self._notices.compose(f"staff:{s}", "correction_asked", fields, **given) for s in people]

    async def answer_correction(
        self, actor: Actor, command: Command, id_: str, form: CorrectionAnswerForm
    ) -> Answer:
        """Say what became of a wish, and tell the person."""
        allowed = reach(actor, "correction.answer")
        seen = await self._store.correction(id_)
        if seen is None or not allowed.covers(assignee=seen["assignee"], areas=seen["areas"]):
            raise NotFound

        async def work(tx: Tx) -> Answer:
            now = self._clock.now()
            changes = {
                "state": form.outcome,
                "answer": self._cipher.seal(form.text, "corrections", id_, "answer") if form.text else None,
                "answered_at": now,
            }
            changed = await self._store.answer_correction(tx, id_, changes)
            if changed is None:
                current = await self._store.correction(id_)
                state = current["state"] if current else None
                raise WrongState("这项更正要求已经答复过了，请刷新查看。", state=state)
            step: Step = {"at": now, "event": "correction_answered"}
            if actor.staff_id:
                step["by"] = actor.staff_id
            intake = await self._store.get(seen["intake"], tx)
            if intake:
                await self._store.change(tx, intake["_id"], [intake["state"]], {}, [step])
                told = self._tell(intake, "correction_answered", OUTCOME_WORDS[form.outcome])
                await self._notices.add(tx, told)
            detail = {"correction": id_, "field": seen["field"], "outcome": form.outcome}
            thing = f"intake:{seen['intake']}"
            made = entry(self._clock, actor, "correction.answer", thing, seen["areas"], **detail)
            await self._audit.add(tx, [made])
            return Answer({"id": id_, "state": changed["state"], "version": changed["version"]})

        return await self._commands.once(actor, command, work)

    async def open_corrections(
        self, actor: Actor, cursor: str | None, limit: int
    ) -> Page[tuple[Correction, dict[str, Any]]]:
        """What waits for an answer in the actor's reach, the oldest first: (correction, its open texts)."""
        allowed = reach(actor, "correction.answer")
        after = decode_cursor(cursor, str)[0] if cursor else None
        found = await self._store.corrections_in_reach(allowed, after, limit + 1)
        items, more = found[:limit], len(found) > limit
        return Page(
            [(c, self.correction_values(c)) for c in items],
            encode_cursor(items[-1]["_id"]) if more else None,
        )

    def correction_values(self, correction: Correction) -> dict[str, Any]:
        """A correction as those in reach may read it."""
        opened = {
            name: self._cipher.open(sealed, "corrections", correction["_id"], name) if sealed else ""
            for name, sealed in (("text", correction["text"]), ("answer", correction["answer"]))
        }
        return {
            "id": correction["_id"],
            "field": correction["field"],
            "state": correction["state"],
            **opened,
            "at": correction["created_at"],
            "answered_at": correction["answered_at"],
        }
