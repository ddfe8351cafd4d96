"""Menus of the simulated platform: their limits, and who sees which."""

from typing import Any

import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, Json

CREATE, GET, DELETE = (f"/cgi-bin/menu/{verb}" for verb in ("create", "get", "delete"))
ADD, REMOVE, MATCH = (f"/cgi-bin/menu/{verb}" for verb in ("addconditional", "delconditional", "trymatch"))
CURRENT = "/cgi-bin/get_current_selfmenu_info"

CLICK: Json = {"type": "click", "name": "求助", "key": "help"}
VIEW: Json = {"type": "view", "name": "政策", "url": "https://example.com/"}
PAGE: Json = {
    "type": "miniprogram",
    "name": "上报",
    "url": "https://example.com/",
    "appid": CONFIG.mp_app_id,
    "pagepath": "pages/index",
}
TREE: Json = {"name": "更多", "sub_button": [VIEW, PAGE]}


async def create(caller: Caller, *buttons: Any) -> int:
    return (await caller.oa(CREATE, {"button": list(buttons)}))["errcode"]


async def tag(caller: Caller, name: str, *people: Json) -> int:
    """Make a tag, put it on people and return its id."""
    tag_id = (await caller.oa("/cgi-bin/tags/create", {"tag": {"name": name}}))["tag"]["id"]
    if people:
        openids = [person["oa_openid"] for person in people]
        await caller.oa("/cgi-bin/tags/members/batchtagging", {"tagid": tag_id, "openid_list": openids})
    return tag_id


async def seen(caller: Caller, person: Json) -> list[str]:
    """Return the names of the buttons that somebody sees."""
    return [button["name"] for button in (await caller.get("/_sim/menu", openid=person["openid"]))["menu"]]


# --- the default menu -----------------------------------------------------------------------------


async def test_a_menu_is_shown_read_back_and_deleted(caller: Caller) -> None:
    assert (await caller.oa(GET))["errcode"] == 46003
    assert await caller.oa(CURRENT) == {"is_menu_open": 0, "selfmenu_info": {"button": []}}
    assert await create(caller, CLICK, TREE) == 0
    assert (await caller.get("/_sim/menu"))["menu"] == [CLICK, TREE]
    inner = [{**VIEW, "sub_button": []}, {**PAGE, "sub_button": []}]
    shown = [{**CLICK, "sub_button": []}, {"name": "更多", "sub_button": inner}]
    assert await caller.oa(GET) == {"menu": {"button": shown}}
    assert await caller.oa(CURRENT) == {
        "is_menu_open": 1,
        "selfmenu_info": {"button": [CLICK, {"name": "更多", "sub_button": {"list": [VIEW, PAGE]}}]},
    }
    assert (await caller.oa(DELETE))["errcode"] == 0
    assert (await caller.oa(GET))["errcode"] == 46003


@pytest.mark.parametrize(
    "button",
    [
        CLICK,
        VIEW,
        PAGE,
        *(
            {"type": kind, "name": "一二三四五", "key": "k" * 128}
            for kind in (
                "scancode_push",
                "scancode_waitmsg",
                "pic_sysphoto",
                "pic_photo_or_album",
                "pic_weixin",
                "location_select",
            )
        ),
        {"type": "media_id", "name": "图", "media_id": "m"},
        {"type": "article_id", "name": "文", "article_id": "a"},
        {"type": "article_view_limited", "name": "文", "article_id": "a"},
        {**VIEW, "url": "https://example.com/" + "u" * 1004},
        {"name": "n" * 16, "sub_button": [{**CLICK, "name": "n" * 60}] * 5},
    ],
)
async def test_every_type_of_button_fits(caller: Caller, button: Json) -> None:
    assert await create(caller, button) == 0


@pytest.mark.parametrize(
    ("button", "errcode", "errcode_inside"),
    [
        ("no object", 47001, 47001),
        ({**CLICK, "type": "dance"}, 40017, 40024),
        ({"name": "无"}, 40017, 40024),
        ({**CLICK, "name": ""}, 40018, 40025),
        ({**CLICK, "name": "n" * 61}, 40018, 40025),
        ({**CLICK, "key": "k" * 129}, 40019, 40026),
        ({**CLICK, "key": None}, 40019, 40026),
        ({**VIEW, "url": "https://example.com/" + "u" * 1005}, 40020, 40027),
        ({**VIEW, "url": ""}, 40020, 40027),
        ({**VIEW, "url": "example.com"}, 40055, 40054),
        ({**PAGE, "appid": "wx-other"}, 85005, 85005),
        ({**PAGE, "appid": ""}, 40013, 40013),
        ({**PAGE, "pagepath": ""}, 40165, 40165),
        ({"type": "media_id", "name": "图"}, 40007, 40007),
        ({"type": "article_id", "name": "文"}, 40035, 40035),
    ],
)
async def test_what_is_wrong_with_a_button_is_told(
    caller: Caller, button: Any, errcode: int, errcode_inside: int
) -> None:
    assert await create(caller, button) == errcode
    assert await create(caller, {"name": "多", "sub_button": [button]}) == errcode_inside
    assert (await caller.oa(GET))["errcode"] == 46003


async def test_a_menu_is_three_by_five_and_two_deep(caller: Caller) -> None:
    assert await create(caller) == 40016
    assert await create(caller, *[CLICK] * 4) == 40016
    assert await create(caller, {"name": "n" * 17, "sub_button": [CLICK]}) == 40018
    assert await create(caller, {"name": "多", "sub_button": [CLICK] * 6}) == 40023
    assert (
        await create(caller, {"name": "多", "sub_button": [{"name": "深", "sub_button": [CLICK]}]}) == 40022
    )


