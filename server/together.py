"""Asking Redis for many things at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError


class Together:
    """Sends what is asked of Redis in one turn of the event loop as one pipeline.

    A busy process answers many requests a turn, and each of them asks for its session: one round trip
    for all of them costs little more than one for each.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._asked: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    def ask(self, *command: Any) -> asyncio.Future[Any]:
        """Ask for one command (``"GET", key``); its answer, or the `RedisError` that came instead."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._send)
        future = loop.create_future()
        self._asked.append((command, future))
        return future

    def _send(self) -> None:
        asked, self._asked = self._asked, []
        task = asyncio.ensure_future(self._run(asked))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _run(self, asked: list[tuple[tuple[Any, ...], asyncio.Future[Any]]]) -> None:
        answers: Sequence[Any]
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for command, _ in asked:
                    pipe.execute_command(*command)
                answers = await pipe.execute(raise_on_error=False)
        except RedisError as error:
            answers = [error] * len(asked)
        for (_, future), answer in zip(asked, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
                # Not everybody waits for their answer.
                future.exception()
            else:
                future.set_result(answer)
