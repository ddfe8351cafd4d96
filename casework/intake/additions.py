"""Adding to a report that is already on its way: what was forgotten, or came since."""

from typing import Annotated

from pydantic import Field, model_validator

from casework.access import Actor
from casework.audit.service import entry
from casework.clock import legal_date
from casework.commands.service import Answer, Command
from casework.forms import Form, WrongTogether
from casework.ids import new_id
from casework.intake import rules
from casework.intake.base import OPEN_STATES, IntakeWork
from casework.intake.model import AdditionRecord, IntakeState, PhotoRef, Statement, Step, VoiceHash
from casework.problems import InvalidForm, NotFound, WrongState
from casework.unit import Tx

MOST = 10
FULL_WORDS = f"这份申报已补充了 {MOST} 次，不能再补充；还有情况请直接告诉村干部。"
#: Why nothing can be added any more, and what to do instead.
CLOSED_WORDS = {
    IntakeState.VERIFIED: "这份申报已核实完成，不能再补充；有新的困难可以再次申报。",
    IntakeState.WITHDRAWN: "这份申报已撤回，不能再补充；有困难可以再次申报。",
    IntakeState.JOINED: "这份申报已并入您家正在办理的申报；要补充情况，请再提交一次申报，会自动并入。",
}


class AdditionForm(Form):
    """What is added: some words, some photos, a voice note, at least one of these."""

    statement: Statement = ""
    photos: Annotated[list[PhotoRef], Field(max_length=9)] = Field(default_factory=list)
    voice: VoiceHash | None = None

    @model_validator(mode="after")
    def _something(self) -> "AdditionForm":
        if not self.statement and not self.photos and not self.voice:
            raise WrongTogether({"statement": "请写几句话、说一段话或添加照片"})
        if len({p.sha256 for p in self.photos}) != len(self.photos):
            raise WrongTogether({"photos": "有重复的照片，请删去一张"})
        return self


class Adding(IntakeWork):
    """Use case of the applicant, and of the cadres who stand beside them."""

    async def add(self, actor: Actor, command: Command, id_: str, form: AdditionForm) -> Answer:
        """Add to a report that is not verified yet, and tell whoever goes there.

        The task's version stays, so that a verification that is being written without a signal is not
        refused because of it. Raises `WrongState` when the report is closed or has ten additions.
        """
        intake = await self._in_reach(actor, id_, "intake.add")
        tables, today = await self._tables.now(), legal_date(self._clock.now())
        if errors := rules.photo_errors(form.photos, tables, intake["areas"], today):
            raise InvalidForm(errors=errors)
        photos = await self._photos.ids_of(actor, [p.sha256 for p in form.photos], "photos")
        voice = await self._recordings.id_of(actor, form.voice, "voice") if form.voice else None
        addition_id, now = new_id(), self._clock.now()
        addition: AdditionRecord = {
            "id": addition_id,
            "at": now,
            "text": None,
            "photos": [{"id": photos[p.sha256], "kind": p.kind} for p in form.photos],
            "voice": voice,
        }
        if form.statement:
            # The addition's id is part of the place, so that one text cannot be put in another's stead.
            field = f"additions.{addition_id}"
            addition["text"] = self._cipher.seal(form.statement, "intakes", id_, field)
        step: Step = {"at": now, "event": "added"}
        if intake["owner"] != actor.person_id and actor.staff_id:
            addition["by"] = actor.staff_id
            step = {**step, "event": "added_by_staff", "by": actor.staff_id}

        async def work(tx: Tx) -> Answer:
            current = await self._store.get(id_, tx)
            if current is None:
                raise NotFound
            if current["state"] not in OPEN_STATES:
                raise WrongState(CLOSED_WORDS[IntakeState(current["state"])], state=current["state"])
            if len(current.get("additions", ())) >= MOST:
                raise WrongState(FULL_WORDS, state=current["state"])
            changed = await self._store.change(tx, id_, OPEN_STATES, {}, [step], addition)
            if changed is None:
                raise WrongState
            task = await self._tasks.get_by_id(changed["task"], tx) if changed["task"] else None
            if task and task["assignee"] and task["assignee"] != actor.staff_id:
                notice = self._tasks.notice(f"staff:{task['assignee']}", "task_added", task)
                await self._notices.add(tx, [notice])
            detail = {"addition": addition_id, "photos": len(form.photos)}
            made = entry(self._clock, actor, "intake.add", f"intake:{id_}", intake["areas"], **detail)
            await self._audit.add(tx, [made])
            return Answer({"id": id_, "state": changed["state"], "version": changed["version"]})

        return await self._commands.once(actor, command, work)
