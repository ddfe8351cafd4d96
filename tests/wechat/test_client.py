"""The asynchronous client: wechatpy's endpoint classes and what they send."""

import io
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import requests

from tests.wechat.canned import (
    APP_ID,
    BUSY,
    SECRET,
    SENT,
    STALE,
    Bench,
    Fake,
    FakeTokens,
    send,
)
from wechat import paths
from wechat.client import WeChatApi, WeChatError
from wechat.errcodes import Disposition
from wechat.http import HttpPool


async def test_user_info(bench: Bench, fake: Fake) -> None:
    fake.answers["/cgi-bin/user/info"] = [
        (b'{"subscribe":1,"openid":"o","remark":"a\x01b"}', "application/json")
    ]
    assert await bench.api.user_info("o") == {"subscribe": 1, "openid": "o", "remark": "a\x01b"}
    expected = {"access_token": "TOKEN-1", "openid": "o", "lang": "zh_CN"}
    assert fake.calls == [("GET", "/cgi-bin/user/info", expected, b"", "")]
    assert bench.seen == [("/cgi-bin/user/info", "ok")]


async def test_template_has_the_modern_shape(bench: Bench, fake: Fake) -> None:
    fake.answers[paths.TEMPLATE_SEND.path] = [SENT]
    page = {"appid": "wxmini", "pagepath": "pages/task?id=1"}
    msgid = await send(bench, url="https://x/m/", mini_program=page, client_msg_id="id-1")
    assert msgid == "2398123456789012345"
    method, path, query, body, kind = fake.calls[0]
    assert (method, path, query) == ("POST", "/cgi-bin/message/template/send", {"access_token": "TOKEN-1"})
    assert kind.startswith("application/json")
    assert orjson.loads(body) == {
        "touser": "oOpenid",
        "template_id": "tpl",
        "data": {"thing1": {"value": "漏雨"}},
        "url": "https://x/m/",
        "miniprogram": page,
        "client_msg_id": "id-1",
    }
    assert "漏雨".encode() in body


async def test_text(bench: Bench, fake: Fake) -> None:
    assert await bench.api.send_text("o", "好") is None
    sent = {"touser": "o", "msgtype": "text", "text": {"content": "好"}}
    assert orjson.loads(fake.calls[0][3]) == sent


async def test_endpoint_classes_are_awaitable(bench: Bench, fake: Fake) -> None:
    fake.answers["/cgi-bin/tags/get"] = [b'{"tags":[{"id":1,"name":"x"}]}']
    assert await bench.api.tag.get() == [{"id": 1, "name": "x"}]
    await bench.api.menu.create({"button": [{"name": "上报", "type": "click", "key": "report"}]})
    await bench.api.message.send_subscribe_message("o", "tpl", {"thing1": {"value": "x"}})
    await bench.api.jsapi.get_ticket()
    # Another base URL, a host written down in the middle of wechatpy, and a token glued into a text.
    await bench.api.wxa.check_text_security("x")
    await bench.api.customservice.get_wait_case()
    await bench.api.customservice.delete_account("a@b")
    assert fake.paths() == [
        "/cgi-bin/tags/get",
        "/cgi-bin/menu/create",
        "/cgi-bin/message/subscribe/bizsend",
        "/cgi-bin/ticket/getticket",
        "/wxa/msg_sec_check",
        "/customservice/kfsession/getwaitcase",
        "/customservice/kfaccount/del",
    ]
    assert {call[2]["access_token"] for call in fake.calls} == {"TOKEN-1"}
    assert fake.calls[-1][2]["kf_account"] == "a@b"
    assert "上报".encode() in fake.calls[1][3]


async def test_media_come_as_bytes_and_their_errors_as_errors(bench: Bench, fake: Fake) -> None:
    fake.answers["/wxa/getwxacodeunlimit"] = [
        (b"\x89PNG", "image/png"),
        (b'{"errcode":45009,"errmsg":"reach max"}', "image/jpeg"),
    ]
    assert await bench.api.wxa.get_wxa_code_unlimited("s") == b"\x89PNG"
    with pytest.raises(WeChatError) as refused:
        await bench.api.wxa.get_wxa_code_unlimited("s")
    assert refused.value.disposition is Disposition.wait


async def test_an_upload_is_whole_at_every_try(bench: Bench, fake: Fake) -> None:
    fake.answers["/cgi-bin/media/upload"] = [STALE, BUSY, b'{"media_id":"m"}']
    photo = io.BytesIO(b"\xff\xd8photo")
    photo.name = "/tmp/屋顶.jpg"
    assert await bench.api.media.upload("image", photo) == {"media_id": "m"}
    assert len(fake.calls) == 3
    for call in fake.calls:
        assert call[4].startswith("multipart/form-data")
        assert b"\xff\xd8photo" in call[3]
        assert b'name="media"' in call[3]
        assert b"/tmp" not in call[3]
    await bench.api.material.add("image", ("roof.jpg", b"bytes", "image/jpeg"))
    assert b'filename="roof.jpg"' in fake.calls[-1][3]
    assert fake.calls[-1][2]["access_token"] == "TOKEN-2"


async def test_old_shape_of_errors(bench: Bench, fake: Fake) -> None:
    fake.answers["/device/get_stat"] = [b'{"base_resp":{"errcode":47001,"errmsg":"data format error"}}']
    with pytest.raises(WeChatError) as refused:
        await bench.api.get("get_stat", api_base_url="https://api.weixin.qq.com/device/")
    assert refused.value.errcode == 47001


async def test_other_hosts_and_arguments_are_refused(bench: Bench, fake: Fake) -> None:
    for url in (
        "https://example.org/",
        "https://api.weixin.qq.com.example.org/x",
        "http://api.weixin.qq.com/x",
    ):
        with pytest.raises(ValueError, match="host"):
            await bench.api.get(url)
    with pytest.raises(TypeError, match="proxies"):
        await bench.api.get("user/get", proxies={})
    assert fake.calls == []


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.qrcode.show("t"),
        lambda api: api.qrcode.get_url("t"),
        lambda api: api.tag.iter_tag_users(100),
        lambda api: api.jsapi.get_jsapi_ticket(),
        lambda api: api.media.get_url("m"),
        lambda api: api.user.iter_followers(),
    ],
)
def test_helpers_that_would_block_fail_at_once(call: Callable[[WeChatApi], Any]) -> None:
    api = WeChatApi(APP_ID, SECRET, FakeTokens(), HttpPool(), "http://127.0.0.1:1")
    with pytest.raises(TypeError, match="asynchronous"):
        call(api)


def test_no_blocking_session_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("requests.Session was made")

    monkeypatch.setattr(requests, "Session", forbidden)
    api = WeChatApi(APP_ID, SECRET, FakeTokens(), HttpPool(), "http://127.0.0.1:1")
    other = WeChatApi("wxother", "other", FakeTokens(), HttpPool(), "http://127.0.0.1:1")
    assert (api.user.appid, other.user.appid) == (APP_ID, "wxother")


@pytest.mark.parametrize(("path", "entry"), paths.PATHS.items())
def test_the_table_of_paths(path: str, entry: paths.Path) -> None:
    assert path == entry.path
    assert path.startswith("/")
    assert entry.method in ("GET", "POST")
    assert 0 < entry.timeout <= 30
    assert paths.find(path, entry.method) is entry
