"""Reading the region tree from a CSV file.

Header: ``code,parent_code,kind,name,grid_code,since,former_code``. `code` is the 12-digit division
code (groups and grids carry longer codes of their own), `since` the date from which it holds. A row
with `former_code` renames or recodes the node that had that code; its id stays.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from casework.ids import new_id
from casework.regions.model import KIND_LABELS, PARENT_KINDS, Region, RegionKind
from casework.regions.store import RegionStore

HEADER = ("code", "parent_code", "kind", "name", "grid_code", "since", "former_code")
REQUIRED = ("code", "kind", "name")
NAME_MOST = 40
_CODE = re.compile(r"[0-9A-Z]{2,24}")
_KINDS = {kind.value: kind for kind in RegionKind} | {label: kind for kind, label in KIND_LABELS.items()}


@dataclass
class ImportReport:
    """What became of a file: how many rows went in, and each refused row with its reason."""

    accepted: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    """(line in the file, reason in Chinese)."""


def read_rows(
    rows: Sequence[Mapping[str, str]], known: Mapping[str, Region]
) -> tuple[list[Region], ImportReport]:
    """Turn CSV rows into regions to save.

    `known` holds the present tree by code. Rows may come in any order. A row that is refused takes
    the rows below it along, each named with its reason.
    """
    report = ImportReport()
    by_code: dict[str, Region] = {code: region for code, region in known.items()}
    seen: set[str] = set()
    changed: dict[str, Region] = {}
    pending = [
        (line, {k: (v or "").strip() for k, v in row.items() if k}) for line, row in enumerate(rows, 2)
    ]
    waiting: list[tuple[int, dict[str, str]]] = []
    for line, row in pending:
        if reason := _fault(row, seen):
            report.refused.append((line, reason))
        else:
            seen.add(row["code"])
            waiting.append((line, row))
    order = {kind: index for index, kind in enumerate(RegionKind)}
    waiting.sort(key=lambda item: order[_KINDS[item[1]["kind"]]])
    for line, row in waiting:
        region, reason = _build(row, by_code)
        if region is None:
            report.refused.append((line, reason))
            continue
        if former := row.get("former_code"):
            by_code.pop(former, None)
        if by_code.get(region["code"]) == region:
            report.unchanged += 1
            continue
        by_code[region["code"]] = region
        changed[region["_id"]] = region
        report.accepted += 1
    report.refused.sort()
    return list(changed.values()), report


def _fault(row: Mapping[str, str], seen: set[str]) -> str:
    for name in REQUIRED:
        if not row.get(name):
            return f"缺少 {name}"
    if row["kind"] not in _KINDS:
        return f"kind「{row['kind']}」不认识，应为 {'、'.join(kind.value for kind in RegionKind)}"
    if not _CODE.fullmatch(row["code"]):
        return f"code「{row['code']}」应为 2 到 24 位数字或大写字母"
    if row["code"] in seen:
        return f"code「{row['code']}」在文件中重复"
    if len(row["name"]) > NAME_MOST:
        return f"name 超过 {NAME_MOST} 个字"
    if row.get("since"):
        try:
            date.fromisoformat(row["since"])
        except ValueError:
            return f"since「{row['since']}」应为 YYYY-MM-DD"
    return ""


def _build(row: Mapping[str, str], by_code: Mapping[str, Region]) -> tuple[Region | None, str]:
    kind = _KINDS[row["kind"]]
    parent = by_code.get(row.get("parent_code", ""))
    if PARENT_KINDS[kind]:
        if parent is None:
            return None, f"上级 parent_code「{row.get('parent_code', '')}」不存在或未通过"
        if RegionKind(parent["kind"]) not in PARENT_KINDS[kind]:
            return None, f"{KIND_LABELS[kind]}不能直接放在{KIND_LABELS[RegionKind(parent['kind'])]}下"
    elif row.get("parent_code"):
        return None, f"{KIND_LABELS[kind]}不能有上级"
    grid = None
    if row.get("grid_code"):
        grid = by_code.get(row["grid_code"])
        if kind is not RegionKind.GROUP:
            return None, "只有村民小组可以填写 grid_code"
        if grid is None or parent is None or grid["parent"] != parent["_id"]:
            return None, f"网格 grid_code「{row['grid_code']}」不在本村"
    former = row.get("former_code")
    old = by_code.get(former) if former else by_code.get(row["code"])
    if former and old is None:
        return None, f"原代码 former_code「{former}」不存在"
    if old and (old["kind"] != kind or old["parent"] != (parent["_id"] if parent else None)):
        return None, "已有同代码的地方，级别或上级不同；撤并请用新代码和 former_code"
    id_ = old["_id"] if old else new_id()
    codes = list(old["codes"]) if old else []
    if not codes or codes[-1]["code"] != row["code"]:
        codes.append({"code": row["code"], "since": row.get("since") or "1949-10-01"})
    region: Region = {
        "_id": id_,
        "kind": kind.value,
        "name": row["name"],
        "parent": parent["_id"] if parent else None,
        "grid": grid["_id"] if grid else None,
        "code": row["code"],
        "codes": codes,
        "areas": [*(parent["areas"] if parent else []), *([grid["_id"]] if grid else []), id_],
        "version": old["version"] if old else 1,
        "schema": 1,
    }
    if old and region != old:
        region["version"] = old["version"] + 1
    return region, ""


async def import_regions(store: RegionStore, rows: Sequence[Mapping[str, str]]) -> ImportReport:
    """Check `rows` against the tree in `store` and save what is right."""
    names = {
        row.get(key) or "" for row in rows for key in ("code", "parent_code", "grid_code", "former_code")
    }
    known = await store.by_codes([name.strip() for name in names])
    regions, report = read_rows(rows, known)
    await store.save(regions)
    return report
