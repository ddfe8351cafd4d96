"""Waking the workers: a hint through Redis, so that nobody waits for the next poll."""

import asyncio

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

CHANNEL = "fangpin:wake"
RETRY_SECONDS = 1.0


class Waker:
    """Publishes at most one hint at a time, however many requests ask for one."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Ask for a hint. Never raises: without it the workers find the work at their next poll."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._publish())

    async def _publish(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                await self._redis.publish(CHANNEL, b"")
            except RedisError:
                return

    async def close(self) -> None:
        """Let a hint that is under way go out."""
        if self._task:
            await self._task


async def listen(redis: "Redis", woken: asyncio.Event) -> None:
    """Set `woken` at each hint, for ever; while Redis is away the polls alone do the work."""
    while True:
        try:
            async with redis.pubsub() as hints:
                await hints.subscribe(CHANNEL)
                async for _ in hints.listen():
                    woken.set()
        except (RedisError, OSError) as error:
            structlog.get_logger().warning("no hints from redis", kind=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
