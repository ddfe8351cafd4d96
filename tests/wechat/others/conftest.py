"""A simulator on a loop of its own, so that clients that block can talk to it from the test."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from wechatpy import WeChatClient

from server.clock import SharedClock
from tests.wechat.others.support import (
    CONFIG,
    MP,
    OA,
    PLATFORM,
    Node,
    Platform,
    Rehost,
)
from wechat.simulator import serve

Result = TypeVar("Result")


@pytest.fixture
def platform(clock: SharedClock) -> Iterator[Platform]:
    """A simulator in a thread."""
    loop = asyncio.new_event_loop()
    # A simulator that fails to start must not keep the run from ending.
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    simulator = run(serve(CONFIG, clock))
    driver = Platform(simulator.url)
    yield driver
    driver.close()
    run(simulator.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def rehost(platform: Platform) -> Iterator[Rehost]:
    """Brings calls for which wechatpy has no setting to the simulator: of all that are made, the token's."""
    adapter = Rehost(platform.url)
    yield adapter
    assert adapter.paths <= {"/cgi-bin/token"}


def _client(account: Mapping[str, str], platform: Platform, rehost: Rehost) -> WeChatClient:
    client = WeChatClient(account["app_id"], account["secret"], timeout=30)
    # wechatpy's own settings: the base of most paths, and that of the mini program's.
    client.API_BASE_URL = platform.url + "/cgi-bin/"
    client.wxa.API_BASE_URL = platform.url + "/"
    # There is no other way to its session than through this name.
    client._http.trust_env = False
    client._http.mount(PLATFORM, rehost)
    return client


@pytest.fixture
def oa(platform: Platform, rehost: Rehost) -> Iterator[WeChatClient]:
    """wechatpy's client of the official account."""
    client = _client(OA, platform, rehost)
    yield client
    client._http.close()


@pytest.fixture
def mp(platform: Platform, rehost: Rehost) -> Iterator[WeChatClient]:
    """wechatpy's client of the mini program."""
    client = _client(MP, platform, rehost)
    yield client
    client._http.close()


@pytest.fixture(scope="session")
def node_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The one process of Node.js of this run."""
    running = Node(tmp_path_factory.mktemp("node"))
    yield running
    running.close()


@pytest.fixture
def node(node_process: Node, platform: Platform, tmp_path: Path) -> Node:
    """New clients for Node.js, talking to the simulator."""
    node_process.use(platform.url, tmp_path)
    return node_process
