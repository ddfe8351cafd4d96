"""Looking places up, and reading the tree from a file."""

from casework.clock import Clock
from casework.problems import InvalidForm, NotFound
from casework.recent import Recent
from casework.regions.model import Point, Region, RegionKind
from casework.regions.store import RegionStore

CACHE_SECONDS = 60.0
CACHE_MOST = 100_000
NEAR_METRES = 20_000.0
NEAR_MOST = 5


class Regions:
    """Places by id, kept in memory for a minute: every request needs them and they hardly change."""

    def __init__(self, store: RegionStore, clock: Clock) -> None:
        self._store = store
        self._by_id: Recent[str, Region] = Recent(clock, CACHE_SECONDS, CACHE_MOST)
        self._names: Recent[tuple[str, RegionKind], str] = Recent(clock, CACHE_SECONDS, CACHE_MOST)

    async def get(self, id_: str) -> Region:
        """One region; raises `NotFound`."""
        if held := self._by_id.get(id_):
            return held[0]
        region = await self._store.get(id_)
        if region is None:
            raise NotFound("没有找到这个地方，请重新选择所在村组。")
        return self._by_id.keep(id_, region)

    async def place(self, id_: str) -> Region:
        """The region as the place of a report: a village or a group; raises `InvalidForm`."""
        try:
            region = await self.get(id_)
        except NotFound:
            region = None
        if region is None or region["kind"] not in (RegionKind.VILLAGE, RegionKind.GROUP):
            message = "请选择到村或村民小组"
            raise InvalidForm(errors=[{"field": "place", "message": message}])
        return region

    async def children(self, parent: str | None) -> list[Region]:
        """The nodes right below `parent`; None gives the roots."""
        return await self._store.children(parent)

    async def near(self, longitude: float, latitude: float) -> list[tuple[Region, int]]:
        """The nearest villages and groups (at most 5, within 20 km), each with its distance in metres."""
        kinds = (RegionKind.VILLAGE.value, RegionKind.GROUP.value)
        found = await self._store.near(longitude, latitude, kinds, NEAR_METRES, NEAR_MOST)
        return [(region, round(metres)) for region, metres in found]

    async def path(self, region: Region, since: RegionKind = RegionKind.COUNTY) -> list[Region]:
        """The nodes from the level `since` down to `region` itself, without grids: people know their
        group."""
        order = list(RegionKind)
        return [
            node
            for node in [await self.get(id_) for id_ in region["areas"]]
            if node["kind"] != RegionKind.GRID and order.index(RegionKind(node["kind"])) >= order.index(since)
        ]

    async def centre(self, id_: str) -> Point | None:
        """About where the houses of a place stand; of its village, where nobody has said so of a group."""
        nodes = await self.path(await self.get(id_), RegionKind.VILLAGE)
        return next((node["centre"] for node in reversed(nodes) if "centre" in node), None)

    async def find_by_code(self, code: str) -> Region | None:
        """The region with this division code now, if there is one."""
        return (await self._store.by_codes([code])).get(code)

    async def by_code(self, code: str) -> Region:
        """Like `find_by_code`; raises `NotFound`."""
        found = await self.find_by_code(code)
        if found is None:
            raise NotFound
        return found

    async def full_name(self, region: Region, since: RegionKind = RegionKind.TOWNSHIP) -> str:
        """The place's name from the level `since` down, for example ``白石乡 枫木村 三组``."""
        wanted = (region["_id"], since)
        if held := self._names.get(wanted):
            return held[0]
        name = " ".join([node["name"] for node in await self.path(region, since)])
        return self._names.keep(wanted, name)
