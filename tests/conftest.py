"""What every test may use: an event loop, the real servers, a movable clock, and no network.

pytest-tornado runs the coroutine tests; this file gives it a loop that modern Python accepts, marks
coroutine tests by itself and lets fixtures be coroutines or asynchronous generators as well. MongoDB
and Redis are started once, at the first test that asks for them.
"""

import asyncio
import base64
import inspect
import ipaddress
import itertools
import os
import socket
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis
from pymongo import MongoClient
from tornado.ioloop import IOLoop

from server.app import Running
from server.clock import SharedClock
from server.embedded import EmbeddedServer, free_port, start_mongod, start_redis
from server.parts import Parts, parts_for
from server.seed import seed
from server.settings import Settings, load_settings
from server.simulate import further_configs, simulator_config
from server.worker import Worker
from tests.support import Phones
from wechat.simulator import RunningSimulator
from wechat.simulator import serve as serve_simulator

# Chromium and a running demo, for every folder whose tests need them.
pytest_plugins = ("tests.browser",)
_TIMEOUT_SECONDS = 30.0
#: Folders with files that take long: they come first, so that no processor is idle while the other one is at
#: the last of them.
_LONG = ("faults", "worker", "e2e", "miniprogram", "secrecy", "hostile", "deploy", "server")


