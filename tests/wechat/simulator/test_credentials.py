"""Tokens, tickets, addresses and quotas of the simulated platform."""

from typing import Any

import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, Json, MemoryClock
from wechat.simulator.endpoints import ENDPOINTS
from wechat.simulator.limits import QUOTAS

INFO = "/cgi-bin/user/info"
TICKET = "/cgi-bin/ticket/getticket"
ADDRESSES = "/cgi-bin/getcallbackip"


async def info(caller: Caller, token: str) -> int:
    """Return what any call with this token is answered: 40003 if the token is good."""
    return (await caller.get(INFO, access_token=token, openid="o-nobody"))["errcode"]


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"appid": "wx-nobody"}, 40013),
        ({"appid": ""}, 41002),
        ({"secret": "wrong"}, 40125),
        ({"secret": ""}, 41004),
        ({"grant_type": "password"}, 40002),
    ],
)
async def test_tokens_need_right_credentials(caller: Caller, change: Json, errcode: int) -> None:
    asked = {"grant_type": "client_credential", "appid": CONFIG.oa_app_id, "secret": CONFIG.oa_secret}
    assert (await caller.post("/cgi-bin/stable_token", asked | change))["errcode"] == errcode
    assert (await caller.get("/cgi-bin/token", **asked | change))["errcode"] == errcode


@pytest.mark.parametrize(("body", "errcode"), [(b"", 44002), (b"{", 47001), (b"[]", 47001)])
async def test_a_body_must_be_a_json_object(caller: Caller, body: bytes, errcode: int) -> None:
    async with caller.http.post(caller.simulator.url + "/cgi-bin/stable_token", data=body) as response:
        assert (await response.json(content_type=None))["errcode"] == errcode


async def test_stable_token_is_the_same_until_five_minutes_before_its_end(
    caller: Caller, still_clock: MemoryClock
) -> None:
    first = await caller.fetch_token()
    assert len(first["access_token"]) == 512
    assert first["expires_in"] == 7200
    still_clock.move(6800)
    assert await caller.fetch_token() == {"access_token": first["access_token"], "expires_in": 400}
    still_clock.move(100)
    renewed = await caller.fetch_token()
    assert renewed["access_token"] != first["access_token"]
    assert renewed["expires_in"] == 7200
    assert [await info(caller, one["access_token"]) for one in (first, renewed)] == [40003, 40003]
    still_clock.move(300)
    assert [await info(caller, one["access_token"]) for one in (first, renewed)] == [42001, 40003]


async def test_forced_refresh_ends_the_old_token_after_five_minutes(
    caller: Caller, still_clock: MemoryClock
) -> None:
    old = await caller.token()
    new = (await caller.fetch_token(force=True))["access_token"]
    assert new != old
    still_clock.move(299)
    assert await info(caller, old) == 40003
    still_clock.move(1)
    assert [await info(caller, token) for token in (old, new)] == [42001, 40003]


async def test_forced_refreshes_are_limited_by_interval_and_day(
    caller: Caller, still_clock: MemoryClock
) -> None:
    assert "access_token" in await caller.fetch_token(force=True)
    still_clock.move(29)
    assert (await caller.fetch_token(force=True))["errcode"] == 45011
    for _ in range(19):
        still_clock.move(30)
        assert "access_token" in await caller.fetch_token(force=True)
    still_clock.move(30)
    assert (await caller.fetch_token(force=True))["errcode"] == 45009
    still_clock.move(86_400)
    assert "access_token" in await caller.fetch_token(force=True)


async def test_the_old_token_interface_gives_a_new_one_each_time(
    caller: Caller, still_clock: MemoryClock
) -> None:
    query = {"grant_type": "client_credential", "appid": CONFIG.oa_app_id, "secret": CONFIG.oa_secret}
    tokens = [(await caller.get("/cgi-bin/token", **query))["access_token"] for _ in range(2)]
    stable = await caller.token()
    assert len({*tokens, stable}) == 3
    still_clock.move(300)
    assert [await info(caller, token) for token in (*tokens, stable)] == [42001, 40003, 40003]


async def test_revoked_tokens_are_invalid_at_once(caller: Caller) -> None:
    oa, mp = await caller.token(), await caller.token("mp")
    await caller.post("/_sim/tokens", {"revoke": True}, app_id=CONFIG.oa_app_id)
    assert await info(caller, oa) == 40001
    assert (await caller.get(ADDRESSES, access_token=mp))["ip_list"]
    assert await info(caller, await caller.token()) == 40003
    await caller.post("/_sim/tokens", {"revoke": True})
    assert (await caller.get(ADDRESSES, access_token=mp))["errcode"] == 40001
    assert (await caller.post("/_sim/tokens"))["error"] == "bad_request"


@pytest.mark.parametrize(("token", "errcode"), [("", 41001), ("nonsense", 40001)])
async def test_calls_need_a_token(caller: Caller, token: str, errcode: int) -> None:
    assert await info(caller, token) == errcode


async def test_another_applications_token_is_refused(caller: Caller) -> None:
    assert (await caller.mp(INFO, openid="o"))["errcode"] == 48001
    assert (await caller.oa("/wxa/getwxacode", {"path": "pages/index"}))["errcode"] == 48001


