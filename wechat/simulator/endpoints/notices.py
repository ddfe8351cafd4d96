"""订阅消息: notices that people agreed to, of the official account and of the mini program."""

from __future__ import annotations

import re
import secrets
from typing import Any

from wechat.simulator.endpoints.base import (
    OK,
    Call,
    Endpoint,
    Json,
    check_page,
    mini_program,
    number,
    reader,
    text,
)
from wechat.simulator.errors import PlatformError
from wechat.simulator.library import CATEGORIES, TITLES, Title
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import Template
from wechat.simulator.world import ARRIVES, World

_DAY = (
    r"(?:\d{4}年\d{1,2}月(?:\d{1,2}日)?|\d{1,2}月\d{1,2}日"
    r"|\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2})"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
_TIME = rf"(?:{_DAY} ?)?{_CLOCK}"
_DATE = rf"{_DAY}(?: ?{_CLOCK})?"
# Type of a field → what its value must match (source: 发送订阅消息, 订阅消息参数值内容限制说明).
FIELD_TYPES: dict[str, re.Pattern[str]] = {
    "thing": re.compile(r"[^\r\n]{1,20}"),
    "number": re.compile(r"-?(?=[\d.]{1,32}$)\d+(?:\.\d+)?"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "time": re.compile(rf"{_TIME}(?: ?[~～] ?{_TIME})?"),
    "date": re.compile(rf"{_DATE}(?: ?[~～] ?{_DATE})?"),
    "amount": re.compile(r"[^\d\s]?(?=[\d.]{1,10}元?$)\d+(?:\.\d+)?元?"),
    "phone_number": re.compile(r"[\d+\-() ]{1,17}"),
    "car_number": re.compile(r"[\u4e00-\u9fffA-Z0-9][A-Z0-9]{1,6}[\u4e00-\u9fffA-Z0-9]"),
    "name": re.compile(r"(?=.*[\u4e00-\u9fff])[\u4e00-\u9fffA-Za-z*·]{1,10}|[A-Za-z*·.\s\-]{1,20}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
    # Which values an enumeration has is the template's own matter.
    "enum": re.compile(r"[^\r\n]{1,20}"),
}
FIELD_KEY = re.compile(r"([a-z_]+?)\d+")


def send(world: World, call: Call) -> Json:
    """发送订阅通知，发送订阅消息."""
    body, app = call.json(), call.caller
    person = reader(world, call, text(body.get("touser")))
    template_id = text(body.get("template_id"))
    registered = world.templates.lookup(app.app_id, template_id)
    if registered is None and not (template_id and world.templates.open_to_any(app.app_id)):
        raise PlatformError(40037)
    template = registered[0] if registered else None
    fields = _typed_fields(body.get("data"), template, dict(registered[1]) if registered else {})
    opens = _opens(world, call, body)
    if person.consents[app.kind, template_id] <= 0:
        raise PlatformError(43101)
    lasting = person.consents[app.kind, template_id] >= PLATFORM.long_term_consents
    if not lasting and not (template and template.type == 3):
        person.consents[app.kind, template_id] -= 1
        world.note_person(person)
    msgid = world.new_msgid()
    # Only the mini program's interface tells the message's number.
    answer = {**OK, "msgid": msgid} if app.kind == "mp" else OK
    outcome = world.outcome(person)
    world.queue_subscription_receipt(person, msgid, template_id, outcome, app.kind)
    if outcome not in ARRIVES:
        return answer
    world.put(
        person,
        "subscription",
        called_at=call.called_at,
        title=template.title if template else None,
        fields=fields,
        text="\n".join(f"{field['label']}：{field['value']}" for field in fields),
        data=body["data"],
        msgid=msgid,
        template_id=template_id,
        **opens,
    )
    return answer


def _opens(world: World, call: Call, body: Json) -> Json:
    """Return what a notice opens: an address of the account's, or a page of the mini program.

    Raises:
        PlatformError: 40013 (a mini program that is not bound), 41030 (a page it does not have).
    """
    page = text(body.get("page"))
    if call.caller.kind == "oa":
        return {"url": page or None, "miniprogram": mini_program(world, body, page_errcode=41030)}
    if not page:
        return {}
    check_page(world, page, 41030)
    return {"miniprogram": {"appid": call.caller.app_id, "pagepath": page}}


def _typed_fields(data: Any, template: Template | None, labels: dict[str, str]) -> list[dict[str, str]]:
    """Return the fields of a notice as a phone shows them.

    Raises:
        PlatformError: 47003 with the name of the field whose value does not fit its type or is missing.
    """
    if not isinstance(data, dict) or not data:
        raise PlatformError(47003, "argument invalid! data is empty")
    for key in labels:
        if key not in data:
            raise PlatformError(47003, f"argument invalid! data.{key}.value is empty")
    fields = []
    for key, item in data.items():
        value = str(item.get("value", "")) if isinstance(item, dict) else ""
        if not _fits(key, value, template):
            raise PlatformError(47003, f"argument invalid! data.{key}.value invalid")
        fields.append({"key": key, "label": labels.get(key, key), "value": value})
    return fields


def _fits(key: str, value: str, template: Template | None) -> bool:
    named = FIELD_KEY.fullmatch(key)
    wanted = FIELD_TYPES.get(named[1]) if named else None
    only = template.enums.get(key) if template else None
    return wanted is not None and wanted.fullmatch(value) is not None and (only is None or value in only)


# --- the account's templates ----------------------------------------------------------------------


def all_own(world: World, call: Call) -> Json:
    """获取个人模板列表."""
    return {
        **OK,
        "data": [
            {
                "priTmplId": template.template_id,
                "title": template.title,
                "content": template.content,
                "example": template.example,
                "type": template.type,
                "keywordEnumValueList": [
                    {"keywordCode": f"{key}.DATA", "enumValueList": list(values)}
                    for key, values in template.enums.items()
                ],
            }
            for template in world.templates.notices(call.caller.app_id)
        ],
    }


def add(world: World, call: Call) -> Json:
    """选用模板."""
    body, app_id = call.json_or_form(), call.caller.app_id
    title = TITLES.get(number(body.get("tid")) or 0)
    if title is None:
        raise PlatformError(200014)
    kids = body.get("kidList")
    listed = [number(kid) for kid in kids] if isinstance(kids, list) else []
    chosen = [keyword for kid in listed for keyword in title.keywords if keyword.kid == kid]
    least, most = PLATFORM.notice_keywords_least, PLATFORM.notice_keywords_most
    if not least <= len(listed) <= most or len(set(listed)) != len(listed) or len(chosen) != len(listed):
        raise PlatformError(200020)
    if len(text(body.get("sceneDesc"))) > PLATFORM.notice_scene_characters:
        raise PlatformError(200021)
    if len(world.templates.notices(app_id)) >= PLATFORM.notices_an_account:
        raise PlatformError(200012)
    template_id = secrets.token_urlsafe(33)[:43]
    template = Template(
        template_id,
        title.title,
        "\n".join(keyword.line for keyword in chosen),
        example="\n".join(f"{keyword.name}:{keyword.example}" for keyword in chosen),
        type=title.type,
        enums={keyword.key: keyword.values for keyword in chosen if keyword.values},
    )
    world.templates.add(app_id, template)
    return {**OK, "priTmplId": template_id}


def delete(world: World, call: Call) -> Json:
    """删除模板."""
    if not world.templates.remove(call.caller.app_id, text(call.json_or_form().get("priTmplId"))):
        raise PlatformError(40037)
    return OK


# --- the library ----------------------------------------------------------------------------------


def categories(world: World, call: Call) -> Json:
    """获取类目."""
    return {**OK, "data": [{"id": number, "name": name} for number, name in CATEGORIES.items()]}


def titles(world: World, call: Call) -> Json:
    """获取类目下的公共模板标题."""
    wanted = [number(category) for category in call.query("ids").split(",")]
    if None in wanted:
        raise PlatformError(200018)
    start, limit = number(call.query("start")), number(call.query("limit"))
    if start is None:
        raise PlatformError(200016)
    if limit is None or not 1 <= limit <= 30:
        raise PlatformError(200017)
    found = [title for title in TITLES.values() if title.category in wanted]
    return {**OK, "count": len(found), "data": [_title(title) for title in found[start : start + limit]]}


def _title(title: Title) -> Json:
    return {"tid": title.tid, "title": title.title, "type": title.type, "categoryId": str(title.category)}


def keywords(world: World, call: Call) -> Json:
    """获取模板标题下的关键词列表."""
    title = TITLES.get(number(call.query("tid")) or 0)
    if title is None:
        raise PlatformError(200014)
    data = [
        {"kid": keyword.kid, "name": keyword.name, "example": keyword.example, "rule": keyword.rule}
        for keyword in title.keywords
    ]
    return {**OK, "count": len(data), "data": data}


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/message/subscribe/bizsend": Endpoint("POST", send, "oa"),
    "/cgi-bin/message/subscribe/send": Endpoint("POST", send, "mp"),
    "/wxaapi/newtmpl/gettemplate": Endpoint("GET", all_own, "any"),
    "/wxaapi/newtmpl/addtemplate": Endpoint("POST", add, "any"),
    "/wxaapi/newtmpl/deltemplate": Endpoint("POST", delete, "any"),
    "/wxaapi/newtmpl/getcategory": Endpoint("GET", categories, "any"),
    "/wxaapi/newtmpl/getpubtemplatetitles": Endpoint("GET", titles, "any"),
    "/wxaapi/newtmpl/getpubtemplatekeywords": Endpoint("GET", keywords, "any"),
}
