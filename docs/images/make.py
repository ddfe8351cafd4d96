"""Makes the README's pictures from a running demo.

Start a fresh one (`fangpin demo`), then run `python -m docs.images.make` in the project's folder, with the
demo's address as an argument where it is not http://127.0.0.1:8000. People go through the main job in
Chromium, with the words and fingers of the tests, and the pictures are written beside this file. They need
Debian's Chromium and a Chinese font (`bash deploy/browser.sh`). The phones show the demo's time;
`POST /_sim/clock` of the simulator moves it where the pictures would otherwise be taken at night.
"""

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import CHROMIUM, FLAGS, PHONE, Demo
from tests.e2e.framed_phone import FramedPhone, report_and_accept
from tests.e2e.web_phone import WebPhone
from tests.story import fill_report

HERE = Path(__file__).parent
SIZE = {"width": 1366, "height": 768}
#: Flat colours need no more; whole pictures stay well below 300 KB.
COLOURS = 256
#: The last phone of the row is a small and cheap one, in large letters.
SMALL = (320, 844)
GAP, CORNER = 36, 28
GROUND, EDGE = "#dfe6df", "#b9c6bb"


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


def meet(page: Page, simulator: str) -> None:
    """Have a villager report and a cadre take the task, each on the pages inside their phone."""
    page.goto(f"{simulator}/?villager=oDemo_villager_1&cadre=oDemo_grid_1")
    report_and_accept(FramedPhone(page, "villager"), FramedPhone(page, "cadre"), 401)


def screens(browser: Browser, demo: Demo) -> list[Image.Image]:
    """The phone's pages: a report's first step and signature, the task that it becomes, large letters."""
    taken: dict[str, Image.Image] = {}

    def look_at(phone: WebPhone) -> Callable[[str], None]:
        def look(name: str) -> None:
            taken[name] = Image.open(io.BytesIO(phone.page.screenshot()))

        return look

    villager = WebPhone(browser, demo, "villager_2", PHONE).open()
    fill_report(villager, 402, look_at(villager))
    villager.press("提交")
    villager.see("已提交")
    cadre = WebPhone(browser, demo, "grid_1", PHONE).open_message("您有新的核实任务")
    cadre.see("接单")
    look_at(cadre)("task")
    small = WebPhone(browser, demo, "villager_2", SMALL).open_message("等待干部上门核实")
    small.see("办到哪一步了")
    small.press("大字")
    small.see("标准字")
    look_at(small)("large")
    for phone in (villager, cadre, small):
        phone.close()
    return [taken[name] for name in ("report-1-what", "report-6-sign", "task", "large")]


def row(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one height side by side, with round corners, on a quiet ground."""
    height = pictures[0].height
    width = sum(picture.width + GAP for picture in pictures) + GAP
    whole = Image.new("RGB", (width, height + 2 * GAP), GROUND)
    pen = ImageDraw.Draw(whole)
    left = GAP
    for picture in pictures:
        mask = Image.new("L", picture.size)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, picture.width - 1, height - 1), CORNER, fill=255)
        whole.paste(picture, (left, GAP), mask)
        edge = (left - 1, GAP - 1, left + picture.width, GAP + height)
        pen.rounded_rectangle(edge, CORNER, outline=EDGE, width=2)
        left += picture.width + GAP
    return whole


def keep(picture: Image.Image, name: str) -> None:
    """Keep a picture as a small PNG."""
    path = HERE / name
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, f"{path.stat().st_size // 1024} KB")


def take(page: Page, name: str) -> None:
    """Keep what the page shows."""
    page.mouse.move(0, 0)
    keep(Image.open(io.BytesIO(page.screenshot())), name)


def main() -> None:
    """Make the pictures."""
    address = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000").rstrip("/")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        # A picture shows everything at rest.
        page = browser.new_page(viewport=SIZE, locale="zh-CN", has_touch=True, reduced_motion="reduce")
        walk(page, address)
        take(page, "demo.png")
        phones = urlsplit(page.locator("#phones").get_attribute("src") or "")
        demo = Demo(address, f"{phones.scheme}://{phones.netloc}")
        meet(page, demo.simulator_url)
        take(page, "two-phones.png")
        keep(row(screens(browser, demo)), "phone-pages.png")
        page.get_by_role("link", name="接口说明").click()
        page.get_by_role("heading", name="照抄即用").wait_for()
        take(page, "simulator.png")
        browser.close()


if __name__ == "__main__":
    main()
