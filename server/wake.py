"""Waking the workers: a hint through Redis, so that nobody waits for the next poll."""

import asyncio
from collections.abc import Mapping

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

CHANNEL = "fangpin:wake"
RETRY_SECONDS = 1.0


class Waker:
    """Publishes at most one hint at a time, however many requests ask for one."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._wanted: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def wake(self, topic: str) -> None:
        """Hint that there is work of a topic (``outbox``, ``events``). Never raises: without a hint the
        workers find the work at their next poll."""
        self._wanted.add(topic)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._publish())

    async def _publish(self) -> None:
        while self._wanted:
            topic = self._wanted.pop()
            try:
                await self._redis.publish(CHANNEL, topic.encode())
            except RedisError:
                return

    async def close(self) -> None:
        """Let a hint that is under way go out."""
        if self._task:
            await self._task


async def listen(redis: "Redis", woken: Mapping[str, asyncio.Event]) -> None:
    """Set the topic's event at each hint, for ever; while Redis is away the polls alone do the work."""
    while True:
        try:
            async with redis.pubsub() as hints:
                await hints.subscribe(CHANNEL)
                async for hint in hints.listen():
                    topic = hint["data"].decode() if hint["type"] == "message" else ""
                    if topic in woken:
                        woken[topic].set()
        except (RedisError, OSError) as error:
            structlog.get_logger().warning("no hints from redis", kind=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
