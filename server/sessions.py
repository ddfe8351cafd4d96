"""Sessions, rate limits and other short memory in Redis.

Losing Redis logs people out and loses nothing else.
"""

import hashlib
import secrets
from collections.abc import Mapping

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from casework.clock import Clock
from casework.problems import Away, NotSignedIn, TooOften
from handlers.services import Session
from handlers.session import SESSION_SECONDS
from server.pipelines import Pipelines

#: Uses per window of seconds, by the name of the limit: per session, or per address before there is one.
LIMITS: Mapping[str, tuple[int, int]] = {
    "read": (600, 60),
    "write": (120, 60),
    "submit": (60, 60),
    # Parts of 128 KiB: several reports with nine photos each, sent in one go when the signal is back.
    "upload": (1200, 60),
    "bind": (20, 600),
    "login": (120, 60),
    # Tokens that nobody was given. Villages share one address behind their carrier, and all of them come with
    # dead tokens at once after Redis was lost.
    "unknown_token": (600, 60),
}
SEEN_SECONDS = 120
TOKEN_BYTES = 32
#: From WeChat's authorisation page back to the page that exchanges the ticket is a matter of seconds.
TICKET_SECONDS = 60


def _digest(token: str) -> str:
    # What stands in Redis must not be good for signing in.
    return hashlib.sha256(token.encode()).hexdigest()[:40]


def _packed(session: Session) -> bytes:
    return orjson.dumps([session.person_id, session.app_id, session.openid, session.staff_id])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


class RedisSessions:
    """Sessions by the digest of their token; see `handlers.services.Sessions`."""

    def __init__(
        self,
        redis: "Redis",
        pipelines: Pipelines,
        clock: Clock,
        limits: Mapping[str, tuple[int, int]] = LIMITS,
    ) -> None:
        self._redis = redis
        self._pipelines = pipelines
        self._clock = clock
        self._limits = limits

    def _rate(self, limit: str, key: str) -> tuple[str, int, int]:
        most, window = self._limits[limit]
        return f"rate:{limit}:{key}:{int(self._clock.time() // window)}", most, window

    async def open(self, session: Session) -> str:
        """A new token for a session."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        digest = _digest(token)
        people = f"sessions-of:{session.person_id}"
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.set(f"session:{digest}", _packed(session), ex=SESSION_SECONDS)
                pipe.sadd(people, digest)
                pipe.expire(people, SESSION_SECONDS)
                await pipe.execute()
        except RedisError as error:
            raise Away from error
        return token

    async def check(self, token: str, limit: str, address: str) -> Session:
        """The session of a token, and one use counted, in one round trip.

        A token of nobody counts to its `address`, at the price of a second one.
        """
        if not token or len(token) > 100:
            raise NotSignedIn
        digest = _digest(token)
        rate, most, window = self._rate(limit, digest)
        try:
            asked = self._pipelines.ask(("GET", f"session:{digest}"))
            used = await self._count(rate, window)
            value = await asked
        except RedisError as error:
            raise Away from error
        if value is None:
            # Invented tokens must not fill the memory with counters.
            self._pipelines.ask(("DEL", rate))
            await self.count("unknown_token", address)
            raise NotSignedIn
        if used > most:
            raise TooOften(retry_after=window)
        return Session(*orjson.loads(value))

    async def close(self, token: str) -> None:
        """End one session."""
        try:
            await self._redis.delete(f"session:{_digest(token)}")
        except RedisError as error:
            raise Away from error

    async def close_all(self, person_id: str) -> None:
        """End all sessions of a person."""
        people = f"sessions-of:{person_id}"
        try:
            digests = await self._redis.smembers(people)
            await self._redis.delete(people, *(f"session:{_text(d)}" for d in digests))
        except RedisError as error:
            raise Away from error

    async def offer(self, session: Session) -> str:
        """A ticket for a session that is opened when the ticket is redeemed, within a minute."""
        ticket = secrets.token_urlsafe(TOKEN_BYTES)
        try:
            await self._redis.set(f"ticket:{_digest(ticket)}", _packed(session), ex=TICKET_SECONDS)
        except RedisError as error:
            raise Away from error
        return ticket

    async def redeem(self, ticket: str) -> Session | None:
        """The session of a ticket, which is used up by that; None when it is unknown, used or too old."""
        try:
            value = await self._redis.getdel(f"ticket:{_digest(ticket)}")
        except RedisError as error:
            raise Away from error
        return Session(*orjson.loads(value)) if value else None

    async def count(self, limit: str, key: str) -> None:
        """Count one use by somebody without a session; raises `TooOften`."""
        rate, most, window = self._rate(limit, key)
        try:
            used = await self._count(rate, window)
        except RedisError as error:
            raise Away from error
        if used > most:
            raise TooOften(retry_after=window)

    async def _count(self, rate: str, window: int) -> int:
        """Count one use; the counter goes with its window, which its name holds."""
        used = int(await self._pipelines.ask(("INCR", rate)))
        if used == 1:
            # Nobody waits for this: were it lost, a few bytes would stay.
            self._pipelines.ask(("EXPIRE", rate, 2 * window))
        return used


class RedisSeen:
    """Keys of callbacks taken a short while ago. The unique index is what decides."""

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines

    async def has(self, key: str) -> bool:
        """Whether the key was noted; False when Redis is away."""
        try:
            return bool(await self._pipelines.ask(("EXISTS", f"seen:{key}")))
        except RedisError:
            return False

    async def note(self, key: str) -> None:
        """Note a key for two minutes, longer than WeChat's three tries take."""
        try:
            await self._pipelines.ask(("SET", f"seen:{key}", b"1", "EX", SEEN_SECONDS))
        except RedisError:
            return
