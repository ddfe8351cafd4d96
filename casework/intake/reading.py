"""Reading reports: one, a page of them, the one behind a task, and their pictures."""

from dataclasses import dataclass
from typing import Any

from casework.access import Actor, reach
from casework.intake import rules
from casework.intake.corrections import Correcting
from casework.intake.model import AdditionRecord, Finding, Intake
from casework.intake.store import SEALED_ALONE, pictures_of
from casework.masks import masked_id_no, masked_phone
from casework.pages import Page, decode_cursor, encode_cursor
from casework.problems import NotFound
from casework.tasks.model import Task

ALL_MOST = 1000


@dataclass(frozen=True)
class Content:
    """What a report says, opened for those in reach: the values of the form, ID number and telephone
    masked; whether there is a voice note; what was added later; and the corrections that stand beside the
    values."""

    fields: dict[str, Any]
    voice: bool
    additions: list[dict[str, Any]]
    corrections: list[dict[str, Any]]


class Reading(Correcting):
    """Everything that changes nothing."""

    async def view(self, actor: Actor, id_: str) -> tuple[Intake, Content, list[dict[str, Any]]]:
        """A report in reach: (report, what it says, the way so far in plain words)."""
        intake = await self._in_reach(actor, id_, "intake.read")
        names = {}
        for step in intake["history"]:
            if by := step.get("by"):
                names[by] = (await self._staff.get(by))["name"]
        lines = rules.timeline(intake["history"], names)
        if reason := await self._reason_told(intake):
            # A correction may have been asked for since.
            verified = [line for line in lines if line["event"] == "verified"]
            verified[-1]["text"] += f"。理由：{reason}"
        return intake, await self.content(intake), lines

    async def _reason_told(self, intake: Intake) -> str:
        if intake["finding"] != Finding.NOT_TRUE:
            return ""
        last = (await self._store.verifications_of(intake["_id"]))[-1]
        form = self._cipher.open_json(last["form"], "verifications", last["_id"], "form")
        return str(form.get("reason", ""))

    async def task_view(self, actor: Actor, task_id: str) -> tuple[Task, Intake, Content, list[str]]:
        """A task with the report it is about: (task, report, what the report says, the ids of the
        reports that were added to it).

        Name and statement are shown to whoever works on it; telephone and ID number are masked.
        """
        task = await self._tasks.get(actor, task_id)
        intake = await self._store.get(task["subject"])
        if intake is None:
            raise NotFound
        joined = [other["_id"] for other in await self._store.joined_to(intake["_id"])]
        return task, intake, await self.content(intake), joined

    async def page(self, actor: Actor, cursor: str | None, limit: int, *, mine: bool = False) -> Page[Intake]:
        """Reports in reach, newest first; with `mine` those that the actor sent in."""
        allowed = reach(actor, "intake.read")
        wanted = self._store.own(actor.person_id, actor.staff_id) if mine else self._store.reached(allowed)
        before = decode_cursor(cursor, str)[0] if cursor else None
        found = await self._store.page(wanted, before, limit + 1)
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
        intake = await self._in_reach(actor, id_, "intake.read")
        shown = pictures_of(intake)
        if photo_id not in shown:
            for verification in await self._store.verifications_of(id_):
                shown += pictures_of(verification)
        if photo_id not in shown:
            raise NotFound
        return await self._photos.picture(photo_id, thumbnail)

    async def voice(self, actor: Actor, id_: str, addition_id: str | None = None) -> tuple[str, bytes]:
        """The voice note of a report in reach, or of an addition to it: (its media type, its bytes)."""
        intake = await self._in_reach(actor, id_, "intake.read")
        recording = intake.get("voice")
        if addition_id:
            spoken = {one["id"]: one["voice"] for one in intake.get("additions", ())}
            recording = spoken.get(addition_id)
        if not recording:
            raise NotFound
        return await self._recordings.sound(recording)

    async def all_of(self, person_id: str) -> list[Intake]:
        """Everything that a person reported, newest first."""
        return await self._store.page({"owner": person_id}, None, ALL_MOST)

    async def owns_any(self, person_id: str) -> bool:
        """Whether a person has reported anything."""
        return await self.latest_of(person_id) is not None

    async def content(self, intake: Intake) -> Content:
        """What a report says; the caller has decided about access."""
        corrections = await self._store.corrections_of(intake["_id"])
        return Content(
            fields=self._open(intake),
            voice=bool(intake.get("voice")),
            additions=[self._open_addition(intake["_id"], one) for one in intake.get("additions", ())],
            corrections=[self.correction_values(one) for one in corrections],
        )

    def _open_addition(self, intake_id: str, addition: AdditionRecord) -> dict[str, Any]:
        text, field = addition["text"], f"additions.{addition['id']}"
        return {
            "id": addition["id"],
            "at": addition["at"],
            "text": self._cipher.open(text, "intakes", intake_id, field) if text else "",
            "photos": addition["photos"],
            "voice": addition["voice"] is not None,
        }

    def _open(self, intake: Intake) -> dict[str, Any]:
        """The sealed values as those in reach may see them: ID number and telephone masked."""
        if not intake["secrets"]:
            # They were erased with the consent.
            return {}
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
