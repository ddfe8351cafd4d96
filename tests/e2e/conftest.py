"""The simulator alone and its two phones in a browser; and phones with the account's web pages on them."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from server.clock import SharedClock
from tests.browser import DESK, PHONE, Demo, Seen
from tests.e2e.stage import (
    APP_ID,
    MINI_APP_ID,
    NAME,
    WAIT_MS,
    Account,
    Callback,
    Closed,
    Hall,
    Json,
    Mine,
    Screen,
    Stage,
)
from tests.e2e.web_phone import Take, WebPhone
from wechat.simulator import RunningSimulator, SimulatorConfig, serve


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A simulator and an account on a loop of their own, beside the browser's."""
    account = Account()
    clock = SharedClock(tmp_path_factory.mktemp("phones") / "clock", movable=True)
    ready: threading.Event = threading.Event()
    told: Json = {}

    async def run() -> None:
        sockets = bind_sockets(0, "127.0.0.1")
        service = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        given = {"account": account}
        routes: list[Any] = [
            ("/callback", Callback, given),
            ("/hall", Hall),
            ("/closed", Closed),
            ("/mine", Mine, given),
        ]
        server = HTTPServer(Application(routes, log_function=lambda handler: None))
        server.add_sockets(sockets)
        simulator: RunningSimulator = await serve(
            SimulatorConfig(
                port=0,
                oa_app_id=APP_ID,
                oa_secret="oa-secret",
                oa_token="oa-token",
                oa_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
                mp_app_id=MINI_APP_ID,
                mp_secret="mp-secret",
                callback_url=f"{service}/callback",
                callback_mode="plain",
                account_name=NAME,
            ),
            clock,
        )
        account.simulator = simulator.url
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        told.update(
            stage=Stage(simulator.url, service, account),
            stop=lambda: loop.call_soon_threadsafe(stop.set),
        )
        ready.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()
        await simulator.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(WAIT_MS / 1000)
    yield told["stage"]
    told["stop"]()
    thread.join(WAIT_MS / 1000)
    assert not thread.is_alive()
    clock.close()


@pytest.fixture
def stage(running: Stage) -> Stage:
    """The simulator with two people who follow and one who does not, and with nothing else."""
    running.ask("POST", "/_sim/reset", {"only": None})
    running.account.told.clear()
    running.account.replies.clear()
    people = (
        {"openid": "oVillager", "nickname": "村民甲", "role_hint": "villager"},
        {"openid": "oStranger", "nickname": "村民乙", "role_hint": "villager", "follow": False},
        {"openid": "oCadre", "nickname": "网格员", "role_hint": "cadre"},
    )
    for person in people:
        running.ask("POST", "/_sim/users", person)
    token = {"grant_type": "client_credential", "appid": APP_ID, "secret": "oa-secret"}
    running.token = running.ask("POST", "/cgi-bin/stable_token", token)["access_token"]
    return running


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def screen(stage: Stage, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Screen]:
    """Both phones, open and live; a script's fault or a blocked file fails the test."""
    width, height = request.param
    page = browser.new_page(
        viewport={"width": width, "height": height}, locale="zh-CN", reduced_motion="reduce"
    )
    page.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    seen = Seen()
    seen.watch(page)
    page.goto(f"{stage.url}/?villager=oVillager&cadre=oCadre")
    expect(page.locator('#link[data-state="open"]')).to_be_visible()
    expect(page.locator('.seat[data-role="cadre"] .picker option:checked')).to_have_text("网格员")
    yield Screen(page, seen)
    page.close()
    # The authorisation page is the simulator's own, so that its sandbox is no wall: Chromium remarks on it.
    assert [line for line in seen.said if "can escape its sandboxing" not in line] == []


@pytest.fixture
def take(browser: Browser, demo: Demo) -> Iterator[Take]:
    """Gives a demo person's phone: ``take("villager_1")``."""
    taken: list[WebPhone] = []

    def give(key: str, size: tuple[int, int] = PHONE) -> WebPhone:
        taken.append(WebPhone(browser, demo, key, size))
        return taken[-1]

    yield give
    for one in taken:
        one.close()
