"""What a person can do with the account, as one table: the callback it makes and what it changes.

Source of the fields: 接收普通消息 and 接收事件推送 in the platform's documentation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wechat.simulator.callbacks import Delivery, XmlValue
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import Person
from wechat.simulator.tokens import AppKind
from wechat.simulator.world import World

Fields = dict[str, XmlValue]
OUT_OF_ORDER = "该公众号提供的服务出现故障，请稍后再试"


class CannotHappen(Exception):
    """The person could not do this on a real phone, or the request lacks something; the text says which."""


@dataclass(frozen=True)
class Deed:
    """What somebody does, as asked for at `/_sim/events`."""

    type: str
    key: str = ""
    content: str = ""
    scene: str = ""
    latitude: float = 0
    longitude: float = 0
    label: str = ""
    fields: dict[str, Any] | None = None
    duplicate: int = 0
    concurrent: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of deed.

    Arguments:
        fields: the callback's own fields, or None where WeChat tells the account nothing.
        needs: attributes of the deed that must not be empty.
        change: what it changes about the person (`now` in unix seconds).
        own: what the person's own phone shows of it, if anything.
        follower: whether only a follower can do it.
        interaction: whether it opens the window for customer messages.
    """

    fields: Callable[[World, Deed], Fields] | None
    needs: tuple[str, ...] = ()
    change: Callable[[Person, Deed, float], None] | None = None
    own: Callable[[Deed], str] | None = None
    follower: bool = True
    interaction: bool = True


def _follow(person: Person, deed: Deed, now: float) -> None:
    if not person.following:
        person.following, person.subscribed_at = True, now
        person.subscribe_scene = "ADD_SCENE_QR_CODE" if deed.scene else "ADD_SCENE_SEARCH"
        person.qr_scene = deed.scene


def _unfollow(person: Person, deed: Deed, now: float) -> None:
    # A window for customer messages ends with the subscription.
    person.following, person.subscribed_at, person.last_interaction_at = False, None, None


def _block(person: Person, deed: Deed, now: float) -> None:
    person.blocked = True


def _unblock(person: Person, deed: Deed, now: float) -> None:
    person.blocked = False


def _consent(app: AppKind) -> Callable[[Person, Deed, float], None]:
    def change(person: Person, deed: Deed, now: float) -> None:
        if deed.content == "always":
            person.consents[app, deed.key] = PLATFORM.long_term_consents
        elif deed.content in ("", "accept"):
            person.consents[app, deed.key] += 1

    return change


def _popup(world: World, deed: Deed) -> Fields:
    told = {
        "TemplateId": deed.key,
        "SubscribeStatusString": "reject" if deed.content == "reject" else "accept",
        "PopupScene": 2,
    }
    return {
        "MsgType": "event",
        "Event": "subscribe_msg_popup_event",
        "SubscribeMsgPopupEvent": {"List": told},
    }


def _event(name: str, key: str = "", **more: XmlValue) -> Fields:
    return {"MsgType": "event", "Event": name, "EventKey": key, **more}


def _subscribe(world: World, deed: Deed) -> Fields:
    # Somebody who follows by a parametric code brings its scene along, with this prefix.
    if deed.scene:
        return _event("subscribe", f"qrscene_{deed.scene}", Ticket=f"ticket-{deed.scene}")
    return _event("subscribe")


def _text(world: World, deed: Deed) -> Fields:
    return {"MsgType": "text", "Content": deed.content, "MsgId": world.new_msgid()}


def _location(world: World, deed: Deed) -> Fields:
    return {
        "MsgType": "location",
        "Location_X": deed.latitude,
        "Location_Y": deed.longitude,
        "Scale": 15,
        "Label": deed.label,
        "MsgId": world.new_msgid(),
    }


def _image(world: World, deed: Deed) -> Fields:
    msgid = world.new_msgid()
    return {"MsgType": "image", "PicUrl": deed.key, "MediaId": f"media-{msgid}", "MsgId": msgid}


