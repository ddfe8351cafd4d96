"""Reading staff from a CSV file.

Header: ``staff_no,name,phone,unit,role,area_code,active``, one row a grant: a person with two grants
has two rows. The file is the whole truth for every number that it names: grants that are not in it
end. `unit` is a unit's name (made when new), `area_code` a division code in the region tree.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from casework.access import Role
from casework.fields import FieldCipher
from casework.ids import new_id
from casework.regions.model import Region
from casework.regions.store import RegionStore
from casework.staff.model import Staff, Unit
from casework.staff.store import StaffStore

HEADER = ("staff_no", "name", "phone", "unit", "role", "area_code", "active")
REQUIRED = ("staff_no", "name", "role", "area_code")
_PHONE = re.compile(r"1[3-9]\d{9}")
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
    differs from the first row's, or from `names` (number → name on record), is refused.
    """
    report = StaffReport()
    people: dict[str, list[dict[str, str]]] = {}
    for line, raw in enumerate(rows, 2):
        row = {k: (v or "").strip() for k, v in raw.items() if k}
        if reason := _fault(row, regions):
            report.refused.append((line, reason))
            continue
        known = (
            people[row["staff_no"]][0]["name"] if row["staff_no"] in people else names.get(row["staff_no"])
        )
        if known and known != row["name"]:
            report.refused.append((line, f"工号「{row['staff_no']}」已属于另一个人，请核对"))
            continue
        people.setdefault(row["staff_no"], []).append(row)
        report.accepted += 1
    report.people = len(people)
    return people, report


def _fault(row: Mapping[str, str], regions: Mapping[str, Region]) -> str:
    for name in REQUIRED:
        if not row.get(name):
            return f"缺少 {name}"
    if not _STAFF_NO.fullmatch(row["staff_no"]):
        return "staff_no 应为 2 到 20 位字母、数字或短横线"
    if len(row["name"]) > 20:
        return "name 超过 20 个字"
    if row["role"] not in ROLES:
        return (
            f"role「{row['role']}」不认识，应为 {'、'.join(r.value for r in Role if r is not Role.VILLAGER)}"
        )
    if row.get("phone") and not _PHONE.fullmatch(row["phone"]):
        return "phone 应为 11 位手机号"
    if row["area_code"] not in regions:
        return f"area_code「{row['area_code']}」不在区划中，请先导入区划"
    return ""


async def import_staff(
    store: StaffStore, regions: RegionStore, cipher: FieldCipher, rows: Sequence[Mapping[str, str]]
) -> StaffReport:
    """Check `rows` and save what is right; people keep their id and their bound phone."""
    nodes = await regions.by_codes(list({(row.get("area_code") or "").strip() for row in rows}))
    known = await store.by_no(list({(row.get("staff_no") or "").strip() for row in rows}))
    people, report = read_rows(rows, nodes, {no: s["name"] for no, s in known.items()})
    wanted = list({row["unit"] for group in people.values() for row in group if row.get("unit")})
    units = await store.units_by_name(wanted)
    made: list[Unit] = [
        {"_id": new_id(), "name": name, "parent": None, "version": 1, "schema": 1}
        for name in wanted
        if name not in units
    ]
    await store.save_units(made)
    units |= {unit["name"]: unit for unit in made}
    staff: list[Staff] = []
    for staff_no, group in people.items():
        old = known.get(staff_no)
        id_ = old["_id"] if old else new_id()
        phone, unit = group[0].get("phone"), group[0].get("unit")
        active = group[0].get("active", "").lower() not in NO
        person: Staff = {"person_id": old["person_id"]} if old and "person_id" in old else {}  # type: ignore[typeddict-item]
        staff.append(
            {
                **person,
                "_id": id_,
                "staff_no": staff_no,
                "name": group[0]["name"],
                "phone": cipher.seal(phone, "staff", id_, "phone") if phone else None,
                "unit": units[unit]["_id"] if unit else None,
                "grants": [
                    {"role": ROLES[row["role"]].value, "node": nodes[row["area_code"]]["_id"]}
                    for row in group
                ],
                "active": active,
                "version": old["version"] + 1 if old else 1,
                "schema": 1,
            }
        )
    await store.save(staff)
    return report