async def test_unknown_path_and_wrong_method(caller: Caller) -> None:
    answer = await caller.get("/cgi-bin/no/such/path")
    assert answer["errcode"] == 40066
    assert answer["errmsg"].startswith("invalid url")
    assert (await caller.get("/cgi-bin/stable_token"))["errcode"] == 43002
    assert (await caller.post("/cgi-bin/token"))["errcode"] == 43001


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_every_path_refuses_a_call_that_says_nothing(caller: Caller, path: str) -> None:
    endpoint = ENDPOINTS[path]
    assert endpoint.title
    ask = caller.get if endpoint.method == "GET" else caller.post
    if endpoint.token is not None:
        assert (await ask(path))["errcode"] == 41001
    elif path != "/cgi-bin/showqrcode":
        # Without a token there is nothing to show that a path could act on.
        assert (await ask(path))["errcode"] in (40002, 41001, 41002, 44002)


# --- tickets and addresses ------------------------------------------------------------------------


async def test_one_ticket_lives_until_five_minutes_before_its_end(
    caller: Caller, still_clock: MemoryClock
) -> None:
    first = await caller.oa(TICKET, type="jsapi")
    assert {**first, "ticket": ""} == {"errcode": 0, "errmsg": "ok", "ticket": "", "expires_in": 7200}
    card = await caller.oa(TICKET, type="wx_card")
    assert card["ticket"] != first["ticket"]
    still_clock.move(6899)
    assert await caller.oa(TICKET, type="jsapi") == {**first, "expires_in": 301}
    still_clock.move(1)
    assert (await caller.oa(TICKET, type="jsapi"))["ticket"] != first["ticket"]
    assert (await caller.oa(TICKET, type="other"))["errcode"] == 40097


@pytest.mark.parametrize("path", [ADDRESSES, "/cgi-bin/get_api_domain_ip"])
async def test_the_platforms_addresses_are_the_simulators(caller: Caller, path: str) -> None:
    assert await caller.oa(path) == await caller.mp(path) == {"ip_list": ["127.0.0.1"]}


# --- quotas ---------------------------------------------------------------------------------------


def test_every_limit_is_of_a_path_that_exists() -> None:
    assert set(QUOTAS) <= set(ENDPOINTS)


async def limit(caller: Caller, path: str, **limits: Any) -> Json:
    return await caller.post("/_sim/quotas", {"path": path, **limits})


async def test_a_days_calls_are_counted_for_each_application_by_chinas_day(
    caller: Caller, still_clock: MemoryClock
) -> None:
    assert (await limit(caller, ADDRESSES, daily=2))["daily"] == 2
    assert ["errcode" in await caller.oa(ADDRESSES) for _ in range(2)] == [False, False]
    assert (await caller.oa(ADDRESSES))["errcode"] == 45009
    assert "errcode" not in await caller.mp(ADDRESSES)
    # 1,800,000,000 is 16:00 in China.
    still_clock.move(8 * 3600 - 1)
    assert (await caller.oa(ADDRESSES))["errcode"] == 45009
    still_clock.move(1)
    assert "errcode" not in await caller.oa(ADDRESSES)


async def test_a_minutes_calls_are_counted(caller: Caller, still_clock: MemoryClock) -> None:
    await limit(caller, ADDRESSES, minute=1)
    assert [(await caller.oa(ADDRESSES)).get("errcode") for _ in range(2)] == [None, 45011]
    still_clock.move(60)
    assert "errcode" not in await caller.oa(ADDRESSES)
    await limit(caller, ADDRESSES, minute=None)
    assert [(await caller.oa(ADDRESSES)).get("errcode") for _ in range(3)] == [None, None, None]


async def test_tokens_have_a_quota_too(caller: Caller) -> None:
    await limit(caller, "/cgi-bin/stable_token", daily=1)
    assert "access_token" in await caller.fetch_token()
    assert (await caller.fetch_token())["errcode"] == 45009
    assert "access_token" in await caller.fetch_token("mp")


async def test_quotas_are_shown_changed_and_put_back(caller: Caller) -> None:
    published = (await caller.get("/_sim/quotas"))["quotas"]
    send = "/cgi-bin/message/template/send"
    assert published[send]["daily"] == 100_000
    await limit(caller, send, daily=0)
    body = {"touser": "o", "template_id": "t", "data": {"a": {"value": "b"}}}
    assert (await caller.oa(send, body))["errcode"] == 45009
    await caller.post("/_sim/reset", {"only": ["quotas"]})
    assert (await caller.get("/_sim/quotas"))["quotas"] == published
    assert (await caller.oa(send, body))["errcode"] == 40003
    assert (await limit(caller, "/no/such/path", daily=1))["error"] == "bad_request"
    assert (await limit(caller, "/cgi-bin/token"))["error"] == "bad_request"


async def test_an_application_can_ask_for_its_quota_and_start_over(
    caller: Caller, still_clock: MemoryClock
) -> None:
    async def ask(path: str) -> Json:
        return await caller.oa("/cgi-bin/openapi/quota/get", {"cgi_path": path})

    async def clear(app_id: str = CONFIG.oa_app_id) -> int:
        return (await caller.oa("/cgi-bin/clear_quota", {"appid": app_id}))["errcode"]

    await caller.oa("/cgi-bin/user/get")
    answer = await ask("/cgi-bin/user/get")
    assert answer["quota"] == {"daily_limit": 500, "used": 1, "remain": 499}
    assert "rate_limit" not in answer
    await limit(caller, INFO, minute=7)
    assert (await ask(INFO))["rate_limit"] == {"call_count": 7, "refresh_second": 60}
    assert (await ask("/no/such/path"))["errcode"] == 76021
    assert [(await ask(path))["errcode"] for path in ("/sns/userinfo", "/wxa/msg_sec_check")] == [76022] * 2

    assert await clear("wx-other") == 40013
    assert [await clear() for _ in range(11)] == [0] * 10 + [48006]
    assert (await ask("/cgi-bin/user/get"))["quota"]["used"] == 0
    still_clock.move(31 * 86_400)
    assert await clear() == 0
