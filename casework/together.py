"""Doing together what is asked for one by one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Together(Generic[Item, Answer]):
    """Collects what is asked for while a round is under way, and does all of it in the next one.

    A busy process asks its databases for many small things at a time. One round trip for all of them costs
    little more than one for each, and with nothing under way a round begins at the end of the event loop's
    turn, so that few are never slowed down by waiting for more.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]) -> None:
        """`work` does a round: it takes the items in the order in which they were asked for, and gives the
        answer to each, or what it is refused with. What it raises is the answer to all of them."""
        self._work = work
        self._asked: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._rounds: asyncio.Task[None] | None = None

    def ask(self, item: Item) -> "asyncio.Future[Answer]":
        """Ask for one item; its answer. Nobody has to wait for it."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked.append((item, future))
        if self._rounds is None:
            self._rounds = asyncio.ensure_future(self._run())
        return future

    async def close(self) -> None:
        """Let what was asked for come to its end."""
        if self._rounds is not None:
            await self._rounds

    async def _run(self) -> None:
        asked: list[tuple[Item, asyncio.Future[Answer]]] = []
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                await self._round(asked)
        finally:
            self._rounds = None
            for _, future in asked + self._asked:
                future.cancel()

    async def _round(self, asked: list[tuple[Item, Any]]) -> None:
        answers: Sequence[Answer | Exception]
        try:
            answers = await self._work([item for item, _ in asked])
        except Exception as error:
            answers = [error] * len(asked)
        for (_, future), answer in zip(asked, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
                # Marked as seen: not everybody waits for their answer.
                future.exception()
            else:
                future.set_result(answer)
