"""The asynchronous client against a small server that answers what the test says."""

import asyncio
import io
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
import requests
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from wechat import paths
from wechat.client import (
    BUSY_PAUSES,
    UNREACHABLE_PAUSES,
    MiniProgramSession,
    TokenUnavailable,
    WeChatApi,
    WeChatError,
    WeChatFailure,
    WeChatUnreachable,
)
from wechat.errcodes import Disposition
from wechat.http import HttpFailure, HttpPool, redact

APP_ID = "wx0123456789abcdef"
SECRET = "app-secret-value"
OK = b'{"errcode":0,"errmsg":"ok"}'
BUSY = b'{"errcode":-1,"errmsg":"system error"}'
STALE = b'{"errcode":40001,"errmsg":"invalid credential, access_token=TOKEN-1 rid: 1"}'
SENT = b'{"errcode":0,"errmsg":"ok","msgid":2398123456789012345}'
HTML = (b"<html>upstream error</html>", "text/html")
HANG, DROP = object(), object()


class Fake:
    """The platform's answers by path; the last one of a list is repeated for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = defaultdict(list)
        self.calls: list[tuple[str, str, dict[str, str], bytes, str]] = []
        self.never = asyncio.Event()
        self.url = ""

    def paths(self) -> list[str]:
        return [call[1] for call in self.calls]


class Endpoint(RequestHandler):
    def initialize(self, fake: Fake) -> None:
        self.fake = fake

    async def prepare(self) -> None:
        request = self.request
        query = {name: values[-1].decode() for name, values in request.query_arguments.items()}
        kind = request.headers.get("Content-Type", "")
        self.fake.calls.append((request.method, request.path, query, request.body, kind))
        planned = self.fake.answers[request.path]
        answer = (planned.pop(0) if len(planned) > 1 else planned[0]) if planned else OK
        if answer is DROP:
            self.detach().close()
            return
        if answer is HANG:
            await self.fake.never.wait()
            return
        if isinstance(answer, int):
            self.set_status(answer)
            answer = b"{}"
        body, content_type = answer if isinstance(answer, tuple) else (answer, "text/plain")
        self.set_header("Content-Type", content_type)
        self.finish(body)


class Hasty(HttpPool):
    """Waits a twentieth of a second where the table says five."""

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        return await super().request(*args, **{**kwargs, "timeout": kwargs["timeout"] / 100})


class FakeTokens:
    """Counts instead of fetching."""

    def __init__(self) -> None:
        self.serial = 1
        self.refreshed: list[str] = []
        self.failure: WeChatFailure | None = None

    async def get(self) -> str:
        return f"TOKEN-{self.serial}"

    async def refresh(self, bad_token: str) -> str:
        self.refreshed.append(bad_token)
        if self.failure is not None:
            raise self.failure
        self.serial += 1
        return await self.get()


class Bench:
    """An API with everything around it."""

    def __init__(self, fake: Fake, pool: HttpPool) -> None:
        self.fake = fake
        self.tokens = FakeTokens()
        self.pauses: list[float] = []
        self.seen: list[tuple[str, int | str]] = []
        self.api = WeChatApi(
            APP_ID,
            SECRET,
            self.tokens,
            pool,
            fake.url + "/",
            observe=lambda path, outcome, _seconds: self.seen.append((path, outcome)),
            sleep=self.sleep,
            jitter=lambda: 0.0,
        )

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    made = Fake()
    socket, port = bind_unused_port()
    server = HTTPServer(Application([(".*", Endpoint, {"fake": made})], log_function=lambda _handler: None))
    server.add_sockets([socket])
    made.url = f"http://127.0.0.1:{port}"
    yield made
    made.never.set()
    server.stop()
    await server.close_all_connections()


@pytest.fixture
async def pool() -> AsyncIterator[HttpPool]:
    made = HttpPool()
    yield made
    await made.close()


@pytest.fixture
async def hasty() -> AsyncIterator[HttpPool]:
    made = Hasty()
    yield made
    await made.close()


@pytest.fixture
def bench(fake: Fake, pool: HttpPool) -> Bench:
    return Bench(fake, pool)


@pytest.fixture
def hasty_bench(fake: Fake, hasty: HttpPool) -> Bench:
    return Bench(fake, hasty)


def send(bench: Bench, **more: Any) -> Any:
    return bench.api.send_template("oOpenid", "tpl", {"thing1": "漏雨"}, **more)


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


async def test_code_to_session_attaches_no_token(bench: Bench, fake: Fake) -> None:
    answer = b'{"openid":"mp-o","session_key":"KEEP-ME-NOT","unionid":"u"}'
    fake.answers["/sns/jscode2session"] = [answer, b'{"openid":"mp-o","session_key":"KEEP-ME-NOT"}']
    session = await bench.api.code_to_session("code-1")
    assert session == MiniProgramSession("mp-o", "u")
    assert "KEEP-ME-NOT" not in repr(session)
    assert await bench.api.code_to_session("code-2") == MiniProgramSession("mp-o", None)
    assert fake.calls[0][2] == {
        "appid": APP_ID,
        "secret": SECRET,
        "js_code": "code-1",
        "grant_type": "authorization_code",
    }


@pytest.mark.parametrize("code", [40029, 40163, 40226, 45011, 40001])
async def test_login_refusals_touch_no_token(bench: Bench, fake: Fake, code: int) -> None:
    fake.answers["/sns/jscode2session"] = [orjson.dumps({"errcode": code, "errmsg": "no"})]
    with pytest.raises(WeChatError) as refused:
        await bench.api.code_to_session("code-1")
    assert refused.value.errcode == code
    assert bench.tokens.refreshed == []
    assert len(fake.calls) == 1


async def test_endless_40001_refreshes_once(bench: Bench, fake: Fake) -> None:
    fake.answers[paths.TEMPLATE_SEND.path] = [STALE]
    with pytest.raises(WeChatError) as refused:
        await send(bench)
    assert refused.value.errcode == 40001
    assert refused.value.disposition is Disposition.refresh_token
    assert bench.tokens.refreshed == ["TOKEN-1"]
    assert [call[2]["access_token"] for call in fake.calls] == ["TOKEN-1", "TOKEN-2"]
    assert bench.pauses == []
    assert bench.seen == [(paths.TEMPLATE_SEND.path, 40001)] * 2


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_stale_token_is_replaced(bench: Bench, fake: Fake, code: int) -> None:
    fake.answers[paths.TEMPLATE_SEND.path] = [orjson.dumps({"errcode": str(code), "errmsg": ""}), SENT]
    assert await send(bench)
    assert len(bench.tokens.refreshed) == 1


async def test_no_new_token(bench: Bench, fake: Fake) -> None:
    fake.answers[paths.TEMPLATE_SEND.path] = [STALE]
    bench.tokens.failure = TokenUnavailable("/cgi-bin/stable_token", None, Disposition.retry, "不行")
    with pytest.raises(TokenUnavailable):
        await send(bench)
    assert len(fake.calls) == 1


async def test_busy_twice(bench: Bench, fake: Fake) -> None:
    fake.answers[paths.CUSTOMER_SEND.path] = [BUSY, BUSY, OK]
    await bench.api.send_text("o", "好")
    assert bench.pauses == [0.2, 0.6]
    assert [outcome for _, outcome in bench.seen] == [-1, -1, "ok"]


async def test_busy_for_ever(bench: Bench, fake: Fake) -> None:
    fake.answers[paths.TEMPLATE_SEND.path] = [BUSY]
    with pytest.raises(WeChatError) as refused:
        await send(bench)
    assert refused.value.disposition is Disposition.retry
    assert tuple(bench.pauses) == BUSY_PAUSES == (0.2, 0.6, 1.8)
    assert len(fake.calls) == 4


async def test_pauses_are_jittered_upwards(bench: Bench, fake: Fake) -> None:
    fake.answers[paths.CUSTOMER_SEND.path] = [BUSY, OK]
    bench.api._jitter = lambda: 1.0
    await bench.api.send_text("o", "好")
    assert bench.pauses == [pytest.approx(0.3)]


TROUBLE = [
    (HTML, "not_json"),
    ((b"", "application/json"), "not_json"),
    ((b"{broken", "application/json"), "not_json"),
    ((b"[1]", "application/json"), "not_json"),
    (500, "status"),
    (502, "status"),
    (404, "status"),
    (302, "status"),
    (DROP, "dropped"),
    (HANG, "timeout"),
]


@pytest.mark.parametrize(("trouble", "kind"), TROUBLE)
async def test_unusable_answers(hasty_bench: Bench, fake: Fake, trouble: Any, kind: str) -> None:
    bench = hasty_bench
    fake.answers[paths.TEMPLATE_SEND.path] = [trouble]
    # Nobody knows whether a message without an id arrived, so it is not sent twice.
    with pytest.raises(WeChatUnreachable) as lost:
        await send(bench)
    assert (lost.value.kind, lost.value.sent, lost.value.errcode) == (kind, True, None)
    assert len(fake.calls) == 1
    assert bench.seen == [(paths.TEMPLATE_SEND.path, kind)]
    # With an id it is, a bounded number of times.
    with pytest.raises(WeChatUnreachable):
        await send(bench, client_msg_id="id-1")
    assert len(fake.calls) == 1 + 1 + len(UNREACHABLE_PAUSES)
    # And it recovers.
    fake.answers[paths.TEMPLATE_SEND.path] = [trouble, SENT]
    assert await send(bench, client_msg_id="id-1") == "2398123456789012345"


@pytest.mark.parametrize("trouble", [HTML, 500, HANG])
async def test_reading_is_repeated_and_a_login_code_is_not(
    hasty_bench: Bench, fake: Fake, trouble: Any
) -> None:
    fake.answers["/cgi-bin/user/info"] = [trouble, b'{"subscribe":1}']
    assert await hasty_bench.api.user_info("o") == {"subscribe": 1}
    fake.answers["/sns/jscode2session"] = [trouble]
    with pytest.raises(WeChatUnreachable):
        await hasty_bench.api.code_to_session("code-1")
    assert fake.paths().count("/sns/jscode2session") == 1
    fake.answers[paths.CUSTOMER_SEND.path] = [trouble]
    with pytest.raises(WeChatUnreachable):
        await hasty_bench.api.send_text("o", "好")
    assert fake.paths().count(paths.CUSTOMER_SEND.path) == 1


async def test_no_connection_means_nothing_was_sent(fake: Fake, pool: HttpPool) -> None:
    socket, port = bind_unused_port()
    socket.close()
    fake.url = f"http://127.0.0.1:{port}"
    bench = Bench(fake, pool)
    with pytest.raises(WeChatUnreachable) as lost:
        await bench.api.send_text("o", "好")
    assert (lost.value.kind, lost.value.sent) == ("connect", False)
    assert tuple(bench.pauses) == UNREACHABLE_PAUSES


@pytest.mark.parametrize(
    "answer",
    [
        orjson.dumps(
            {"errcode": 40001, "errmsg": "invalid credential, access_token=TOKEN-2 secret=app-secret-value"}
        ),
        orjson.dumps({"errcode": 47003, "errmsg": "access_token=TOKEN-1 app-secret-value js_code=code-1"}),
        orjson.dumps(
            {"errcode": 99999, "errmsg": '{"session_key":"KEEP-ME-NOT","secret":"app-secret-value"}'}
        ),
        HTML,
        500,
        DROP,
        HANG,
    ],
)
async def test_nothing_secret_is_told(
    hasty_bench: Bench, fake: Fake, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    for path in ("/sns/jscode2session", paths.TEMPLATE_SEND.path, "/cgi-bin/user/info"):
        fake.answers[path] = [answer]
    told = [repr(hasty_bench.api)]
    for call in (
        lambda: send(hasty_bench, client_msg_id="id-1"),
        lambda: hasty_bench.api.user_info("o"),
        lambda: hasty_bench.api.code_to_session("code-1"),
    ):
        with pytest.raises(WeChatFailure) as failed:
            await call()
        error: BaseException | None = failed.value
        logging.getLogger("test").warning("failed", exc_info=error)
        while error is not None:
            told += [str(error), repr(error), repr(vars(error))]
            error = error.__cause__ or error.__context__
    told += [repr(vars(record)) for record in caplog.records if record.name != "test"]
    told.append(caplog.text)
    for secret in ("TOKEN-", SECRET, "code-1", "KEEP-ME-NOT"):
        assert secret not in "\n".join(told)


async def test_a_token_without_its_name_is_hidden_too(bench: Bench, fake: Fake) -> None:
    fake.answers["/cgi-bin/user/info"] = [b'{"errcode":47003,"errmsg":"TOKEN-1 app-secret-value"}']
    with pytest.raises(WeChatError) as refused:
        await bench.api.user_info("o")
    assert refused.value.errmsg == "*** ***"


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


async def test_connections_are_kept(fake: Fake, pool: HttpPool) -> None:
    bench = Bench(fake, pool)
    for _ in range(3):
        await bench.api.send_text("o", "好")
    connections = {key: list(kept) for key, kept in pool._session.connector._conns.items()}
    assert [len(kept) for kept in connections.values()] == [1]


async def test_pool_limits_the_answer_and_ends(fake: Fake) -> None:
    small = HttpPool(max_body=10)
    fake.answers["/x"] = [b"x" * 11]
    with pytest.raises(HttpFailure, match="too_large"):
        await small.request("GET", fake.url + "/x")
    await small.close()
    await small.close()
    with pytest.raises(RuntimeError):
        await small.request("GET", fake.url + "/x")


async def test_proxies_of_the_environment_are_ignored(
    bench: Bench, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    await bench.api.send_text("o", "好")
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://h/p?access_token=abc&x=1", "https://h/p?access_token=***&x=1"),
        (
            "GET /sns?appid=a&secret=s.e-c&js_code=j&grant=g",
            "GET /sns?appid=a&secret=***&js_code=***&grant=g",
        ),
        ("code=abc&errcode=40029", "code=***&errcode=40029"),
        ('{"session_key": "a\\"b==", "openid":"o"}', '{"session_key": "***", "openid":"o"}'),
        ("{'appsecret': 'x', 'access_token':'y'}", "{'appsecret': '***', 'access_token':'***'}"),
        ("next=https%3A%2F%2Fh%3Faccess_token%3Dabc&y=2", "next=https%3A%2F%2Fh%3Faccess_token%3D***&y=2"),
        ('errcode 40001 "code": 1', 'errcode 40001 "code": 1'),
        ("Secret=S ACCESS_TOKEN=T", "Secret=*** ACCESS_TOKEN=***"),
        ("plain words", "plain words"),
    ],
)
def test_redact(text: str, hidden: str) -> None:
    assert redact(text) == hidden


def test_redact_known_values() -> None:
    assert redact("the value abc leaked", ("abc", "")) == "the value *** leaked"


@pytest.mark.parametrize(("path", "entry"), paths.PATHS.items())
def test_the_table_of_paths(path: str, entry: paths.Path) -> None:
    assert path == entry.path
    assert path.startswith("/")
    assert entry.method in ("GET", "POST")
    assert 0 < entry.timeout <= 30
    assert paths.find(path, entry.method) is entry
