"""Waking the workers: a hint through Redis, so that nobody waits for the next poll."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from casework.together import Together
from server.pipelines import Pipelines

CHANNEL = "fangpin:wake"
RETRY_SECONDS = 1.0


class Waker:
    """Publishes hints, each topic once for all who ask while the hints before are on their way."""

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines
        self._hints: Together[str, None] = Together(self._publish)

    def wake(self, topic: str) -> None:
        """Hint that there is work of a topic (``outbox``, ``events``). Never raises: without a hint the
        workers find the work at their next poll."""
        self._hints.ask(topic)

    async def _publish(self, topics: Sequence[str]) -> Sequence[None]:
        published = [self._pipelines.ask(("PUBLISH", CHANNEL, topic.encode())) for topic in set(topics)]
        await asyncio.gather(*published, return_exceptions=True)
        return [None] * len(topics)

    async def close(self) -> None:
        """Let hints that are under way go out."""
        await self._hints.close()


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
