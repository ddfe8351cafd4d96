"""Reading staff from a CSV file.

Header: ``staff_no,name,phone,unit,role,area_code,active``, one row a grant: a person with two grants
has two rows. The file is the whole truth for every number that it names: grants that are not in it
end. `unit` is a unit's name (made when new), `area_code` a division code in the region tree. Telephone
and unit are those of a person's first row; a person is inactive when any of their rows says so.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from casework.access import Role
from casework.fields import FieldCipher
from casework.identity import normal_phone
from casework.ids import new_id
from casework.regions.model import Region
from casework.regions.store import RegionStore
from casework.staff.model import Staff, Unit
from casework.staff.store import StaffStore

HEADER = ("staff_no", "name", "phone", "unit", "role", "area_code", "active")
REQUIRED = ("staff_no", "name", "role", "area_code")
_STAFF_NO = re.compile(r"[0-9A-Za-z-]{2,20}")
ROLES = {role.value: role for role in Role if role is not Role.VILLAGER} | {
    "网格员": Role.GRID_WORKER,
    "村干部": Role.VILLAGE_CADRE,
    "帮扶责任人": Role.HELPER,
    "村支书": Role.VILLAGE_HEAD,
    "乡镇审核": Role.TOWNSHIP_REVIEWER,
    "县级审批": Role.COUNTY_APPROVER,
    "督查": Role.SUPERVISOR,
    "公众号管理员": Role.ACCOUNT_ADMIN,
}
YES = frozenset({"", "1", "yes", "true", "是"})
NO = frozenset({"0", "no", "false", "否"})


@dataclass
class StaffReport:
    """How many rows and people went in, and each refused row with its reason."""

    accepted: int = 0
    people: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def read_rows(
    rows: Sequence[Mapping[str, str]], regions: Mapping[str, Region], names: Mapping[str, str]
) -> tuple[dict[str, list[dict[str, str]]], StaffReport]:
    """The good rows by staff number, and the report.

    `regions` holds the known regions by code. One number stands for one person: a row whose name
    differs from the first row's, or from `names` (number → name on record), is refused. A refused row
    takes the other rows of its number along, because grants that are not in the file end.
    """
    report = StaffReport()
    lines: dict[str, list[int]] = {}
    spoilt: set[str] = set()
    people: dict[str, list[dict[str, str]]] = {}
    for line, raw in enumerate(rows, 2):
        row = dict.fromkeys(HEADER, "") | {k: (v or "").strip() for k, v in raw.items() if k}
        if reason := _fault(row, regions):
            report.refused.append((line, reason))
            spoilt.add(row["staff_no"])
            continue
        held = people.get(row["staff_no"])
        known = held[0]["name"] if held else names.get(row["staff_no"])
        if known and known != row["name"]:
            report.refused.append((line, f"工号「{row['staff_no']}」已属于另一个人，请核对"))
            spoilt.add(row["staff_no"])
            continue
        people.setdefault(row["staff_no"], []).append(row)
        lines.setdefault(row["staff_no"], []).append(line)
    for staff_no in spoilt & people.keys():
        del people[staff_no]
        reason = f"工号「{staff_no}」有别的行被拒绝，此人未导入"
        report.refused += [(line, reason) for line in lines[staff_no]]
    report.refused.sort()
    report.accepted = sum(map(len, people.values()))
    report.people = len(people)
    return people, report


def _fault(row: Mapping[str, str], regions: Mapping[str, Region]) -> str:
    for name in REQUIRED:
        if not row[name]:
            return f"缺少 {name}"
    if not _STAFF_NO.fullmatch(row["staff_no"]):
        return "staff_no 应为 2 到 20 位字母、数字或短横线"
    if len(row["name"]) > 20:
        return "name 超过 20 个字"
    if row["role"] not in ROLES:
        return (
            f"role「{row['role']}」不认识，应为 {'、'.join(r.value for r in Role if r is not Role.VILLAGER)}"
        )
    if row["phone"]:
        try:
            normal_phone(row["phone"])
        except ValueError:
            return "phone 应为 11 位手机号"
    if row["active"].lower() not in YES | NO:
        return f"active「{row['active']}」不认识，应为 1 或 0"
    if row["area_code"] not in regions:
        return f"area_code「{row['area_code']}」不在区划中，请先导入区划"
    return ""


def build(
    rows: Sequence[Mapping[str, str]],
    old: Staff | None,
    unit: str | None,
    regions: Mapping[str, Region],
    cipher: FieldCipher,
) -> Staff:
    """The member of staff that the good `rows` of one number describe.

    `old` is who has the number on record: they keep their id and their bound phone. `unit` is a unit's
    id, `regions` holds the known regions by code.
    """
    first = rows[0]
    id_ = old["_id"] if old else new_id()
    phone = normal_phone(first["phone"]) if first["phone"] else None
    grants = dict.fromkeys((ROLES[row["role"]].value, regions[row["area_code"]]["_id"]) for row in rows)
    staff: Staff = {
        "_id": id_,
        "staff_no": first["staff_no"],
        "name": first["name"],
        "phone": cipher.seal(phone, "staff", id_, "phone") if phone else None,
        "unit": unit,
        "grants": [{"role": role, "node": node} for role, node in grants],
        "active": all(row["active"].lower() in YES for row in rows),
        "version": old["version"] + 1 if old else 1,
        "schema": 1,
    }
    if old and "person_id" in old:
        staff["person_id"] = old["person_id"]
    return staff


async def import_staff(
    store: StaffStore, regions: RegionStore, cipher: FieldCipher, rows: Sequence[Mapping[str, str]]
) -> StaffReport:
    """Check `rows` against what is on record and save what is right."""
    nodes = await regions.by_codes(list({(row.get("area_code") or "").strip() for row in rows}))
    known = await store.by_no(list({(row.get("staff_no") or "").strip() for row in rows}))
    people, report = read_rows(rows, nodes, {no: s["name"] for no, s in known.items()})
    wanted = list({group[0]["unit"] for group in people.values() if group[0]["unit"]})
    units = await store.units_by_name(wanted)
    made: list[Unit] = [
        {"_id": new_id(), "name": name, "parent": None, "version": 1, "schema": 1}
        for name in wanted
        if name not in units
    ]
    await store.save_units(made)
    units |= {unit["name"]: unit for unit in made}
    unit_ids = {name: unit["_id"] for name, unit in units.items()}
    await store.save(
        [
            build(group, known.get(staff_no), unit_ids.get(group[0]["unit"]), nodes, cipher)
            for staff_no, group in people.items()
        ]
    )
    return report
