"""Codes to scan: what they hold, how long they last, and what a scan tells the account."""

import dataclasses
import io
from typing import Any

import pytest
import qrcode
from PIL import Image

from tests.wechat.simulator.caller import CONFIG, Caller, Json, MemoryClock
from wechat.simulator.limits import MEMORY, PLATFORM
from wechat.simulator.qrcodes import QrCodes

CREATE, SHOW = "/cgi-bin/qrcode/create", "/cgi-bin/showqrcode"
UNLIMITED, LIMITED, SQUARE = "/wxa/getwxacodeunlimit", "/wxa/getwxacode", "/cgi-bin/wxaapp/createwxaqrcode"


async def create(caller: Caller, action: str, scene: Any, **values: Any) -> Json:
    field = "scene_str" if "STR" in action else "scene_id"
    body = {"action_name": action, "action_info": {"scene": {field: scene}}, **values}
    return await caller.oa(CREATE, body)


def modules(png: bytes) -> tuple[int, list[list[bool]]]:
    """Return a picture's width in pixels and the dark squares of its code, without the border.

    The middle of every square is looked at, as a phone does once it has found the corners.
    """
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    grey = image.convert("L")
    left, _, right, _ = grey.point(lambda value: 255 - value).getbbox()
    # The finder pattern's upper edge is seven squares wide.
    first = next(x for x in range(left, right) if grey.getpixel((x, left)) > 127) - left
    count = round((right - left) / (first / 7))
    size = (right - left) / count
    middles = [left + int((number + 0.5) * size) for number in range(count)]
    return image.width, [[grey.getpixel((x, y)) < 128 for x in middles] for y in middles]


