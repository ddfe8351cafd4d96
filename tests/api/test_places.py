"""Places to choose from, and what can be ticked there."""

import uuid
from typing import Any

import pytest

from casework.tables import defaults
from server.clock import SharedClock
from server.parts import Parts
from tests.support import Phones, database, place_of


async def test_places_are_found_from_the_top_down(phones: Phones, parts: Parts) -> None:
    villager = await phones.sign_in("villager_1")
    [province] = (await villager.get("/api/regions")).body["items"]
    assert (province["name"], province["kind"], province["parent"]) == ("湖南省", "province", None)
    [city] = (await villager.get(f"/api/regions?parent={province['id']}")).body["items"]
    counties = (await villager.get(f"/api/regions?parent={city['id']}")).body["items"]
    assert [c["name"] for c in counties] == ["桂阳县", "安仁县"]
    village = await place_of(parts, "431021101201")
    groups = (await villager.get(f"/api/regions?parent={village.upper()}")).body["items"]
    assert [g["name"] for g in groups] == ["一组", "二组", "三组", "四组"], "grids are not shown"
    assert groups[0]["full_name"] == "郴州市 桂阳县 白石乡 枫木村 一组"
    assert [p["name"] for p in groups[0]["path"]] == ["桂阳县", "白石乡", "枫木村", "一组"]
    assert groups[0]["path"][-1]["id"] == groups[0]["id"]
    assert province["path"] == []
    assert (await villager.get(f"/api/regions?parent={groups[0]['id']}")).body["items"] == []
    [found] = (await villager.get("/api/regions?code=431021101201001")).body["items"]
    assert found == groups[0]
    for query in ("parent=1", "code=1", "code=%7B%22$gt%22:%22%22%7D"):
        assert (await villager.get(f"/api/regions?{query}")).problem == (404, "not_found"), query
    unknown = await villager.get(f"/api/regions?parent={uuid.uuid4()}")
    assert unknown.body["items"] == []


async def test_the_nearest_places_to_a_position(phones: Phones, place: str) -> None:
    villager = await phones.sign_in("villager_1")

    async def near(longitude: float, latitude: float) -> list[dict[str, Any]]:
        here = {"longitude": longitude, "latitude": latitude, "accuracy": 30}
        items: list[dict[str, Any]] = (await villager.call("POST", "/api/regions/near", here)).body["items"]
        return items

    first, *others = await near(113.0442, 25.8048)
    assert (first["id"], first["kind"]) == (place, "group")
    assert first["distance_m"] == pytest.approx(111, abs=2), "a thousandth of a degree to the north"
    assert len(others) == 4
    distances = [one["distance_m"] for one in [first, *others]]
    assert distances == sorted(distances)
    assert {one["kind"] for one in others} <= {"village", "group"}
    assert all("枫木村" in [p["name"] for p in one["path"]] for one in others)
    assert await near(110.0, 25.8) == [], "nothing within 20 km"
    wrong = await villager.call("POST", "/api/regions/near", {"longitude": 181, "latitude": "x"})
    assert wrong.wrong_fields == {"longitude", "latitude"}


async def test_the_form_offers_what_holds_at_a_place_today(
    phones: Phones, parts: Parts, clock: SharedClock, place: str
) -> None:
    villager = await phones.sign_in("villager_1")
    form = (await villager.get("/api/report-form")).body
    assert {o["code"]: (o["label"], o["plain"]) for o in form["risks"]} == defaults.RISKS
    assert [o["code"] for o in form["relations"]] == list(defaults.RELATIONS)
    assert len(form["measures"]) == 14
    assert form["consent"] == {"version": "2026-01", **defaults.CONSENT["2026-01"]}
    assert (await villager.get(f"/api/report-form?place={place}")).body == form
    rows = {
        "here": {"area": place, "since": "2021-01-01", "value": {"label": "因病（本村）", "order": 0}},
        "later": {"area": place, "since": "2999-01-01", "value": {"label": "以后", "order": 0}},
    }
    for id_, row in rows.items():
        await database(parts)["code_tables"].insert_one(
            {"_id": id_, "table": "risks", "key": "illness", **row}
        )
    clock.move(31)
    here = (await villager.get(f"/api/report-form?place={place}")).body
    assert here["risks"][0]["label"] == "因病（本村）"
    assert (await villager.get("/api/report-form")).body == form
    for wrong in ("x", str(uuid.uuid4())):
        assert (await villager.get(f"/api/report-form?place={wrong}")).problem == (404, "not_found")
