"""客服消息: what the account writes to people who turned to it a short while ago."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wechat.simulator.endpoints.base import OK, Call, Endpoint, Json, mini_program, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import Person
from wechat.simulator.world import World


@dataclass(frozen=True)
class Type:
    """One type of message.

    Arguments:
        shows: what the phone shows of its content as text.
        needs: fields that must be texts and not empty, with the error code for a missing one.
        media: fields that name an upload (40007 if there is none); optional ones may be left out.
        check: what else is refused.
    """

    shows: Callable[[Json], str]
    needs: tuple[tuple[str, int], ...] = ()
    media: tuple[str, ...] = ()
    check: Callable[[World, Json], None] | None = None


def _check_text(world: World, content: Json) -> None:
    if len(content["content"].encode()) > PLATFORM.customer_text_bytes:
        raise PlatformError(45002)


def _check_news(world: World, content: Json) -> None:
    articles = content.get("articles")
    if not isinstance(articles, list) or not articles or not all(isinstance(one, dict) for one in articles):
        raise PlatformError(44003)
    if len(articles) > PLATFORM.customer_articles:
        raise PlatformError(45008)


def _check_menu(world: World, content: Json) -> None:
    choices = content.get("list")
    good = isinstance(choices, list) and all(
        isinstance(one, dict) and str(one.get("id") or "") and text(one.get("content")) for one in choices
    )
    if not choices or not good:
        raise PlatformError(40101)


def _check_page(world: World, content: Json) -> None:
    mini_program(world, {"miniprogram": content}, page_errcode=40165)


MISSING = 40101
# Source: 发送客服消息 (sendCustomMessage), 请求体.
TYPES: dict[str, Type] = {
    "text": Type(lambda one: text(one.get("content")), (("content", 44004),), check=_check_text),
    "image": Type(lambda one: "[图片]", media=("media_id",)),
    "voice": Type(lambda one: "[语音]", media=("media_id",)),
    "video": Type(lambda one: text(one.get("title")) or "[视频]", media=("media_id", "thumb_media_id")),
    "music": Type(
        lambda one: text(one.get("title")) or "[音乐]",
        (("musicurl", MISSING), ("hqmusicurl", MISSING)),
        media=("thumb_media_id",),
    ),
    "news": Type(lambda one: text(one["articles"][0].get("title")), check=_check_news),
    "mpnews": Type(lambda one: "[图文]", (("media_id", 41006),)),
    "mpnewsarticle": Type(lambda one: "[图文]", (("article_id", MISSING),)),
    "msgmenu": Type(lambda one: text(one.get("head_content")), check=_check_menu),
    "wxcard": Type(lambda one: "[卡券]", (("card_id", MISSING),)),
    "miniprogrampage": Type(
        lambda one: text(one.get("title")),
        (("title", MISSING), ("appid", 41002), ("pagepath", MISSING)),
        media=("thumb_media_id",),
        check=_check_page,
    ),
}


def send(world: World, call: Call) -> Json:
    """发送客服消息."""
    body = call.json()
    person = _person(world, body)
    message_type = text(body.get("msgtype"))
    kind = TYPES.get(message_type)
    if kind is None:
        raise PlatformError(40008)
    content = body.get(message_type)
    if not isinstance(content, dict):
        raise PlatformError(44004 if message_type == "text" else 47001)
    _check_content(world, call, kind, content)
    _use_allowance(world, person)
    person.typing_until = None
    world.note_person(person)
    world.put(
        person,
        "customer",
        called_at=call.called_at,
        text=kind.shows(content),
        data=content,
        msgtype=message_type,
        miniprogram=content if message_type == "miniprogrampage" else None,
    )
    return OK


def _person(world: World, body: Json) -> Person:
    person = world.people.follower(text(body.get("touser")))
    if person is None:
        raise PlatformError(40003)
    return person


def _check_content(world: World, call: Call, kind: Type, content: Json) -> None:
    for field, errcode in kind.needs:
        if not text(content.get(field)):
            raise PlatformError(errcode)
    for field in kind.media:
        media_id = text(content.get(field))
        if not media_id:
            raise PlatformError(41006)
        medium = world.media.find(media_id, world.clock.time())
        if medium is None or medium.app_id != call.caller.app_id:
            raise PlatformError(40007)
    if kind.check is not None:
        kind.check(world, content)


def _use_allowance(world: World, person: Person) -> None:
    """Use up one message of the allowance that ends first.

    Raises:
        PlatformError: 43019 (on the account's blacklist), 48002 (blocks the account), 45015 (no allowance, or
            all are over), 45047 (all are used up).
    """
    if person.blacklisted:
        raise PlatformError(43019)
    if person.blocked:
        raise PlatformError(48002)
    now = world.clock.time()
    running = [allowance for allowance in person.allowances.values() if now <= allowance.until]
    if not running or not person.following:
        raise PlatformError(45015)
    left = [allowance for allowance in running if allowance.left]
    if not left:
        raise PlatformError(45047)
    min(left, key=lambda allowance: allowance.until).left -= 1


# --- typing ---------------------------------------------------------------------------------------


def typing(world: World, call: Call) -> Json:
    """客服输入状态."""
    body = call.json()
    person = _person(world, body)
    command = body.get("command")
    if command not in ("Typing", "CancelTyping"):
        raise PlatformError(45072)
    now = world.clock.time()
    last = person.last_interaction_at
    if last is None or now - last > PLATFORM.typing_after_seconds:
        raise PlatformError(45080)
    starts = command == "Typing"
    if starts and person.typing_until is not None and now < person.typing_until:
        raise PlatformError(45081)
    person.typing_until = now + PLATFORM.typing_seconds if starts else None
    world.note_person(person)
    if world.stream:
        seconds = PLATFORM.typing_seconds if starts else 0
        world.stream.publish("typing", {"openid": person.oa_openid, "seconds": seconds})
    return OK


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/message/custom/send": Endpoint("POST", send, "oa"),
    "/cgi-bin/message/custom/typing": Endpoint("POST", typing, "oa"),
}
