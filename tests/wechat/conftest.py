"""An API against a small server that answers what the test says, and two against the simulator."""

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from redis.asyncio import Redis
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from server.clock import SharedClock
from server.settings import Settings
from tests.support import Phones
from tests.wechat.canned import Bench, Endpoint, Fake, Hasty
from wechat.client import WeChatApi
from wechat.http import HttpPool
from wechat.simulator import RunningSimulator
from wechat.tokens import Tokens


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    made = Fake()
    socket, port = bind_unused_port()
    server = HTTPServer(Application([(".*", Endpoint, {"fake": made})], log_function=lambda _handler: None))
    server.add_sockets([socket])
    made.url = f"http://127.0.0.1:{port}"
    yield made
    made.never.set()
    server.stop()
    await server.close_all_connections()


@pytest.fixture
async def pool() -> AsyncIterator[HttpPool]:
    made = HttpPool()
    yield made
    await made.close()


@pytest.fixture
async def hasty() -> AsyncIterator[HttpPool]:
    made = Hasty()
    yield made
    await made.close()


@pytest.fixture
def bench(fake: Fake, pool: HttpPool) -> Bench:
    return Bench(fake, pool)


@pytest.fixture
def hasty_bench(fake: Fake, hasty: HttpPool) -> Bench:
    return Bench(fake, hasty)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    made = Redis.from_url(redis_url)
    yield made
    await made.aclose()


@pytest.fixture
async def api_of(
    simulator: RunningSimulator, clock: SharedClock, redis: Redis, pool: HttpPool
) -> Callable[[str, str], WeChatApi]:
    """Makes an account's API on the simulator."""

    def made(app_id: str, secret: str) -> WeChatApi:
        tokens = Tokens(redis, pool, app_id, secret, simulator.url, clock.time)
        return WeChatApi(app_id, secret, tokens, pool, simulator.url)

    return made


@pytest.fixture
def oa(api_of: Callable[[str, str], WeChatApi], settings: Settings) -> WeChatApi:
    """The official account on the simulator."""
    return api_of(settings.oa_app_id, settings.oa_secret.get_secret_value())


@pytest.fixture
def mini(api_of: Callable[[str, str], WeChatApi], settings: Settings) -> WeChatApi:
    """The mini program on the simulator."""
    return api_of(settings.mp_app_id, settings.mp_secret.get_secret_value())


@pytest.fixture
async def people(http: aiohttp.ClientSession, simulator: RunningSimulator) -> Phones:
    """The simulator's people, whom `add_villager` makes; nobody listens to what they do."""
    return Phones(http, simulator.url, "")
