"""What a form is checked against, and what the applicant reads of the way so far."""

from datetime import date, timedelta
from typing import Any

import pytest

from casework.forms import parse
from casework.ids import new_id
from casework.intake import rules
from casework.intake.model import Finding, Intake, IntakeState, ReportForm, Step, VerificationForm
from casework.tables.defaults import MEASURES, PHOTO_KINDS, RELATIONS, RISKS
from casework.tables.defaults import rows as default_rows
from casework.tables.service import Snapshot
from tests.support import fake_id_no, report_form, verification_form
from tests.unit.examples import COUNTY, GROUP, NOW, TABLES

TODAY = date(2026, 9, 4)
HASH = "a" * 64
UNKNOWN = "请从给出的选项中选择"


def errors(tables: Snapshot = TABLES, today: date = TODAY, **changes: Any) -> dict[str, str]:
    form = parse(ReportForm, report_form(new_id(), **changes))
    return {e["field"]: e["message"] for e in rules.form_errors(form, tables, GROUP["areas"], today)}


def consent(**changes: Any) -> dict[str, Any]:
    return {"version": "2026-01", "agreed": True, "signed_name": "测试甲", **changes}


def test_a_right_form_has_no_errors() -> None:
    assert errors() == {}


@pytest.mark.parametrize("risk", sorted(set(RISKS) - {"other"}))
def test_every_risk_of_the_table_can_be_ticked(risk: str) -> None:
    assert errors(risks=[risk]) == {}


def test_every_other_choice_of_the_tables_can_be_ticked() -> None:
    photos = [{"sha256": f"{n:064x}", "kind": kind} for n, kind in enumerate(PHOTO_KINDS)]
    for relation in RELATIONS:
        assert errors(relation=relation, wanted_help=list(MEASURES), photos=photos) == {}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"risks": ["illness", "bad_luck"]}, {"risks": UNKNOWN}),
        ({"relation": "cousin"}, {"relation": UNKNOWN}),
        ({"wanted_help": ["gold"]}, {"wanted_help": UNKNOWN}),
        ({"photos": [{"sha256": HASH, "kind": "cat"}]}, {"photos": UNKNOWN}),
        ({"event_date": "2026-10"}, {"event_date": "发生时间不能晚于本月"}),
        ({"consent": consent(version="2020-01")}, {"consent.version": "承诺授权书已更新，请重新阅读并签名"}),
        ({"consent": consent(signed_name="测试乙")}, {"consent.signed_name": "签名应与申报人姓名一致"}),
    ],
)
def test_what_the_tables_and_dates_do_not_allow(changes: dict[str, Any], wrong: dict[str, str]) -> None:
    assert errors(**changes) == wrong


def test_all_that_is_wrong_comes_at_once() -> None:
    wrong = errors(risks=["bad_luck"], relation="cousin", event_date="2027-01", consent=consent(version="x"))
    assert set(wrong) == {"risks", "relation", "event_date", "consent.version"}


def test_this_month_is_not_too_late() -> None:
    assert errors(event_date="2026-09") == {}


def test_a_county_may_have_choices_of_its_own_from_a_date_on() -> None:
    flood = {
        "_id": "r1",
        "table": "risks",
        "key": "flood",
        "area": COUNTY["_id"],
        "since": "2026-09-04",
        "value": {"label": "洪灾"},
    }
    tables = Snapshot([*default_rows(), flood])  # type: ignore[list-item]
    assert errors(tables, risks=["flood"]) == {}
    assert errors(tables, TODAY - timedelta(days=1), risks=["flood"]) == {"risks": UNKNOWN}


@pytest.mark.parametrize(
    ("birth", "signed_by", "wrong"),
    [
        ("20120904", "applicant", {}),
        ("20120905", "applicant", {"consent.signed_by": "未满 14 周岁，请由监护人签名"}),
        ("20120905", "guardian", {}),
        ("20120904", "guardian", {}),
        ("20260904", "guardian", {}),
        ("20260905", "guardian", {"id_no": "身份证号中的出生日期不对，请核对"}),
    ],
    ids=["14 today", "14 tomorrow", "with guardian", "guardian of a grown-up", "born today", "not born yet"],
)
def test_a_guardian_signs_until_the_fourteenth_birthday(
    birth: str, signed_by: str, wrong: dict[str, str]
) -> None:
    assert errors(id_no=fake_id_no(birth=birth), consent=consent(signed_by=signed_by)) == wrong


