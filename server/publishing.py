"""Bringing the platform's copy of an account's menus to what they are to be.

Publishing again changes nothing that is already right: the platform takes 2,000 changes of menus a day.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from casework.account.model import TAG_NAMES
from handlers.phone import address_of
from server import CannotRun
from server.parts import Parts, parts_for
from server.settings import Settings
from wechat.client import WeChatApi, WeChatFailure
from wechat.limits import PEOPLE_TAGGED
from wechat.menus import problems_of

Buttons = Sequence[Mapping[str, Any]]


def wrong_with(buttons: Any, by_tag: Any, public_url: str) -> list[str]:
    """What is wrong with an account's menus, in sentences that say what to do."""
    if not isinstance(by_tag, Mapping):
        return ["by_tag 应为“标签: 菜单”的对照表。"]
    unknown = [
        f"没有“{key}”这个标签，可用的有：{'、'.join(TAG_NAMES)}。" for key in by_tag if key not in TAG_NAMES
    ]
    found = problems_of({"button": _whole(buttons, public_url)})
    for key, special in by_tag.items():
        # Any number stands for the tag's, which only the platform knows.
        whole = _whole(special, public_url)
        for problem in problems_of({"button": whole, "matchrule": {"tag_id": "1"}}):
            found.append(f"{TAG_NAMES.get(key, key)}：{problem}")
    return unknown + found


def _whole(buttons: Any, public_url: str) -> Any:
    # What is no menu at all is told so by the checks.
    try:
        return complete(buttons, public_url)
    except (AttributeError, TypeError, ValueError):
        return buttons


def complete(buttons: Buttons, public_url: str, account: str = "") -> list[dict[str, Any]]:
    """Buttons with whole addresses: links to our own pages are kept as ``/m/…``, so that menus stay right
    when the service moves. `account` as for `address_of`."""
    done = []
    for button in buttons:
        whole = dict(button)
        if str(button.get("url", "")).startswith("/"):
            whole["url"] = address_of(button["url"], public_url, account)
        if "sub_button" in button:
            whole["sub_button"] = complete(button["sub_button"], public_url, account)
        done.append(whole)
    return done


def _plain(buttons: Buttons) -> list[Any]:
    """Buttons in a form that can be compared: the platform adds empty lists to what it was given."""
    return [
        {name: _plain(value) if name == "sub_button" else value for name, value in button.items() if value}
        for button in buttons
    ]


async def publish_menus(parts: Parts, app_id: str) -> list[str]:
    """Bring the menus of one official account to the platform.

    Returns:
        What was done, one sentence each; empty when everything was right already.

    Raises:
        WeChatFailure: the platform did not take it; publishing again goes on from there.
    """
    api, account = parts.apis[app_id], parts.services.account
    wanted = await account.menu(app_id)
    if wanted is None:
        return []
    public_url, named = parts.settings.public_url, "" if app_id == account.oa_app_id else app_id
    everybody = complete(wanted["buttons"], public_url, named)
    done = []
    tags = await _tags(parts, api, app_id, sorted(wanted["by_tag"]))
    now = await api.get_menus()
    if _plain(now.buttons) != _plain(everybody):
        await api.create_menu({"button": everybody})
        done.append("默认菜单已发布。")
    kept = set()
    for key, kept_buttons in wanted["by_tag"].items():
        buttons = complete(kept_buttons, public_url, named)
        same = [m for m in now.conditional if m.tag_id == tags[key] and _plain(m.buttons) == _plain(buttons)]
        if same:
            kept.add(same[0].menu_id)
            continue
        # The new one first: the platform shows the newest, so that nobody is without their menu.
        await api.add_conditional_menu({"button": buttons, "matchrule": {"tag_id": str(tags[key])}})
        done.append(f"“{TAG_NAMES[key]}”的菜单已发布。")
    for menu in now.conditional:
        if menu.menu_id not in kept:
            await api.delete_conditional_menu(menu.menu_id)
            done.append("一个旧的个性化菜单已删除。")
    return done


async def _tags(parts: Parts, api: WeChatApi, app_id: str, keys: Sequence[str]) -> dict[str, int]:
    """The platform's numbers of our tags; those that it lacks are made, and given to whom they belong."""
    if not keys:
        return {}
    known = {tag.name: tag.id for tag in await api.list_tags()}
    numbers = {}
    for key in keys:
        name = TAG_NAMES[key]
        numbers[key] = known[name] if name in known else (await api.create_tag(name)).id
        await parts.services.account.know_tag(app_id, key, numbers[key])
        openids = await parts.services.account.staff_who_follow(app_id)
        for start in range(0, len(openids), PEOPLE_TAGGED.most):
            await api.tag_people(numbers[key], openids[start : start + PEOPLE_TAGGED.most])
    return numbers


async def publish(settings: Settings, file: Path | None) -> list[str]:
    """Publish the menus of the official accounts; `file` first becomes the menus of the main one.

    The file is JSON: ``{"buttons": […], "by_tag": {"staff": […]}}``, buttons in the platform's form.

    Raises:
        CannotRun: the file or the platform does not allow it; the words say why.
    """
    async with parts_for(settings) as parts:
        if file is not None:
            buttons, by_tag = _read(await asyncio.to_thread(file.read_bytes), settings.public_url)
            await parts.services.account.change_menu("operator", settings.oa_app_id, buttons, by_tag)
        done = []
        for one in settings.accounts:
            if one.kind != "oa":
                continue
            try:
                found = await publish_menus(parts, one.app_id)
            except WeChatFailure as failure:
                raise CannotRun(f"公众号 {one.app_id} 的菜单没有发布成功：{failure.reason}") from failure
            done += [f"{one.app_id}：{words}" for words in found or ["菜单没有变化，无需发布。"]]
        return done


def _read(data: bytes, public_url: str) -> tuple[Any, Any]:
    try:
        given = orjson.loads(data)
        buttons, by_tag = given["buttons"], given.get("by_tag", {})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise CannotRun('菜单文件应为 JSON：{"buttons": […], "by_tag": {"staff": […]}}。') from None
    if problems := wrong_with(buttons, by_tag, public_url):
        raise CannotRun(
            "\n".join(["菜单不符合微信的要求，没有保存：", *(f"  {problem}" for problem in problems)])
        )
    return buttons, by_tag
