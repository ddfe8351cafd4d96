"""Decisions about reports that need no database."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from casework.clock import readable
from casework.identity import age_on, birth_date
from casework.intake.model import (
    Finding,
    Intake,
    IntakeState,
    PhotoRef,
    ReportForm,
    Step,
    VerificationForm,
)
from casework.tables.service import Snapshot

GUARDIAN_UNDER = 14

Errors = list[dict[str, str]]


def _error(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}


def form_errors(form: ReportForm, tables: Snapshot, areas: Sequence[str], today: date) -> Errors:
    """What is wrong with a form against the code tables and dates that hold at its place."""
    errors: Errors = []
    for field, table, codes in (
        ("risks", "risks", form.risks),
        ("relation", "relations", [form.relation]),
        ("wanted_help", "measures", form.wanted_help),
        ("photos", "photo_kinds", [p.kind for p in form.photos]),
    ):
        known = tables.table(table, areas, today) if codes else {}
        if any(code not in known for code in codes):
            errors.append(_error(field, "请从给出的选项中选择"))
    if form.event_date and form.event_date > today.isoformat()[:7]:
        errors.append(_error("event_date", "发生时间不能晚于本月"))
    birth = birth_date(form.id_no)
    for field, id_no in (("id_no", form.id_no), ("head_id_no", form.head_id_no)):
        if id_no and birth_date(id_no) > today:
            errors.append(_error(field, "身份证号中的出生日期不对，请核对"))
    if tables.get("consent", form.consent.version, areas, today) is None:
        errors.append(_error("consent.version", "承诺授权书已更新，请重新阅读并签名"))
    needs_guardian = age_on(birth, today) < GUARDIAN_UNDER
    if needs_guardian and form.consent.signed_by != "guardian":
        errors.append(_error("consent.signed_by", "未满 14 周岁，请由监护人签名"))
    if form.consent.signed_by == "applicant" and form.consent.signed_name != form.applicant_name:
        errors.append(_error("consent.signed_name", "签名应与申报人姓名一致"))
    return errors


def photo_errors(photos: Sequence[PhotoRef], tables: Snapshot, areas: Sequence[str], today: date) -> Errors:
    """What is wrong with the kinds of photos that are added later."""
    known = tables.table("photo_kinds", areas, today) if photos else {}
    wrong = any(p.kind not in known for p in photos)
    return [_error("photos", "请从给出的选项中选择")] if wrong else []


def verification_errors(
    form: VerificationForm, tables: Snapshot, areas: Sequence[str], today: date
) -> Errors:
    """What is wrong with a verification against the code tables at its place."""
    errors: Errors = []
    for field, table, codes in (
        ("risks", "risks", [r.risk for r in form.risks]),
        ("photos", "photo_kinds", [p.kind for p in form.photos]),
    ):
        known = tables.table(table, areas, today) if codes else {}
        if any(code not in known for code in codes):
            errors.append(_error(field, "请从给出的选项中选择"))
    return errors


def is_finished(finding: Finding) -> bool:
    """Whether a finding ends the verification; a household that was not met is visited again."""
    return finding is not Finding.COULD_NOT_MEET


#: The way in plain words. `{staff}`, `{due}` and `{what}` are filled in where a step has them.
STEP_WORDS: Mapping[str, str] = {
    "submitted": "您提交了申报",
    "filed": "{staff}代您提交了申报",
    "assigned": "已通知{staff}上门核实，最迟 {due}",
    "unassigned": "村里暂无责任干部，已请上级指派",
    "accepted": "{staff}已接到任务，将上门核实",
    "added": "您补充了情况",
    "added_by_staff": "{staff}替您补充了情况",
    "joined": "同一户的又一份申报已并入",
    "joined_to": "您家已有一份正在办理的申报，这份已并入一起办理",
    "joined_verified": "一起办理的申报已核实完成",
    "could_not_meet": "{staff}上门未见到人，将在 {due} 前再来",
    "verified": "上门核实完成：{what}",
    "withdrawn": "您撤回了申报",
    "correction_asked": "您要求更正一项信息",
    "correction_answered": "{staff}答复了您的更正要求",
    "consent_withdrawn": "您撤回了授权",
}
FINDING_WORDS: Mapping[str, str] = {
    Finding.TRUE: "情况属实，进入监测帮扶程序",
    Finding.PARTLY: "部分属实，进入监测帮扶程序",
    Finding.NOT_TRUE: "核实结果与申报不符",
    Finding.COULD_NOT_MEET: "上门未见到人，将再次上门",
}
NEXT_WORDS: Mapping[str, str] = {
    IntakeState.SUBMITTED: "等待干部接单",
    IntakeState.VERIFYING: "等待上门核实，请保持电话畅通",
    IntakeState.JOINED: "与您家正在办理的申报一起办理，核实后会通知您",
    IntakeState.WITHDRAWN: "已结束；有困难可以随时再次申报",
}
AFTER_FINDING_WORDS: Mapping[str, str] = {
    Finding.TRUE: "接下来由村里评议、公示，乡镇和县里审核",
    Finding.PARTLY: "接下来由村里评议、公示，乡镇和县里审核",
    Finding.NOT_TRUE: "如不同意，可以联系村委会或再次申报",
}


def what_comes_next(intake: Intake) -> str:
    """One sentence for the applicant."""
    if intake["state"] == IntakeState.VERIFIED and intake["finding"]:
        return AFTER_FINDING_WORDS[intake["finding"]]
    if any(step["event"] == "joined_verified" for step in intake["history"]):
        return "已办完；想了解结果请联系村委会，有新的困难可以再次申报"
    return NEXT_WORDS[intake["state"]]


def timeline(steps: Sequence[Step], staff_names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The way so far in plain words, oldest first; `staff_names` by staff id."""
    lines = []
    for step in steps:
        text = STEP_WORDS[step["event"]].format(
            staff=staff_names.get(step.get("by", ""), "责任干部"),
            due=readable(step["due"]) if "due" in step else "",
            what=FINDING_WORDS.get(step.get("code", ""), ""),
        )
        lines.append({"at": step["at"], "event": step["event"], "text": text})
    return lines