def pytest_configure(config: pytest.Config) -> None:
    # pytest-tornado's own default of five seconds is short for a machine that does other work too.
    if "ASYNC_TEST_TIMEOUT" not in os.environ and config.option.async_test_timeout == 5:
        config.option.async_test_timeout = _TIMEOUT_SECONDS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pytest-tornado run coroutine tests, with the loop made before and closed after all else."""
    items.sort(key=_turn)
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            if item.get_closest_marker("gen_test") is None:
                item.add_marker("gen_test")
            if "io_loop" in item.fixturenames:
                item.fixturenames.remove("io_loop")
            item.fixturenames.insert(0, "io_loop")


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return _LONG.index(folder) if folder in _LONG else len(_LONG)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Run fixtures written as coroutines or asynchronous generators on the test's loop."""
    function = fixturedef.func
    is_generator = inspect.isasyncgenfunction(function)
    if not is_generator and not inspect.iscoroutinefunction(function):
        return (yield)
    loop: IOLoop = request.getfixturevalue("io_loop")

    def run_coroutine(*args: Any, **kwargs: Any) -> object:
        return loop.run_sync(lambda: function(*args, **kwargs), timeout=_TIMEOUT_SECONDS)

    def run_generator(*args: Any, **kwargs: Any) -> object:
        generator: Any = function(*args, **kwargs)

        def finish() -> None:
            try:
                loop.run_sync(generator.__anext__, timeout=_TIMEOUT_SECONDS)
            except StopAsyncIteration:
                return
            pytest.fail(f"the fixture {fixturedef.argname} yields more than once", pytrace=False)

        value = loop.run_sync(generator.__anext__, timeout=_TIMEOUT_SECONDS)
        request.addfinalizer(finish)
        return value

    # FixtureDef is final and its function read-only, so this is the one way round pytest's refusal.
    object.__setattr__(fixturedef, "func", run_generator if is_generator else run_coroutine)
    try:
        return (yield)
    finally:
        object.__setattr__(fixturedef, "func", function)


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """The test's own event loop; what is still pending at the end is cancelled."""
    loop = IOLoop(make_current=False)
    runner: asyncio.AbstractEventLoop = loop.asyncio_loop  # type: ignore[attr-defined]
    asyncio.set_event_loop(runner)
    try:
        yield loop
    finally:
        pending = asyncio.all_tasks(runner)
        for task in pending:
            task.cancel()
        runner.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        runner.run_until_complete(runner.shutdown_asyncgens())
        runner.run_until_complete(runner.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close(all_fds=True)


def _run_apart(work: Any) -> Any:
    """Run a coroutine on a loop of its own, without touching the loop that the test has set."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The one MongoDB of this run."""
    server = _run_apart(start_mongod(tmp_path_factory.mktemp("mongod"), cache_gb=0.25))
    yield server
    _run_apart(server.stop())


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The one Redis of this run."""
    server = _run_apart(start_redis(tmp_path_factory.mktemp("redis")))
    yield server
    _run_apart(server.stop())


@pytest.fixture
def mongo_uri(mongod: EmbeddedServer) -> str:
    """Address of a MongoDB replica set with transactions."""
    return mongod.uri


@pytest.fixture(scope="session")
def _database_numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture(scope="session")
def _mongo_janitor(mongod: EmbeddedServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(mongod.uri) as client:
        yield client


@pytest.fixture
def database_name(
    _mongo_janitor: MongoClient[dict[str, Any]], _database_numbers: Iterator[int]
) -> Iterator[str]:
    """The name of an empty database that is the test's own and dropped after it."""
    name = f"test_{next(_database_numbers)}"
    yield name
    _mongo_janitor.drop_database(name)


@pytest.fixture
def redis_url(redis_server: EmbeddedServer) -> str:
    """Address of a Redis that is empty when the test begins."""
    with redis.Redis.from_url(redis_server.uri) as client:
        client.flushall()
    return redis_server.uri


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[SharedClock]:
    """A clock of the test's own; `clock.path` lets other processes share it."""
    shared = SharedClock(tmp_path / "clock", movable=True)
    yield shared
    shared.close()


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    if not _is_number(host):
        return host in ("", "localhost", socket.gethostname())
    address = ipaddress.ip_address(host)
    inner = getattr(address, "ipv4_mapped", None) or address
    return inner.is_loopback or inner.is_unspecified


class NetworkForbidden(ConnectionError):
    """A test tried to reach another machine."""


@pytest.fixture(scope="session", autouse=True)
def _network_attempts() -> Iterator[list[str]]:
    """Refuse every connection that leaves the machine, and remember it."""
    attempts: list[str] = []
    original = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    resolve = socket.getaddrinfo

    def refuse(target: object) -> None:
        attempts.append(repr(target))
        raise NetworkForbidden(f"tests may only connect to this machine, not to {target!r}")

    def check(address: object) -> None:
        # Addresses of Unix sockets are texts, those of the internet are tuples.
        if isinstance(address, tuple) and not _is_local(str(address[0])):
            refuse(address)

    def guard(function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(self: socket.socket, *args: Any) -> Any:
            check(args[-1])
            return function(self, *args)

        return guarded

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        # Numbers are only read here; connecting to them is what is refused.
        if name and not _is_local(name) and not _is_number(name):
            refuse(name)
        return resolve(host, *args, **kwargs)

    patch = pytest.MonkeyPatch()
    for name, function in original.items():
        patch.setattr(socket.socket, name, guard(function))
    patch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield attempts
    patch.undo()


@pytest.fixture(autouse=True)
def _no_network(_network_attempts: list[str]) -> Iterator[None]:
    """Fail the test that tried to leave the machine, even where the code under test hid the refusal."""
    _network_attempts.clear()
    yield
    if _network_attempts:
        pytest.fail(f"the test tried to reach {', '.join(_network_attempts)}", pytrace=False)


@pytest.fixture
def settings(mongo_uri: str, redis_url: str, database_name: str, clock: SharedClock) -> Settings:
    """Settings of a service in test mode with its own database; ports are chosen free."""
    port, simulator_port, metrics_port = free_port(), free_port(), free_port()
    key = base64.b64encode(bytes(range(32))).decode()
    return load_settings(
        {
            "FANGPIN_MODE": "test",
            "FANGPIN_MONGODB_URI": mongo_uri,
            "FANGPIN_MONGODB_DATABASE": database_name,
            "FANGPIN_REDIS_URL": redis_url,
            "FANGPIN_PORT": str(port),
            "FANGPIN_METRICS_PORT": str(metrics_port),
            "FANGPIN_SIMULATOR_PORT": str(simulator_port),
            "FANGPIN_DATA_DIR": str(clock.path.parent),
            "FANGPIN_SECRET_KEY": "a-secret-key-of-a-test-run-only-0000",
            "FANGPIN_FIELD_KEYS": f"f1:{key}",
            "FANGPIN_INDEX_KEYS": f"i1:{key}",
            "FANGPIN_WECHAT_API_BASE": f"http://127.0.0.1:{simulator_port}",
            "FANGPIN_WECHAT_OPEN_BASE": f"http://127.0.0.1:{simulator_port}",
            "FANGPIN_OA_APP_ID": "wxtest0000000000oa",
            "FANGPIN_OA_SECRET": "oa-secret-of-a-test",
            "FANGPIN_OA_TOKEN": "tokenofatest",
            "FANGPIN_OA_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
            "FANGPIN_MP_APP_ID": "wxtest0000000000mp",
            "FANGPIN_MP_SECRET": "mp-secret-of-a-test",
        }
    )


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the test's own."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def simulator(settings: Settings, clock: SharedClock) -> AsyncIterator[RunningSimulator]:
    """The WeChat simulator, in this process."""
    running = await serve_simulator(simulator_config(settings), clock, *further_configs(settings))
    yield running
    await running.close()


@pytest.fixture
async def parts(settings: Settings, simulator: RunningSimulator) -> AsyncIterator[Parts]:
    """The production composition root on real servers, with the demo's places, staff and phones."""
    await seed(settings)
    async with parts_for(settings) as built:
        # The trail begins with the test, not with the seed's imports.
        await built.mongo[settings.mongodb_database]["audit"].delete_many({})
        yield built


@pytest.fixture
async def service(parts: Parts) -> AsyncIterator[str]:
    """The web process, listening; its address."""
    running = Running(parts)
    yield parts.settings.local_url
    await running.close()


@pytest.fixture
async def phones(http: aiohttp.ClientSession, service: str, settings: Settings) -> Phones:
    """People with phones."""
    return Phones(http, settings.local_simulator_url, service)


@pytest.fixture
async def worker(parts: Parts) -> AsyncIterator[Worker]:
    """A worker, working."""
    told = asyncio.Event()
    made = Worker(parts)
    running = asyncio.ensure_future(made.run(told.wait()))
    yield made
    told.set()
    await running


@pytest.fixture
async def place(parts: Parts) -> str:
    """The id of a village group in the demo's tree: 白石乡 枫木村 一组."""
    return (await parts.services.regions.by_code("431021101201001"))["_id"]
