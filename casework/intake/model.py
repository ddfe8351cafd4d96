"""What starts the way: reports of hardship, and what the cadre found."""

import re
import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from casework.forms import Form, WrongTogether
from casework.identity import normal_id_no, normal_phone
from casework.ids import Id


class IntakeState(StrEnum):
    """domain: submitted → verifying → verified; withdrawn by the applicant at any time before that.

    `joined`: the household had an open report already, and this one was added to it.
    """

    SUBMITTED = "submitted"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    WITHDRAWN = "withdrawn"
    JOINED = "joined"


class Finding(StrEnum):
    """What the cadre found."""

    TRUE = "true"
    PARTLY = "partly"
    NOT_TRUE = "not_true"
    COULD_NOT_MEET = "could_not_meet"


def _printable(text: str) -> str:
    if any(ord(c) < 32 and c not in "\n\r\t" for c in text):
        raise ValueError("含有不能识别的字符，请重新输入")
    return text


def _one_line(text: str) -> str:
    # Line breaks, and the marks that turn or hide text (Unicode's Cc and Cf), have no place in a name.
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in text):
        raise ValueError("含有不能识别的字符，请重新输入")
    return text


def _month(text: str) -> str:
    if not re.fullmatch(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])", text):
        raise ValueError("请选择年月，例如 2026-08")
    return text


def _hash_of(what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise ValueError(f"{what}编号不对，请重新上传")
        return text

    return AfterValidator(check)


def _unique(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("有重复的选项")
    return values


_Printable = AfterValidator(_printable)
Name = Annotated[str, StringConstraints(min_length=1, max_length=20), AfterValidator(_one_line)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=100), _Printable]
Remark = Annotated[str, StringConstraints(max_length=100), _Printable]
Told = Annotated[str, StringConstraints(max_length=200), _Printable]
Statement = Annotated[str, StringConstraints(max_length=500), _Printable]
Code = Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z_]+$")]
Sha256 = Annotated[str, _hash_of("照片")]
VoiceHash = Annotated[str, _hash_of("语音")]
IdNo = Annotated[str, AfterValidator(normal_id_no)]
Phone = Annotated[str, AfterValidator(normal_phone)]
Month = Annotated[str, AfterValidator(_month)]
Safety = Literal["safe", "unsure", "unsafe"]
Band = Literal["none", "under_2000", "2000_5000", "5000_20000", "over_20000"]


class Amount(Form):
    """Money over the past twelve months: exactly one of `fen` (integer) or `band` (yuan)."""

    fen: Annotated[int, Field(strict=True, ge=0, le=10_000_000_00)] | None = None
    band: Band | None = None

    @model_validator(mode="after")
    def _one(self) -> "Amount":
        if (self.fen is None) == (self.band is None):
            raise ValueError("金额和范围请只填一项")
        return self


class Position(Form):
    """Where the phone was, in degrees (GCJ-02, as WeChat gives them) and metres."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    accuracy: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] | None = None


class PhotoRef(Form):
    """A photo that was uploaded before, by the hash of its bytes."""

    sha256: Sha256
    kind: Code


class Consent(Form):
    """The 承诺授权书: which version was read, and who signed it by name.

    A guardian signs for somebody under 14. `signature` is the hash of the signature's picture.
    """

    version: Annotated[str, StringConstraints(max_length=20)]
    agreed: Literal[True]
    signed_by: Literal["applicant", "guardian"] = "applicant"
    signed_name: Name
    signature: Sha256 | None = None


class FiledFor(Form):
    """代办: why a cadre files for somebody, and the picture of their thumbprint or signature."""

    reason: Reason
    evidence: Sha256


class ReportForm(Form):
    """The report form of the applicant's phone (own, or by a cadre with `filed_for`)."""

    id: Id | None = None
    applicant_name: Name
    relation: Code = "self"
    phone: Phone
    id_no: IdNo
    head_id_no: IdNo | None = None
    place: Id
    members_affected: Annotated[int, Field(strict=True, ge=1, le=30)] | None = None
    risks: Annotated[list[Code], Field(min_length=1, max_length=5), AfterValidator(_unique)]
    risks_remark: Remark = ""
    event_date: Month | None = None
    own_paid_medical: Amount | None = None
    own_paid_schooling: Amount | None = None
    income_lost: Amount | None = None
    housing: Safety | None = None
    water: Safety | None = None
    wanted_help: Annotated[list[Code], Field(max_length=14), AfterValidator(_unique)] = Field(
        default_factory=list
    )
    statement: Statement = ""
    photos: Annotated[list[PhotoRef], Field(max_length=9)] = Field(default_factory=list)
    voice: VoiceHash | None = None
    position: Position | None = None
    consent: Consent
    filed_for: FiledFor | None = None

    @model_validator(mode="after")
    def _together(self) -> "ReportForm":
        wrong = {}
        if "other" in self.risks and not self.risks_remark:
            wrong["risks_remark"] = "选了“其他”，请说明是什么困难"
        hashes = [p.sha256 for p in self.photos]
        if len(set(hashes)) != len(hashes):
            wrong["photos"] = "有重复的照片，请删去一张"
        if wrong:
            raise WrongTogether(wrong)
        return self


