"""The report form and the verification form: what each field takes, and what it says when it does not."""

from typing import Any

import pytest

from casework.forms import Form, parse
from casework.ids import new_id
from casework.intake.model import Finding, ReportForm, VerificationForm
from casework.problems import InvalidForm
from tests.support import fake_id_no, report_form, verification_form

PLACE = new_id()
HASH, OTHER_HASH = "a" * 64, "b" * 64


def photo(sha256: str = HASH, kind: str = "housing") -> dict[str, str]:
    return {"sha256": sha256, "kind": kind}


def photos(count: int) -> list[dict[str, str]]:
    return [photo(f"{n:064x}") for n in range(count)]


def consent(**changes: Any) -> dict[str, Any]:
    return {"version": "2026-01", "agreed": True, "signed_name": "测试甲", **changes}


def report(**changes: Any) -> ReportForm:
    return parse(ReportForm, report_form(PLACE, **changes))


def verification(**changes: Any) -> VerificationForm:
    return parse(VerificationForm, verification_form(HASH, **changes))


def errors(form: type[Form], data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidForm) as caught:
        parse(form, data)
    return {error["field"]: error["message"] for error in caught.value.errors}


def report_errors(**changes: Any) -> dict[str, str]:
    return errors(ReportForm, report_form(PLACE, **{"consent": consent(), **changes}))


def verification_errors(**changes: Any) -> dict[str, str]:
    return errors(VerificationForm, verification_form(HASH, **changes))


# --- the report -------------------------------------------------------------------------------


def test_what_a_report_needs_at_least() -> None:
    assert errors(ReportForm, {}) == dict.fromkeys(
        ["applicant_name", "phone", "id_no", "place", "risks", "consent"], "请填写这一项"
    )


@pytest.mark.parametrize(
    ("field", "value", "where", "message"),
    [
        ("applicant_name", "", "applicant_name", "请填写这一项"),
        ("applicant_name", "  ", "applicant_name", "请填写这一项"),
        ("applicant_name", "长" * 21, "applicant_name", "最多 20 个字"),
        ("applicant_name", "测\x00试", "applicant_name", "含有不能识别的字符，请重新输入"),
        ("relation", "Cousin", "relation", "格式不对"),
        ("phone", "12345", "phone", "手机号应为 11 位，请核对"),
        ("id_no", "12345", "id_no", "身份证号应为 18 位，请核对"),
        ("id_no", "000000196001010011", "id_no", "身份证号校验不通过，请逐位核对"),
        ("head_id_no", "12345", "head_id_no", "身份证号应为 18 位，请核对"),
        ("id", "1", "id", "编号格式不对，应为 UUID"),
        ("place", "431021", "place", "编号格式不对，应为 UUID"),
        ("members_affected", 0, "members_affected", "不能小于 1"),
        ("members_affected", 31, "members_affected", "不能大于 30"),
        ("members_affected", "3", "members_affected", "应为整数"),
        ("risks", [], "risks", "至少选 1 项"),
        ("risks", list("abcdef"), "risks", "最多选 5 项"),
        ("risks", ["illness", "illness"], "risks", "有重复的选项"),
        ("risks_remark", "长" * 101, "risks_remark", "最多 100 个字"),
        ("event_date", "2026-13", "event_date", "请选择年月，例如 2026-08"),
        ("event_date", "2026-8", "event_date", "请选择年月，例如 2026-08"),
        ("event_date", "２０２６-08", "event_date", "请选择年月，例如 2026-08"),
        ("own_paid_medical", {}, "own_paid_medical", "金额和范围请只填一项"),
        ("income_lost", {"fen": 1, "band": "none"}, "income_lost", "金额和范围请只填一项"),
        ("income_lost", {"fen": -1}, "income_lost.fen", "不能小于 0"),
        ("income_lost", {"fen": 1_000_000_001}, "income_lost.fen", "不能大于 1000000000"),
        ("income_lost", {"fen": 1.5}, "income_lost.fen", "应为整数"),
        ("own_paid_schooling", {"band": "much"}, "own_paid_schooling.band", "请从给出的选项中选择"),
        ("housing", "bad", "housing", "请从给出的选项中选择"),
        ("water", "bad", "water", "请从给出的选项中选择"),
        ("wanted_help", ["health"] * 2, "wanted_help", "有重复的选项"),
        ("wanted_help", list("abcdefghijklmno"), "wanted_help", "最多选 14 项"),
        ("statement", "长" * 501, "statement", "最多 500 个字"),
        ("statement", "一\x07二", "statement", "含有不能识别的字符，请重新输入"),
        ("photos", photos(10), "photos", "最多选 9 项"),
        ("photos", [photo("x")], "photos.0.sha256", "照片编号不对，请重新上传"),
        ("photos", [photo(), photo()], "photos", "有重复的照片，请删去一张"),
        ("consent", consent(agreed=False), "consent.agreed", "请从给出的选项中选择"),
        ("consent", consent(signed_by="friend"), "consent.signed_by", "请从给出的选项中选择"),
        ("consent", consent(signed_name=""), "consent.signed_name", "请填写这一项"),
        ("consent", consent(signature="x"), "consent.signature", "照片编号不对，请重新上传"),
        ("filed_for", {"reason": "", "evidence": HASH}, "filed_for.reason", "请填写这一项"),
        ("filed_for", {"reason": "不会写字"}, "filed_for.evidence", "请填写这一项"),
        ("bank_card", "1", "bank_card", "不认识这一项，请更新后再试"),
    ],
)
def test_each_field_of_a_report_has_its_limits(field: str, value: Any, where: str, message: str) -> None:
    assert report_errors(**{field: value}) == {where: message}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("applicant_name", "长" * 20),
        ("id_no", fake_id_no().lower()),
        ("members_affected", 30),
        ("risks", ["illness", "schooling", "housing", "water", "accident"]),
        ("event_date", "2026-08"),
        ("own_paid_medical", {"fen": 0}),
        ("own_paid_medical", {"fen": 1_000_000_000}),
        ("income_lost", {"band": "over_20000"}),
        ("statement", "第一行\n第二行\t" + "长" * 490),
        ("photos", photos(9)),
        ("filed_for", {"reason": "不会写字", "evidence": HASH}),
    ],
)
def test_what_is_just_within_the_limits_is_taken(field: str, value: Any) -> None:
    assert report(**{field: value}).model_dump(exclude_none=True)[field]


