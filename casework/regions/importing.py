"""Reading the region tree from a CSV file.

Header: ``code,parent_code,kind,name,grid_code,since,former_code,longitude,latitude``. `code` is the
12-digit division code (groups and grids carry longer codes of their own), `since` the date from which it
holds; for a code that is known already it changes nothing. A row with `former_code` gives the node that
had that code a new one (and a new name); its id and its place in the tree stay. A node cannot move below
another parent: all documents below it carry its ancestors. `longitude` and `latitude` (degrees, GCJ-02)
say where its houses stand; where a row leaves them out, what is known stays.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from casework.ids import new_id
from casework.regions.model import KIND_LABELS, PARENT_KINDS, Region, RegionKind
from casework.regions.store import RegionStore

HEADER = (
    "code",
    "parent_code",
    "kind",
    "name",
    "grid_code",
    "since",
    "former_code",
    "longitude",
    "latitude",
)
REQUIRED = ("code", "kind", "name")
NAME_MOST = 40
#: From when a first code holds that comes without a date.
SINCE_ALWAYS = "1949-10-01"
_CODE = re.compile(r"[0-9A-Z]{2,24}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
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
    numbered = [
        (line, dict.fromkeys(HEADER, "") | {k: (v or "").strip() for k, v in row.items() if k})
        for line, row in enumerate(rows, 2)
    ]
    former_codes = {row["former_code"] for _, row in numbered if row["former_code"] != row["code"]}
    waiting: dict[str, tuple[int, dict[str, str]]] = {}
    refused_codes: set[str] = set()
    for line, row in numbered:
        if reason := _fault(row, waiting, former_codes):
            report.refused.append((line, reason))
            refused_codes.add(row["code"])
        else:
            waiting[row["code"]] = (line, row)
    tree = dict(known)
    for code in refused_codes - waiting.keys():
        tree.pop(code, None)
    order = list(RegionKind)
    changed: list[Region] = []
    done: set[str] = set()
    for line, row in sorted(waiting.values(), key=lambda item: order.index(_KINDS[item[1]["kind"]])):
        old, reason = _node_of(row, known)
        if old and old["_id"] in done:
            reason = f"former_code「{row['former_code']}」在文件中重复"
        region, reason = (None, reason) if reason else _build(row, old, tree)
        if region is None:
            report.refused.append((line, reason))
            tree.pop(row["code"], None)
            continue
        if old:
            tree.pop(old["code"], None)
        tree[region["code"]] = region
        done.add(region["_id"])
        if region == old:
            report.unchanged += 1
        else:
            changed.append(region)
            report.accepted += 1
    report.refused.sort()
    return changed, report


def _fault(row: Mapping[str, str], seen: Container[str], former_codes: Container[str]) -> str:
    """Why a row cannot stand by itself, or in its file; empty when it can."""
    for name in REQUIRED:
        if not row[name]:
            return f"缺少 {name}"
    if row["kind"] not in _KINDS:
        return f"kind「{row['kind']}」不认识，应为 {'、'.join(kind.value for kind in RegionKind)}"
    if not _CODE.fullmatch(row["code"]):
        return f"code「{row['code']}」应为 2 到 24 位数字或大写字母"
    if row["code"] in seen:
        return f"code「{row['code']}」在文件中重复"
    if row["code"] in former_codes:
        return f"code「{row['code']}」在文件中另有一行要更换，请分两次导入"
    if len(row["name"]) > NAME_MOST:
        return f"name 超过 {NAME_MOST} 个字"
    if row["since"] and not _DATE.fullmatch(row["since"]):
        return f"since「{row['since']}」应为 YYYY-MM-DD"
    if row["since"]:
        try:
            date.fromisoformat(row["since"])
        except ValueError:
            return f"since「{row['since']}」不是有效的日期"
    return _centre_fault(row["longitude"], row["latitude"])


def _centre_fault(longitude: str, latitude: str) -> str:
    if not longitude and not latitude:
        return ""
    try:
        east, north = float(longitude), float(latitude)
    except ValueError:
        return "longitude 和 latitude 应同时填写，以度为单位，例如 113.01、25.80"
    # Swapped columns are the mistake that happens, and China lies within these.
    if not (73 <= east <= 136 and 3 <= north <= 54):
        return f"longitude「{longitude}」latitude「{latitude}」不在中国境内，请检查是否填反"
    return ""


def _node_of(row: Mapping[str, str], known: Mapping[str, Region]) -> tuple[Region | None, str]:
    """The node that a row is about (None: a new one), and why it cannot be, or an empty text."""
    there, former = known.get(row["code"]), row["former_code"]
    if not former or former == row["code"]:
        return there, ""
    old = known.get(former)
    if there is None:
        return (old, "") if old else (None, f"原代码 former_code「{former}」不存在")
    if former in [dated["code"] for dated in there["codes"]]:
        # The file was imported before.
        return there, ""
    return None, f"code「{row['code']}」已是另一个地方的代码"


def _build(
    row: Mapping[str, str], old: Region | None, tree: Mapping[str, Region]
) -> tuple[Region | None, str]:
    """The region of a row, or None and the reason; `tree` holds by code what may stand above it."""
    kind = _KINDS[row["kind"]]
    parent = tree.get(row["parent_code"])
    if PARENT_KINDS[kind]:
        if parent is None:
            return None, f"上级 parent_code「{row['parent_code']}」不存在或未通过"
        if RegionKind(parent["kind"]) not in PARENT_KINDS[kind]:
            return None, f"{KIND_LABELS[kind]}不能直接放在{KIND_LABELS[RegionKind(parent['kind'])]}下"
    elif row["parent_code"]:
        return None, f"{KIND_LABELS[kind]}不能有上级"
    grid = None
    if row["grid_code"]:
        grid = tree.get(row["grid_code"])
        if kind is not RegionKind.GROUP:
            return None, "只有村民小组可以填写 grid_code"
        if (
            grid is None
            or parent is None
            or grid["kind"] != RegionKind.GRID
            or grid["parent"] != parent["_id"]
        ):
            return None, f"网格 grid_code「{row['grid_code']}」不在本村"
    if old and (old["kind"] != kind or old["parent"] != (parent["_id"] if parent else None)):
        return None, "这个地方已在区划中，级别或上级不同；不能移动，请用新代码另建"
    codes = list(old["codes"]) if old else []
    if codes and codes[-1]["code"] != row["code"] and not row["since"] > codes[-1]["since"]:
        return None, f"更换代码须填写 since，且晚于 {codes[-1]['since']}"
    if not codes or codes[-1]["code"] != row["code"]:
        codes.append({"code": row["code"], "since": row["since"] or SINCE_ALWAYS})
    id_ = old["_id"] if old else new_id()
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
    if row["longitude"]:
        place = [float(row["longitude"]), float(row["latitude"])]
        region["centre"] = {"type": "Point", "coordinates": place}
    elif old and "centre" in old:
        region["centre"] = old["centre"]
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
