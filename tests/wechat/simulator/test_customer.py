"""Customer messages of the simulated platform: what they carry, and when they may be sent."""

from typing import Any

import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, Json, MemoryClock, picture
from wechat.simulator.limits import CUSTOMER_WINDOWS

SEND, TYPING = "/cgi-bin/message/custom/send", "/cgi-bin/message/custom/typing"
PAGE = {"appid": CONFIG.mp_app_id, "pagepath": "pages/task", "title": "任务", "thumb_media_id": "MEDIA"}
CHOICES = [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}]
ARTICLE = {"title": "政策", "description": "说明", "url": "https://example.com/", "picurl": ""}
MUSIC = {"musicurl": "https://example.com/a.mp3", "hqmusicurl": "https://example.com/b.mp3"}
# Type → (content, what the phone shows of it as text). MEDIA stands for the id of an upload.
GOOD: dict[str, tuple[Json, str]] = {
    "text": ({"content": "字" * 682 + "ab"}, "字" * 682 + "ab"),
    "image": ({"media_id": "MEDIA"}, "[图片]"),
    "voice": ({"media_id": "MEDIA"}, "[语音]"),
    "video": ({"media_id": "MEDIA", "thumb_media_id": "MEDIA", "title": "短片"}, "短片"),
    "music": ({**MUSIC, "thumb_media_id": "MEDIA"}, "[音乐]"),
    "news": ({"articles": [ARTICLE]}, "政策"),
    "mpnews": ({"media_id": "article"}, "[图文]"),
    "mpnewsarticle": ({"article_id": "article"}, "[图文]"),
    "msgmenu": ({"head_content": "满意吗", "list": CHOICES, "tail_content": ""}, "满意吗"),
    "wxcard": ({"card_id": "card"}, "[卡券]"),
    "miniprogrampage": (PAGE, "任务"),
}


def with_media(content: Json, media_id: str) -> Json:
    return {key: media_id if value == "MEDIA" else value for key, value in content.items()}


async def send(caller: Caller, person: Json, kind: str = "text", content: Any = None) -> int:
    body = {"touser": person["oa_openid"], "msgtype": kind, kind: content or {"content": "您好"}}
    return (await caller.oa(SEND, body))["errcode"]


async def uploaded(caller: Caller, kind: str = "oa") -> str:
    return (await caller.upload("/cgi-bin/media/upload", picture("JPEG"), kind, type="image"))["media_id"]


# --- content --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GOOD)
async def test_every_type_arrives_with_its_content(caller: Caller, kind: str) -> None:
    person = await caller.user()
    await caller.does(person, "text", content="在吗")
    content = with_media(GOOD[kind][0], await uploaded(caller))
    assert await send(caller, person, kind, content) == 0
    (item,) = await caller.inbox(person)
    wanted = {"channel": "customer", "msgtype": kind, "text": GOOD[kind][1], "data": content}
    assert {key: item[key] for key in wanted} == wanted
    assert item["miniprogram"] == (content if kind == "miniprogrampage" else None)


@pytest.mark.parametrize(
    ("kind", "content", "errcode"),
    [
        ("dance", {}, 40008),
        ("text", "您好", 44004),
        ("text", {"content": "", "x": 1}, 44004),
        ("text", {"content": "字" * 683}, 45002),
        ("image", "id", 47001),
        ("image", {"media_id": ""}, 41006),
        ("image", {"media_id": "never"}, 40007),
        ("voice", {"media_id": "never"}, 40007),
        ("video", {"media_id": "MEDIA"}, 41006),
        ("video", {"media_id": "MEDIA", "thumb_media_id": "never"}, 40007),
        ("music", {"thumb_media_id": "MEDIA"}, 40101),
        ("music", MUSIC, 41006),
        ("news", {"articles": []}, 44003),
        ("news", {"articles": [ARTICLE] * 2}, 45008),
        ("news", {"articles": ["x"]}, 44003),
        ("mpnews", {"media_id": ""}, 41006),
        ("mpnewsarticle", {"x": 1}, 40101),
        ("msgmenu", {"head_content": "满意吗"}, 40101),
        ("msgmenu", {"head_content": "满意吗", "list": [{"id": "1"}]}, 40101),
        ("wxcard", {"x": 1}, 40101),
        ("miniprogrampage", {**PAGE, "title": ""}, 40101),
        ("miniprogrampage", {**PAGE, "appid": ""}, 41002),
        ("miniprogrampage", {**PAGE, "appid": "wx-other"}, 40013),
        ("miniprogrampage", {**PAGE, "pagepath": "pages/none"}, 40165),
        ("miniprogrampage", {**PAGE, "thumb_media_id": "never"}, 40007),
    ],
)
async def test_what_is_wrong_with_a_message_is_told(
    caller: Caller, kind: str, content: Any, errcode: int
) -> None:
    person = await caller.user()
    await caller.does(person, "text", content="在吗")
    await caller.post("/_sim/pages", {"pages": ["pages/task"]})
    if isinstance(content, dict):
        content = with_media(content, await uploaded(caller))
    assert await send(caller, person, kind, content) == errcode
    # A message that was refused uses up nothing.
    assert [await send(caller, person) for _ in range(6)] == [0] * 5 + [45047]


