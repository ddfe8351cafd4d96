"""The region tree: province, city, county, township, village, and inside a village its parts."""

from enum import StrEnum
from typing import Literal, NotRequired, TypedDict


class RegionKind(StrEnum):
    """Levels of the tree. Grids and groups both stand under a village; a grid covers some groups."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"
    GRID = "grid"
    GROUP = "group"


#: What may stand below what. A development zone is a township-level node with a code of its own.
PARENT_KINDS: dict[RegionKind, frozenset[RegionKind]] = {
    RegionKind.PROVINCE: frozenset(),
    RegionKind.CITY: frozenset({RegionKind.PROVINCE}),
    RegionKind.COUNTY: frozenset({RegionKind.CITY}),
    RegionKind.TOWNSHIP: frozenset({RegionKind.COUNTY}),
    RegionKind.VILLAGE: frozenset({RegionKind.TOWNSHIP}),
    RegionKind.GRID: frozenset({RegionKind.VILLAGE}),
    RegionKind.GROUP: frozenset({RegionKind.VILLAGE}),
}

KIND_LABELS = {
    RegionKind.PROVINCE: "省",
    RegionKind.CITY: "市",
    RegionKind.COUNTY: "县",
    RegionKind.TOWNSHIP: "乡镇",
    RegionKind.VILLAGE: "村",
    RegionKind.GRID: "网格",
    RegionKind.GROUP: "村民小组",
}


class DatedCode(TypedDict):
    """A division code and the legal date (YYYY-MM-DD) from which it holds; codes change."""

    code: str
    since: str


class Point(TypedDict):
    """A GeoJSON point; `coordinates` are longitude and latitude in degrees (GCJ-02, as WeChat gives them)."""

    type: Literal["Point"]
    coordinates: list[float]


class Region(TypedDict):
    """A node. `_id` never changes; `code` is the present division code; `centre` is about where its houses
    stand, if somebody has said so.

    `areas` holds the ids of all nodes that contain this one, itself last, and for a group its grid
    too: every document copies it, so that one index serves each level.
    """

    _id: str
    kind: str
    name: str
    parent: str | None
    grid: NotRequired[str | None]
    code: str
    codes: list[DatedCode]
    areas: list[str]
    centre: NotRequired[Point]
    version: int
    schema: int
