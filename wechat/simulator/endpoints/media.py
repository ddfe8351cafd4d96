"""素材管理: temporary media, permanent material, and pictures for articles."""

from __future__ import annotations

import orjson

from wechat.simulator.endpoints.base import OK, Answer, Binary, Call, Endpoint, Json, number, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.media import (
    IN_ARTICLES,
    KINDS,
    PERMANENT,
    TEMPORARY,
    Accepted,
    Kind,
    Medium,
    file_type,
    kind_of,
)
from wechat.simulator.world import World


def _kind(call: Call) -> Kind:
    kind = kind_of(call.query("type"))
    if kind is None:
        raise PlatformError(40004)
    return kind


def _checked(call: Call, accepted: Accepted) -> tuple[str, bytes]:
    """Return (name, content) of the upload.

    Raises:
        PlatformError: 41005 (no file, or an empty one), 40005 (another type), or the kind's for its size.
    """
    upload = call.upload
    if upload is None or not upload.body:
        raise PlatformError(41005)
    if file_type(upload.body) not in accepted.types:
        raise PlatformError(40005)
    if len(upload.body) > accepted.most_bytes:
        raise PlatformError(accepted.too_large)
    return upload.filename, upload.body


def _address(call: Call, medium: Medium) -> str:
    return f"{call.base}/_sim/media/{medium.media_id}"


def _find(world: World, call: Call, media_id: str, *, permanent: bool) -> Medium:
    """Return an upload of the calling application.

    Raises:
        PlatformError: 41006 (no id), 40007 (none, expired, another application's, or of the other sort).
    """
    if not media_id:
        raise PlatformError(41006)
    medium = world.media.find(media_id, world.clock.time())
    if medium is None or medium.app_id != call.caller.app_id or (medium.expires_at is None) != permanent:
        raise PlatformError(40007)
    return medium


def _file(medium: Medium) -> Binary:
    return Binary(medium.body, medium.content_type, f"{medium.media_id}.{medium.type}")


# --- temporary media ------------------------------------------------------------------------------


def upload(world: World, call: Call) -> Json:
    """新增临时素材."""
    kind = _kind(call)
    name, body = _checked(call, TEMPORARY[kind])
    medium = world.media.add(call.caller.app_id, kind, body, world.clock.time(), name=name)
    # A thumbnail's id has a name of its own.
    named = "thumb_media_id" if kind == "thumb" else "media_id"
    return {"type": kind, named: medium.media_id, "created_at": int(medium.created_at)}


def get(world: World, call: Call) -> Answer:
    """获取临时素材."""
    medium = _find(world, call, call.query("media_id"), permanent=False)
    return {"video_url": _address(call, medium)} if medium.kind == "video" else _file(medium)


def upload_image(world: World, call: Call) -> Json:
    """上传图文消息图片."""
    name, body = _checked(call, IN_ARTICLES)
    medium = world.media.add(
        call.caller.app_id, "image", body, world.clock.time(), permanent=True, listed=False, name=name
    )
    return {"url": _address(call, medium)}


# --- permanent material ---------------------------------------------------------------------------


def add_material(world: World, call: Call) -> Json:
    """上传永久素材."""
    kind = _kind(call)
    name, body = _checked(call, PERMANENT[kind])
    described = _description(call) if kind == "video" else {}
    medium = world.media.add(
        call.caller.app_id,
        kind,
        body,
        world.clock.time(),
        permanent=True,
        name=name,
        title=text(described.get("title")),
        introduction=text(described.get("introduction")),
    )
    address = {"url": _address(call, medium)} if kind == "image" else {}
    return {"media_id": medium.media_id, **address}


def _description(call: Call) -> Json:
    # It belongs into the form; clients that put it into the query are understood as well.
    written = call.field("description") or call.query("description")
    try:
        described = orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise PlatformError(47001) from error
    if not isinstance(described, dict):
        raise PlatformError(47001)
    return described


def get_material(world: World, call: Call) -> Answer:
    """获取永久素材."""
    medium = _find(world, call, text(call.json().get("media_id")), permanent=True)
    if medium.kind != "video":
        return _file(medium)
    return {
        "title": medium.title,
        "description": medium.introduction,
        "down_url": _address(call, medium),
    }


def list_material(world: World, call: Call) -> Json:
    """获取永久素材列表."""
    body = call.json()
    kind, offset, count = text(body.get("type")), number(body.get("offset")), number(body.get("count"))
    # Articles are never made here, so that their list is always empty.
    if kind not in (*KINDS, "news"):
        raise PlatformError(40004)
    if offset is None or count is None or not 1 <= count <= PLATFORM.materials_a_page:
        raise PlatformError(40035)
    material = world.media.material(call.caller.app_id, kind)
    items = [
        {
            "media_id": medium.media_id,
            "name": medium.name,
            "update_time": int(medium.created_at),
            "url": _address(call, medium),
        }
        for medium in material[offset : offset + count]
    ]
    return {"total_count": len(material), "item_count": len(items), "item": items}


def count_material(world: World, call: Call) -> Json:
    """获取永久素材总数."""
    kinds = ("voice", "video", "image", "news")
    return {f"{kind}_count": len(world.media.material(call.caller.app_id, kind)) for kind in kinds}


def delete_material(world: World, call: Call) -> Json:
    """删除永久素材."""
    world.media.remove(_find(world, call, text(call.json().get("media_id")), permanent=True).media_id)
    return OK


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/media/upload": Endpoint("POST", upload, "any"),
    "/cgi-bin/media/get": Endpoint("GET", get, "any"),
    "/cgi-bin/media/uploadimg": Endpoint("POST", upload_image, "oa"),
    "/cgi-bin/material/add_material": Endpoint("POST", add_material, "oa"),
    "/cgi-bin/material/get_material": Endpoint("POST", get_material, "oa"),
    "/cgi-bin/material/batchget_material": Endpoint("POST", list_material, "oa"),
    "/cgi-bin/material/get_materialcount": Endpoint("GET", count_material, "oa"),
    "/cgi-bin/material/del_material": Endpoint("POST", delete_material, "oa"),
}