class RiskFound(Form):
    """What was found of one risk that the report names, or of one that it does not."""

    risk: Code
    found: Literal["yes", "partly", "no"]
    remark: Remark = ""


class VerificationForm(Form):
    """What a cadre records after going there."""

    met: Literal["applicant", "head", "family", "neighbour", "nobody"]
    finding: Finding
    risks: Annotated[list[RiskFound], Field(max_length=11)] = Field(default_factory=list)
    income_right: Literal["yes", "roughly", "no", "unknown"] | None = None
    schooling: Safety | None = None
    medical: Safety | None = None
    housing: Safety | None = None
    water: Safety | None = None
    photos: Annotated[list[PhotoRef], Field(min_length=1, max_length=9)]
    position: Position | None = None
    position_missing: Remark = ""
    text: Statement = ""
    reason: Told = ""
    urgency: Literal["normal", "green_channel"] = "normal"
    signature: Sha256 | None = None
    signature_missing: Remark = ""

    @model_validator(mode="after")
    def _together(self) -> "VerificationForm":
        wrong = {}
        if self.position is None and not self.position_missing:
            wrong["position_missing"] = "没有定位时，请说明原因"
        if self.finding is not Finding.COULD_NOT_MEET:
            if self.met == "nobody":
                wrong["finding"] = "没有见到人时，核实结果应选“未能见面”"
            if not self.risks:
                wrong["risks"] = "请逐项填写困难的核实情况"
            if self.finding is Finding.NOT_TRUE and not self.reason:
                wrong["reason"] = "核实为不属实时，请写明告知申报人的理由"
            if self.signature is None and not self.signature_missing:
                wrong["signature_missing"] = "请让户主签名；不能签名时请说明原因"
        if wrong:
            raise WrongTogether(wrong)
        return self


class Step(TypedDict):
    """One line of an intake's way so far. `by` is a member of staff's id, never a villager's."""

    at: datetime
    event: str
    by: NotRequired[str]
    code: NotRequired[str]
    due: NotRequired[datetime]


class PhotoOf(TypedDict):
    """A photo of a document: its id and kind."""

    id: str
    kind: str


class AdditionRecord(TypedDict):
    """What was added to a report later; `text` is sealed, `by` a member of staff's id, never a villager's."""

    id: str
    at: datetime
    text: dict[str, Any] | None
    photos: list[PhotoOf]
    voice: str | None
    by: NotRequired[str]


class Intake(TypedDict):
    """A report. `open` holds its household's place in the unique index: one open report each. While the index
    key is being changed, `household_key` has the household's digest under each key, so that two servers that
    do not yet agree on the first one still meet in the index (older documents hold a single text).

    `secrets` are the sealed values by field name; `risks` stay plain, because they are counted, and
    are shown only to those who work on the report. `voice` is a recording's id. `erasing` are pictures and
    voice notes that are still to be deleted after a withdrawal of consent.
    """

    _id: str
    kind: str
    filing: str
    number: str
    owner: str | None
    filer: str | None
    household_key: list[str]
    digest: str
    open: bool
    state: str
    finding: str | None
    green_channel: bool
    place: str
    areas: list[str]
    village: str
    name_masked: str
    risks: list[str]
    secrets: dict[str, dict[str, Any]]
    photos: list[PhotoOf]
    voice: NotRequired[str | None]
    additions: NotRequired[list[AdditionRecord]]
    consent: dict[str, Any]
    erasing: NotRequired[list[str]]
    task: str | None
    joined_to: str | None
    history: list[Step]
    created_at: datetime
    device_time: datetime | None
    version: int
    schema: int
