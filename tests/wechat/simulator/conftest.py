"""A simulator with a clock that only tests move."""

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, MemoryClock
from tests.wechat.simulator.driver import Driver, driving
from wechat.simulator import serve


@pytest.fixture
def still_clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
async def caller(still_clock: MemoryClock) -> AsyncIterator[Caller]:
    simulator = await serve(CONFIG, still_clock, rng=random.Random(7))
    async with aiohttp.ClientSession() as http:
        yield Caller(simulator, still_clock, http)
    await simulator.close()


@pytest.fixture
async def driver() -> AsyncIterator[Driver]:
    async with driving() as made:
        yield made
