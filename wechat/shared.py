"""Something short-lived that the platform gives an account: fetched once for the whole cluster.

Access tokens and page tickets are such. Redis holds the copy that all processes use and the lock of the one
that fetches. Each process keeps a copy of its own, so that a call costs no round trip.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from wechat.errors import WeChatFailure

#: Renewed this many seconds before its end.
RENEW_BEFORE = 300.0
#: The longest value accepted. Source: getStableAccessToken, "至少 512 字符".
VALUE_LIMIT = 2048

#: Redis raises its own errors, and plain ones while it connects.
REDIS_AWAY = (RedisError, OSError, TimeoutError)

# Longer than the longest fetch of a token (three tries of 5 s and two pauses): the lock outlives its owner's
# work.
_LOCK_MS = 20_000
# How long others wait for the one that fetches, and how often they look.
_WAIT_ROUNDS = 100
_WAIT_STEP = 0.1

# Only the owner may release the lock: after its time ran out it may belong to someone else.
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Copy:
    """A value with its times, in seconds since 1970; ``repr`` does not show the value.

    Attributes:
        value: the token or ticket.
        fresh_until: when it should be renewed.
        expires_at: when it ends.
    """

    value: str
    fresh_until: float
    expires_at: float

    def __repr__(self) -> str:
        return f"Copy(expires_at={self.expires_at})"


def copy_of(value: Any, lifetime: Any, asked_at: float) -> Copy | None:
    """Read what the platform gave.

    Args:
        value: the token or ticket.
        lifetime: its ``expires_in``, in seconds.
        asked_at: when it was asked for, in seconds since 1970.

    Returns:
        The copy, or ``None`` when the answer is not what the documentation promises.
    """
    if not isinstance(value, str) or not 0 < len(value) <= VALUE_LIMIT or not isinstance(lifetime, int):
        return None
    # What lives for less than ten minutes is used for half its life instead of being fetched at every call.
    margin = min(RENEW_BEFORE, lifetime / 2)
    return Copy(value, asked_at + lifetime - margin, asked_at + lifetime)


class Shared:
    """One value of one account, shared by the cluster.

    Args:
        redis: shared by all processes of the cluster.
        key: its name in Redis.
        fetch: asks the platform for it.
        now: tells seconds since 1970.
        sleep: pauses; a test hands in one that does not wait.
    """

    def __init__(
        self,
        redis: Redis,
        key: str,
        fetch: Callable[[], Awaitable[Copy]],
        now: Callable[[], float],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # redis-py types a command for its blocking and its asynchronous client at once, which says nothing.
        self._redis: Any = redis
        self._key = key
        self._fetch = fetch
        self._now = now
        self._sleep = sleep
        self._copy: Copy | None = None
        self._tasks: dict[str, asyncio.Task[Copy]] = {}

    async def get(self) -> str:
        """Give a value that is good for at least five minutes wherever that is possible.

        The copy of this process is used without asking Redis; concurrent callers share one renewal. When the
        renewal fails, a copy that has not ended yet is still given.

        Raises:
            WeChatFailure: what ``fetch`` raised, when there is no usable copy.
        """
        copy = self._copy
        if copy is not None and self._now() < copy.fresh_until:
            return copy.value
        try:
            return (await self._together("renew", self._renew)).value
        except WeChatFailure:
            if copy is not None and self._now() < copy.expires_at:
                return copy.value
            raise

    async def replace(
        self,
        bad: str,
        fetch: Callable[[], Awaitable[Copy]],
        fetch_alone: Callable[[], Awaitable[Copy]],
    ) -> str:
        """Replace a value that the platform refused.

        Args:
            bad: the refused value.
            fetch: gets another one; the lock is held meanwhile.
            fetch_alone: gets another one when Redis is away or the lock cannot be had.

        Returns:
            The newer value of this process or of another one, else what was fetched.

        Raises:
            WeChatFailure: what the fetch raised.
        """

        def newer(copy: Copy) -> bool:
            return copy.value != bad and self._now() < copy.expires_at

        async def work() -> Copy:
            try:
                return await self._under_lock(newer, fetch)
            except REDIS_AWAY:
                return self._adopt(await fetch_alone())

        copy = self._copy
        if copy is not None and copy.value != bad and self._now() < copy.fresh_until:
            return copy.value
        return (await self._together("replace:" + bad, work)).value

    async def _together(self, name: str, work: Callable[[], Any]) -> Copy:
        task = self._tasks.get(name)
        if task is None:
            task = asyncio.ensure_future(work())
            self._tasks[name] = task

            def finished(done: asyncio.Task[Copy]) -> None:
                self._tasks.pop(name, None)
                if not done.cancelled():
                    # Looked at here, since every caller may have gone away in the meantime.
                    done.exception()

            task.add_done_callback(finished)
        # A caller that is cancelled must not take the fetch away from the others.
        return await asyncio.shield(task)

    async def _renew(self) -> Copy:
        try:
            return await self._under_lock(lambda copy: self._now() < copy.fresh_until, self._fetch)
        except REDIS_AWAY:
            # Each process may fetch for itself: the platform gives everybody the same while it is fresh.
            # Concurrent callers share this one, so that it is one fetch a process.
            return self._adopt(await self._fetch())

    async def _under_lock(self, good: Callable[[Copy], bool], fetch: Callable[[], Awaitable[Copy]]) -> Copy:
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
        except REDIS_AWAY:
            # The lock ends by itself; what was fetched is worth more than a tidy release.
            return

    async def _read(self) -> Copy | None:
        raw = await self._redis.get(self._key)
        if not raw:
            return None
        try:
            stored = orjson.loads(raw)
            return Copy(str(stored["value"]), float(stored["fresh_until"]), float(stored["expires_at"]))
        except (ValueError, KeyError, TypeError):
            return None

    async def _store(self, copy: Copy) -> None:
        value = orjson.dumps(
            {"value": copy.value, "fresh_until": copy.fresh_until, "expires_at": copy.expires_at}
        )
        try:
            await self._redis.set(self._key, value, ex=max(1, int(copy.expires_at - self._now())))
        except REDIS_AWAY:
            # Not stored only means that other processes fetch it themselves.
            return

    def _adopt(self, copy: Copy) -> Copy:
        self._copy = copy
        return copy
