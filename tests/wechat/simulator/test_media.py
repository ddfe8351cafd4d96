"""Uploads of the simulated platform: what is accepted, how long it stays, and how it comes back."""

import json
from typing import Any

import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, Json, MemoryClock, noise, picture
from wechat.simulator.limits import MEMORY
from wechat.simulator.media import KIB, MIB, Media, file_type

UPLOAD, GET, IMAGE = "/cgi-bin/media/upload", "/cgi-bin/media/get", "/cgi-bin/media/uploadimg"
ADD, READ, LIST, COUNT, DELETE = (
    f"/cgi-bin/material/{verb}"
    for verb in ("add_material", "get_material", "batchget_material", "get_materialcount", "del_material")
)
MP4 = b"\x00\x00\x00\x18ftypmp42" + noise(200)
FILES: dict[str, bytes] = {
    "jpg": picture("JPEG"),
    "png": picture("PNG"),
    "gif": picture("GIF"),
    "bmp": picture("BMP"),
    "amr": b"#!AMR\n" + noise(20),
    "mp3": b"ID3\x04" + noise(20),
    "wav": b"RIFF\x00\x00\x00\x00WAVE" + noise(20),
    "wma": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + noise(20),
    "mp4": MP4,
}
DESCRIPTION = json.dumps({"title": "宣讲", "introduction": "政策"}, ensure_ascii=False)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_known_by_its_first_bytes(kind: str) -> None:
    assert file_type(FILES[kind]) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"\xff\xfb\x90\x00", "mp3"), (noise(64), None), (b"", None), (b"\xff", None), (b"<svg/>", None)],
)
def test_files_without_a_name_for_their_type(body: bytes, kind: str | None) -> None:
    assert file_type(body) == kind


# --- temporary media ------------------------------------------------------------------------------


async def read(caller: Caller, path: str, /, kind: str = "oa", **query: Any) -> tuple[str, str, bytes]:
    """GET a path and return (content type, disposition, content)."""
    query["access_token"] = await caller.token(kind)
    async with caller.http.get(caller.simulator.url + path, params=query) as response:
        return response.content_type, response.headers.get("Content-Disposition", ""), await response.read()


@pytest.mark.parametrize(
    ("kind", "file", "content_type"),
    [("image", "png", "image/png"), ("voice", "amr", "audio/amr"), ("thumb", "jpg", "image/jpeg")],
)
async def test_an_upload_comes_back_as_it_was_for_three_days(
    caller: Caller, still_clock: MemoryClock, kind: str, file: str, content_type: str
) -> None:
    made = await caller.upload(UPLOAD, FILES[file], type=kind)
    name = "thumb_media_id" if kind == "thumb" else "media_id"
    assert made == {"type": kind, name: made[name], "created_at": int(still_clock.time())}
    still_clock.move(3 * 86_400 - 1)
    disposition = f'attachment; filename="{made[name]}.{file}"'
    assert await read(caller, GET, media_id=made[name]) == (content_type, disposition, FILES[file])
    assert await caller.file(f"/_sim/media/{made[name]}") == (200, content_type, FILES[file])
    still_clock.move(1)
    assert (await caller.oa(GET, media_id=made[name]))["errcode"] == 40007
    assert (await caller.file(f"/_sim/media/{made[name]}"))[0] == 404


async def test_a_film_comes_back_as_an_address(caller: Caller) -> None:
    made = await caller.upload(UPLOAD, MP4, type="video")
    address = (await caller.oa(GET, media_id=made["media_id"]))["video_url"]
    async with caller.http.get(address) as response:
        assert (response.content_type, await response.read()) == ("video/mp4", MP4)


async def test_an_upload_is_its_applications_own(caller: Caller) -> None:
    made = await caller.upload(UPLOAD, FILES["png"], "mp", type="image")
    assert (await caller.oa(GET, media_id=made["media_id"]))["errcode"] == 40007
    assert (await read(caller, GET, "mp", media_id=made["media_id"]))[2] == FILES["png"]
    assert (await caller.oa(GET, media_id="never"))["errcode"] == 40007
    assert (await caller.oa(GET))["errcode"] == 41006


@pytest.mark.parametrize("path", [UPLOAD, ADD])
@pytest.mark.parametrize(
    ("kind", "content", "errcode"),
    [
        ("dance", FILES["png"], 40004),
        ("", FILES["png"], 40004),
        ("image", None, 41005),
        ("image", b"", 41005),
        ("image", noise(100), 40005),
        ("image", MP4, 40005),
        ("voice", FILES["png"], 40005),
        ("video", FILES["png"], 40005),
        ("thumb", FILES["png"], 40005),
    ],
)
async def test_what_is_wrong_with_an_upload_is_told(
    caller: Caller, path: str, kind: str, content: bytes | None, errcode: int
) -> None:
    answer = await caller.upload(path, content, form_description=DESCRIPTION, type=kind)
    assert answer["errcode"] == errcode


@pytest.mark.parametrize("path", [UPLOAD, ADD])
@pytest.mark.parametrize(
    ("kind", "file", "most", "errcode"),
    [
        ("image", "png", 10 * MIB, 40009),
        ("voice", "amr", 2 * MIB, 40010),
        ("video", "mp4", 10 * MIB, 40011),
        ("thumb", "jpg", 64 * KIB, 40012),
    ],
)
async def test_an_upload_has_a_size_that_depends_on_its_kind(
    caller: Caller, path: str, kind: str, file: str, most: int, errcode: int
) -> None:
    for size, wanted in ((most, None), (most + 1, errcode)):
        content = FILES[file].ljust(size, b"\0")
        answer = await caller.upload(path, content, form_description=DESCRIPTION, type=kind)
        assert answer.get("errcode") == wanted


