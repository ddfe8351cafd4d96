"""What is wrong with a menu, before it goes to the platform.

Sources: createCustomMenu and addConditionalMenu under
https://developers.weixin.qq.com/doc/service/api/custommenu/. Conditional menus match by tag only since
sex, place and language count as private (65320).
"""

import re
from collections.abc import Mapping
from typing import Any

from wechat import limits
from wechat.limits import Limit

_HOST = re.compile(r"https?://([^/?#]+)")
_KEY = {"key": limits.MENU_KEY}

#: A button's type → the fields it must have, with their limits.
BUTTON_FIELDS: dict[str, dict[str, Limit]] = {
    "click": _KEY,
    "view": {"url": limits.MENU_URL},
    # Clients too old for mini programs open the url instead.
    "miniprogram": {
        "url": limits.MENU_URL,
        "appid": Limit("小程序 AppID（appid）", 1, 32, limits.Unit.bytes),
        "pagepath": Limit("小程序页面（pagepath）", 1, 1024, limits.Unit.bytes),
    },
    "scancode_push": _KEY,
    "scancode_waitmsg": _KEY,
    "pic_sysphoto": _KEY,
    "pic_photo_or_album": _KEY,
    "pic_weixin": _KEY,
    "location_select": _KEY,
    "media_id": {"media_id": Limit("素材编号（media_id）", 1, 1024, limits.Unit.bytes)},
    "article_id": {"article_id": Limit("文章编号（article_id）", 1, 1024, limits.Unit.bytes)},
    "article_view_limited": {"article_id": Limit("文章编号（article_id）", 1, 1024, limits.Unit.bytes)},
}


def problems_of(menu: Mapping[str, Any]) -> list[str]:
    """Tell everything that is wrong with a menu.

    Args:
        menu: ``{"button": […]}`` as the platform takes it; with ``matchrule`` it is a conditional menu.

    Returns:
        Plain Chinese sentences that say what to do; empty when the platform will take the menu. What only
        the platform can know stays open: whether a tag, a medium or a linked mini program exists.
    """
    buttons = menu.get("button")
    if not isinstance(buttons, list):
        return ["菜单缺少一级菜单（button），请至少添加一个"]
    found = limits.MENU_BUTTONS.problems(buttons)
    for number, button in enumerate(buttons, 1):
        found += _button(button, f"第 {number} 个菜单", limits.MENU_NAME, may_hold=True)
    if "matchrule" in menu:
        found += _match_rule(menu["matchrule"])
        found += limits.MENU_HOSTS.problems(_hosts(buttons))
    return found


def _button(button: Any, where: str, name: Limit, *, may_hold: bool) -> list[str]:
    if not isinstance(button, Mapping):
        return [f"{where}格式不正确，请重新填写"]
    found = _field(button, "name", name, where)
    inner = button.get("sub_button")
    if not inner:
        return found + _action(button, where)
    if not may_hold:
        return [*found, f"{where}不能再有下级菜单，请去掉"]
    if not isinstance(inner, list):
        return [*found, f"{where}的二级菜单格式不正确，请重新填写"]
    found += limits.MENU_SUB_BUTTONS.problems(inner, f"{where}的")
    for number, sub_button in enumerate(inner, 1):
        found += _button(sub_button, f"{where}的第 {number} 个二级菜单", limits.MENU_SUB_NAME, may_hold=False)
    return found


def _action(button: Mapping[str, Any], where: str) -> list[str]:
    fields = BUTTON_FIELDS.get(str(button.get("type")))
    if fields is None:
        return [f"{where}没有选择动作类型，或类型不支持，请重新选择"]
    return [problem for name, limit in fields.items() for problem in _field(button, name, limit, where)]


def _field(button: Mapping[str, Any], name: str, limit: Limit, where: str) -> list[str]:
    value = button.get(name, "")
    if not isinstance(value, str):
        return [f"{where}的{limit.what}须为文字，请重新填写"]
    return limit.problems(value, f"{where}的")


def _match_rule(rule: Any) -> list[str]:
    if not isinstance(rule, Mapping) or not rule.get("tag_id"):
        return ["个性化菜单缺少匹配条件，请选择一个标签（tag_id）"]
    other = sorted(str(name) for name, value in rule.items() if name != "tag_id" and value)
    return [f"个性化菜单只能按标签匹配，请去掉其他条件：{'、'.join(other)}"] if other else []


def _hosts(buttons: list[Any]) -> set[str]:
    every = [button for button in buttons if isinstance(button, Mapping)]
    every += [sub for button in every for sub in button.get("sub_button") or () if isinstance(sub, Mapping)]
    found = (_HOST.match(str(button.get("url"))) for button in every if button.get("type") == "view")
    return {match[1].lower() for match in found if match}
