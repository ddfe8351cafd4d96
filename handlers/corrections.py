"""Corrections: ask for one, see which wait for an answer, answer."""

from casework.ids import spoken
from casework.intake.corrections import CorrectionAnswerForm, CorrectionForm
from casework.pages import page_limit
from handlers.answers import ChangedShape, Shape
from handlers.base import Handler, Routes, described, needs
from handlers.case_answers import CorrectionShape
from handlers.intakes import PAGE_QUERY


class CorrectionLineShape(CorrectionShape):
    """A correction in a list: whose report it is about."""

    intake: str
    number: str
    village: str
    name: str


class CorrectionPage(Shape):
    """A page of corrections."""

    items: list[CorrectionLineShape]
    next: str | None


class CorrectionsHandler(Handler):
    """/api/corrections"""

    @needs("correction.ask", "write")
    @described("要求更正", body=CorrectionForm, answers={201: ChangedShape}, command=True)
    async def post(self) -> None:
        """Say what is wrong in one's own report; a telephone number is changed at once."""
        command = self.command("correction.ask")
        form = self.form(CorrectionForm)
        work = self.services.intakes.ask_correction(self.actor, command, form)
        await self.answer_command(command, work)
        self.services.wake("outbox")

    @needs("correction.answer")
    @described("待答复的更正要求", query=PAGE_QUERY, answers={200: CorrectionPage})
    async def get(self) -> None:
        """What waits for an answer in reach, the oldest first."""
        limit = page_limit(self.get_argument("limit", None))
        cursor = self.get_argument("cursor", None)
        page = await self.services.intakes.open_corrections(self.actor, cursor, limit)
        items = [
            {
                **values,
                "intake": correction["intake"],
                "number": spoken(correction["number"]),
                "village": correction["village"],
                "name": correction["name"],
            }
            for correction, values in page.items
        ]
        self.answer({"items": items, "next": page.next})


class CorrectionAnswerHandler(Handler):
    """/api/corrections/<id>/answer"""

    @needs("correction.answer", "write")
    @described("答复更正要求", body=CorrectionAnswerForm, answers={200: ChangedShape}, command=True)
    async def post(self, id_: str) -> None:
        """Say what came of checking it."""
        command = self.command("correction.answer")
        form = self.form(CorrectionAnswerForm)
        work = self.services.intakes.answer_correction(self.actor, command, self.id_in_path(id_), form)
        await self.answer_command(command, work)
        self.services.wake("outbox")


routes: Routes = [
    (r"/api/corrections", CorrectionsHandler),
    (r"/api/corrections/(?P<id_>[^/]+)/answer", CorrectionAnswerHandler),
]