@pytest.mark.parametrize(
    ("path", "kind", "files"),
    [
        (UPLOAD, "image", {"png", "jpg", "gif"}),
        (UPLOAD, "voice", {"amr", "mp3"}),
        (ADD, "image", {"png", "jpg", "gif", "bmp"}),
        (ADD, "voice", {"amr", "mp3", "wav", "wma"}),
        (IMAGE, "", {"png", "jpg"}),
    ],
)
async def test_each_interface_takes_its_own_types(
    caller: Caller, path: str, kind: str, files: set[str]
) -> None:
    answers = {name: await caller.upload(path, content, type=kind) for name, content in FILES.items()}
    assert {name for name, answer in answers.items() if answer.get("errcode") is None} == files
    assert {answer["errcode"] for answer in answers.values() if "errcode" in answer} == {40005}


async def test_a_body_that_is_no_form_holds_no_file(caller: Caller) -> None:
    assert (await caller.oa(UPLOAD, {"media": "x"}, type="image"))["errcode"] == 41005


async def test_a_picture_for_an_article(caller: Caller) -> None:
    url = (await caller.upload(IMAGE, FILES["jpg"]))["url"]
    async with caller.http.get(url) as response:
        assert await response.read() == FILES["jpg"]
    assert "url" in await caller.upload(IMAGE, FILES["jpg"].ljust(MIB, b"\0"))
    assert (await caller.upload(IMAGE, FILES["jpg"].ljust(MIB + 1, b"\0")))["errcode"] == 40009
    assert (await caller.oa(COUNT))["image_count"] == 0


# --- permanent material ---------------------------------------------------------------------------


async def material(caller: Caller, media_id: str) -> bytes:
    query = {"access_token": await caller.token()}
    async with caller.http.post(
        caller.simulator.url + READ, json={"media_id": media_id}, params=query
    ) as response:
        return await response.read()


async def test_material_lasts_until_it_is_deleted(caller: Caller, still_clock: MemoryClock) -> None:
    made = await caller.upload(ADD, FILES["png"], type="image")
    assert made.keys() == {"media_id", "url"}
    still_clock.move(365 * 86_400)
    assert await material(caller, made["media_id"]) == FILES["png"]
    assert await caller.file("/_sim/media/" + made["media_id"]) == (200, "image/png", FILES["png"])
    assert (await caller.oa(GET, media_id=made["media_id"]))["errcode"] == 40007
    gone = {"media_id": made["media_id"]}
    assert [(await caller.oa(DELETE, gone))["errcode"] for _ in range(2)] == [0, 40007]
    assert (await caller.oa(READ, gone))["errcode"] == 40007
    assert (await caller.oa(READ, {"x": 1}))["errcode"] == 41006


@pytest.mark.parametrize("query", [{}, {"description": DESCRIPTION}])
async def test_a_film_is_described(caller: Caller, query: Json) -> None:
    written = "" if query else DESCRIPTION
    made = await caller.upload(ADD, MP4, form_description=written, type="video", **query)
    answer = await caller.oa(READ, {"media_id": made["media_id"]})
    assert (answer["title"], answer["description"]) == ("宣讲", "政策")
    async with caller.http.get(answer["down_url"]) as response:
        assert await response.read() == MP4


@pytest.mark.parametrize("written", ["", "{", "[]"])
async def test_a_film_without_a_description_is_refused(caller: Caller, written: str) -> None:
    assert (await caller.upload(ADD, MP4, form_description=written, type="video"))["errcode"] == 47001


async def test_material_is_counted_and_listed_newest_first(caller: Caller) -> None:
    ids = [(await caller.upload(ADD, FILES["png"], type="image"))["media_id"] for _ in range(3)]
    await caller.upload(ADD, FILES["amr"], type="voice")
    await caller.upload(UPLOAD, FILES["png"], type="image")
    assert await caller.oa(COUNT) == {"voice_count": 1, "video_count": 0, "image_count": 3, "news_count": 0}

    async def listed(**values: Any) -> Json:
        return await caller.oa(LIST, {"type": "image", "offset": 0, "count": 20, **values})

    assert [one["media_id"] for one in (await listed())["item"]] == ids[::-1]
    page = await listed(offset=1, count=1)
    assert (page["total_count"], page["item_count"]) == (3, 1)
    (one,) = page["item"]
    assert one.keys() == {"media_id", "name", "update_time", "url"}
    assert (one["media_id"], one["name"]) == (ids[1], "photo.jpg")
    assert await listed(type="news") == {"total_count": 0, "item_count": 0, "item": []}
    wrong: list[Json] = [{"type": "dance"}, {"count": 0}, {"count": 21}, {"offset": "x"}]
    assert [(await listed(**one))["errcode"] for one in wrong] == [40004, 40035, 40035, 40035]


def test_the_oldest_media_are_forgotten() -> None:
    media = Media()
    large = FILES["png"] + bytes(10 * MIB)
    count = MEMORY.media_bytes // len(large)
    ids = [media.add(CONFIG.oa_app_id, "image", large, 0.0).media_id for _ in range(count + 1)]
    assert [media.find(media_id, 0.0) is None for media_id in ids] == [True] + [False] * count
    small = [media.add(CONFIG.oa_app_id, "image", FILES["png"], 0.0) for _ in range(MEMORY.media)]
    assert media.find(ids[-1], 0.0) is None
    assert all(media.find(one.media_id, 0.0) is one for one in small)
    with pytest.raises(ValueError, match="no known type"):
        media.add(CONFIG.oa_app_id, "image", noise(10), 0.0)
