"""Content checks of the simulated platform."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.wechat.simulator.caller import Caller, Json, MemoryClock
from wechat.simulator.words import FIRST_WORDS

TEXT, MEDIA = "/wxa/msg_sec_check", "/wxa/media_check_async"
BAD_WORD, BAD_LABEL = next(iter(FIRST_WORDS.items()))


async def visitor(caller: Caller) -> Json:
    """Return somebody who is in the mini program."""
    person = await caller.user()
    await caller.log_in(await caller.login_code(person))
    return person


async def check(caller: Caller, path: str, person: Json, **change: Any) -> Json:
    asked = (
        {"content": "我家遇到困难"}
        if path == TEXT
        else {
            "media_url": "https://example.com/a.jpg",
            "media_type": 2,
        }
    )
    return await caller.mp(path, {"version": 2, "scene": 1, "openid": person["mp_openid"], **asked, **change})


async def test_a_text_is_judged(caller: Caller) -> None:
    person = await visitor(caller)
    clean = await check(caller, TEXT, person)
    assert (clean["errcode"], clean["result"]) == (0, {"suggest": "pass", "label": 100})
    risky = await check(caller, TEXT, person, content=f"快来{BAD_WORD}")
    assert (risky["errcode"], risky["result"]) == (0, {"suggest": "risky", "label": BAD_LABEL})
    assert [one["strategy"] for one in risky["detail"]] == ["content_model", "keyword"]
    assert risky["detail"][1]["keyword"] == BAD_WORD
    assert risky["trace_id"] != clean["trace_id"]
    for field in ("title", "nickname", "signature"):
        assert (await check(caller, TEXT, person, **{field: BAD_WORD}))["result"]["suggest"] == "risky"


async def test_the_words_can_be_set(caller: Caller) -> None:
    person = await visitor(caller)
    assert (await caller.post("/_sim/words", {"words": {"坏词": 20003}}))["words"] == {"坏词": 20003}
    assert (await check(caller, TEXT, person, content="有坏词"))["result"]["label"] == 20003
    assert (await check(caller, TEXT, person, content=BAD_WORD))["result"]["label"] == 100
    assert (await caller.post("/_sim/words", {"words": {"坏词": 7}}))["error"] == "bad_request"
    await caller.post("/_sim/reset", {"only": ["words"]})
    assert (await caller.get("/_sim/words"))["words"] == FIRST_WORDS


@pytest.mark.parametrize(
    ("path", "change", "errcode"),
    [
        (TEXT, {"content": ""}, 44002),
        (TEXT, {"content": "字" * 2500}, 0),
        (TEXT, {"content": "字" * 2501}, 45002),
        (MEDIA, {"media_url": ""}, 44002),
        (MEDIA, {"media_type": 3}, 40004),
        *((path, {"version": None}, 40097) for path in (TEXT, MEDIA)),
        *((path, {"scene": 5}, 40129) for path in (TEXT, MEDIA)),
        *((path, {"openid": "o-nobody"}, 40003) for path in (TEXT, MEDIA)),
    ],
)
async def test_what_is_wrong_with_a_check_is_told(
    caller: Caller, path: str, change: Json, errcode: int
) -> None:
    assert (await check(caller, path, await visitor(caller), **change))["errcode"] == errcode


@pytest.mark.parametrize("path", [TEXT, MEDIA])
async def test_a_check_is_for_somebody_who_was_there_within_two_hours(
    caller: Caller, still_clock: MemoryClock, path: str
) -> None:
    person, stranger = await visitor(caller), await caller.user()
    assert (await check(caller, path, person, openid=person["oa_openid"]))["errcode"] == 43104
    assert (await check(caller, path, stranger))["errcode"] == 61010
    still_clock.move(7200)
    assert (await check(caller, path, person))["errcode"] == 0
    still_clock.move(1)
    assert (await check(caller, path, person))["errcode"] == 61010


async def test_a_picture_is_judged_by_a_callback_with_the_same_trace_id(caller: Caller) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        told.put_nowait(await request.text())
        return web.Response(text="success")

    application = web.Application()
    application.router.add_post("/", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    # A mini program has a callback of its own, and this simulator was started without one.
    address = caller.simulator.world.deliverer.addresses["mp"]
    address.url, address.mode = f"http://127.0.0.1:{runner.addresses[0][1]}/", "plain"
    person = await visitor(caller)
    for name, suggest in (("a.jpg", "pass"), (f"{BAD_WORD}.jpg", "risky")):
        answer = await check(caller, MEDIA, person, media_url=f"https://example.com/{name}")
        assert answer == {"errcode": 0, "errmsg": "ok", "trace_id": answer["trace_id"]}
        text = await told.get()
        assert "wxa_media_check" in text
        assert answer["trace_id"] in text
        assert suggest in text
    await runner.cleanup()
