"""The simulator's authorisation pages and its documentation, in a real browser."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.browser import CHROMIUM, DESK, FLAGS, PHONE
from tests.wechat.simulator.driver import CONFIG, Driver, driving


class Service(RequestHandler):
    """A page that says how it was come back to, and one that frames an address as the phones do."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        framed = self.get_query_argument("frame", None)
        if framed is None:
            code = self.get_query_argument("code", "no code")
            self.finish(f'<!doctype html><title>back</title><p id="code">{code}</p>')
        else:
            name = self.get_query_argument("name")
            self.finish(f'<iframe name="{name}" src="{framed}" width="390" height="800"></iframe>')


@pytest.fixture
async def driver() -> AsyncIterator[Driver]:
    async with driving() as made:
        yield made


@pytest.fixture
async def service() -> AsyncIterator[str]:
    server = HTTPServer(Application([(".*", Service)], log_function=lambda handler: None))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    server.stop()
    await server.close_all_connections()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


async def opened(browser: Browser, size: tuple[int, int]) -> tuple[Page, list[str]]:
    """A page on a screen of `size` (CSS pixels), and what it complains of."""
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return page, said


def authorise(driver: Driver, service: str, scope: str) -> str:
    query = {"appid": CONFIG.oa_app_id, "redirect_uri": f"{service}/m", "scope": scope, "state": "s"}
    return f"{driver.simulator.url}/connect/oauth2/authorize?{urlencode(query)}"


@pytest.mark.parametrize("scope", ["snsapi_base", "snsapi_userinfo"])
async def test_a_frame_goes_on_as_the_holder_of_its_phone(
    driver: Driver, service: str, chromium: Browser, scope: str
) -> None:
    await driver.person(nickname="第一个人")
    person = await driver.person(nickname="手机的主人")
    page, _ = await opened(chromium, PHONE)
    around = {"frame": authorise(driver, service, scope), "name": f"sim:{person['oa_openid']}"}
    await page.goto(f"{service}/?{urlencode(around)}")
    frame = page.frame_locator("iframe")
    if scope == "snsapi_userinfo":
        await expect(frame.get_by_text("手机的主人")).to_be_visible()
        await frame.get_by_role("link", name="允许").click()
    code = driver.simulator.world.codes.find(await frame.locator("#code").inner_text())
    assert code is not None
    assert (code.person.oa_openid, code.scope) == (person["oa_openid"], scope)


async def test_whoever_refuses_comes_back_without_a_code(
    driver: Driver, service: str, chromium: Browser
) -> None:
    await driver.person()
    page, said = await opened(chromium, PHONE)
    await page.goto(authorise(driver, service, "snsapi_userinfo"))
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    assert said == []
    await page.get_by_role("link", name="拒绝").click()
    await expect(page.locator("#code")).to_have_text("no code")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_the_documentation_reads_well_on_every_screen(
    driver: Driver, chromium: Browser, size: tuple[int, int]
) -> None:
    page, said = await opened(chromium, size)
    await page.goto(f"{driver.simulator.url}/_docs")
    await page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert await page.evaluate("document.documentElement.scrollWidth") == size[0]
    await page.get_by_role("link", name="控制接口", exact=True).click()
    await expect(page.get_by_role("heading", name="控制接口")).to_be_in_viewport()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator(".command button").first.click()
    await expect(page.get_by_text("已复制")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == await page.locator(".command code").first.inner_text()
    assert said == []