def test_other_hardship_needs_a_remark() -> None:
    assert report_errors(risks=["other"]) == {"risks_remark": "选了“其他”，请说明是什么困难"}
    assert report(risks=["other"], risks_remark="测试").risks_remark == "测试"


def test_numbers_are_kept_in_their_one_form() -> None:
    form = report(phone="+86 138-0000-0000", place=PLACE.upper(), applicant_name=" 测试甲 ")
    assert (form.phone, form.place, form.applicant_name) == ("13800000000", PLACE, "测试甲")


# --- the verification -------------------------------------------------------------------------


def test_what_a_verification_needs_at_least() -> None:
    assert errors(VerificationForm, {}) == dict.fromkeys(["met", "finding", "photos"], "请填写这一项")


@pytest.mark.parametrize(
    ("field", "value", "where", "message"),
    [
        ("met", "dog", "met", "请从给出的选项中选择"),
        ("finding", "maybe", "finding", "请从给出的选项中选择"),
        ("risks", [{"risk": "illness", "found": "yes"}] * 12, "risks", "最多选 11 项"),
        ("risks", [{"risk": "illness", "found": "?"}], "risks.0.found", "请从给出的选项中选择"),
        ("income_right", "nearly", "income_right", "请从给出的选项中选择"),
        ("schooling", "bad", "schooling", "请从给出的选项中选择"),
        ("photos", [], "photos", "至少选 1 项"),
        ("photos", photos(10), "photos", "最多选 9 项"),
        ("position", {"latitude": 91, "longitude": 0}, "position.latitude", "不能大于 90.0"),
        ("position", {"latitude": 0, "longitude": -181}, "position.longitude", "不能小于 -180.0"),
        ("position", {"latitude": float("nan"), "longitude": 0}, "position.latitude", "应为数字"),
        ("position", {"latitude": 0, "longitude": 0, "accuracy": -1}, "position.accuracy", "不能小于 0.0"),
        ("position_missing", "长" * 101, "position_missing", "最多 100 个字"),
        ("text", "长" * 501, "text", "最多 500 个字"),
        ("reason", "长" * 201, "reason", "最多 200 个字"),
        ("urgency", "soon", "urgency", "请从给出的选项中选择"),
        ("signature", "x", "signature", "照片编号不对，请重新上传"),
    ],
)
def test_each_field_of_a_verification_has_its_limits(
    field: str, value: Any, where: str, message: str
) -> None:
    assert verification_errors(**{field: value}) == {where: message}


POSITION = {"latitude": 25.7, "longitude": 112.7, "accuracy": 30}
NO_POSITION = {"position_missing": "没有定位时，请说明原因"}
NO_SIGNATURE = {"signature_missing": "请让户主签名；不能签名时请说明原因"}
NO_RISKS = {"risks": "请逐项填写困难的核实情况"}
NO_REASON = {"reason": "核实为不属实时，请写明告知申报人的理由"}
NOT_MET = {"finding": "没有见到人时，核实结果应选“未能见面”"}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"position_missing": ""}, NO_POSITION),
        ({"signature_missing": ""}, NO_SIGNATURE),
        ({"risks": []}, NO_RISKS),
        ({"met": "nobody"}, NOT_MET),
        ({"finding": "not_true"}, NO_REASON),
        ({"finding": "partly", "risks": []}, NO_RISKS),
        ({"finding": "could_not_meet", "position_missing": ""}, NO_POSITION),
        (
            {
                "met": "nobody",
                "finding": "not_true",
                "risks": [],
                "position_missing": "",
                "signature_missing": "",
            },
            NO_POSITION | NO_SIGNATURE | NO_RISKS | NO_REASON | NOT_MET,
        ),
    ],
)
def test_what_a_verification_lacks_is_all_named_at_once(
    changes: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert verification_errors(**changes) == wrong


@pytest.mark.parametrize(
    "changes",
    [
        {"position": POSITION, "position_missing": ""},
        {"signature": OTHER_HASH, "signature_missing": ""},
        {"finding": "not_true", "reason": "收入稳定"},
        {"finding": "could_not_meet", "met": "nobody", "risks": [], "signature_missing": ""},
        {"finding": "could_not_meet", "met": "neighbour", "risks": []},
    ],
)
def test_combinations_of_a_verification_that_fit(changes: dict[str, Any]) -> None:
    assert verification(**changes).finding in Finding
