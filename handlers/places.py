"""Places and the report form's options."""

from typing import Any

from casework.clock import legal_date
from casework.intake.model import Position
from casework.regions.model import Region, RegionKind
from handlers.answers import FormShape, NearRegionsShape, RegionsShape
from handlers.base import Handler, Routes, described, needs

OPTION_TABLES = ("risks", "relations", "measures", "photo_kinds")


async def shape(handler: Handler, region: Region) -> dict[str, Any]:
    """A place as clients see it."""
    regions = handler.services.regions
    return {
        "id": region["_id"],
        "kind": region["kind"],
        "name": region["name"],
        "full_name": await regions.full_name(region, RegionKind.CITY),
        "code": region["code"],
        "parent": region["parent"],
        "path": [
            {"id": node["_id"], "name": node["name"], "kind": node["kind"]}
            for node in await regions.path(region)
        ],
    }


class RegionsHandler(Handler):
    """/api/regions"""

    @needs("region.read")
    @described(
        "下级地方",
        query={"parent": "上级的编号；不填为最上级", "code": "按区划代码查一个地方"},
        answers={200: RegionsShape},
    )
    async def get(self) -> None:
        """The places right below `parent`, or the one with `code`."""
        code = self.get_argument("code", "")
        parent = self.get_argument("parent", "")
        if code:
            found: list[Region] = [await self.services.regions.by_code(code)]
        else:
            above = self.id_in_path(parent) if parent else None
            found = await self.services.regions.children(above)
        # Grids are how the work is divided; people know their group.
        known = [region for region in found if region["kind"] != RegionKind.GRID]
        self.answer({"items": [await shape(self, region) for region in known]})


class NearHandler(Handler):
    """/api/regions/near"""

    @needs("region.read")
    @described("离我最近的村组", body=Position, answers={200: NearRegionsShape})
    async def post(self) -> None:
        """The nearest places to a position, which stands in the body: addresses are logged everywhere."""
        here = self.form(Position)
        found = await self.services.regions.near(here.longitude, here.latitude)
        self.answer({"items": [{**await shape(self, one), "distance_m": metres} for one, metres in found]})


class FormHandler(Handler):
    """/api/report-form"""

    @needs("region.read")
    @described("申报表的选项", query={"place": "所在村组的编号"}, answers={200: FormShape})
    async def get(self) -> None:
        """What can be ticked at a place, and the consent text that holds there today."""
        place = self.get_argument("place", "")
        areas = (await self.services.regions.get(self.id_in_path(place)))["areas"] if place else []
        today = legal_date(self.services.clock.now())
        tables = await self.services.tables.now()
        body: dict[str, object] = {
            name: [
                {"code": code, "label": row["label"], "plain": row.get("plain", row["label"])}
                for code, row in tables.table(name, areas, today).items()
            ]
            for name in OPTION_TABLES
        }
        version, row = list(tables.table("consent", areas, today).items())[-1]
        body["consent"] = {"version": version, "title": row["title"], "text": row["text"]}
        self.answer(body)


routes: Routes = [
    (r"/api/regions", RegionsHandler),
    (r"/api/regions/near", NearHandler),
    (r"/api/report-form", FormHandler),
]