async def test_a_picture_must_be_the_accounts_own_and_not_older_than_three_days(
    caller: Caller, still_clock: MemoryClock
) -> None:
    person = await caller.user()
    media_id, other = await uploaded(caller), await uploaded(caller, "mp")
    await caller.does(person, "text", content="在吗")
    assert await send(caller, person, "image", {"media_id": other}) == 40007
    assert await send(caller, person, "image", {"media_id": media_id}) == 0
    still_clock.move(3 * 86_400)
    await caller.does(person, "text", content="在吗")
    assert await send(caller, person, "image", {"media_id": media_id}) == 40007


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deed", "what"),
    [
        ({"type": "text", "content": "在吗"}, "message"),
        ({"type": "image"}, "message"),
        ({"type": "click", "key": "K"}, "menu"),
        ({"type": "scancode_push", "key": "K", "content": "x"}, "menu"),
        ({"type": "scancode_waitmsg", "key": "K", "content": "x"}, "menu"),
        ({"type": "scan", "scene": "h7"}, "scan"),
    ],
)
async def test_what_somebody_does_lets_the_account_write_for_a_while(
    caller: Caller, still_clock: MemoryClock, deed: Json, what: Any
) -> None:
    window, person = CUSTOMER_WINDOWS[what], await caller.user()
    assert await send(caller, person) == 45015
    for _ in range(2):
        await caller.does(person, deed["type"], **{key: deed[key] for key in deed if key != "type"})
        answers = [await send(caller, person) for _ in range(window.messages + 1)]
        assert answers == [0] * window.messages + [45047]
    await caller.does(person, deed["type"], **{key: deed[key] for key in deed if key != "type"})
    still_clock.move(window.seconds)
    assert await send(caller, person) == 0
    still_clock.move(1)
    assert await send(caller, person) == 45015


def test_the_windows_are_the_published_ones() -> None:
    shown = {what: (window.messages, window.seconds) for what, window in CUSTOMER_WINDOWS.items()}
    assert shown == {"message": (5, 172_800), "menu": (3, 60), "subscribe": (3, 60), "scan": (3, 60)}


async def test_who_follows_may_be_greeted_three_times(caller: Caller) -> None:
    person = await caller.user(follow=False)
    assert await send(caller, person) == 45015
    await caller.does(person, "subscribe")
    assert [await send(caller, person) for _ in range(4)] == [0, 0, 0, 45047]
    await caller.does(person, "unsubscribe")
    assert await send(caller, person) == 45015


async def test_windows_add_up_and_the_one_that_ends_first_is_used_first(
    caller: Caller, still_clock: MemoryClock
) -> None:
    person = await caller.user()
    await caller.does(person, "text", content="在吗")
    await caller.does(person, "click", key="K")
    assert [await send(caller, person) for _ in range(3)] == [0, 0, 0]
    still_clock.move(61)
    assert [await send(caller, person) for _ in range(6)] == [0] * 5 + [45047]


@pytest.mark.parametrize(
    "deed", [{"type": "view", "key": "https://example.com/"}, {"type": "report_location"}]
)
async def test_what_somebody_does_without_a_word_opens_nothing(caller: Caller, deed: Json) -> None:
    person = await caller.user()
    await caller.does(person, **{"deed" if key == "type" else key: value for key, value in deed.items()})
    assert await send(caller, person) == 45015


async def test_blocks_on_either_side_are_told(caller: Caller) -> None:
    person = await caller.user()
    await caller.does(person, "text", content="在吗")
    await caller.does(person, "block")
    assert await send(caller, person) == 48002
    await caller.does(person, "unblock")
    assert await send(caller, person) == 0
    await caller.oa("/cgi-bin/tags/members/batchblacklist", {"openid_list": [person["oa_openid"]]})
    assert await send(caller, person) == 43019
    assert await send(caller, {"oa_openid": "o-nobody"}) == 40003
    assert await send(caller, {"oa_openid": person["mp_openid"]}) == 40003


# --- typing ---------------------------------------------------------------------------------------


async def test_typing_is_shown_for_fifteen_seconds(caller: Caller, still_clock: MemoryClock) -> None:
    person = await caller.user()
    queue = caller.simulator.world.stream.join()

    async def typing(command: str, openid: str = person["oa_openid"]) -> int:
        return (await caller.oa(TYPING, {"touser": openid, "command": command}))["errcode"]

    assert await typing("Typing") == 45080
    await caller.does(person, "text", content="在吗")
    assert await typing("Dancing") == 45072
    assert await typing("Typing", "o-nobody") == 40003
    assert [await typing("Typing") for _ in range(2)] == [0, 45081]
    assert [await typing("CancelTyping"), await typing("Typing")] == [0, 0]
    still_clock.move(15)
    assert await typing("Typing") == 0
    await send(caller, person)
    assert await typing("Typing") == 0
    still_clock.move(16)
    assert await typing("Typing") == 45080
    told = [queue.get_nowait() or b"" for _ in range(queue.qsize())]
    assert sum(b"event: typing" in event for event in told) == 5