# --- menus by tag ---------------------------------------------------------------------------------


async def test_the_newest_menu_for_one_of_somebodys_tags_is_shown(caller: Caller) -> None:
    cadre, both, villager = [await caller.user() for _ in range(3)]
    first, second = await tag(caller, "甲", cadre, both), await tag(caller, "乙", both)
    await create(caller, CLICK)
    older = await caller.oa(ADD, {"button": [VIEW], "matchrule": {"tag_id": str(first)}})
    newer = await caller.oa(ADD, {"button": [PAGE], "matchrule": {"tag_id": second, "sex": ""}})
    assert [await seen(caller, person) for person in (cadre, both, villager)] == [
        ["政策"],
        ["上报"],
        ["求助"],
    ]
    matched = await caller.oa(MATCH, {"user_id": both["oa_openid"]})
    assert matched == {"button": [{**PAGE, "sub_button": []}]}
    listed = await caller.oa(GET)
    assert listed["menu"]["button"] == [{**CLICK, "sub_button": []}]
    assert [(str(one["menuid"]), one["matchrule"]) for one in listed["conditionalmenu"]] == [
        (older["menuid"], {"group_id": first}),
        (newer["menuid"], {"group_id": second}),
    ]
    assert (await caller.oa(REMOVE, {"menuid": newer["menuid"]}))["errcode"] == 0
    assert await seen(caller, both) == ["政策"]
    assert (await caller.oa(REMOVE, {"menuid": newer["menuid"]}))["errcode"] == 65301
    # A new default menu leaves the others alone, its deletion takes them along.
    await create(caller, {**CLICK, "name": "新"})
    assert await seen(caller, cadre) == ["政策"]
    await caller.oa(DELETE)
    await create(caller, CLICK)
    assert await seen(caller, cadre) == ["求助"]


async def test_a_tag_taken_away_takes_the_menu_away(caller: Caller) -> None:
    person = await caller.user()
    tag_id = await tag(caller, "甲", person)
    await create(caller, CLICK)
    await caller.oa(ADD, {"button": [VIEW], "matchrule": {"tag_id": tag_id}})
    assert await seen(caller, person) == ["政策"]
    await caller.oa("/cgi-bin/tags/delete", {"tag": {"id": tag_id}})
    assert await seen(caller, person) == ["求助"]


async def test_a_menu_by_tag_needs_a_default_menu_and_a_rule_about_nothing_else(caller: Caller) -> None:
    tag_id = await tag(caller, "甲")

    async def add(rule: Any, *buttons: Any) -> int | None:
        return (await caller.oa(ADD, {"button": list(buttons) or [CLICK], "matchrule": rule})).get("errcode")

    assert await add({"tag_id": tag_id}) == 65303
    await create(caller, CLICK)
    assert await add(None) == 65304
    assert await add({}) == 65304
    assert await add({"tag_id": ""}) == 65304
    assert await add({"tag_id": tag_id, "sex": "1"}) == 65320
    assert await add({"client_platform_type": "2"}) == 65320
    assert await add({"tag_id": 777}) == 45159
    assert await add({"tag_id": tag_id}, {**CLICK, "name": ""}) == 40018
    assert await add({"group_id": tag_id}) is None


async def test_trying_needs_a_follower_and_a_menu(caller: Caller) -> None:
    person, stranger = await caller.user(), await caller.user(follow=False)
    assert (await caller.oa(MATCH, {"user_id": person["oa_openid"]}))["errcode"] == 46003
    await create(caller, CLICK)
    assert (await caller.oa(MATCH, {"user_id": stranger["oa_openid"]}))["errcode"] == 46004


async def test_two_thousand_menus_by_tag_a_day(caller: Caller) -> None:
    tag_id = await tag(caller, "甲")
    await create(caller, CLICK)
    await caller.post("/_sim/quotas", {"path": ADD, "daily": 1})
    await caller.post("/_sim/quotas", {"path": REMOVE, "daily": 1})
    body = {"button": [CLICK], "matchrule": {"tag_id": tag_id}}
    menuid = (await caller.oa(ADD, body))["menuid"]
    assert (await caller.oa(ADD, body))["errcode"] == 45009
    assert [(await caller.oa(REMOVE, {"menuid": menuid}))["errcode"] for _ in range(2)] == [0, 45009]
    quotas = caller.simulator.world.quotas
    quotas.clear()
    assert (quotas.limit(ADD).daily, quotas.limit(REMOVE).daily) == (2000, 2000)


async def test_the_phones_are_told_of_menus_and_tags(caller: Caller) -> None:
    person = await caller.user()
    tag_id = await tag(caller, "甲")
    stream = caller.simulator.world.stream
    queue = stream.join()

    async def told() -> list[str]:
        return [queue.get_nowait().split(b"\n")[0].decode() for _ in range(queue.qsize())]  # type: ignore[union-attr]

    await create(caller, CLICK)
    assert await told() == ["event: menu"]
    await caller.oa(ADD, {"button": [VIEW], "matchrule": {"tag_id": tag_id}})
    assert await told() == ["event: menu"]
    body = {"tagid": tag_id, "openid_list": [person["oa_openid"]]}
    await caller.oa("/cgi-bin/tags/members/batchtagging", body)
    assert await told() == ["event: user", "event: menu"]
    await caller.oa("/cgi-bin/tags/delete", {"tag": {"id": tag_id}})
    assert await told() == ["event: user", "event: menu"]
    await caller.oa(DELETE)
    assert await told() == ["event: menu"]
    stream.leave(queue)
