"""Menus on the platform are what they are to be, for everybody and by tag."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from server import CannotRun
from server.migrate import BUTTONS, BUTTONS_BY_TAG
from server.parts import Parts
from server.publishing import publish, publish_menus
from tests.support import Phones
from tests.worker.helpers import apply_events, calls, collection, document, fault, mend

CREATE = "/cgi-bin/menu/create"
ADD = "/cgi-bin/menu/addconditional"
DELETE = "/cgi-bin/menu/delconditional"
OTHER = [{"type": "click", "name": "政策问答", "key": "policy"}]


async def names(phones: Phones, key: str) -> list[str]:
    """The buttons on somebody's phone."""
    menu = (await phones.control("GET", f"menu?openid=oDemo_{key}"))["menu"]
    return [button["name"] for button in menu]


def named(buttons: list[dict[str, Any]]) -> list[str]:
    return [button["name"] for button in buttons]


async def test_villagers_and_staff_see_menus_of_their_own(parts: Parts, phones: Phones) -> None:
    assert await names(phones, "villager_1") == named(BUTTONS)
    assert await names(phones, "grid_1") == named(BUTTONS_BY_TAG["staff"])


async def test_publishing_again_asks_for_no_change(parts: Parts, phones: Phones) -> None:
    before = [await calls(phones, path) for path in (CREATE, ADD, DELETE)]
    assert await publish_menus(parts, parts.settings.oa_app_id) == []
    assert [await calls(phones, path) for path in (CREATE, ADD, DELETE)] == before


async def test_a_changed_menu_is_published_recorded_and_replaces_the_old_one(
    parts: Parts, phones: Phones, tmp_path: Path
) -> None:
    file = tmp_path / "menu.json"
    file.write_bytes(orjson.dumps({"buttons": OTHER, "by_tag": {"staff": OTHER}}))
    done = await publish(parts.settings, file)
    assert len(done) == 3, done
    assert await names(phones, "villager_1") == await names(phones, "grid_1") == ["政策问答"]
    assert len((await parts.oa.get_menus()).conditional) == 1
    entry = await document(parts, "audit", verb="account.change_menu")
    assert entry["detail"] == {"version": 2}
    assert (await publish(parts.settings, None))[0].endswith("无需发布。")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"no json", "JSON"),
        (b"[]", "JSON"),
        (b"{}", "JSON"),
        (orjson.dumps({"buttons": []}), "菜单"),
        (orjson.dumps({"buttons": OTHER * 4}), "3"),
        (orjson.dumps({"buttons": [{**OTHER[0], "name": "六个字的菜单"}]}), "16"),
        (orjson.dumps({"buttons": OTHER, "by_tag": {"friends": OTHER}}), "friends"),
        (orjson.dumps({"buttons": OTHER, "by_tag": {"staff": [{"name": "空"}]}}), "工作人员"),
        (orjson.dumps({"buttons": OTHER, "by_tag": []}), "by_tag"),
    ],
)
async def test_a_menu_that_the_platform_would_refuse_is_neither_kept_nor_sent(
    parts: Parts, phones: Phones, tmp_path: Path, given: bytes, words: str
) -> None:
    file = tmp_path / "menu.json"
    file.write_bytes(given)
    before = await calls(phones, CREATE)
    with pytest.raises(CannotRun, match=words):
        await publish(parts.settings, file)
    assert await calls(phones, CREATE) == before
    assert (await document(parts, "menus", _id=parts.settings.oa_app_id))["version"] == 1


async def test_a_refusal_is_told_and_publishing_goes_on_from_there(parts: Parts, phones: Phones) -> None:
    await parts.services.account.change_menu("operator", parts.settings.oa_app_id, OTHER, {"staff": OTHER})
    await fault(phones, ADD, errcode=45009)
    with pytest.raises(CannotRun, match="额度"):
        await publish(parts.settings, None)
    assert await names(phones, "villager_1") == ["政策问答"]
    assert await names(phones, "grid_1") == named(BUTTONS_BY_TAG["staff"]), "nobody is without a menu"
    await mend(phones)
    await publish(parts.settings, None)
    assert await names(phones, "grid_1") == ["政策问答"]


async def test_a_cadre_who_follows_later_gets_the_menu(parts: Parts, phones: Phones) -> None:
    await phones.does("grid_1", "unsubscribe")
    await phones.does("grid_1", "subscribe")
    await apply_events(parts)
    assert await names(phones, "grid_1") == named(BUTTONS_BY_TAG["staff"])


async def test_a_phone_that_is_bound_gets_the_menu(parts: Parts, phones: Phones) -> None:
    fan = await parts.services.account.fan(parts.settings.oa_app_id, "oDemo_villager_1")
    assert fan
    await parts.services.account.became_staff(str(fan["person_id"]))
    await apply_events(parts)
    assert await names(phones, "villager_1") == named(BUTTONS_BY_TAG["staff"])
    assert await collection(parts, "platform_events").count_documents({"state": "new"}) == 0
