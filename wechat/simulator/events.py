"""What a person can do with the account, as one table: the callback it makes and what it changes.

Source of the fields: 接收普通消息, 接收事件推送, 自定义菜单的事件推送, 订阅通知的事件推送 and
授权用户信息变更 in the platform's documentation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wechat.simulator.deeds import Deed
from wechat.simulator.limits import PLATFORM, Interaction
from wechat.simulator.state import Person
from wechat.simulator.tokens import AppKind
from wechat.simulator.wire import XmlValue
from wechat.simulator.world import PLATFORM_SENDER, World, media_check

Fields = dict[str, XmlValue]


class Shown(NamedTuple):
    """What a person's own phone shows of a deed: a message's type, its words, and what it holds.

    `data` has the names of a customer message's fields; None where there is nothing to draw but the words.
    """

    msgtype: str
    text: str
    data: dict[str, Any] | None = None


def _own_medium(msgtype: str, words: str, media_id: str) -> Shown:
    return Shown(msgtype, words, {"media_id": media_id} if media_id else None)


def _material(world: World, deed: Deed) -> Shown | None:
    medium = world.media.find(deed.key, world.clock.time())
    if medium is None:
        return None
    return Shown(
        medium.kind, f"[{medium.title or '素材'}]", {"media_id": medium.media_id, "title": medium.title}
    )


def _own_place(deed: Deed) -> list[Shown]:
    place = {"label": deed.label, "latitude": deed.latitude, "longitude": deed.longitude}
    return [Shown("location", f"[位置] {deed.label}".rstrip(), place)]


@dataclass(frozen=True)
class Kind:
    """One kind of deed.

    Arguments:
        says: what it is, for the documentation page.
        fields: the callback's own fields, or None where WeChat tells the account nothing.
        needs: attributes of the deed that must not be empty; `a|b` means that one of the two must not.
        change: what it changes about the person (`now` in unix seconds).
        own: what the person's own phone shows of it, message by message.
        gives: what WeChat itself sends the person for the account; None where that is gone.
        then: messages that follow the first.
        app: whose callback takes it; None leaves it to the deed.
        follower: whether only a follower can do it.
        interaction: which window for customer messages it opens, if any.
        example: a deed for the documentation page.
    """

    says: str
    fields: Callable[[World, Person, Deed], Fields] | None
    needs: tuple[str, ...] = ()
    change: Callable[[Person, Deed, float], None] | None = None
    own: Callable[[Deed], list[Shown]] | None = None
    gives: Callable[[World, Deed], Shown | None] | None = None
    then: Callable[[World, Person, Deed], list[Fields]] | None = None
    app: AppKind | None = "oa"
    follower: bool = True
    interaction: Interaction | None = "message"
    example: dict[str, Any] = field(default_factory=dict)


# --- what a deed changes --------------------------------------------------------------------------


def _follow(person: Person, deed: Deed, now: float) -> None:
    if not person.following:
        person.following, person.subscribed_at = True, now
        person.subscribe_scene = "ADD_SCENE_QR_CODE" if deed.scene else "ADD_SCENE_SEARCH"
        person.qr_scene = deed.scene


def _unfollow(person: Person, deed: Deed, now: float) -> None:
    person.following, person.subscribed_at = False, None
    # The right to write customer messages ends with the subscription.
    person.left()


def _block(person: Person, deed: Deed, now: float) -> None:
    person.blocked = True


def _unblock(person: Person, deed: Deed, now: float) -> None:
    person.blocked = False


def _consent(app: AppKind) -> Callable[[Person, Deed, float], None]:
    def change(person: Person, deed: Deed, now: float) -> None:
        for choice in deed.choices:
            if choice.status == "always":
                person.consents[app, choice.template_id] = PLATFORM.long_term_consents
            elif choice.status == "accept":
                person.consents[app, choice.template_id] += 1

    return change


def _withdraw(person: Person, deed: Deed, now: float) -> None:
    for choice in deed.choices:
        person.consents[deed.app, choice.template_id] = 0


# --- the callbacks' fields ------------------------------------------------------------------------


def _event(name: str, **fields: XmlValue) -> Fields:
    return {"MsgType": "event", "Event": name, **fields}


def _simple(name: str) -> Callable[[World, Person, Deed], Fields]:
    return lambda world, person, deed: _event(name, EventKey=deed.key)


def _in_menu(name: str) -> Callable[[World, Person, Deed], Fields]:
    return lambda world, person, deed: _event(
        name, EventKey=deed.key, MenuId=deed.menu_id or world.menu_id(person)
    )


def _subscribe(world: World, person: Person, deed: Deed) -> Fields:
    # Somebody who follows by a parametric code brings its scene along, with this prefix.
    if deed.scene:
        return _event("subscribe", EventKey=f"qrscene_{deed.scene}", Ticket=_ticket(deed))
    return _event("subscribe", EventKey="")


def _ticket(deed: Deed) -> str:
    return deed.ticket or f"ticket-{deed.scene}"


def _message(world: World, kind: str, **fields: XmlValue) -> Fields:
    return {"MsgType": kind, **fields, "MsgId": world.new_msgid()}


def _image(world: World, person: Person, deed: Deed) -> Fields:
    msgid = world.new_msgid()
    media_id = deed.media_id or f"media-{msgid}"
    return {"MsgType": "image", "PicUrl": deed.pic_url or deed.key, "MediaId": media_id, "MsgId": msgid}


def _voice(world: World, person: Person, deed: Deed) -> Fields:
    msgid = world.new_msgid()
    media_id = deed.media_id or f"media-{msgid}"
    heard: Fields = {"Recognition": deed.recognition} if deed.recognition else {}
    return {
        "MsgType": "voice",
        "MediaId": media_id,
        "Format": "amr",
        **heard,
        "MsgId": msgid,
        "MediaId16K": f"{media_id}-16k",
    }


def _video(kind: str) -> Callable[[World, Person, Deed], Fields]:
    def fields(world: World, person: Person, deed: Deed) -> Fields:
        msgid = world.new_msgid()
        return {
            "MsgType": kind,
            "MediaId": deed.media_id or f"media-{msgid}",
            "ThumbMediaId": deed.thumb_media_id or f"thumb-{msgid}",
            "MsgId": msgid,
        }

    return fields


def _location(world: World, person: Person, deed: Deed) -> Fields:
    return _message(
        world, "location", Location_X=deed.latitude, Location_Y=deed.longitude, Scale=15, Label=deed.label
    )


def _scan_menu(name: str) -> Callable[[World, Person, Deed], Fields]:
    def fields(world: World, person: Person, deed: Deed) -> Fields:
        scanned = {"ScanType": deed.scan_type, "ScanResult": deed.content}
        return _event(name, EventKey=deed.key, ScanCodeInfo=scanned)

    return fields


def _picture_menu(name: str) -> Callable[[World, Person, Deed], Fields]:
    def fields(world: World, person: Person, deed: Deed) -> Fields:
        pictures = [
            # The platform prescribes MD5; nothing rests on it.
            {"PicMd5Sum": hashlib.md5(f"{deed.key}{number}".encode(), usedforsecurity=False).hexdigest()}
            for number, _ in enumerate(deed.chosen)
        ]
        return _event(name, EventKey=deed.key, SendPicsInfo={"Count": len(pictures), "PicList": pictures})

    return fields


def _pictures(world: World, person: Person, deed: Deed) -> list[Fields]:
    return [
        _image(world, person, deed.model_copy(update={"key": "", **picture.model_dump()}))
        for picture in deed.chosen
    ]


def _location_menu(world: World, person: Person, deed: Deed) -> Fields:
    chosen = {
        "Location_X": str(deed.latitude),
        "Location_Y": str(deed.longitude),
        "Scale": "15",
        "Label": deed.label,
        "Poiname": "",
    }
    return _event("location_select", EventKey=deed.key, SendLocationInfo=chosen)


def _popup(app: AppKind) -> Callable[[World, Person, Deed], Fields]:
    def fields(world: World, person: Person, deed: Deed) -> Fields:
        told = tuple(
            {
                "TemplateId": choice.template_id,
                "SubscribeStatusString": "reject" if choice.status == "reject" else "accept",
                # A mini program has one place only for the window: its own pages.
                "PopupScene": 0 if app == "mp" else deed.popup_scene,
            }
            for choice in deed.choices
        )
        return _event("subscribe_msg_popup_event", SubscribeMsgPopupEvent={"List": told})

    return fields


def _refused(world: World, person: Person, deed: Deed) -> Fields:
    told = tuple(
        {"TemplateId": choice.template_id, "SubscribeStatusString": "reject"} for choice in deed.choices
    )
    return _event("subscribe_msg_change_event", SubscribeMsgChangeEvent={"List": told})


def _authorization(name: str) -> Callable[[World, Person, Deed], Fields]:
    def fields(world: World, person: Person, deed: Deed) -> Fields:
        revoked: Fields = {"RevokeInfo": deed.revoke_info} if name == "user_authorization_revoke" else {}
        return {
            "FromUserName": PLATFORM_SENDER,
            **_event(name),
            "OpenID": person.oa_openid if deed.app == "oa" else person.mp_openid,
            "UnionID": person.unionid,
            "AppID": world.deliverer.addresses[deed.app].app_id,
            **revoked,
        }

    return fields


# --- the table ------------------------------------------------------------------------------------

KINDS: dict[str, Kind] = {
    "subscribe": Kind(
        "关注；带 scene 或 ticket 为扫参数二维码关注",
        _subscribe,
        change=_follow,
        follower=False,
        interaction="subscribe",
    ),
    "unsubscribe": Kind(
        "取消关注",
        lambda world, person, deed: _event("unsubscribe", EventKey=""),
        change=_unfollow,
        interaction=None,
    ),
    "scan": Kind(
        "扫参数二维码；还没有关注的人先关注",
        lambda world, person, deed: _event("SCAN", EventKey=deed.scene, Ticket=_ticket(deed)),
        needs=("scene|ticket",),
        follower=False,
        interaction="scan",
        example={"scene": "h7"},
    ),
    "report_location": Kind(
        "进入会话时上报位置",
        lambda world, person, deed: _event(
            "LOCATION", Latitude=deed.latitude, Longitude=deed.longitude, Precision=65.0
        ),
        interaction=None,
        example={"latitude": 27.5, "longitude": 110.2},
    ),
    "click": Kind(
        "点 click 菜单", _simple("CLICK"), needs=("key",), interaction="menu", example={"key": "report"}
    ),
    "view": Kind(
        "点 view 菜单，打开网页",
        _in_menu("VIEW"),
        needs=("key",),
        interaction=None,
        example={"key": "https://example.com/m/"},
    ),
    "view_miniprogram": Kind(
        "点 miniprogram 菜单，打开小程序",
        _in_menu("view_miniprogram"),
        needs=("key",),
        interaction=None,
        example={"key": "pages/index/index"},
    ),
    "scancode_push": Kind(
        "点扫码菜单，扫完即推送",
        _scan_menu("scancode_push"),
        interaction="menu",
        needs=("key", "content"),
        example={"key": "scan", "content": "https://example.com/h/1"},
    ),
    "scancode_waitmsg": Kind(
        "点扫码菜单，扫完等公众号回复",
        _scan_menu("scancode_waitmsg"),
        interaction="menu",
        needs=("key", "content"),
        example={"key": "scan", "content": "https://example.com/h/1"},
    ),
    **{
        name: Kind(
            f"{says}；随后是 count 条图片消息",
            _picture_menu(name),
            needs=("key",),
            own=lambda deed: [_own_medium("image", "[图片]", one.media_id) for one in deed.chosen],
            then=_pictures,
            example={"key": "photo"},
        )
        for name, says in (
            ("pic_sysphoto", "点拍照菜单"),
            ("pic_photo_or_album", "点拍照或相册菜单"),
            ("pic_weixin", "点微信相册菜单"),
        )
    },
    "location_select": Kind(
        "点选择位置菜单；随后是一条位置消息",
        _location_menu,
        needs=("key",),
        own=_own_place,
        then=lambda world, person, deed: [_location(world, person, deed)],
        example={"key": "place", "latitude": 27.5, "longitude": 110.2, "label": "枫木村"},
    ),
    "media_id": Kind(
        "点素材菜单，微信发来永久素材（公众号收不到推送）",
        None,
        needs=("key",),
        gives=_material,
        interaction=None,
        example={"key": "MEDIA_ID"},
    ),
    "article_id": Kind(
        "点图文菜单，微信发来已发布的图文（公众号收不到推送）",
        None,
        needs=("key",),
        gives=lambda world, deed: Shown("mpnewsarticle", f"[图文] {deed.key}"),
        interaction=None,
        example={"key": "ARTICLE_ID"},
    ),
    "text": Kind(
        "发文字",
        lambda world, person, deed: _message(world, "text", Content=deed.content),
        needs=("content",),
        own=lambda deed: [Shown("text", deed.content)],
        example={"content": "我要求助"},
    ),
    "image": Kind("发图片", _image, own=lambda deed: [_own_medium("image", "[图片]", deed.media_id)]),
    "voice": Kind(
        "发语音",
        _voice,
        own=lambda deed: [_own_medium("voice", f"[语音] {deed.recognition}".rstrip(), deed.media_id)],
        example={"recognition": "我要求助"},
    ),
    "video": Kind(
        "发视频", _video("video"), own=lambda deed: [_own_medium("video", "[视频]", deed.media_id)]
    ),
    "shortvideo": Kind(
        "发小视频", _video("shortvideo"), own=lambda deed: [_own_medium("video", "[小视频]", deed.media_id)]
    ),
    "location": Kind(
        "发位置",
        _location,
        own=_own_place,
        example={"latitude": 27.5, "longitude": 110.2, "label": "枫木村"},
    ),
    "link": Kind(
        "发链接",
        lambda world, person, deed: _message(
            world, "link", Title=deed.title, Description=deed.description, Url=deed.url
        ),
        needs=("url",),
        own=lambda deed: [Shown("link", f"[链接] {deed.title}".rstrip())],
        example={"title": "帮扶政策", "description": "有哪些帮扶", "url": "https://example.com/policy"},
    ),
    "consent": Kind(
        "在公众号的订阅弹窗里选择；一个弹窗可以有几个模板",
        _popup("oa"),
        needs=("key|templates",),
        change=_consent("oa"),
        follower=False,
        interaction=None,
        example={
            "templates": [{"template_id": "T1"}, {"template_id": "T2", "status": "reject"}],
        },
    ),
    "consent_mp": Kind(
        "在小程序的订阅弹窗里选择",
        _popup("mp"),
        needs=("key|templates",),
        change=_consent("mp"),
        app="mp",
        follower=False,
        interaction=None,
        example={"templates": [{"template_id": "T1"}]},
    ),
    "consent_withdrawn": Kind(
        "在通知管理里关掉订阅",
        _refused,
        needs=("key|templates",),
        change=_withdraw,
        app=None,
        follower=False,
        interaction=None,
        example={"templates": [{"template_id": "T1"}]},
    ),
    **{
        name: Kind(says, _authorization(name), change=change, app=None, follower=False, interaction=None)
        for name, says, change in (
            ("user_info_modified", "平台清理了此人的资料", None),
            ("user_authorization_revoke", "撤回网页或小程序的授权", None),
            ("user_authorization_cancellation", "注销微信", _unfollow),
        )
    },
    "wxa_media_check": Kind(
        "图片或声音检测完成；media_check_async 之后会自动推送",
        lambda world, person, deed: _event(
            "wxa_media_check",
            **media_check(
                world, deed.trace_id, deed.suggest, 100 if deed.suggest == "pass" else 20001, deed.app
            ),
        ),
        needs=("trace_id",),
        app=None,
        follower=False,
        interaction=None,
        example={"app": "mp", "trace_id": "62f11967-2b24d27a-34715985"},
    ),
    "raw": Kind(
        "推送 fields 里的任意内容",
        lambda world, person, deed: {},
        needs=("fields",),
        app=None,
        follower=False,
        interaction=None,
        example={"fields": {"MsgType": "event", "Event": "any"}},
    ),
    "block": Kind("不再接收消息（公众号收不到推送）", None, change=_block, follower=False, interaction=None),
    "unblock": Kind(
        "恢复接收消息（公众号收不到推送）", None, change=_unblock, follower=False, interaction=None
    ),
}
