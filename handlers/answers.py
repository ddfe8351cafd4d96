"""The shapes of answers, for the API document and its tests."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """Base of all answer shapes."""

    model_config = ConfigDict(extra="forbid")


class FieldError(Shape):
    """One wrong field."""

    field: str
    message: str


class ProblemShape(BaseModel):
    """application/problem+json; further members depend on `code`."""

    model_config = ConfigDict(extra="allow")

    type: str
    code: str
    status: int
    title: str
    errors: list[FieldError]
    request_id: str


class GrantShape(Shape):
    """A role at a region."""

    role: str
    region: str
    region_name: str


class WhoShape(Shape):
    """Who is signed in."""

    person: str
    staff: str | None
    staff_name: str | None
    grants: list[GrantShape]


class SessionShape(WhoShape):
    """A new session; the token is shown once."""

    token: str
    expires_in: int


class PageSignatureShape(Shape):
    """What a page hands to ``wx.config``, under WeChat's own names."""

    appId: str
    timestamp: int
    nonceStr: str
    signature: str


class BindingCodeShape(Shape):
    """A binding code. `code` is missing when the same command is sent again."""

    staff_no: str
    expires_at: datetime
    code: str | None = None


class RegionShape(Shape):
    """A place."""

    id: str
    kind: str
    name: str
    full_name: str
    code: str
    parent: str | None


class RegionsShape(Shape):
    """Places right below another."""

    items: list[RegionShape]


class OptionShape(Shape):
    """One thing that can be ticked."""

    code: str
    label: str


class ConsentShape(Shape):
    """The 承诺授权书 that holds now."""

    version: str
    title: str
    text: str


class FormShape(Shape):
    """What the report form offers at a place."""

    risks: list[OptionShape]
    relations: list[OptionShape]
    measures: list[OptionShape]
    photo_kinds: list[OptionShape]
    consent: ConsentShape


class PhotoShape(Shape):
    """An uploaded photo."""

    id: str
    sha256: str
    width: int
    height: int
    size: int


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
    """A report with its way so far. `fields` are the values of the form; ID number and phone masked."""

    risks: list[str]
    fields: dict[str, Any]
    photos: list[PhotoRefShape]
    timeline: list[StepShape]
    joined_to: str | None


class IntakePage(Shape):
    """A page of reports."""

    items: list[IntakeLineShape]
    next: str | None


class ChangedShape(Shape):
    """A record after a command."""

    id: str
    state: str
    version: int


class TaskLineShape(Shape):
    """A task in a list. `colour`: normal, orange, red."""

    id: str
    kind: str
    number: str
    village: str
    name: str
    state: str
    colour: str
    green_channel: bool
    assigned: bool
    accept_due_at: datetime
    due_at: datetime
    provisional: bool
    unmet: int
    version: int


class TaskShape(TaskLineShape):
    """A task with what is to be verified; `joined` are the reports that were added to it."""

    intake: str
    staff_name: str | None
    risks: list[str]
    fields: dict[str, Any]
    photos: list[PhotoRefShape]
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


class PhoneShape(Shape):
    """A telephone number; the look at it was recorded."""

    phone: str


class MessageShape(Shape):
    """A message in the inbox."""

    id: str
    kind: str
    title: str
    text: str
    ref: str
    state: str
    at: datetime


class InboxPage(Shape):
    """A page of messages."""

    items: list[MessageShape]
    next: str | None


class HealthShape(Shape):
    """`away` names the parts that do not answer."""

    status: str
    version: str
    away: list[str] = []
