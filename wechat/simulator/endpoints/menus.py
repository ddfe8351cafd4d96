"""自定义菜单: the default menu, and menus for people with a tag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wechat.simulator.endpoints.base import OK, Call, Endpoint, Json, number, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.menus import Buttons, Menu
from wechat.simulator.world import World

# Button type → the fields it must have (source: 创建自定义菜单, 请求参数).
BUTTON_FIELDS: dict[str, tuple[str, ...]] = {
    "click": ("key",),
    "view": ("url",),
    "miniprogram": ("url", "appid", "pagepath"),
    "scancode_push": ("key",),
    "scancode_waitmsg": ("key",),
    "pic_sysphoto": ("key",),
    "pic_photo_or_album": ("key",),
    "pic_weixin": ("key",),
    "location_select": ("key",),
    "media_id": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
}


@dataclass(frozen=True)
class Level:
    """What a level of buttons may be, and the error codes for what is wrong with it (source: 全局返回码)."""

    buttons: int
    name_bytes: int
    wrong_count: int
    wrong_type: int
    wrong_name: int
    wrong_key: int
    wrong_url: int
    wrong_domain: int


TOP = Level(PLATFORM.menu_buttons, PLATFORM.menu_name_bytes, 40016, 40017, 40018, 40019, 40020, 40055)
SUB = Level(PLATFORM.menu_sub_buttons, PLATFORM.menu_sub_name_bytes, 40023, 40024, 40025, 40026, 40027, 40054)
# What a field that is missing is answered, where it is neither key nor url.
MISSING = {"appid": 40013, "pagepath": 40165, "media_id": 40007, "article_id": 40035}


def _check_buttons(world: World, buttons: Any, level: Level) -> Buttons:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= level.buttons:
        raise PlatformError(level.wrong_count)
    for button in buttons:
        if not isinstance(button, dict):
            raise PlatformError(47001)
        if not 1 <= len(text(button.get("name")).encode()) <= level.name_bytes:
            raise PlatformError(level.wrong_name)
        if not button.get("sub_button"):
            _check_leaf(world, button, level)
        elif level is SUB:
            raise PlatformError(40022)
        else:
            _check_buttons(world, button["sub_button"], SUB)
    return buttons


def _check_leaf(world: World, button: Json, level: Level) -> None:
    fields = BUTTON_FIELDS.get(text(button.get("type")))
    if fields is None:
        raise PlatformError(level.wrong_type)
    for field in fields:
        value = text(button.get(field))
        if field == "key" and not 1 <= len(value.encode()) <= PLATFORM.menu_key_bytes:
            raise PlatformError(level.wrong_key)
        if field == "url":
            if not 1 <= len(value.encode()) <= PLATFORM.menu_url_bytes:
                raise PlatformError(level.wrong_url)
            if not value.startswith(("http://", "https://")):
                raise PlatformError(level.wrong_domain)
        if not value:
            raise PlatformError(MISSING[field])
    if "appid" in fields and button["appid"] != world.config.mp_app_id:
        raise PlatformError(85005)


def create(world: World, call: Call) -> Json:
    """创建自定义菜单."""
    world.menus.create(_check_buttons(world, call.json().get("button"), TOP))
    world.menu_changed()
    return OK


def get(world: World, call: Call) -> Json:
    """获取自定义菜单配置."""
    default, conditional = world.menus.default, world.menus.conditional
    if default is None:
        raise PlatformError(46003)
    if not conditional:
        return {"menu": {"button": _shown(default.buttons)}}
    return {
        "menu": {"button": _shown(default.buttons), "menuid": default.menuid},
        "conditionalmenu": [_conditional(menu) for menu in conditional],
    }


def _conditional(menu: Menu) -> Json:
    # Asked for as `tag_id`, the tag comes back under the name that it had when tags were groups.
    rule = {"group_id": menu.tag_id}
    return {"button": _shown(menu.buttons), "matchrule": rule, "menuid": menu.menuid}


def _shown(buttons: Buttons) -> Buttons:
    """Return buttons as the platform repeats them: each with its list of inner ones, empty or not."""
    return [{**button, "sub_button": _shown(button.get("sub_button") or [])} for button in buttons]


def delete(world: World, call: Call) -> Json:
    """删除自定义菜单."""
    world.menus.clear()
    world.menu_changed()
    return OK


def add_conditional(world: World, call: Call) -> Json:
    """创建个性化菜单."""
    body = call.json()
    rule = body.get("matchrule")
    if world.menus.default is None:
        raise PlatformError(65303)
    given = {key: value for key, value in rule.items() if value != ""} if isinstance(rule, dict) else {}
    if not given:
        raise PlatformError(65304)
    # Since 2021-11 any rule about gender, place, language or device is refused.
    if set(given) - {"tag_id", "group_id"}:
        raise PlatformError(65320)
    tag_id = number(given.get("tag_id", given.get("group_id")))
    if tag_id is None or tag_id not in world.tags.names:
        raise PlatformError(45159)
    menu = world.menus.add(_check_buttons(world, body.get("button"), TOP), tag_id)
    world.menu_changed()
    return {"menuid": str(menu.menuid)}


def delete_conditional(world: World, call: Call) -> Json:
    """删除个性化菜单."""
    menuid = number(call.json().get("menuid"))
    if menuid is None or not world.menus.remove(menuid):
        raise PlatformError(65301)
    world.menu_changed()
    return OK


def try_match(world: World, call: Call) -> Json:
    """测试个性化菜单匹配结果."""
    person = world.people.follower(text(call.json().get("user_id")))
    if person is None or not person.following:
        raise PlatformError(46004)
    menu = world.menus.match(person.tags)
    if menu is None:
        raise PlatformError(46003)
    return {"button": _shown(menu.buttons)}


def current(world: World, call: Call) -> Json:
    """查询自定义菜单信息."""
    default = world.menus.default
    buttons = [_as_set(button) for button in default.buttons] if default else []
    return {"is_menu_open": int(default is not None), "selfmenu_info": {"button": buttons}}


def _as_set(button: Json) -> Json:
    inner = button.get("sub_button")
    if not inner:
        return {key: value for key, value in button.items() if key != "sub_button"}
    return {"name": button["name"], "sub_button": {"list": [_as_set(one) for one in inner]}}


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/menu/create": Endpoint("POST", create, "oa"),
    "/cgi-bin/menu/get": Endpoint("GET", get, "oa"),
    "/cgi-bin/menu/delete": Endpoint("GET", delete, "oa"),
    "/cgi-bin/menu/addconditional": Endpoint("POST", add_conditional, "oa"),
    "/cgi-bin/menu/delconditional": Endpoint("POST", delete_conditional, "oa"),
    "/cgi-bin/menu/trymatch": Endpoint("POST", try_match, "oa"),
    "/cgi-bin/get_current_selfmenu_info": Endpoint("GET", current, "oa"),
}
