"""Reading operators' CSV files."""

import asyncio
import csv
import io
from pathlib import Path

from casework.audit.service import entry
from casework.ids import new_id
from casework.regions.importing import HEADER as REGION_HEADER
from casework.regions.importing import REQUIRED as REGION_REQUIRED
from casework.regions.importing import import_regions
from casework.staff.importing import HEADER as STAFF_HEADER
from casework.staff.importing import REQUIRED as STAFF_REQUIRED
from casework.staff.importing import import_staff
from server import CannotRun
from server.parts import Parts, parts_for
from server.settings import Settings

FORMATS = {"regions": (REGION_HEADER, REGION_REQUIRED), "staff": (STAFF_HEADER, STAFF_REQUIRED)}


def read_csv(data: bytes, kind: str) -> list[dict[str, str]]:
    """The rows of a CSV file in UTF-8 or, as spreadsheets in China save it, GB 18030.

    Raises `CannotRun` when the file cannot be read or its header lacks a required column.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise CannotRun("文件不是 UTF-8 或 GBK 编码的 CSV，请另存为 CSV 后再导入。") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    header, required = FORMATS[kind]
    present = [name.strip() for name in reader.fieldnames or []]
    if missing := [name for name in required if name not in present]:
        raise CannotRun(f"表头缺少 {'、'.join(missing)}。表头应为：{','.join(header)}")
    reader.fieldnames = present
    return [{k: v or "" for k, v in row.items() if isinstance(k, str)} for row in reader]


async def import_rows(parts: Parts, kind: str, rows: list[dict[str, str]]) -> str:
    """Import rows and say what became of them, each refused row with its reason."""
    if kind == "regions":
        regions = await import_regions(parts.stores.regions, rows)
        accepted, refused = regions.accepted, regions.refused
        head = f"区划：导入 {accepted} 行，未变 {regions.unchanged} 行，拒绝 {len(refused)} 行。"
    else:
        staff = await import_staff(parts.stores.staff, parts.stores.regions, parts.cipher, rows)
        accepted, refused = staff.accepted, staff.refused
        head = f"工作人员：导入 {accepted} 行，{staff.people} 人，拒绝 {len(refused)} 行。"
    counts = {"accepted": accepted, "refused": len(refused)}
    made = entry(parts.clock, "operator", f"{kind}.import", f"import:{new_id()}", [], **counts)
    await parts.unit.run(lambda tx: parts.stores.audit.add(tx, [made]))
    return "\n".join([head, *(f"  第 {line} 行：{reason}" for line, reason in refused)])


async def import_file(settings: Settings, kind: str, path: Path) -> str:
    """Import a file of ``regions`` or ``staff``."""
    rows = read_csv(await asyncio.to_thread(path.read_bytes), kind)
    async with parts_for(settings) as parts:
        return await import_rows(parts, kind, rows)