def code_of(content: str) -> list[list[bool]]:
    """Return the dark squares of the code that holds `content`."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
    code.add_data(content)
    code.make(fit=True)
    return [[bool(dark) for dark in row] for row in code.get_matrix()]


# --- parametric codes -----------------------------------------------------------------------------


async def test_a_temporary_code_ends(caller: Caller, still_clock: MemoryClock) -> None:
    made = await create(caller, "QR_STR_SCENE", "h7", expire_seconds=600)
    assert made.keys() == {"ticket", "expire_seconds", "url"}
    assert made["expire_seconds"] == 600
    status, kind, png = await caller.file(SHOW, ticket=made["ticket"])
    assert (status, kind) == (200, "image/png")
    assert modules(png) == (430, code_of(made["url"]))
    still_clock.move(600)
    assert (await caller.file(SHOW, ticket=made["ticket"]))[:2] == (404, "text/html")


async def test_a_permanent_code_lasts_and_is_the_same_for_its_scene(
    caller: Caller, still_clock: MemoryClock
) -> None:
    made = await create(caller, "QR_LIMIT_SCENE", 7)
    assert made.keys() == {"ticket", "url"}
    still_clock.move(10 * 365 * 86_400)
    assert await create(caller, "QR_LIMIT_SCENE", 7) == made
    assert (await create(caller, "QR_LIMIT_STR_SCENE", "7"))["ticket"] != made["ticket"]
    assert (await caller.file(SHOW, ticket=made["ticket"]))[0] == 200
    assert (await caller.file(SHOW, ticket="never"))[0] == 404


@pytest.mark.parametrize(
    ("action", "scene", "errcode"),
    [
        ("QR_SCENE", 1, None),
        ("QR_SCENE", 2**32 - 1, None),
        ("QR_SCENE", 0, 40053),
        ("QR_SCENE", 2**32, 40053),
        ("QR_SCENE", True, 40053),
        ("QR_SCENE", "字", 40053),
        ("QR_STR_SCENE", "s" * 64, None),
        ("QR_STR_SCENE", "s" * 65, 40053),
        ("QR_STR_SCENE", "", 40053),
        ("QR_STR_SCENE", 7, 40053),
        ("QR_LIMIT_SCENE", 100_000, None),
        ("QR_LIMIT_SCENE", 100_001, 40053),
        ("QR_LIMIT_STR_SCENE", "s" * 64, None),
        ("QR_LIMIT_STR_SCENE", "s" * 65, 40053),
        ("QR_CARD", 1, 40052),
    ],
)
async def test_scenes_have_limits(caller: Caller, action: str, scene: Any, errcode: int | None) -> None:
    assert (await create(caller, action, scene)).get("errcode") == errcode


async def test_a_code_without_a_scene_or_with_a_wrong_end_is_refused(caller: Caller) -> None:
    for info in (None, {}, {"scene": 7}, {"scene": {"scene_id": 7}}):
        body = {"action_name": "QR_STR_SCENE", "action_info": info}
        assert (await caller.oa(CREATE, body))["errcode"] == 40053
    assert (await create(caller, "QR_SCENE", 1))["expire_seconds"] == 60
    for seconds, errcode in ((2_592_000, None), (2_592_001, 40035), (0, 40035), ("x", 40035)):
        assert (await create(caller, "QR_SCENE", 1, expire_seconds=seconds)).get("errcode") == errcode


async def test_a_hundred_thousand_permanent_codes(caller: Caller) -> None:
    codes = caller.simulator.world.qr
    for number in range(PLATFORM.qr_permanent):
        codes.make_lasting("QR_LIMIT_STR_SCENE", f"s{number}")
    assert (await create(caller, "QR_LIMIT_STR_SCENE", "one more"))["errcode"] == 45029
    assert "ticket" in await create(caller, "QR_LIMIT_STR_SCENE", "s0")


def test_the_oldest_temporary_codes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    few = dataclasses.replace(MEMORY, qr_codes=100)
    monkeypatch.setattr("wechat.simulator.qrcodes.MEMORY", few)
    codes = QrCodes()
    made = [codes.temporary(str(number), 1.0) for number in range(few.qr_codes + 1)]
    assert [codes.find(made[0].ticket), codes.find(made[0].url)] == [None, None]
    assert codes.find(made[1].url) is made[1]


@pytest.mark.parametrize("follows", [True, False])
async def test_a_scan_by_ticket_tells_the_scene(
    caller: Caller, still_clock: MemoryClock, follows: bool
) -> None:
    made = await create(caller, "QR_STR_SCENE", "h7", expire_seconds=60)
    person = await caller.user(follow=follows)
    # What is in the picture will do as well, for that is what a phone reads.
    assert "tries" in await caller.does(person, "scan", ticket=made["url"])
    info = await caller.oa("/cgi-bin/user/info", openid=person["oa_openid"])
    assert (info["subscribe"], info["qr_scene_str"]) == (1, "" if follows else "h7")
    still_clock.move(60)
    for ticket in (made["ticket"], "never"):
        assert (await caller.does(person, "scan", ticket=ticket))["error"] == "bad_request"


# --- mini program ---------------------------------------------------------------------------------


async def code(caller: Caller, path: str, body: Json) -> tuple[str, bytes]:
    query = {"access_token": await caller.token("mp")}
    async with caller.http.post(caller.simulator.url + path, json=body, params=query) as response:
        return response.content_type, await response.read()


@pytest.mark.parametrize(
    ("path", "body", "content"),
    [
        (
            UNLIMITED,
            {"scene": "h=7&c=" + "x" * 26, "page": "pages/task"},
            "pages/task?scene=h=7&c=" + "x" * 26,
        ),
        (UNLIMITED, {"scene": "h7"}, "?scene=h7"),
        (LIMITED, {"path": "pages/task?id=7"}, "pages/task?id=7"),
        (SQUARE, {"path": "pages/task?id=7"}, "pages/task?id=7"),
    ],
)
async def test_a_code_of_the_mini_program_holds_page_and_scene(
    caller: Caller, path: str, body: Json, content: str
) -> None:
    kind, png = await code(caller, path, body)
    assert kind == "image/png"
    assert modules(png) == (430, code_of(f"weixin://weapp/{CONFIG.mp_app_id}/{content}"))


@pytest.mark.parametrize(("width", "pixels"), [(280, 280), (100, 280), (1280, 1280)])
async def test_a_code_has_the_width_asked_for(caller: Caller, width: int, pixels: int) -> None:
    _, png = await code(caller, UNLIMITED, {"scene": "h7", "width": width})
    assert modules(png)[0] == pixels


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        (UNLIMITED, {"scene": ""}, 40169),
        (UNLIMITED, {"scene": "s" * 33}, 40169),
        (UNLIMITED, {"scene": "字"}, 40169),
        (UNLIMITED, {"scene": "a%20"}, 40169),
        (UNLIMITED, {"scene": "a b"}, 40169),
        (UNLIMITED, {"scene": "a", "page": "pages/none"}, 41030),
        (UNLIMITED, {"scene": "a", "page": "/pages/task"}, 41030),
        (UNLIMITED, {"scene": "a", "page": "pages/task?id=7"}, 41030),
        (UNLIMITED, {"scene": "a", "env_version": "other"}, 40097),
        (UNLIMITED, {"scene": "a", "width": 1281}, 40097),
        (LIMITED, {"path": ""}, 40159),
        (LIMITED, {"path": "p" * 1025}, 40159),
        (SQUARE, {}, 40159),
    ],
)
async def test_a_wrong_code_is_answered_in_json(caller: Caller, path: str, body: Json, errcode: int) -> None:
    await caller.post("/_sim/pages", {"pages": ["pages/task"]})
    assert (await caller.mp(path, body))["errcode"] == errcode


async def test_a_page_that_is_not_published_yet_may_be_named(caller: Caller) -> None:
    await caller.post("/_sim/pages", {"pages": []})
    kind, _ = await code(caller, UNLIMITED, {"scene": "a", "page": "pages/task", "check_path": False})
    assert kind == "image/png"


async def test_the_codes_that_are_counted_have_a_limit(caller: Caller) -> None:
    caller.simulator.world.mini_program_codes = PLATFORM.codes_in_all - 1
    assert (await code(caller, LIMITED, {"path": "pages/task"}))[0] == "image/png"
    assert [(await caller.mp(path, {"path": "pages/task"}))["errcode"] for path in (LIMITED, SQUARE)] == [
        45029,
        45029,
    ]
    assert (await code(caller, UNLIMITED, {"scene": "a"}))[0] == "image/png"


async def test_unlimited_codes_are_limited_by_the_minute(caller: Caller, still_clock: MemoryClock) -> None:
    assert caller.simulator.world.quotas.limit(UNLIMITED).minute == 5_000
    await caller.post("/_sim/quotas", {"path": UNLIMITED, "minute": 1})
    assert (await code(caller, UNLIMITED, {"scene": "a"}))[0] == "image/png"
    assert (await caller.mp(UNLIMITED, {"scene": "a"}))["errcode"] == 45009
    still_clock.move(60)
    assert (await code(caller, UNLIMITED, {"scene": "a"}))[0] == "image/png"
