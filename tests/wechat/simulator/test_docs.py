"""The documentation page: complete, true, and of the simulator's own files only."""

import asyncio
import re
import subprocess
from html import unescape

from lxml import html

from tests.wechat.simulator.driver import CONFIG, Driver
from wechat.simulator import control, knobs
from wechat.simulator.base import ControlHandler
from wechat.simulator.docs import commands, fields
from wechat.simulator.endpoints import ENDPOINTS
from wechat.simulator.events import KINDS


async def page(driver: Driver) -> str:
    async with driver.http.get(driver.simulator.url + "/_docs") as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        return await response.text()


async def test_everything_that_can_be_asked_for_is_explained(driver: Driver) -> None:
    text = await page(driver)
    codes = {element.text_content() for element in html.fromstring(text).iter("code")}
    assert codes >= set(ENDPOINTS)
    assert codes >= set(KINDS)
    assert {path for path, handler in control.routes if handler.says} <= codes
    for value in (CONFIG.oa_app_id, CONFIG.oa_secret, CONFIG.oa_token, CONFIG.oa_aes_key, CONFIG.mp_secret):
        assert value in codes


def test_every_control_path_says_in_chinese_what_each_method_does() -> None:
    for _, handler in (*control.routes, *knobs.routes):
        if handler is control.UnknownHandler:
            continue
        own = {
            method.upper()
            for method in ("get", "post", "delete")
            if getattr(handler, method) is not getattr(ControlHandler, method)
        }
        assert set(handler.says) == own, handler
        words = [*handler.says.values(), *handler.queries.values()]
        for model in handler.bodies.values():
            words += [field.says for field in fields(model)]
        assert all(re.search("[\u4e00-\u9fff]", one) for one in words), handler


async def test_nothing_is_inline_or_from_elsewhere(driver: Driver) -> None:
    text = await page(driver)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    files = re.findall(r'(?:src|href)="(/[^"#?]*)"', text)
    assert not re.search(r'(?:src|href)="https?:', text)
    for file in {*files}:
        async with driver.http.get(driver.simulator.url + file) as response:
            assert response.status == 200, file


async def test_every_link_of_the_contents_leads_somewhere(driver: Driver) -> None:
    text = await page(driver)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r'id="([^"]+)"', text))


async def test_the_commands_work_as_they_stand(driver: Driver) -> None:
    """They are run by a shell, one after the other; only the address is the test's own."""
    text = unescape(await page(driver))
    script = ""
    for _, command in commands(driver.simulator.url, driver.simulator.world.config):
        assert command in text
        script += f"{command}\necho\n"

    def run() -> str:
        shell = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(shell, check=True, capture_output=True, text=True).stdout

    said = await asyncio.get_running_loop().run_in_executor(None, run)
    assert "invalid" not in said
    assert '"accepted":true' in said
    assert '"errcode":0' in said
    assert "有新的任务" in said
    (fields_told, *_) = driver.service.fields
    assert fields_told["Content"] == "我要求助"
