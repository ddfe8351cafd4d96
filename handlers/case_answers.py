"""The shapes of reports and of the tasks that come from them."""

from datetime import datetime

from casework.intake.model import Amount, Position, Safety
from handlers.answers import ChangedShape, Shape


class SubmittedShape(Shape):
    """What the applicant gets at once. `joined`: added to the household's open report."""

    id: str
    number: str
    state: str
    joined: bool
    next: str
    message: str | None = None
    task: str | None = None
    assigned: bool | None = None
    due_at: datetime | None = None


class StepShape(Shape):
    """One line of the way so far."""

    at: datetime
    event: str
    text: str


class PhotoRefShape(Shape):
    """A photo of a record."""

    id: str
    kind: str


class ReportFields(Shape):
    """The values of the report form, under its keys; what was left empty is missing. ID numbers and the
    telephone are masked. All are missing after the consent was withdrawn."""

    applicant_name: str | None = None
    relation: str | None = None
    phone: str | None = None
    id_no: str | None = None
    head_id_no: str | None = None
    members_affected: int | None = None
    risks_remark: str | None = None
    event_date: str | None = None
    own_paid_medical: Amount | None = None
    own_paid_schooling: Amount | None = None
    income_lost: Amount | None = None
    housing: Safety | None = None
    water: Safety | None = None
    wanted_help: list[str] | None = None
    statement: str | None = None
    position: Position | None = None
    filed_for_reason: str | None = None


class AdditionShape(Shape):
    """What was added to a report later."""

    id: str
    at: datetime
    text: str
    photos: list[PhotoRefShape]
    voice: bool


class CorrectionShape(Shape):
    """A wish that a value of the report be corrected. `state`: open, corrected, kept. The value itself
    stays as it was given, except for the telephone."""

    id: str
    field: str
    state: str
    text: str
    answer: str
    at: datetime
    answered_at: datetime | None


class IntakeLineShape(Shape):
    """A report in a list."""

    id: str
    number: str
    state: str
    finding: str | None
    filing: str
    village: str
    name: str
    next: str
    created_at: datetime
    version: int


class IntakeShape(IntakeLineShape):
    """A report with its way so far."""

    risks: list[str]
    fields: ReportFields
    photos: list[PhotoRefShape]
    voice: bool
    additions: list[AdditionShape]
    corrections: list[CorrectionShape]
    timeline: list[StepShape]
    joined_to: str | None


class IntakePage(Shape):
    """A page of reports."""

    items: list[IntakeLineShape]
    next: str | None


class ConsentWithdrawnShape(ChangedShape):
    """A report after its consent was taken back. `message` says what was erased and what is kept."""

    erased: bool
    message: str


class TaskLineShape(Shape):
    """A task in a list. `colour`: normal, orange, red. `mine`: the one who asks is responsible."""

    id: str
    kind: str
    number: str
    village: str
    name: str
    state: str
    colour: str
    green_channel: bool
    assigned: bool
    mine: bool
    accept_due_at: datetime
    due_at: datetime
    provisional: bool
    unmet: int
    version: int


class TaskShape(TaskLineShape):
    """A task with what is to be verified; `joined` are the reports that were added to it, `centre` is about
    where the village stands, if that is known."""

    intake: str
    staff_name: str | None
    centre: Position | None
    risks: list[str]
    fields: ReportFields
    photos: list[PhotoRefShape]
    voice: bool
    additions: list[AdditionShape]
    corrections: list[CorrectionShape]
    filing: str
    joined: list[str]


class TaskPage(Shape):
    """A page of tasks."""

    items: list[TaskLineShape]
    next: str | None


class VerifiedShape(ChangedShape):
    """A task after its verification."""

    finding: str
    due_at: datetime


class AssignedShape(Shape):
    """A task after it was given to somebody."""

    id: str
    version: int
    staff: str
