"""Typed calls for codes and media against the simulator."""

import io

import pytest
from PIL import Image

from server.clock import SharedClock
from server.settings import Settings
from tests.support import Phones, fake_picture
from wechat.client import CallRefused, Medium, WeChatApi, WeChatError, WeChatUnreachable


def size_of(picture: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(picture)).size


@pytest.mark.parametrize("scene", ["place-1", 17])
async def test_temporary_codes(oa: WeChatApi, people: Phones, clock: SharedClock, scene: str | int) -> None:
    code = await oa.temporary_qr(scene, 3600)
    assert (code.seconds, code.url != "") == (3600, True)
    assert size_of(await oa.qr_picture(code.ticket)) > (100, 100)
    await people.add_villager(1)
    await people.does("extra_1", "scan", ticket=code.ticket)
    clock.move(3601)
    with pytest.raises(WeChatUnreachable) as ended:
        await oa.qr_picture(code.ticket)
    assert (ended.value.kind, ended.value.status) == ("status", 404)


@pytest.mark.parametrize("scene", ["place-1", 100_000])
async def test_permanent_codes(oa: WeChatApi, scene: str | int) -> None:
    code = await oa.permanent_qr(scene)
    assert code.seconds is None
    assert await oa.permanent_qr(scene) == code


async def test_the_address_of_a_picture(oa: WeChatApi, settings: Settings) -> None:
    assert (
        oa.qr_picture_url("a/b+c==")
        == f"{settings.wechat_api_base}/cgi-bin/showqrcode?ticket=a%2Fb%2Bc%3D%3D"
    )


async def test_codes_that_are_stopped_here(oa: WeChatApi) -> None:
    with pytest.raises(CallRefused) as refused:
        await oa.temporary_qr("x" * 65, 30 * 86_400 + 1)
    assert len(refused.value.problems) == 2
    for scene in (0, 100_001, "", "x" * 65):
        with pytest.raises(CallRefused, match="场景值"):
            await oa.permanent_qr(scene)


async def test_mini_program_codes(mini: WeChatApi) -> None:
    picture = await mini.mini_code("h=abc~1", page="pages/home", width=280, check_page=False)
    assert size_of(picture) == (280, 280)
    with pytest.raises(CallRefused) as refused:
        await mini.mini_code("户=1", page="/pages/home?x=1", width=100)
    assert len(refused.value.problems) == 3
    with pytest.raises(CallRefused, match="32 个字"):
        await mini.mini_code("x" * 33)
    with pytest.raises(WeChatError) as wrong:
        await mini.mini_code("x", release="none")
    assert wrong.value.errcode == 40097


async def test_media(oa: WeChatApi, clock: SharedClock) -> None:
    picture = fake_picture()
    media_id = await oa.upload_media("image", "屋顶.jpg", picture)
    assert await oa.download_media(media_id) == Medium(picture, None)
    assert await oa.upload_media("thumb", "roof.jpg", picture)
    clock.move(3 * 86_400 + 1)
    with pytest.raises(WeChatError) as ended:
        await oa.download_media(media_id)
    assert ended.value.errcode == 40007


async def test_films_are_fetched_elsewhere(oa: WeChatApi) -> None:
    film = b"\x00\x00\x00\x18ftypmp42" + bytes(64)
    medium = await oa.download_media(await oa.upload_media("video", "film.mp4", film))
    assert medium.content is None
    assert medium.video_url


async def test_material(oa: WeChatApi) -> None:
    material = await oa.upload_material("image", "roof.jpg", fake_picture())
    assert material.media_id
    assert material.url


async def test_media_that_are_stopped_here(oa: WeChatApi) -> None:
    with pytest.raises(CallRefused, match="不能为空"):
        await oa.upload_media("image", "roof.jpg", b"")
    with pytest.raises(CallRefused, match="缩略图最多 65536 字节"):
        await oa.upload_media("thumb", "roof.jpg", bytes(65_537))
    with pytest.raises(CallRefused, match="请选择：图片、语音、缩略图"):
        await oa.upload_material("video", "film.mp4", b"film")


async def test_the_platform_judges_the_content(oa: WeChatApi) -> None:
    with pytest.raises(WeChatError) as wrong:
        await oa.upload_media("image", "roof.jpg", b"no picture at all")
    assert wrong.value.errcode == 40005
