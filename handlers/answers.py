"""The shapes of answers, for the API document and its tests."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """Base of all answer shapes."""

    model_config = ConfigDict(extra="forbid")


class FieldError(Shape):
    """One wrong field."""

    field: str
    message: str


class CurrentShape(Shape):
    """What a record is now, in words too, for a phone that shows it beside what its user saw."""

    state: str
    version: int
    text: str


class ProblemShape(BaseModel):
    """application/problem+json; further members depend on `code`. `yours` is the version that the client
    based its command on, and `current` what the record is now."""

    model_config = ConfigDict(extra="allow")

    type: str
    code: str
    status: int
    title: str
    errors: list[FieldError]
    request_id: str
    yours: int | None = None
    current: CurrentShape | None = None


class GrantShape(Shape):
    """A role at a region."""

    role: str
    region: str
    region_name: str


class WhoShape(Shape):
    """Who is signed in. `phone_masked` is the telephone number that WeChat has verified; `notices` are the
    mini program's templates for which a press may ask this person's consent."""

    person: str
    phone_masked: str | None
    staff: str | None
    staff_name: str | None
    grants: list[GrantShape]
    notices: list[str]


class SessionShape(WhoShape):
    """A new session; the token is shown once."""

    token: str
    expires_in: int


class VerifiedPhoneShape(Shape):
    """A verified telephone number, to fill the form in. `session` is there when the person turned out to be
    one whom we knew already: it takes the place of the old one, which has ended."""

    phone: str
    session: SessionShape | None


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


class PlaceShape(Shape):
    """A place on the way down to another one."""

    id: str
    name: str
    kind: str


class RegionShape(Shape):
    """A place. `path` leads from the county down to the place itself."""

    id: str
    kind: str
    name: str
    full_name: str
    code: str
    parent: str | None
    path: list[PlaceShape]


class NearRegionShape(RegionShape):
    """A place and how far its centre is away, in metres."""

    distance_m: int


class NearRegionsShape(Shape):
    """The nearest places, the nearest first; none within 20 km."""

    items: list[NearRegionShape]


class RegionsShape(Shape):
    """Places right below another."""

    items: list[RegionShape]


class OptionShape(Shape):
    """One thing that can be ticked: the official term, and how people say it."""

    code: str
    label: str
    plain: str


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


class RecordingShape(Shape):
    """An uploaded voice note; `type` is its media type."""

    id: str
    sha256: str
    size: int
    type: str


class UploadShape(Shape):
    """How far an upload is. A phone goes on at the byte `received`, unless it is `complete`: then the file
    is kept in another form, and its bytes are not counted any more."""

    received: int
    complete: bool


class ChangedShape(Shape):
    """A record after a command."""

    id: str
    state: str
    version: int


class PhoneShape(Shape):
    """A telephone number; the look at it was recorded."""

    phone: str


class MessagePageShape(Shape):
    """A page of the app; `id` is that of the report or the task."""

    name: Literal["report", "task", "tasks", "corrections", "inbox"]
    id: str | None = None


class MessageShape(Shape):
    """A message in the inbox; `page` is where it leads."""

    id: str
    kind: str
    title: str
    text: str
    ref: str
    page: MessagePageShape
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
