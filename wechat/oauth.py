"""Signing in by a page of the official account: the address to send the browser to, and its state.

Rules: https://developers.weixin.qq.com/doc/service/guide/h5/auth.html. What the code that comes back is
worth tells ``WeChatApi.oauth_person``.
"""

import secrets
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from redis.asyncio import Redis

from wechat import limits

#: ``snsapi_base`` tells the openid without asking; ``snsapi_userinfo`` asks the person and tells the unionid.
SCOPES = ("snsapi_base", "snsapi_userinfo")
#: Long enough to read WeChat's page, short enough that a leaked address is soon worth nothing.
STATE_SECONDS = 600


def authorize_url(
    open_base: str, app_id: str, redirect_uri: str, state: str, scope: str = "snsapi_base"
) -> str:
    """Build the address at which WeChat asks who is there.

    Args:
        open_base: the host of WeChat's pages, such as ``https://open.weixin.qq.com``.
        app_id: the official account's AppID.
        redirect_uri: where the browser comes back to with ``code`` and ``state``; its domain must be the one
            set in the account (10003 otherwise).
        state: comes back unchanged; at most 128 bytes, see ``States``.
        scope: one of ``SCOPES``.

    Raises:
        ValueError: for an unknown scope, or a state that WeChat does not carry.
    """
    problems = limits.OAUTH_STATE.problems(state)
    if scope not in SCOPES:
        problems.append(f"授权范围不支持：{scope}")
    if problems:
        raise ValueError("；".join(problems))
    # WeChat reads the parameters in this order only.
    query = {
        "appid": app_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": scope,
        "state": state,
    }
    quoted = urlencode(query, quote_via=quote, safe="")
    return f"{open_base.rstrip('/')}/connect/oauth2/authorize?{quoted}#wechat_redirect"


class States:
    """States for one account, each good for one coming back within ten minutes.

    A state ties the coming back to the browser that left: without it, somebody could be signed in as
    somebody else by an address that was sent to them.

    Args:
        redis: shared by all processes of the cluster.
        app_id: the account's AppID.
    """

    def __init__(self, redis: Redis, app_id: str) -> None:
        # redis-py types a command for its blocking and its asynchronous client at once, which says nothing.
        self._redis: Any = redis
        self._prefix = f"wechat:state:{app_id}:"

    async def issue(self, payload: dict[str, Any]) -> str:
        """Make a state.

        Args:
            payload: what is needed at the coming back, such as the page to go on with; any JSON object.

        Returns:
            32 letters and digits.

        Raises:
            redis.exceptions.RedisError: Redis is away.
        """
        state = secrets.token_hex(16)
        await self._redis.set(self._prefix + state, orjson.dumps(payload), ex=STATE_SECONDS)
        return state

    async def use(self, state: str) -> dict[str, Any] | None:
        """Use up a state.

        Returns:
            Its payload, or ``None`` for one that is unknown, used or too old. Of two uses at once one wins.

        Raises:
            redis.exceptions.RedisError: Redis is away.
        """
        if limits.OAUTH_STATE.problems(state):
            return None
        stored = await self._redis.getdel(self._prefix + state)
        return orjson.loads(stored) if stored else None
