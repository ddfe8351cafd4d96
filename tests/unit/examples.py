"""Invented places and people that several of these tests use."""

from datetime import UTC, datetime
from typing import Any

from casework.access import Role
from casework.clock import CHINA
from casework.regions.model import Region, RegionKind
from casework.staff.model import Staff
from casework.tables.defaults import rows as default_rows
from casework.tables.service import Snapshot

#: Friday, 4 September 2026, 10:00 in China; ten ordinary working days follow.
NOW = datetime(2026, 9, 4, 2, 0, tzinfo=UTC)
TABLES = Snapshot(list(default_rows()))


def china(text: str) -> datetime:
    """An instant given as China reads it, for example ``2026-10-01 08:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)


def region(
    id_: str, kind: RegionKind, parent: Region | None = None, grid: Region | None = None, **changes: Any
) -> Region:
    """A place whose code is its id in capitals."""
    code = id_.upper()
    above = [*(parent["areas"] if parent else []), *([grid["_id"]] if grid else [])]
    made: Region = {
        "_id": id_,
        "kind": kind.value,
        "name": f"测试{id_}",
        "parent": parent["_id"] if parent else None,
        "grid": grid["_id"] if grid else None,
        "code": code,
        "codes": [{"code": code, "since": "2021-01-01"}],
        "areas": [*above, id_],
        "version": 1,
        "schema": 1,
    }
    return {**made, **changes}  # type: ignore[typeddict-item]


PROVINCE = region("province", RegionKind.PROVINCE)
CITY = region("city", RegionKind.CITY, PROVINCE)
COUNTY = region("county", RegionKind.COUNTY, CITY)
TOWNSHIP = region("township", RegionKind.TOWNSHIP, COUNTY)
VILLAGE = region("village", RegionKind.VILLAGE, TOWNSHIP)
GRID = region("grid", RegionKind.GRID, VILLAGE)
OTHER_GRID = region("grid2", RegionKind.GRID, VILLAGE)
GROUP = region("group", RegionKind.GROUP, VILLAGE, GRID)
PLACES = {
    place["code"]: place for place in (PROVINCE, CITY, COUNTY, TOWNSHIP, VILLAGE, GRID, OTHER_GRID, GROUP)
}


def staff(id_: str, *grants: tuple[Role, Region], **changes: Any) -> Staff:
    """A member of staff with these roles at these places."""
    made: Staff = {
        "_id": id_,
        "staff_no": id_.upper(),
        "name": "测试甲",
        "phone": None,
        "unit": None,
        "grants": [{"role": role.value, "node": place["_id"]} for role, place in grants],
        "active": True,
        "version": 1,
        "schema": 1,
    }
    return {**made, **changes}  # type: ignore[typeddict-item]