def test_a_guardian_signs_with_their_own_name() -> None:
    assert errors(consent=consent(signed_by="guardian", signed_name="测试乙")) == {}


def test_a_verification_is_checked_against_the_tables_too() -> None:
    def wrong(**changes: Any) -> dict[str, str]:
        form = parse(VerificationForm, verification_form(HASH, **changes))
        found = rules.verification_errors(form, TABLES, GROUP["areas"], TODAY)
        return {e["field"]: e["message"] for e in found}

    assert wrong() == {}
    assert wrong(risks=[{"risk": "bad_luck", "found": "yes"}]) == {"risks": UNKNOWN}
    assert wrong(photos=[{"sha256": HASH, "kind": "cat"}]) == {"photos": UNKNOWN}


@pytest.mark.parametrize("finding", Finding)
def test_only_a_household_that_was_not_met_is_visited_again(finding: Finding) -> None:
    assert rules.is_finished(finding) == (finding is not Finding.COULD_NOT_MEET)


# --- in plain words ---------------------------------------------------------------------------


def intake(state: IntakeState, finding: Finding | None = None, last: str = "submitted") -> Intake:
    history = [{"at": NOW, "event": last}]
    return {"state": state.value, "finding": finding and finding.value, "history": history}  # type: ignore[typeddict-item]


@pytest.mark.parametrize("state", sorted(set(IntakeState) - {IntakeState.VERIFIED}))
def test_every_state_says_what_comes_next(state: IntakeState) -> None:
    assert rules.what_comes_next(intake(state)) == rules.NEXT_WORDS[state]


@pytest.mark.parametrize("finding", [f for f in Finding if rules.is_finished(f)])
def test_every_end_of_a_verification_says_what_comes_next(finding: Finding) -> None:
    assert rules.what_comes_next(intake(IntakeState.VERIFIED, finding)) == rules.AFTER_FINDING_WORDS[finding]


def test_a_report_that_was_added_to_another_ends_with_it() -> None:
    assert rules.what_comes_next(intake(IntakeState.JOINED, last="joined_verified")).startswith("已办完")


def test_the_way_so_far_names_staff_and_due_times() -> None:
    steps: list[Step] = [
        {"at": NOW, "event": "submitted"},
        {"at": NOW, "event": "assigned", "by": "s1", "due": NOW + timedelta(days=7)},
        {"at": NOW, "event": "accepted", "by": "s1"},
        {"at": NOW, "event": "could_not_meet", "by": "s1", "due": NOW + timedelta(days=10)},
        {"at": NOW, "event": "verified", "by": "s1", "code": "partly"},
    ]
    lines = rules.timeline(steps, {"s1": "测试甲"})
    assert [line["text"] for line in lines] == [
        "您提交了申报",
        "已通知测试甲上门核实，最迟 2026年9月11日 10:00",
        "测试甲已接到任务，将上门核实",
        "测试甲上门未见到人，将在 2026年9月14日 10:00 前再来",
        "上门核实完成：部分属实，进入监测帮扶程序",
    ]
    assert [(line["at"], line["event"]) for line in lines] == [(s["at"], s["event"]) for s in steps]


@pytest.mark.parametrize("event", rules.STEP_WORDS)
def test_every_step_reads_well_even_when_its_cadre_is_gone(event: str) -> None:
    step: Step = {"at": NOW, "event": event, "by": "gone", "due": NOW, "code": "true"}
    (line,) = rules.timeline([step], {})
    assert line["text"]
    assert not set(line["text"]) & set("{}")
    assert ("责任干部" in line["text"]) == ("{staff}" in rules.STEP_WORDS[event] or event == "unassigned")


@pytest.mark.parametrize("finding", Finding)
def test_every_finding_has_words(finding: Finding) -> None:
    (line,) = rules.timeline([{"at": NOW, "event": "verified", "code": finding.value}], {})
    assert line["text"] == f"上门核实完成：{rules.FINDING_WORDS[finding]}"
