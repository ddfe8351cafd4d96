"""模板消息: the account's templates, and messages made with them."""

from __future__ import annotations

import re
import secrets
from typing import Any

from wechat.simulator.endpoints.base import OK, Call, Endpoint, Json, mini_program, number, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.library import INDUSTRIES, TITLES, Keyword
from wechat.simulator.limits import PLATFORM, china_month
from wechat.simulator.state import Person, Template
from wechat.simulator.world import ARRIVES, World

# The pictographic blocks of Unicode, the variation selector that turns signs into pictures, and flags.
EMOJI = re.compile("[\u2600-\u2604\u260e-\u27bf\u2b50\u2b55\u20e3\ufe0f\U0001f000-\U0001faff]")
REMOVED_KEYS = ("first", "remark")


def send(world: World, call: Call) -> Json:
    """发送模板消息."""
    body = call.json()
    person = _reachable(world, text(body.get("touser")))
    template_id = text(body.get("template_id"))
    registered = world.templates.lookup(call.caller.app_id, template_id)
    if registered is None and not (template_id and world.templates.open_to_any(call.caller.app_id)):
        raise PlatformError(40037)
    if registered is not None and registered[0].type is not None:
        raise PlatformError(40037)
    keys = registered[1] if registered else None
    values = _checked_values(body.get("data"), keys)
    opens = mini_program(world, body, page_errcode=40165)
    client_msg_id = body.get("client_msg_id")
    now = world.clock.time()
    if client_msg_id is not None:
        client_msg_id = str(client_msg_id)
        sent_before = world.recent.find(person.oa_openid, client_msg_id, now)
        if sent_before is not None:
            return {**OK, "msgid": sent_before}
    msgid = world.new_msgid()
    if client_msg_id is not None:
        world.recent.add(person.oa_openid, client_msg_id, msgid, now)
    outcome = world.outcome(person)
    world.queue_receipt(person, msgid, outcome)
    if outcome not in ARRIVES:
        return {**OK, "msgid": msgid}
    labels = keys or [(key, key) for key in values]
    fields = [{"key": key, "label": label, "value": values[key]} for key, label in labels]
    world.put(
        person,
        "template",
        called_at=call.called_at,
        title=registered[0].title if registered else None,
        fields=fields,
        text="\n".join(f"{field['label']}：{field['value']}" for field in fields),
        data=body["data"],
        url=body.get("url") or None,
        miniprogram=opens,
        msgid=msgid,
        client_msg_id=client_msg_id,
        template_id=template_id,
    )
    return {**OK, "msgid": msgid}


def _reachable(world: World, openid: str) -> Person:
    person = world.people.follower(openid)
    if person is None:
        raise PlatformError(40003)
    if not person.following:
        raise PlatformError(43004)
    if person.blacklisted:
        raise PlatformError(43019)
    return person


def _checked_values(data: Any, keys: list[tuple[str, str]] | None) -> dict[str, str]:
    """Return the values of a template message's `data` by key.

    Raises:
        PlatformError: 47003 with the wrong field's name, 47001 if `data` has another shape.
    """
    if not isinstance(data, dict) or not data:
        raise PlatformError(47001)
    values: dict[str, str] = {}
    for key, item in data.items():
        if not isinstance(item, dict) or not isinstance(item.get("value"), str | int | float):
            raise PlatformError(47003, f"argument invalid! data.{key}.value invalid")
        value = str(item["value"])
        wrong = (
            key in REMOVED_KEYS
            or len(value) > PLATFORM.template_value_characters
            or "\n" in value
            or "\r" in value
            or EMOJI.search(value) is not None
        )
        if wrong:
            raise PlatformError(47003, f"argument invalid! data.{key}.value invalid")
        values[key] = value
    for key, _ in keys or ():
        if not values.get(key):
            raise PlatformError(47003, f"argument invalid! data.{key}.value is empty")
    return values


# --- the account's templates ----------------------------------------------------------------------


def add(world: World, call: Call) -> Json:
    """选用模板."""
    body, app_id = call.json(), call.caller.app_id
    short_id = text(body.get("template_id_short"))
    if not short_id:
        raise PlatformError(40037)
    if len(world.templates.own(app_id)) >= PLATFORM.templates_an_account:
        raise PlatformError(45026)
    names = body.get("keyword_name_list")
    title, lines = f"模板 {short_id}", _lines(number(short_id), names if isinstance(names, list) else [])
    known = TITLES.get(number(short_id) or 0)
    template_id = secrets.token_urlsafe(33)[:43]
    world.templates.add(app_id, Template(template_id, known.title if known else title, "\n".join(lines)))
    return {**OK, "template_id": template_id}


def _lines(short_id: int | None, names: list[Any]) -> list[str]:
    """Return the lines of a template.

    A number is a title of the library (类目模板), whose keywords are chosen by name. Of older ids nothing is
    public: the names asked for become its lines, and without any it takes whatever keys it is sent.

    Raises:
        PlatformError: 40246 for a keyword that the title does not have, or none at all.
    """
    if short_id is None:
        return [f"{name}:{{{{keyword{position}.DATA}}}}" for position, name in enumerate(names, start=1)]
    if short_id not in TITLES:
        raise PlatformError(40037)
    keywords: dict[Any, Keyword] = {keyword.name: keyword for keyword in TITLES[short_id].keywords}
    if not names or not set(names) <= set(keywords):
        raise PlatformError(40246)
    return [keywords[name].line for name in names]


def all_own(world: World, call: Call) -> Json:
    """获取已选用模板列表."""
    return {
        "template_list": [
            {
                "template_id": template.template_id,
                "title": template.title,
                "primary_industry": template.primary_industry,
                "deputy_industry": template.deputy_industry,
                "content": template.content,
                "example": template.example,
            }
            for template in world.templates.own(call.caller.app_id)
        ]
    }


def delete(world: World, call: Call) -> Json:
    """删除模板."""
    if not world.templates.remove(call.caller.app_id, text(call.json().get("template_id"))):
        raise PlatformError(40037)
    return OK


def set_industry(world: World, call: Call) -> Json:
    """设置所属行业."""
    body = call.json()
    chosen = [number(body.get(field)) or 0 for field in ("industry_id1", "industry_id2")]
    if not all(industry in INDUSTRIES for industry in chosen):
        raise PlatformError(40102)
    month = china_month(world.clock.time())
    if world.industries is not None and world.industries[0] == month:
        raise PlatformError(43100)
    world.industries = (month, chosen)
    return OK


def get_industry(world: World, call: Call) -> Json:
    """获取行业信息."""
    chosen = world.industries[1] if world.industries else []
    return {
        name: dict(zip(("first_class", "second_class"), INDUSTRIES[industry], strict=True))
        for name, industry in zip(("primary_industry", "secondary_industry"), chosen, strict=False)
    }


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/message/template/send": Endpoint("POST", send, "oa"),
    "/cgi-bin/template/api_set_industry": Endpoint("POST", set_industry, "oa"),
    "/cgi-bin/template/get_industry": Endpoint("GET", get_industry, "oa"),
    "/cgi-bin/template/api_add_template": Endpoint("POST", add, "oa"),
    "/cgi-bin/template/get_all_private_template": Endpoint("GET", all_own, "oa"),
    "/cgi-bin/template/del_private_template": Endpoint("POST", delete, "oa"),
}
