"""Staff from a file: one row a grant, one number a person."""

from typing import Any

import pytest

from casework.access import Role
from casework.fields import FieldCipher
from casework.staff.importing import ROLES, StaffReport, build, read_rows
from casework.staff.model import Staff
from tests.unit.examples import GRID, PLACES, VILLAGE, staff

CIPHER = FieldCipher({"k1": b"1" * 32})
Row = dict[str, str]


def row(staff_no: str = "CS0001", **changes: str) -> Row:
    return {
        "staff_no": staff_no,
        "name": "测试甲",
        "phone": "13800000001",
        "unit": "测试村村委会",
        "role": "grid_worker",
        "area_code": "GRID",
        "active": "1",
        **changes,
    }


def read(*rows: Row, names: dict[str, str] | None = None) -> tuple[dict[str, list[Row]], StaffReport]:
    people, report = read_rows(rows, PLACES, names or {})
    assert report.accepted + len(report.refused) == len(rows)
    assert report.people == len(people)
    return people, report


def built(*rows: Row, old: Staff | None = None, unit: str | None = None) -> Staff:
    people, report = read(*rows)
    assert report.refused == []
    (group,) = people.values()
    return build(group, old, unit, PLACES, CIPHER)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"staff_no": ""}, "缺少 staff_no"),
        ({"name": " "}, "缺少 name"),
        ({"role": ""}, "缺少 role"),
        ({"area_code": ""}, "缺少 area_code"),
        ({"staff_no": "1"}, "staff_no 应为 2 到 20 位"),
        ({"staff_no": "工号一"}, "staff_no 应为 2 到 20 位"),
        ({"staff_no": "A" * 21}, "staff_no 应为 2 到 20 位"),
        ({"name": "长" * 21}, "name 超过 20 个字"),
        ({"role": "king"}, "role「king」不认识"),
        ({"role": "villager"}, "role「villager」不认识"),
        ({"phone": "1234"}, "phone 应为 11 位手机号"),
        ({"active": "离职"}, "active「离职」不认识"),
        ({"area_code": "999"}, "area_code「999」不在区划中"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line_and_reason(changes: Row, reason: str) -> None:
    people, report = read(row("CS0002"), row(**changes))
    ((line, told),) = report.refused
    assert line == 3
    assert reason in told
    assert list(people) == ["CS0002"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.VILLAGER])
def test_every_role_of_staff_can_be_given_in_english_and_in_chinese(role: Role) -> None:
    for name in [name for name, value in ROLES.items() if value is role]:
        assert built(row(role=name))["grants"] == [{"role": role.value, "node": GRID["_id"]}]
    assert list(ROLES.values()).count(role) == 2


def test_one_number_is_one_person_in_the_file() -> None:
    people, report = read(row(), row(name="测试乙", role="village_cadre"), row("CS0002", name="测试乙"))
    assert report.refused == [
        (2, "工号「CS0001」有别的行被拒绝，此人未导入"),
        (3, "工号「CS0001」已属于另一个人，请核对"),
    ]
    assert list(people) == ["CS0002"]


def test_a_refused_row_takes_its_persons_other_rows_along() -> None:
    """Otherwise the grant in the refused row would end without anybody having said so."""
    people, report = read(row(), row(area_code="NOWHERE"), row("CS0002"))
    assert [line for line, _ in report.refused] == [2, 3]
    assert (list(people), report.accepted, report.people) == (["CS0002"], 1, 1)


def test_one_number_is_one_person_on_record() -> None:
    people, report = read(row(), row("CS0002"), names={"CS0001": "测试乙", "CS0002": "测试甲"})
    assert report.refused == [(2, "工号「CS0001」已属于另一个人，请核对")]
    assert list(people) == ["CS0002"]


def test_several_rows_are_several_grants_each_once() -> None:
    made = built(row(), row(role="village_cadre", area_code="VILLAGE"), row())
    assert made["grants"] == [
        {"role": "grid_worker", "node": GRID["_id"]},
        {"role": "village_cadre", "node": VILLAGE["_id"]},
    ]


def test_somebody_new() -> None:
    made = built(row(phone="+86 138-0000-0001"), unit="unit-1")
    assert (made["staff_no"], made["name"], made["unit"]) == ("CS0001", "测试甲", "unit-1")
    assert (made["version"], made["active"]) == (1, True)
    assert "person_id" not in made
    assert made["phone"] is not None
    assert CIPHER.open(made["phone"], "staff", made["_id"], "phone") == "13800000001"


def test_somebody_on_record_keeps_id_and_bound_phone_and_loses_grants_that_the_file_lacks() -> None:
    old = staff("s1", (Role.VILLAGE_HEAD, VILLAGE), staff_no="CS0001", person_id="p1", version=4)
    made = built(row(), old=old)
    assert (made["_id"], made["person_id"], made["version"]) == ("s1", "p1", 5)
    assert made["grants"] == [{"role": "grid_worker", "node": GRID["_id"]}]


@pytest.mark.parametrize(
    ("given", "active"),
    [
        ([""], True),
        (["1"], True),
        (["YES"], True),
        (["是"], True),
        (["0"], False),
        (["No"], False),
        (["否"], False),
        (["1", "0"], False),
        (["0", ""], False),
    ],
)
def test_whoever_is_inactive_in_any_row_is_inactive(given: list[str], active: bool) -> None:
    assert built(*[row(active=value) for value in given])["active"] is active


def test_columns_that_are_not_required_may_be_missing() -> None:
    wanted: dict[str, Any] = {k: v for k, v in row().items() if k not in ("phone", "unit", "active")}
    made = built(wanted)
    assert (made["phone"], made["unit"], made["active"]) == (None, None, True)
