"""Taking a report back, and taking back the consent under which it was given."""

from typing import Any

from casework.access import Actor
from casework.audit.service import entry
from casework.commands.service import Answer, Command
from casework.intake.base import OPEN_STATES, IntakeWork
from casework.intake.model import Intake, IntakeState, Step
from casework.intake.store import files_of
from casework.problems import NotFound, WrongState
from casework.tasks.model import TaskState
from casework.unit import Tx

NOT_VERIFIED = (*OPEN_STATES, IntakeState.JOINED.value)
#: What a withdrawal of consent leaves, in words: by whether the report had been verified.
ERASED_WORDS = (
    "授权已撤回，这份申报已停止办理。您填写的内容、照片、录音和补充的情况已删除；"
    "只保留受理编号、打码的姓名、村组、时间和办理记录。"
)
KEPT_WORDS = (
    "授权已撤回，不会再收集这份申报的新信息。这份申报已经核实，核实记录按规定须留存，因此予以保留，"
    "您仍可查看和要求更正。"
)
ERASE_BATCH = 20


class Withdrawing(IntakeWork):
    """Use cases by which the applicant takes back what they gave."""

    async def withdraw(self, actor: Actor, command: Command, id_: str) -> Answer:
        """The applicant takes the report back; its task is cancelled and the cadre told."""
        await self._own(actor, id_, "intake.withdraw")

        async def work(tx: Tx) -> Answer:
            changed = await self._take_back(tx, actor, id_)
            return Answer({"id": id_, "state": changed["state"], "version": changed["version"]})

        return await self._commands.once(actor, command, work)

    async def _take_back(self, tx: Tx, actor: Actor, id_: str) -> Intake:
        step: Step = {"at": self._clock.now(), "event": "withdrawn"}
        changes = {"state": IntakeState.WITHDRAWN.value, "open": False}
        changed = await self._store.change(tx, id_, NOT_VERIFIED, changes, [step])
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
        made = entry(self._clock, actor, "intake.withdraw", f"intake:{id_}", changed["areas"])
        await self._audit.add(tx, [made])
        return changed

    async def withdraw_consent(self, actor: Actor, command: Command, id_: str) -> Answer:
        """Take the consent back (《个人信息保护法》第十五条); doing so again changes nothing.

        A report that is not verified is taken back, and all that was only held by consent is erased
        (第四十七条). A verified one stays, because keeping it is a public duty (第十三条第一款第三项): the
        consent is marked, and nothing is added any more.
        """
        intake = await self._own(actor, id_, "consent.withdraw")

        async def work(tx: Tx) -> Answer:
            current = await self._store.get(id_, tx)
            if current is None:
                raise NotFound
            erases = current["state"] != IntakeState.VERIFIED
            if "withdrawn_at" not in current["consent"]:
                if current["state"] in NOT_VERIFIED:
                    current = await self._take_back(tx, actor, id_)
                current = await self._mark(tx, actor, current, erases)
            return Answer(
                {
                    "id": id_,
                    "state": current["state"],
                    "version": current["version"],
                    "erased": erases,
                    "message": ERASED_WORDS if erases else KEPT_WORDS,
                }
            )

        answer = await self._commands.once(actor, command, work)
        await self._erase(intake["_id"])
        return answer

    async def _mark(self, tx: Tx, actor: Actor, intake: Intake, erases: bool) -> Intake:
        now = self._clock.now()
        changes: dict[str, Any] = {"consent": {**intake["consent"], "withdrawn_at": now}}
        if erases:
            changes = _erasure(intake, changes["consent"])
            # Their texts say as much as the values they are about.
            await self._store.delete_corrections(tx, intake["_id"])
        step: Step = {"at": now, "event": "consent_withdrawn"}
        changed = await self._store.change(tx, intake["_id"], [intake["state"]], changes, [step])
        if changed is None:
            raise NotFound
        thing = f"intake:{intake['_id']}"
        made = entry(self._clock, actor, "consent.withdraw", thing, intake["areas"], erased=erases)
        await self._audit.add(tx, [made])
        return changed

    async def finish_erasing(self) -> int:
        """Delete the pictures that a crash left over after a withdrawal of consent; how many reports
        had any."""
        found = await self._store.erasing(ERASE_BATCH)
        for intake in found:
            await self._erase(intake["_id"])
        return len(found)

    async def _erase(self, id_: str) -> None:
        """Delete a report's pictures and voice notes that nothing else shows. GridFS knows no transactions,
        so it is done after the commit; what is left over is noted in the report until then."""
        intake = await self._store.get(id_)
        if intake is None or "erasing" not in intake:
            return
        in_use = await self._store.files_in_use(intake["erasing"], intake["owner"])
        for file in intake["erasing"]:
            if file not in in_use:
                # An id stands for one of the two; the other has nothing to erase.
                await self._photos.erase(file)
                await self._recordings.erase(file)
        await self._store.erased(id_)


def _erasure(intake: Intake, consent: dict[str, Any]) -> dict[str, Any]:
    """The changes that leave number, masked name, place, dates and the way so far of a report.

    The keyed digests of household and content go too: they would still tell that an ID number was there.
    """
    return {
        "secrets": {},
        "risks": [],
        "photos": [],
        "voice": None,
        "additions": [],
        "household_key": [],
        "digest": "",
        "consent": {k: v for k, v in consent.items() if k not in ("signature", "evidence")},
        "erasing": files_of(intake),
    }
