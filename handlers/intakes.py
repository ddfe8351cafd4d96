"""Reports: submit, list, read, withdraw, and their pictures."""

from typing import Any

from casework.ids import spoken
from casework.intake import rules
from casework.intake.additions import AdditionForm
from casework.intake.model import Intake, ReportForm
from casework.pages import page_limit
from handlers.answers import ChangedShape
from handlers.base import Handler, Routes, described, needs
from handlers.case_answers import ConsentWithdrawnShape, IntakePage, IntakeShape, SubmittedShape

PAGE_QUERY = {"cursor": "上一页给出的 next", "limit": "每页条数，最多 100"}


def line(intake: Intake) -> dict[str, Any]:
    """A report as it stands in a list."""
    return {
        "id": intake["_id"],
        "number": spoken(intake["number"]),
        "state": intake["state"],
        "finding": intake["finding"],
        "filing": intake["filing"],
        "village": intake["village"],
        "name": intake["name_masked"],
        "next": rules.what_comes_next(intake),
        "created_at": intake["created_at"],
        "version": intake["version"],
    }


class IntakesHandler(Handler):
    """/api/intakes"""

    @needs("intake.submit", "submit")
    @described(
        "提交申报（本人或代办）",
        body=ReportForm,
        answers={201: SubmittedShape, 200: SubmittedShape},
        command=True,
    )
    async def post(self) -> None:
        """Take in a report."""
        command = self.command("intake.submit")
        form = self.form(ReportForm)
        await self.answer_command(command, self.services.intakes.submit(self.actor, command, form))
        self.services.wake("outbox")

    @needs("intake.read")
    @described(
        "申报列表",
        query={**PAGE_QUERY, "mine": "true 为只看自己提交的（本人或代办）"},
        answers={200: IntakePage},
    )
    async def get(self) -> None:
        """Reports in reach, newest first."""
        limit = page_limit(self.get_argument("limit", None))
        mine = self.get_argument("mine", "") == "true"
        cursor = self.get_argument("cursor", None)
        page = await self.services.intakes.page(self.actor, cursor, limit, mine=mine)
        self.answer({"items": [line(i) for i in page.items], "next": page.next})


class IntakeHandler(Handler):
    """/api/intakes/<id>"""

    @needs("intake.read")
    @described("一份申报和它的进展", answers={200: IntakeShape})
    async def get(self, id_: str) -> None:
        """One report with its way so far."""
        intake, content, timeline = await self.services.intakes.view(self.actor, self.id_in_path(id_))
        self.answer(
            {
                **line(intake),
                "risks": intake["risks"],
                **vars(content),
                "photos": intake["photos"],
                "timeline": timeline,
                "joined_to": intake["joined_to"],
            }
        )


class AdditionsHandler(Handler):
    """/api/intakes/<id>/additions"""

    @needs("intake.add", "submit")
    @described("补充情况", body=AdditionForm, answers={200: ChangedShape}, command=True)
    async def post(self, id_: str) -> None:
        """Add words and photos to a report that is not verified yet."""
        command = self.command("intake.add")
        form = self.form(AdditionForm)
        work = self.services.intakes.add(self.actor, command, self.id_in_path(id_), form)
        await self.answer_command(command, work)
        self.services.wake("outbox")


class ConsentWithdrawalHandler(Handler):
    """/api/intakes/<id>/consent-withdrawal"""

    @needs("consent.withdraw", "write")
    @described("撤回授权", answers={200: ConsentWithdrawnShape}, command=True)
    async def post(self, id_: str) -> None:
        """Take back the consent of a report; what was only held by it is erased."""
        command = self.command("consent.withdraw")
        work = self.services.intakes.withdraw_consent(self.actor, command, self.id_in_path(id_))
        await self.answer_command(command, work)
        self.services.wake("outbox")


class WithdrawalHandler(Handler):
    """/api/intakes/<id>/withdrawal"""

    @needs("intake.withdraw", "write")
    @described("撤回申报", answers={200: ChangedShape}, command=True)
    async def post(self, id_: str) -> None:
        """Take a report back."""
        command = self.command("intake.withdraw")
        intake_id = self.id_in_path(id_)
        await self.answer_command(command, self.services.intakes.withdraw(self.actor, command, intake_id))
        self.services.wake("outbox")


class IntakePhotoHandler(Handler):
    """/api/intakes/<id>/photos/<photo id>"""

    @needs("intake.read")
    @described("申报或核实的照片", query={"size": "thumbnail 为缩略图"}, answers={200: "image/jpeg"})
    async def get(self, id_: str, photo: str) -> None:
        """A picture of a report in reach."""
        thumbnail = self.get_argument("size", "") == "thumbnail"
        intake_id, photo_id = self.id_in_path(id_), self.id_in_path(photo)
        jpeg = await self.services.intakes.photo(self.actor, intake_id, photo_id, thumbnail)
        self.set_header("Content-Type", "image/jpeg")
        self.finish(jpeg)


class IntakeVoiceHandler(Handler):
    """/api/intakes/<id>/voice, /api/intakes/<id>/additions/<addition id>/voice"""

    @needs("intake.read")
    @described("申报或补充情况的语音", answers={200: "audio/*"})
    async def get(self, id_: str, addition: str | None = None) -> None:
        """The voice note of a report in reach or of an addition, of the type that it was uploaded as."""
        addition_id = self.id_in_path(addition) if addition else None
        type_, sound = await self.services.intakes.voice(self.actor, self.id_in_path(id_), addition_id)
        self.set_header("Content-Type", type_)
        self.finish(sound)


routes: Routes = [
    (r"/api/intakes", IntakesHandler),
    (r"/api/intakes/(?P<id_>[^/]+)", IntakeHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/additions", AdditionsHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/additions/(?P<addition>[^/]+)/voice", IntakeVoiceHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/consent-withdrawal", ConsentWithdrawalHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/withdrawal", WithdrawalHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/photos/(?P<photo>[^/]+)", IntakePhotoHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/voice", IntakeVoiceHandler),
]
