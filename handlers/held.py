"""What is held about the person who asks."""

from datetime import datetime

from casework.ids import spoken
from handlers.answers import GrantShape, Shape
from handlers.base import Handler, Routes, described, needs
from handlers.case_answers import AdditionShape, CorrectionShape, ReportFields


class HeldAccountShape(Shape):
    """An account of ours that the person uses. `kind`: oa for an official account, mp for the mini
    program; `following_since` as far as WeChat has told us."""

    kind: str
    following: bool
    following_since: datetime | None


class HeldStaffShape(Shape):
    """The member of staff whom the person's phone is bound to."""

    staff_no: str
    name: str
    roles: list[GrantShape]


class HeldConsentShape(Shape):
    """The 承诺授权书 of a report: what was signed, when, and whether it was taken back."""

    version: str
    title: str
    signed_at: datetime
    signed_by: str
    withdrawn_at: datetime | None


class HeldReportShape(Shape):
    """What is held of one report."""

    id: str
    number: str
    created_at: datetime
    state: str
    village: str
    risks: list[str]
    fields: ReportFields
    photos: int
    voice: bool
    additions: list[AdditionShape]
    corrections: list[CorrectionShape]
    consent: HeldConsentShape


class KeptByLawShape(Shape):
    """What stays after a withdrawal of consent, and why."""

    version: str
    title: str
    text: str


class HeldShape(Shape):
    """Everything that is held about the signed-in person."""

    accounts: list[HeldAccountShape]
    phone_masked: str | None
    staff: HeldStaffShape | None
    reports: list[HeldReportShape]
    messages: int
    kept_by_law: KeptByLawShape


class HeldHandler(Handler):
    """/api/held"""

    @needs("held.read")
    @described("系统里有我的哪些信息", answers={200: HeldShape})
    async def get(self) -> None:
        """What is held about the signed-in person."""
        held = await self.services.held.about(self.actor)
        reports = [{**report, "number": spoken(report["number"])} for report in held["reports"]]
        self.answer({**held, "reports": reports})


routes: Routes = [(r"/api/held", HeldHandler)]
