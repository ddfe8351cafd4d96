"""What WeChat's own paths do, as one table of path, method, application and function.

Each function takes the world and a `Call`, has its effect at once (nothing in here waits), and returns the
JSON body without the `errcode: 0` that `post` endpoints share, or raises `PlatformError`.
"""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import Code, CodeKind, Person, Template
from wechat.simulator.tokens import App, AppKind
from wechat.simulator.world import World

Json = dict[str, Any]
OK: Json = {"errcode": 0, "errmsg": "ok"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its query and body, and the application whose token it carries (None without one)."""

    query: Callable[[str], str]
    body: bytes
    app: App | None
    called_at: float

    @property
    def caller(self) -> App:
        """Return the application whose token the call carries.

        Raises:
            PlatformError: 41001 on a path that takes no token.
        """
        if self.app is None:
            raise PlatformError(41001)
        return self.app

    def json(self) -> Json:
        """Return the body as a JSON object.

        Raises:
            PlatformError: 44002 (empty), 47001 (not a JSON object).
        """
        if not self.body:
            raise PlatformError(44002)
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise PlatformError(47001) from error
        if not isinstance(body, dict):
            raise PlatformError(47001)
        return body


# --- tokens ---------------------------------------------------------------------------------------


def stable_token(world: World, call: Call) -> Json:
    """获取稳定版接口调用凭据."""
    body = call.json()
    if body.get("grant_type") != "client_credential":
        raise PlatformError(40002)
    app = world.tokens.app(str(body.get("appid") or ""), str(body.get("secret") or ""))
    token, seconds = world.tokens.stable(app, force=body.get("force_refresh") is True)
    return {"access_token": token, "expires_in": seconds}


def plain_token(world: World, call: Call) -> Json:
    """获取接口调用凭据."""
    if call.query("grant_type") != "client_credential":
        raise PlatformError(40002)
    token, seconds = world.tokens.plain(world.tokens.app(call.query("appid"), call.query("secret")))
    return {"access_token": token, "expires_in": seconds}


def ticket(world: World, call: Call) -> Json:
    """获得jsapi_ticket."""
    return {**OK, "ticket": secrets.token_urlsafe(64), "expires_in": PLATFORM.ticket_seconds}


# --- template messages ----------------------------------------------------------------------------

# The pictographic blocks of Unicode, the variation selector that turns signs into pictures, and flags.
EMOJI = re.compile("[\u2600-\u2604\u260e-\u27bf\u2b50\u2b55\u20e3\ufe0f\U0001f000-\U0001faff]")
REMOVED_KEYS = ("first", "remark")


def send_template(world: World, call: Call) -> Json:
    """发送模板消息."""
    body = call.json()
    person = _follower(world, body)
    if not person.following:
        raise PlatformError(43004)
    template_id = str(body.get("template_id") or "")
    registered = world.templates.lookup(call.caller.app_id, template_id)
    if registered is None and not (template_id and world.templates.open_to_any(call.caller.app_id)):
        raise PlatformError(40037)
    keys = registered[1] if registered else None
    values = _checked_values(body.get("data"), keys)
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
    if person.blocked:
        world.queue_receipt(person, msgid, "failed:user block")
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
        miniprogram=body.get("miniprogram") or None,
        msgid=msgid,
        client_msg_id=client_msg_id,
        template_id=template_id,
    )
    world.queue_receipt(person, msgid, "success")
    return {**OK, "msgid": msgid}


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


def add_template(world: World, call: Call) -> Json:
    """获得模板ID: 从模板库选用模板."""
    body = call.json()
    short_id = str(body.get("template_id_short") or "")
    if not short_id:
        raise PlatformError(40037)
    if len(world.templates.known(call.caller.app_id)) >= PLATFORM.templates_an_account:
        raise PlatformError(45026)
    names = body.get("keyword_name_list")
    # The library's contents are not public. The keywords asked for become its lines, and without any the
    # template takes whatever keys it is sent.
    labels = [str(name) for name in names] if isinstance(names, list) else []
    content = "\n".join(
        f"{label}:{{{{keyword{number}.DATA}}}}" for number, label in enumerate(labels, start=1)
    )
    template_id = secrets.token_urlsafe(33)[:43]
    world.templates.add(call.caller.app_id, Template(template_id, f"模板 {short_id}", content))
    return {**OK, "template_id": template_id}


def all_templates(world: World, call: Call) -> Json:
    """获取模板列表."""
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
            for template in world.templates.known(call.caller.app_id)
        ]
    }


def delete_template(world: World, call: Call) -> Json:
    """删除模板."""
    if not world.templates.remove(call.caller.app_id, str(call.json().get("template_id") or "")):
        raise PlatformError(40037)
    return OK


# --- subscription notices -------------------------------------------------------------------------

# Type of a field → what its value must match (source: 订阅通知 · 发送, 参数值内容限制说明).
FIELD_TYPES: dict[str, re.Pattern[str]] = {
    "thing": re.compile(r"[^\n]{1,20}"),
    "number": re.compile(r"-?[\d.]{1,32}"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "time": re.compile(r"[\d年月日:：~～\- ]{1,40}"),
    "date": re.compile(r"[\d年月日:：~～\- ]{1,40}"),
    "amount": re.compile(r"\D?[\d.,]{1,10}元?"),
    "phone_number": re.compile(r"[\d+\-]{1,17}"),
    "car_number": re.compile(r"\w{1,8}"),
    "name": re.compile(r"[\u4e00-\u9fff*·]{1,10}|[A-Za-z*\s.]{1,20}"),
    "phrase": re.compile(r"[\u4e00-\u9fff]{1,5}"),
}
FIELD_KEY = re.compile(r"([a-z_]+?)\d+")


def send_subscription(world: World, call: Call) -> Json:
    """订阅通知: bizsend of the official account, send of the mini program."""
    body = call.json()
    app = call.caller
    openid = str(body.get("touser") or "")
    person = world.people.find(openid)
    if person is None or openid != (person.oa_openid if app.kind == "oa" else person.mp_openid):
        raise PlatformError(40003)
    template_id = str(body.get("template_id") or "")
    registered = world.templates.lookup(app.app_id, template_id)
    if registered is None and not (template_id and world.templates.open_to_any(app.app_id)):
        raise PlatformError(40037)
    fields = _typed_fields(body.get("data"), dict(registered[1]) if registered else {})
    credit = (app.kind, template_id)
    if person.consents[credit] <= 0:
        raise PlatformError(43101)
    if person.consents[credit] < PLATFORM.long_term_consents:
        person.consents[credit] -= 1
    msgid = world.new_msgid()
    world.put(
        person,
        "subscription",
        called_at=call.called_at,
        title=registered[0].title if registered else None,
        fields=fields,
        text="\n".join(f"{field['label']}：{field['value']}" for field in fields),
        data=body["data"],
        miniprogram=body.get("miniprogram") or ({"pagepath": body["page"]} if body.get("page") else None),
        msgid=msgid,
        template_id=template_id,
    )
    if app.kind == "oa":
        world.queue_subscription_receipt(person, msgid, template_id)
    return OK


def _typed_fields(data: Any, labels: dict[str, str]) -> list[dict[str, str]]:
    """Return the fields of a subscription notice as a phone shows them.

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
        named = FIELD_KEY.fullmatch(key)
        wanted = FIELD_TYPES.get(named[1]) if named else None
        if wanted is None or not wanted.fullmatch(value):
            raise PlatformError(47003, f"argument invalid! data.{key}.value invalid")
        fields.append({"key": key, "label": labels.get(key, key), "value": value})
    return fields


# --- customer messages ----------------------------------------------------------------------------


def _first_article(body: Json) -> str:
    articles = body.get("news", {}).get("articles") or [{}]
    return str(articles[0].get("title", ""))


# What the phone shows of each message type; others are 40008.
CUSTOMER_TEXT: dict[str, Callable[[Json], str]] = {
    "text": lambda body: str(body.get("text", {}).get("content", "")),
    "msgmenu": lambda body: str(body.get("msgmenu", {}).get("head_content", "")),
    "news": _first_article,
    "miniprogrampage": lambda body: str(body.get("miniprogrampage", {}).get("title", "")),
    "image": lambda body: "[图片]",
}


def send_customer(world: World, call: Call) -> Json:
    """客服消息 · 发消息."""
    body = call.json()
    person = _follower(world, body)
    message_type = body.get("msgtype")
    if not isinstance(message_type, str) or message_type not in CUSTOMER_TEXT:
        raise PlatformError(40008)
    if not isinstance(body.get(message_type, {}), dict):
        raise PlatformError(47001)
    text = CUSTOMER_TEXT[message_type](body)
    if not text:
        raise PlatformError(44004)
    if person.blocked:
        raise PlatformError(48002)
    last = person.last_interaction_at
    now = world.clock.time()
    if not person.following or last is None or now - last > PLATFORM.customer_window_seconds:
        raise PlatformError(45015)
    if person.customer_messages >= PLATFORM.customer_messages_a_window:
        raise PlatformError(45047)
    person.customer_messages += 1
    world.put(person, "customer", called_at=call.called_at, text=text, data=body.get(message_type))
    return OK


def _follower(world: World, body: Json) -> Person:
    person = world.people.follower(str(body.get("touser") or ""))
    if person is None:
        raise PlatformError(40003)
    return person


# --- people ---------------------------------------------------------------------------------------


def user_info(world: World, call: Call) -> Json:
    """获取用户基本信息(UnionID机制)."""
    person = world.people.follower(call.query("openid"))
    if person is None:
        raise PlatformError(40003)
    if not person.following or person.subscribed_at is None:
        return {"subscribe": 0, "openid": person.oa_openid, "unionid": person.unionid, "tagid_list": []}
    return {
        "subscribe": 1,
        "openid": person.oa_openid,
        # The platform has answered empty names and pictures since 2021-12-27.
        "nickname": "",
        "sex": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "subscribe_time": int(person.subscribed_at),
        "unionid": person.unionid,
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": person.subscribe_scene,
        "qr_scene": 0,
        "qr_scene_str": person.qr_scene,
    }


def _use_code(world: World, kind: CodeKind, app: AppKind, text: str) -> Code:
    """Use up a code.

    Raises:
        PlatformError: 41008 (missing), 40029 (unknown, expired or another application's), 40163 (used).
    """
    if not text:
        raise PlatformError(41008)
    code = world.codes.find(text)
    if code is None or code.kind != kind or code.app != app:
        raise PlatformError(40029)
    if code.used:
        raise PlatformError(40163)
    if world.clock.time() >= code.expires_at:
        raise PlatformError(40029)
    code.used = True
    return code


def login(world: World, call: Call) -> Json:
    """小程序登录 · code2Session."""
    app = world.tokens.app(call.query("appid"), call.query("secret"))
    if call.query("grant_type") != "authorization_code":
        raise PlatformError(40002)
    if app.kind != "mp":
        raise PlatformError(40013)
    code = _use_code(world, "login", app.kind, call.query("js_code"))
    return {
        "session_key": b64encode(secrets.token_bytes(16)).decode(),
        "openid": code.person.mp_openid,
        "unionid": code.person.unionid,
    }


def oauth_token(world: World, call: Call) -> Json:
    """网页授权 · 通过code换取网页授权access_token."""
    app = world.tokens.app(call.query("appid"), call.query("secret"))
    if call.query("grant_type") != "authorization_code":
        raise PlatformError(40002)
    code = _use_code(world, "oauth", app.kind, call.query("code"))
    return {
        "access_token": secrets.token_urlsafe(64),
        "expires_in": PLATFORM.token_seconds,
        "refresh_token": secrets.token_urlsafe(64),
        "openid": code.person.oa_openid,
        "scope": code.scope or "snsapi_base",
        "unionid": code.person.unionid,
    }


def phone_number(world: World, call: Call) -> Json:
    """手机号快速验证组件 · getuserphonenumber."""
    code = _use_code(world, "phone", call.caller.kind, str(call.json().get("code") or ""))
    phone = code.person.phone or ""
    return {
        **OK,
        "phone_info": {
            "phoneNumber": phone,
            "purePhoneNumber": phone,
            "countryCode": "86",
            "watermark": {"timestamp": int(world.clock.time()), "appid": call.caller.app_id},
        },
    }


# --- menu -----------------------------------------------------------------------------------------

# Button type → the field it must have (source: 自定义菜单 · 创建接口, 参数说明).
BUTTON_FIELD: dict[str, str] = {
    "click": "key",
    "view": "url",
    "miniprogram": "pagepath",
    "scancode_push": "key",
    "scancode_waitmsg": "key",
    "pic_sysphoto": "key",
    "pic_photo_or_album": "key",
    "pic_weixin": "key",
    "location_select": "key",
    "media_id": "media_id",
    "article_id": "article_id",
}


def create_menu(world: World, call: Call) -> Json:
    """自定义菜单 · 创建接口."""
    buttons = call.json().get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= PLATFORM.menu_buttons:
        raise PlatformError(40016)
    for button in buttons:
        _check_button(button, PLATFORM.menu_name_bytes, may_hold=True)
    world.menu = buttons
    if world.stream:
        world.stream.publish("menu", {"menu": buttons})
    return OK


def _check_button(button: Any, name_bytes: int, *, may_hold: bool) -> None:
    if not isinstance(button, dict):
        raise PlatformError(47001)
    name = button.get("name")
    if not isinstance(name, str) or not 1 <= len(name.encode()) <= name_bytes:
        raise PlatformError(40018)
    inner = button.get("sub_button")
    if inner:
        if not may_hold or not isinstance(inner, list) or len(inner) > PLATFORM.menu_sub_buttons:
            raise PlatformError(40023)
        for sub_button in inner:
            _check_button(sub_button, PLATFORM.menu_sub_name_bytes, may_hold=False)
        return
    wanted = BUTTON_FIELD.get(str(button.get("type")))
    if wanted is None or not isinstance(button.get(wanted), str) or not button[wanted]:
        raise PlatformError(40019)
    if wanted == "key" and len(button["key"].encode()) > PLATFORM.menu_key_bytes:
        raise PlatformError(40019)
    if wanted == "url" and len(button["url"].encode()) > PLATFORM.menu_url_bytes:
        raise PlatformError(40020)


def get_menu(world: World, call: Call) -> Json:
    """自定义菜单 · 查询接口."""
    if world.menu is None:
        raise PlatformError(46003)
    return {"menu": {"button": world.menu}}


def delete_menu(world: World, call: Call) -> Json:
    """自定义菜单 · 删除接口."""
    world.menu = None
    return OK


# --- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Endpoint:
    """One path of the platform.

    Arguments:
        method: the only HTTP method accepted (43001 or 43002 otherwise).
        run: what it does.
        token: whose access token it needs: one application's, any's, or None for a path without token.
        content_type: the platform answers some paths with JSON that calls itself text.
    """

    method: Literal["GET", "POST"]
    run: Callable[[World, Call], Json]
    token: AppKind | Literal["any"] | None
    content_type: str = "application/json; encoding=utf-8"


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/stable_token": Endpoint("POST", stable_token, None),
    "/cgi-bin/token": Endpoint("GET", plain_token, None),
    "/cgi-bin/ticket/getticket": Endpoint("GET", ticket, "oa"),
    "/cgi-bin/message/template/send": Endpoint("POST", send_template, "oa"),
    "/cgi-bin/message/subscribe/bizsend": Endpoint("POST", send_subscription, "oa"),
    "/cgi-bin/message/subscribe/send": Endpoint("POST", send_subscription, "mp"),
    "/cgi-bin/message/custom/send": Endpoint("POST", send_customer, "oa"),
    "/cgi-bin/template/api_add_template": Endpoint("POST", add_template, "oa"),
    "/cgi-bin/template/get_all_private_template": Endpoint("GET", all_templates, "oa"),
    "/cgi-bin/template/del_private_template": Endpoint("POST", delete_template, "oa"),
    "/cgi-bin/user/info": Endpoint("GET", user_info, "oa"),
    "/cgi-bin/menu/create": Endpoint("POST", create_menu, "oa"),
    "/cgi-bin/menu/get": Endpoint("GET", get_menu, "oa"),
    "/cgi-bin/menu/delete": Endpoint("GET", delete_menu, "oa"),
    "/sns/jscode2session": Endpoint("GET", login, None, "text/plain"),
    "/sns/oauth2/access_token": Endpoint("GET", oauth_token, None, "text/plain"),
    "/wxa/business/getuserphonenumber": Endpoint("POST", phone_number, "mp"),
}
WRONG_METHOD = {"GET": 43001, "POST": 43002}
