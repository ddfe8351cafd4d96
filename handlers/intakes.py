"""Reports: submit, list, read, withdraw, and their pictures."""

from typing import Any

from casework.ids import spoken
from casework.intake import rules
from casework.intake.model import Intake, ReportForm
from casework.pages import page_limit
from handlers.answers import ChangedShape, IntakePage, IntakeShape, SubmittedShape
from handlers.base import Handler, Routes, described, needs

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
    @described("申报列表", query=PAGE_QUERY, answers={200: IntakePage})
    async def get(self) -> None:
        """Reports in reach, newest first."""
        limit = page_limit(self.get_argument("limit", None))
        page = await self.services.intakes.page(self.actor, self.get_argument("cursor", None), limit)
        self.answer({"items": [line(i) for i in page.items], "next": page.next})


class IntakeHandler(Handler):
    """/api/intakes/<id>"""

    @needs("intake.read")
    @described("一份申报和它的进展", answers={200: IntakeShape})
    async def get(self, id_: str) -> None:
        """One report with its way so far."""
        intake, fields, timeline = await self.services.intakes.view(self.actor, self.id_in_path(id_))
        self.answer(
            {
                **line(intake),
                "risks": intake["risks"],
                "fields": fields,
                "photos": intake["photos"],
                "timeline": timeline,
                "joined_to": intake["joined_to"],
            }
        )


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


routes: Routes = [
    (r"/api/intakes", IntakesHandler),
    (r"/api/intakes/(?P<id_>[^/]+)", IntakeHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/withdrawal", WithdrawalHandler),
    (r"/api/intakes/(?P<id_>[^/]+)/photos/(?P<photo>[^/]+)", IntakePhotoHandler),
]
