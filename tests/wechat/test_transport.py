"""One call: repeated where that is safe, and silent about secrets."""

import logging
from typing import Any

import orjson
import pytest
from tornado.testing import bind_unused_port

from tests.wechat.canned import (
    APP_ID,
    BUSY,
    DROP,
    HANG,
    HTML,
    OK,
    SECRET,
    SENT,
    STALE,
    Bench,
    Fake,
    send,
)
from wechat import paths
from wechat.client import MiniProgramSession, TokenUnavailable, WeChatError, WeChatFailure, WeChatUnreachable
from wechat.errcodes import Disposition
from wechat.http import HttpPool
from wechat.transport import BUSY_PAUSES, UNREACHABLE_PAUSES


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
    bench.api._transport._jitter = lambda: 1.0
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
    for path in (paths.CODE_TO_SESSION, paths.OAUTH_TOKEN, paths.TEMPLATE_SEND, paths.USER_INFO):
        fake.answers[path.path] = [answer]
    told = [repr(hasty_bench.api)]
    for call in (
        lambda: send(hasty_bench, client_msg_id="id-1"),
        lambda: hasty_bench.api.user_info("o"),
        lambda: hasty_bench.api.code_to_session("code-1"),
        lambda: hasty_bench.api.oauth_person("code-1"),
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
