"""Access tokens: fetched once for the whole cluster, forced only when the platform refuses one.

Rules: https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken (stable_token: POST,
valid 7,200 s, renewed by the platform within its last 5 minutes while the old one still works, forced refresh
at most 20 a day and 30 s apart, at least 512 characters of room).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from redis.asyncio import Redis

from wechat import paths
from wechat.errcodes import Disposition, lookup
from wechat.errors import TokenUnavailable
from wechat.http import HttpFailure, HttpPool
from wechat.shared import Copy, Shared, copy_of

__all__ = ["TokenUnavailable", "Tokens"]

FORCED_A_DAY = 20
FORCED_APART = 30

# Pauses before a repeated fetch when the platform is busy or gave no answer.
_PAUSES = (0.2, 0.6)

# Both limits are tested and counted in one step, so that two processes cannot both pass.
_MAY_FORCE = """
local last = tonumber(redis.call('get', KEYS[1]) or '-1e12')
local since = tonumber(ARGV[1]) - last
if since >= 0 and since < tonumber(ARGV[2]) then return 'soon' end
if tonumber(redis.call('get', KEYS[2]) or '0') >= tonumber(ARGV[3]) then return 'spent' end
redis.call('incr', KEYS[2])
redis.call('expire', KEYS[2], 172800)
redis.call('set', KEYS[1], ARGV[1], 'EX', 86400)
return 'yes'
"""

_REFUSED = {
    "soon": "接口凭证刚强制更新过，30 秒内不能再次更新",
    "spent": "接口凭证今日强制更新次数（20 次）已用完",
    "same": "微信拒绝当前接口凭证，又没有给出新的凭证",
    "away": "Redis 不可用或被占用，无法安全地强制更新接口凭证",
}


class Tokens:
    """The access token of one account.

    Args:
        redis: shared by all processes of the cluster.
        http: the connections to the platform.
        app_id: the account's AppID.
        secret: its AppSecret.
        api_base: the platform's host, such as ``https://api.weixin.qq.com``.
        now: tells seconds since 1970.
        sleep: pauses; a test hands in one that does not wait.
    """

    def __init__(
        self,
        redis: Redis,
        http: HttpPool,
        app_id: str,
        secret: str,
        api_base: str,
        now: Callable[[], float],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # redis-py types a command for its blocking and its asynchronous client at once, which says nothing.
        self._redis: Any = redis
        self._http = http
        self._app_id = app_id
        self._secret = secret
        self._url = paths.bases(api_base)[paths.STABLE_TOKEN.host] + paths.STABLE_TOKEN.path
        self._now = now
        self._sleep = sleep
        self._key = f"wechat:token:{app_id}"
        self._shared = Shared(redis, self._key, self._fetch, now, sleep=sleep)

    def __repr__(self) -> str:
        return f"Tokens({self._app_id!r})"

    async def get(self) -> str:
        """Give a token that is good for at least five minutes wherever that is possible.

        Raises:
            TokenUnavailable: when there is none; its ``disposition`` is ``halt`` for a wrong AppID, secret or
                whitelist.
        """
        return await self._shared.get()

    async def refresh(self, bad_token: str) -> str:
        """Replace a token that the platform refused (40001, 40014, 42001).

        When another process has a newer one, that is taken. Otherwise the platform is asked for a forced
        refresh, at most 20 a day (counted by the day in China) and 30 s apart, because each one makes
        everybody else's token invalid.

        Args:
            bad_token: the token that was refused.

        Returns:
            A different token.

        Raises:
            TokenUnavailable: when there is no different one, with the reason.
        """

        def different(fetched: Copy, refused: str) -> Copy:
            if fetched.value == bad_token:
                raise self._unavailable(None, Disposition.retry, _REFUSED[refused])
            return fetched

        async def force() -> Copy:
            verdict = await self._may_force()
            if verdict == "yes":
                # A forced refresh is sent once: the platform would count a repeat.
                return different(await self._fetch_once(force=True), "same")
            # Somebody outside this cluster may have refreshed it, or an answer to us was lost: asking in
            # normal mode costs no forced refresh and then gives the newer one.
            return different(await self._fetch(), verdict)

        async def ask() -> Copy:
            # Without Redis the cluster's forced refreshes cannot be counted, so only normal mode is left.
            return different(await self._fetch(), "away")

        return await self._shared.replace(bad_token, force, ask)

    async def _may_force(self) -> str:
        now = self._now()
        day = int((now + 8 * 3600) // 86400)
        verdict = await self._redis.eval(
            _MAY_FORCE,
            2,
            self._key + ":forced",
            f"{self._key}:forced:{day}",
            repr(now),
            FORCED_APART,
            FORCED_A_DAY,
        )
        return verdict.decode() if isinstance(verdict, bytes) else str(verdict)

    async def _fetch(self) -> Copy:
        for pause in _PAUSES:
            try:
                return await self._fetch_once()
            except TokenUnavailable as failure:
                if failure.disposition is not Disposition.retry:
                    raise
            await self._sleep(pause)
        return await self._fetch_once()

    async def _fetch_once(self, *, force: bool = False) -> Copy:
        body: dict[str, str | bool] = {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._secret,
        }
        if force:
            body["force_refresh"] = True
        asked_at = self._now()
        failure: TokenUnavailable | None = None
        result: Any = None
        try:
            answer = await self._http.request(
                "POST", self._url, json=orjson.dumps(body), timeout=paths.STABLE_TOKEN.timeout
            )
            result = orjson.loads(answer.body) if answer.status == 200 else None
        except HttpFailure as error:
            failure = self._unavailable(None, Disposition.retry, f"取接口凭证时微信没有应答（{error.kind}）")
        except ValueError:
            # orjson's error keeps the text it could not read, which may hold a token; it is dropped here.
            result = None
        if failure is not None:
            raise failure
        if not isinstance(result, dict):
            raise self._unavailable(None, Disposition.retry, "取接口凭证时微信应答异常")
        code = result.get("errcode") or 0
        if code:
            raise self._refused(int(code))
        copy = copy_of(result.get("access_token"), result.get("expires_in"), asked_at)
        if copy is None:
            raise self._unavailable(None, Disposition.retry, "取接口凭证时微信应答异常")
        return copy

    def _refused(self, code: int) -> TokenUnavailable:
        known = lookup(code)
        # No token travels with this call, so 40001 here means a wrong secret, and what the table does not
        # know cannot be cured by another channel either: only busy and quota pass by themselves.
        passing = known.disposition in (Disposition.retry, Disposition.wait)
        disposition = known.disposition if passing else Disposition.halt
        reason = "AppSecret 不正确，请检查配置" if code == 40001 else known.reason
        return self._unavailable(code, disposition, f"取不到接口凭证：{reason}")

    def _unavailable(self, code: int | None, disposition: Disposition, reason: str) -> TokenUnavailable:
        return TokenUnavailable(paths.STABLE_TOKEN.path, code, disposition, reason)
