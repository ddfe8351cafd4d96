"""Makes the README's pictures from a running demo.

Start a fresh one (`fangpin demo`), then run `python docs/images/make.py`, with the demo's address as an
argument where it is not http://127.0.0.1:8000. A case is walked through on the page /demo in Chromium,
and the pictures are written beside this file. They need Debian's `chromium` and a Chinese font
(`bash deploy/browser.sh`). The phones show the demo's time; `POST /_sim/clock` of the simulator moves it
where the pictures would otherwise be taken at night.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

HERE = Path(__file__).parent
SIZE = {"width": 1366, "height": 768}
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)
#: Flat colours need no more; whole pictures stay well below 300 KB.
COLOURS = 256


def walk(page: Page, address: str) -> None:
    """Walk a case through from the report to the villager's time line."""
    page.goto(f"{address}/demo")
    page.locator("body[data-ready]").wait_for()
    page.locator(".choice", has=page.get_by_text("因病", exact=True)).click()
    villager = page.frame_locator("#phones").locator('.seat[data-role="villager"]')
    for button, outcome, told in (
        ("提交申报", "毫秒后到达干部手机", "等待干部上门核实"),
        ("接单", "毫秒后村民收到通知", "干部将上门核实"),
        ("提交核实", "毫秒后村民收到结果", "核实完成"),
    ):
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_text(outcome).wait_for()
        villager.locator(".card", has_text=told).last.wait_for()
    page.get_by_role("button", name="再走一遍").wait_for()


def ask(phone: Locator, words: str, answer: str) -> None:
    """Write to the account, as people do, and wait for its answer."""
    phone.locator(".input").fill(words)
    phone.locator(".send").click()
    phone.locator(".bubble", has_text=answer).last.wait_for()


def take(page: Page, name: str) -> None:
    """Keep what the page shows as a small PNG."""
    page.mouse.move(0, 0)
    path = HERE / name
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, f"{path.stat().st_size // 1024} KB")


def main() -> None:
    """Make the pictures."""
    address = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000").rstrip("/")
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("找不到 chromium，请先执行：bash deploy/browser.sh")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        # A picture shows everything at rest.
        page = browser.new_page(viewport=SIZE, locale="zh-CN", reduced_motion="reduce")
        walk(page, address)
        take(page, "demo.png")
        page.goto(page.locator("#phones").get_attribute("src") or "")
        ask(page.locator('.seat[data-role="villager"]'), "进度", "当前进展")
        ask(page.locator('.seat[data-role="cadre"]'), "任务", "待办任务")
        take(page, "two-phones.png")
        page.get_by_role("link", name="接口说明").click()
        page.get_by_role("heading", name="照抄即用").wait_for()
        take(page, "simulator.png")
        browser.close()


if __name__ == "__main__":
    main()
