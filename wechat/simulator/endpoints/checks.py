"""内容安全: whether a text, a picture or a sound may be published."""

from __future__ import annotations

import secrets
from urllib.parse import unquote

from wechat.simulator.endpoints.base import OK, Call, Endpoint, Json, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import Person
from wechat.simulator.words import CLEAN
from wechat.simulator.world import World

SCENES = (1, 2, 3, 4)
MEDIA_TYPES = (1, 2)


def _checked(world: World, call: Call, body: Json) -> Person:
    """Return the person whose content is to be judged.

    Raises:
        PlatformError: 40097 (another version), 40129 (scene), 40003 (nobody), 43104 (the other app's),
            61010 (was not in the mini program within two hours).
    """
    if body.get("version") != 2:
        raise PlatformError(40097)
    if body.get("scene") not in SCENES:
        raise PlatformError(40129)
    openid = text(body.get("openid"))
    person = world.people.find(openid)
    if person is None:
        raise PlatformError(40003)
    if openid != person.mp_openid:
        raise PlatformError(43104)
    seen, now = person.mp_seen_at, world.clock.time()
    if seen is None or now - seen > PLATFORM.check_active_seconds:
        raise PlatformError(61010)
    return person


def _trace_id() -> str:
    return "-".join(secrets.token_hex(4) for _ in range(3))


def _suggest(label: int) -> str:
    return "pass" if label == CLEAN else "risky"


def check_text(world: World, call: Call) -> Json:
    """文本内容安全识别."""
    body = call.json()
    content = text(body.get("content"))
    if not content:
        raise PlatformError(44002)
    if len(content) > PLATFORM.check_characters:
        raise PlatformError(45002)
    _checked(world, call, body)
    everything = "\n".join(text(body.get(key)) for key in ("content", "title", "nickname", "signature"))
    label, word = world.words.judge(everything)
    keyword = {"level": 90, "keyword": word} if word else {}
    return {
        **OK,
        "result": {"suggest": _suggest(label), "label": label},
        "detail": [
            {
                "strategy": "content_model",
                "errcode": 0,
                "suggest": _suggest(label),
                "label": label,
                "prob": 90,
            },
            {
                "strategy": "keyword",
                "errcode": 0,
                "suggest": _suggest(label),
                "label": label,
                **keyword,
            },
        ],
        "trace_id": _trace_id(),
    }


def check_media(world: World, call: Call) -> Json:
    """音视频内容安全识别."""
    body = call.json()
    address = text(body.get("media_url"))
    if not address:
        raise PlatformError(44002)
    if body.get("media_type") not in MEDIA_TYPES:
        raise PlatformError(40004)
    person = _checked(world, call, body)
    # Nothing is fetched: what the address is called decides, so that a test can have both answers.
    label, _ = world.words.judge(unquote(address))
    trace_id = _trace_id()
    world.queue_media_check(person, trace_id, _suggest(label), label)
    return {**OK, "trace_id": trace_id}


ENDPOINTS: dict[str, Endpoint] = {
    "/wxa/msg_sec_check": Endpoint("POST", check_text, "mp"),
    "/wxa/media_check_async": Endpoint("POST", check_media, "mp"),
}
