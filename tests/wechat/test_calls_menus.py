"""Typed calls for menus against the simulator, and that nothing that we accept is refused there."""

from typing import Any

import pytest

from tests.support import Phones
from wechat.client import CallRefused, Menus, WeChatApi, WeChatError

WHO = "oDemo_extra_1"
EVERYBODY = {"button": [{"type": "click", "name": "上报", "key": "report"}]}
STAFF = {
    "button": [
        {"name": "工作台", "sub_button": [{"type": "view", "name": "任务", "url": "https://h/m/tasks"}]}
    ]
}


def names(buttons: list[dict[str, Any]]) -> list[str]:
    return [button["name"] for button in buttons]


async def test_default_menu(oa: WeChatApi) -> None:
    assert await oa.get_menus() == Menus([], ())
    await oa.create_menu(EVERYBODY)
    menus = await oa.get_menus()
    assert (names(menus.buttons), menus.conditional) == (["上报"], ())
    # What the platform gave can be sent to it again.
    await oa.create_menu({"button": menus.buttons})
    await oa.delete_menus()
    assert await oa.get_menus() == Menus([], ())


async def test_menus_by_tag(oa: WeChatApi, people: Phones) -> None:
    await people.add_villager(1)
    tag = await oa.create_tag("干部")
    rule = {"matchrule": {"tag_id": tag.id}}
    with pytest.raises(WeChatError) as early:
        await oa.add_conditional_menu({**STAFF, **rule})
    assert early.value.errcode == 65303
    await oa.create_menu(EVERYBODY)
    older = await oa.add_conditional_menu({**EVERYBODY, **rule})
    newer = await oa.add_conditional_menu({**STAFF, **rule})
    menus = await oa.get_menus()
    assert {menu.menu_id for menu in menus.conditional} == {newer, older}
    assert {menu.tag_id for menu in menus.conditional} == {tag.id}
    assert names(await oa.match_menu(WHO)) == ["上报"]
    await oa.tag_people(tag.id, [WHO])
    assert names(await oa.match_menu(WHO)) == ["工作台"]
    await oa.delete_conditional_menu(newer)
    assert names(await oa.match_menu(WHO)) == ["上报"]
    with pytest.raises(WeChatError) as gone:
        await oa.delete_conditional_menu(newer)
    assert gone.value.errcode == 65301


async def test_what_is_wrong_is_told_at_once_and_not_sent(oa: WeChatApi, people: Phones) -> None:
    wrong = {"button": [{"type": "click", "name": "一个太长的菜单名字", "key": ""}] * 4}
    with pytest.raises(CallRefused) as refused:
        await oa.create_menu(wrong)
    assert len(refused.value.problems) == 1 + 4 * 2
    assert str(refused.value.errcode) == "None"
    with pytest.raises(CallRefused, match="标签"):
        await oa.add_conditional_menu(EVERYBODY)
    with pytest.raises(CallRefused, match="sex"):
        await oa.add_conditional_menu({**EVERYBODY, "matchrule": {"tag_id": 100, "sex": "1"}})
    for name in ("create", "addconditional"):
        assert (await people.control("GET", f"calls?path=/cgi-bin/menu/{name}"))["count"] == 0
