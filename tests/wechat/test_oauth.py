"""The address that asks who is there, and states that work once."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import pytest
from redis.asyncio import Redis
from wechatpy.oauth import WeChatOAuth

from wechat.oauth import STATE_SECONDS, States, authorize_url

APP_ID = "wx0123456789abcdef"
BASE = "https://open.weixin.qq.com"


def test_everything_is_quoted() -> None:
    back, state = "https://h/m/?a=1&b=村#top", "x&y=1 #+%村"
    address = urlsplit(authorize_url(BASE + "/", APP_ID, back, state, "snsapi_userinfo"))
    assert (address.netloc, address.path) == ("open.weixin.qq.com", "/connect/oauth2/authorize")
    assert address.fragment == "wechat_redirect"
    assert parse_qsl(address.query, strict_parsing=True) == [
        ("appid", APP_ID),
        ("redirect_uri", back),
        ("response_type", "code"),
        ("scope", "snsapi_userinfo"),
        ("state", state),
    ]


@pytest.mark.parametrize("scope", ["snsapi_base", "snsapi_userinfo"])
def test_as_others_write_it(scope: str) -> None:
    others = WeChatOAuth(APP_ID, "secret", "https://h/m/?a=1&b=2", scope, "abc123").authorize_url
    assert authorize_url(BASE, APP_ID, "https://h/m/?a=1&b=2", "abc123", scope) == others


@pytest.mark.parametrize(
    ("state", "scope"),
    [("x" * 129, "snsapi_base"), ("", "snsapi_base"), ("村" * 43, "snsapi_base"), ("x", "snsapi_login")],
)
def test_what_wechat_does_not_carry(state: str, scope: str) -> None:
    with pytest.raises(ValueError, match=r"state|授权范围"):
        authorize_url(BASE, APP_ID, "https://h/", state, scope)


async def test_a_state_works_once(redis: Redis) -> None:
    states = States(redis, APP_ID)
    state = await states.issue({"page": "/m/tasks", "again": True})
    assert state.isalnum()
    assert len(state) == 32
    assert authorize_url(BASE, APP_ID, "https://h/", state)
    assert await states.use(state) == {"page": "/m/tasks", "again": True}
    assert await states.use(state) is None


async def test_two_at_once_and_one_wins(redis: Redis) -> None:
    states = States(redis, APP_ID)
    state = await states.issue({})
    used = await asyncio.gather(*(states.use(state) for _ in range(8)))
    assert used.count({}) == 1
    assert used.count(None) == 7


async def test_a_state_ends_and_belongs_to_one_account(redis: Redis) -> None:
    states = States(redis, APP_ID)
    state = await states.issue({})
    (key,) = await redis.keys("wechat:state:*")
    assert 0 < await redis.ttl(key) <= STATE_SECONDS == 600
    assert await States(redis, "wxother").use(state) is None
    assert await states.use("") is None
    assert await states.use("x" * 129) is None
    assert await states.use(state) == {}
