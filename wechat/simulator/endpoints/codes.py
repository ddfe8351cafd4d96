"""Codes to scan: parametric ones of the official account, and those that open the mini program."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import qrcode
from PIL import Image

from wechat.simulator.endpoints.base import Binary, Call, Endpoint, Json, check_page, number, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.qrcodes import QrCode
from wechat.simulator.world import World

# A parametric code's picture has this many pixels a side, as the platform's has.
PICTURE_PIXELS = 430


def picture(content: str, pixels: int) -> Binary:
    """Return a QR code as a PNG of `pixels` a side."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(content)
    code.make(fit=True)
    image = code.make_image().get_image().convert("L").resize((pixels, pixels), Image.Resampling.NEAREST)
    file = io.BytesIO()
    image.save(file, "PNG")
    return Binary(file.getvalue(), "image/png")


# --- parametric codes -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    """One kind of parametric code: what it is for, and whether it lasts."""

    field: str
    lasting: bool
    most: int


ACTIONS: dict[str, Action] = {
    "QR_SCENE": Action("scene_id", lasting=False, most=PLATFORM.qr_scene_id),
    "QR_STR_SCENE": Action("scene_str", lasting=False, most=PLATFORM.qr_scene_characters),
    "QR_LIMIT_SCENE": Action("scene_id", lasting=True, most=PLATFORM.qr_permanent_scene_id),
    "QR_LIMIT_STR_SCENE": Action("scene_str", lasting=True, most=PLATFORM.qr_scene_characters),
}


def create(world: World, call: Call) -> Json:
    """生成带参数的二维码."""
    body = call.json()
    action = ACTIONS.get(text(body.get("action_name")))
    if action is None:
        raise PlatformError(40052)
    scene = _scene(body.get("action_info"), action)
    if action.lasting:
        return _told(_lasting(world, body["action_name"], scene))
    seconds = number(body.get("expire_seconds", PLATFORM.qr_seconds))
    if seconds is None or not 1 <= seconds <= PLATFORM.qr_seconds_most:
        raise PlatformError(40035)
    return _told(world.qr.temporary(scene, world.clock.time() + seconds), seconds)


def _scene(info: Any, action: Action) -> str:
    """Return the scene as text; the platform writes numbers and texts the same way.

    Raises:
        PlatformError: 40053 if it is missing, of the wrong type or out of range.
    """
    given = info.get("scene") if isinstance(info, dict) else None
    value = given.get(action.field) if isinstance(given, dict) else None
    size = len(value) if isinstance(value, str) and action.field == "scene_str" else None
    if action.field == "scene_id":
        size = number(value)
    if size is None or not 1 <= size <= action.most:
        raise PlatformError(40053)
    return str(value)


def _lasting(world: World, action: str, scene: str) -> QrCode:
    made = world.qr.lasting(action, scene)
    if made is None and world.qr.permanent >= PLATFORM.qr_permanent:
        raise PlatformError(45029)
    return made or world.qr.make_lasting(action, scene)


def _told(code: QrCode, seconds: int | None = None) -> Json:
    expiry = {} if seconds is None else {"expire_seconds": seconds}
    return {"ticket": code.ticket, **expiry, "url": code.url}


def show(world: World, call: Call) -> Binary:
    """通过ticket换取二维码."""
    code = world.qr.scan(call.query("ticket"), world.clock.time())
    # mp.weixin.qq.com, which shows the pictures, answers a wrong ticket with a page and status 404.
    if code is None:
        return Binary(b"<html><head><title>404 Not Found</title></head></html>", "text/html", status=404)
    return picture(code.url, PICTURE_PIXELS)


# --- mini program ---------------------------------------------------------------------------------

# Source: 获取不限制的小程序码 (getUnlimitedQRCode), scene.
SCENE = re.compile(rf"[A-Za-z0-9!#$&'()*+,/:;=?@\-._~]{{1,{PLATFORM.code_scene_characters}}}")
ENV_VERSIONS = ("release", "trial", "develop")


def _code(world: World, call: Call, body: Json, page: str, query: str = "") -> Binary:
    """Return a picture that names the mini program, the page and its query.

    Raises:
        PlatformError: 40097 (env_version, width).
    """
    if body.get("env_version", "release") not in ENV_VERSIONS:
        raise PlatformError(40097)
    width = number(body.get("width", PLATFORM.code_width))
    if width is None or width > PLATFORM.code_width_most:
        raise PlatformError(40097)
    content = f"weixin://weapp/{call.caller.app_id}/{page}" + (f"?{query}" if query else "")
    return picture(content, max(width, PLATFORM.code_width_least))


def unlimited(world: World, call: Call) -> Binary:
    """获取不限制的小程序码."""
    body = call.json()
    scene, page = text(body.get("scene")), text(body.get("page"))
    if not SCENE.fullmatch(scene):
        raise PlatformError(40169)
    if page.startswith("/") or "?" in page:
        raise PlatformError(41030)
    if page and body.get("check_path", True) is not False:
        check_page(world, page, 41030)
    return _code(world, call, body, page, f"scene={scene}")


def limited(world: World, call: Call) -> Binary:
    """获取小程序码，获取小程序二维码."""
    body = call.json()
    path = text(body.get("path"))
    if not 1 <= len(path) <= PLATFORM.code_path_characters:
        raise PlatformError(40159)
    if world.mini_program_codes >= PLATFORM.codes_in_all:
        raise PlatformError(45029)
    picture = _code(world, call, body, path)
    world.mini_program_codes += 1
    return picture


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/qrcode/create": Endpoint("POST", create, "oa"),
    "/cgi-bin/showqrcode": Endpoint("GET", show, None),
    "/wxa/getwxacodeunlimit": Endpoint("POST", unlimited, "mp"),
    "/wxa/getwxacode": Endpoint("POST", limited, "mp"),
    "/cgi-bin/wxaapp/createwxaqrcode": Endpoint("POST", limited, "mp"),
}
