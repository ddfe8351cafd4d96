"""Access tokens: fetched once for the whole cluster, shared through Redis.

Rules: https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken (stable_token: POST,
valid 7,200 s, renewed by the platform within its last 5 minutes while the old one still works, forced refresh
at most 20 a day and 30 s apart, at least 512 characters of room).
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from wechat import paths
from wechat.errcodes import Disposition, lookup
from wechat.errors import TokenUnavailable
from wechat.http import HttpFailure, HttpPool

__all__ = ["TokenUnavailable", "Tokens"]

RENEW_BEFORE = 300.0
TOKEN_LIMIT = 2048
FORCED_A_DAY = 20
FORCED_APART = 30

# Pauses before a repeated fetch when the platform is busy or gave no answer.
_PAUSES = (0.2, 0.6)
# Longer than the longest fetch (three tries of 5 s and two pauses): the lock outlives its owner's work.
_LOCK_MS = 20_000
# How long others wait for the one that fetches, and how often they look.
_WAIT_ROUNDS = 100
_WAIT_STEP = 0.1

# Redis raises its own errors, and plain ones while it connects.
_REDIS_AWAY = (RedisError, OSError, TimeoutError)

# Only the owner may release the lock: after its time ran out it may belong to someone else.
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

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


@dataclass(frozen=True, slots=True)
class _Copy:
    token: str
    fresh_until: float
    expires_at: float

    def __repr__(self) -> str:
        return f"_Copy(expires_at={self.expires_at})"


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
        self._url = api_base.rstrip("/") + paths.STABLE_TOKEN.path
        self._now = now
        self._sleep = sleep
        self._key = f"wechat:token:{app_id}"
        self._copy: _Copy | None = None
        self._tasks: dict[str, asyncio.Task[_Copy]] = {}

    def __repr__(self) -> str:
        return f"Tokens({self._app_id!r})"

    async def get(self) -> str:
        """Give a token that is good for at least five minutes wherever that is possible.

        The copy of this process is used without asking Redis; concurrent callers share one renewal. When the
        renewal fails, a copy that has not ended yet is still given.

        Raises:
            TokenUnavailable: when there is none; its ``disposition`` is ``halt`` for a wrong AppID, secret or
                whitelist.
        """
        copy = self._copy
        if copy is not None and self._now() < copy.fresh_until:
            return copy.token
        try:
            return (await self._shared("renew", self._renew)).token
        except TokenUnavailable:
            if copy is not None and self._now() < copy.expires_at:
                return copy.token
            raise

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
        copy = self._copy
        if copy is not None and copy.token != bad_token and self._now() < copy.fresh_until:
            return copy.token
        return (await self._shared("replace:" + bad_token, lambda: self._replace(bad_token))).token

    async def _shared(self, name: str, work: Callable[[], Any]) -> _Copy:
        task = self._tasks.get(name)
        if task is None:
            task = asyncio.ensure_future(work())
            self._tasks[name] = task

            def finished(done: asyncio.Task[_Copy]) -> None:
                self._tasks.pop(name, None)
                if not done.cancelled():
                    # Looked at here, since every caller may have gone away in the meantime.
                    done.exception()

            task.add_done_callback(finished)
        # A caller that is cancelled must not take the fetch away from the others.
        return await asyncio.shield(task)

    async def _renew(self) -> _Copy:
        try:
            return await self._under_lock(self._usable, lambda: self._fetch(force=False))
        except _REDIS_AWAY:
            # stable_token gives all processes the same token, so each may fetch for itself without Redis.
            # Concurrent callers share this one, so that it is one fetch a process.
            return self._adopt(await self._fetch(force=False))

    def _usable(self, copy: _Copy) -> bool:
        return self._now() < copy.fresh_until

    async def _replace(self, bad_token: str) -> _Copy:
        def newer(copy: _Copy) -> bool:
            return copy.token != bad_token and self._now() < copy.expires_at

        async def force() -> _Copy:
            verdict = await self._may_force()
            if verdict == "yes":
                fetched = await self._fetch(force=True)
                verdict = "same"
            else:
                # Somebody outside this cluster may have refreshed it, or an answer to us was lost: asking in
                # normal mode costs no forced refresh and then gives the newer one.
                fetched = await self._fetch(force=False)
            if fetched.token == bad_token:
                raise self._unavailable(None, Disposition.retry, _REFUSED[verdict])
            return fetched

        try:
            return await self._under_lock(newer, force)
        except _REDIS_AWAY:
            # Without Redis the cluster's forced refreshes cannot be counted, so only normal mode is left.
            fetched = await self._fetch(force=False)
            if fetched.token == bad_token:
                raise self._unavailable(None, Disposition.retry, _REFUSED["away"]) from None
            return self._adopt(fetched)

    async def _under_lock(
        self, good: Callable[[_Copy], bool], fetch: Callable[[], Awaitable[_Copy]]
    ) -> _Copy:
        """Take a good copy from Redis, or be the one process that fetches it, or wait for that one."""
        owner = secrets.token_hex(16)
        lock = self._key + ":lock"
        for _ in range(_WAIT_ROUNDS):
            copy = await self._read()
            if copy is not None and good(copy):
                return self._adopt(copy)
            if await self._redis.set(lock, owner, nx=True, px=_LOCK_MS):
                break
            await self._sleep(_WAIT_STEP)
        else:
            # Its owner is slow or dead. The caller then does what it does when Redis is away.
            raise TimeoutError
        try:
            # Another process may have stored one between our look and our lock.
            copy = await self._read()
            if copy is None or not good(copy):
                copy = await fetch()
                await self._store(copy)
            return self._adopt(copy)
        finally:
            await self._release(lock, owner)

    async def _release(self, lock: str, owner: str) -> None:
        try:
            await self._redis.eval(_RELEASE, 1, lock, owner)
        except _REDIS_AWAY:
            # The lock ends by itself; the token that was fetched is worth more than a tidy release.
            return

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

    async def _read(self) -> _Copy | None:
        raw = await self._redis.get(self._key)
        if not raw:
            return None
        try:
            stored = orjson.loads(raw)
            return _Copy(str(stored["token"]), float(stored["fresh_until"]), float(stored["expires_at"]))
        except (ValueError, KeyError, TypeError):
            return None

    async def _store(self, copy: _Copy) -> None:
        value = orjson.dumps(
            {"token": copy.token, "fresh_until": copy.fresh_until, "expires_at": copy.expires_at}
        )
        try:
            await self._redis.set(self._key, value, ex=max(1, int(copy.expires_at - self._now())))
        except _REDIS_AWAY:
            # Not stored only means that other processes fetch the same token themselves.
            return

    def _adopt(self, copy: _Copy) -> _Copy:
        self._copy = copy
        return copy

    async def _fetch(self, *, force: bool) -> _Copy:
        # A forced refresh is sent once: the platform would count a repeat.
        for pause in () if force else _PAUSES:
            try:
                return await self._fetch_once(force=force)
            except TokenUnavailable as failure:
                if failure.disposition is not Disposition.retry:
                    raise
            await self._sleep(pause)
        return await self._fetch_once(force=force)

    async def _fetch_once(self, *, force: bool) -> _Copy:
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
        token, lifetime = result.get("access_token"), result.get("expires_in")
        if not isinstance(token, str) or not 0 < len(token) <= TOKEN_LIMIT or not isinstance(lifetime, int):
            raise self._unavailable(None, Disposition.retry, "取接口凭证时微信应答异常")
        margin = min(RENEW_BEFORE, lifetime / 2)
        return _Copy(token, asked_at + lifetime - margin, asked_at + lifetime)

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
