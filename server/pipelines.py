"""Asking Redis for many things at once."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from casework.together import Together

#: A command and its arguments, for example ``("GET", key)``.
RedisCommand = tuple[Any, ...]
Pipelines = Together[RedisCommand, Any]


def pipelines(redis: "Redis") -> Pipelines:
    """Sends the commands that are asked for as pipelines, each while the one before it is under way; the
    answers, or the `RedisError` that came instead."""

    async def send(commands: Sequence[RedisCommand]) -> Sequence[Any]:
        async with redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return await pipe.execute(raise_on_error=False)

    return Together(send)
