"""Blocking calls of the database driver, in threads of their own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from casework import unit
from casework.problems import Away
from casework.unit import HOP_WAIT_SECONDS, hop


async def test_who_has_waited_too_long_for_a_thread_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(unit, "time", SimpleNamespace(monotonic=lambda: now))
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    begun, answered = threading.Event(), threading.Event()

    def wait_for_the_database() -> str:
        begun.set()
        assert answered.wait(10)
        return "an answer"

    first = asyncio.ensure_future(hop(wait_for_the_database))
    waiting = [asyncio.ensure_future(hop(lambda: "too late")) for _ in range(3)]
    while not begun.is_set():
        await asyncio.sleep(0)
    now += HOP_WAIT_SECONDS + 1
    fresh = asyncio.ensure_future(hop(lambda: "in time"))
    await asyncio.sleep(0)
    answered.set()
    assert await first == "an answer"
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [Away] * 3
    assert await fresh == "in time"