KINDS: dict[str, Kind] = {
    "subscribe": Kind(_subscribe, change=_follow, follower=False),
    "unsubscribe": Kind(lambda world, deed: _event("unsubscribe"), change=_unfollow, interaction=False),
    "scan": Kind(
        lambda world, deed: _event("SCAN", deed.scene, Ticket=f"ticket-{deed.scene}"),
        needs=("scene",),
        follower=False,
    ),
    "click": Kind(lambda world, deed: _event("CLICK", deed.key), needs=("key",)),
    "view": Kind(lambda world, deed: _event("VIEW", deed.key), needs=("key",), interaction=False),
    "text": Kind(_text, needs=("content",), own=lambda deed: deed.content),
    "image": Kind(_image, own=lambda deed: "[图片]"),
    "location": Kind(_location, own=lambda deed: f"[位置] {deed.label}".rstrip()),
    "report_location": Kind(
        lambda world, deed: {
            "MsgType": "event",
            "Event": "LOCATION",
            "Latitude": deed.latitude,
            "Longitude": deed.longitude,
            "Precision": 65.0,
        },
        interaction=False,
    ),
    # Consent to one notice of the template `key`; `content` may be reject, or always (long-term).
    "consent": Kind(_popup, needs=("key",), change=_consent("oa"), follower=False, interaction=False),
    # A mini program's events go to an address of its own, and none is simulated.
    "consent_mp": Kind(None, needs=("key",), change=_consent("mp"), follower=False, interaction=False),
    "raw": Kind(lambda world, deed: {}, needs=("fields",), follower=False, interaction=False),
    "block": Kind(None, change=_block, follower=False, interaction=False),
    "unblock": Kind(None, change=_unblock, follower=False, interaction=False),
}


def begin(world: World, person: Person, deed: Deed) -> asyncio.Task[list[Delivery]]:
    """Do the deed: change the person, show it on their phone, and start its delivery to the account.

    Returns:
        A task whose result is one `Delivery` for the callback and one for each duplicate.

    Raises:
        CannotHappen: something it needs is missing, or only a follower could do it.
    """
    kind = KINDS[deed.type]
    # To somebody who does not follow yet, WeChat offers to follow when they scan the account's code.
    if deed.type == "scan" and not person.following:
        kind = KINDS["subscribe"]
    for name in kind.needs:
        if not getattr(deed, name):
            raise CannotHappen(f"'{deed.type}' needs '{name}'")
    if kind.follower and not person.following:
        raise CannotHappen(f"'{deed.type}' needs a follower, and this person does not follow the account")
    now = world.clock.time()
    if kind.change is not None:
        kind.change(person, deed, now)
        world.person_changed(person)
    if kind.interaction:
        person.last_interaction_at, person.customer_messages = now, 0
    if kind.own is not None:
        world.put(person, "own", direction="out", text=kind.own(deed))
    if kind.fields is None:
        return world.deliverer.start(_nothing())
    fields = world.envelope(person, {**kind.fields(world, deed), **(deed.fields or {})})
    return world.deliverer.start(_deliver(world, person, deed, fields))


async def _nothing() -> list[Delivery]:
    return []


async def _deliver(world: World, person: Person, deed: Deed, fields: Fields) -> list[Delivery]:
    copies = 1 + deed.duplicate
    if deed.concurrent:
        deliveries = list(
            await asyncio.gather(*(world.deliverer.deliver(person.oa_openid, fields) for _ in range(copies)))
        )
    else:
        deliveries = [await world.deliverer.deliver(person.oa_openid, fields) for _ in range(copies)]
    _show(world, person, deed, deliveries)
    return deliveries


def _show(world: World, person: Person, deed: Deed, deliveries: list[Delivery]) -> None:
    """Put the reply on the person's phone: one, however often the message was delivered."""
    reply = next((delivery.reply for delivery in deliveries if delivery.reply is not None), None)
    if reply is not None and reply["MsgType"] != "transfer_customer_service":
        text, title, url = _shown(reply)
        world.put(person, "reply", text=text, title=title, url=url, data=reply)
    # WeChat tells the person only when they wrote or pressed something.
    failed = bool(deliveries) and not any(delivery.accepted for delivery in deliveries)
    tried = deliveries and len(deliveries[0].tries) == PLATFORM.callback_tries
    if failed and tried and deed.type in ("text", "click", "image", "location"):
        world.put(person, "system", direction="system", text=OUT_OF_ORDER)


def _shown(reply: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """Return (text, title, url) of a passive reply as the phone shows it."""
    if reply["MsgType"] == "text":
        return str(reply.get("Content", "")), None, None
    if reply["MsgType"] == "news":
        articles = reply.get("Articles") or [{}]
        first = articles[0] if isinstance(articles, list) and isinstance(articles[0], dict) else {}
        return str(first.get("Description", "")), str(first.get("Title", "")), first.get("Url") or None
    return f"[{reply['MsgType']}]", None, None
