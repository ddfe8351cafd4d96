"""The demo's own page in a real browser, against a real `fangpin demo` with all of its processes."""

import re
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from server.app import routes_of
from server.settings import Mode
from tests.browser import DESK, PHONE, WAIT_MS, Demo, Seen
from tests.e2e.framed_phone import FramedPhone, report_and_accept


def opened(browser: Browser, demo: Demo, size: tuple[int, int], seen: Seen) -> Page:
    """The demo's page, ready, on a screen of `size` (CSS pixels)."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
    page.set_default_timeout(WAIT_MS)
    seen.watch(page)
    page.goto(f"{demo.url}/demo")
    expect(page.locator("body[data-ready]")).to_be_visible(timeout=WAIT_MS)
    return page


def tick(page: Page, label: str) -> None:
    """Choose a thing by its words."""
    page.locator(".choice", has=page.get_by_text(label, exact=True)).click()


def press(page: Page, label: str) -> None:
    """Press a button by its words."""
    page.get_by_role("button", name=label, exact=True).click()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_somebody_walks_through_the_main_job(demo: Demo, browser: Browser, size: tuple[int, int]) -> None:
    seen = Seen()
    page = opened(browser, demo, size, seen)
    expect.set_options(timeout=WAIT_MS)
    phones = page.frame_locator("#phones")
    villager, cadre = (phones.locator(f'.seat[data-role="{role}"]') for role in ("villager", "cadre"))
    expect(villager.locator(".picker option:checked")).to_have_text("枫木村村民甲")

    # The group belongs to the second grid, so the phone beside the steps has to change.
    page.get_by_label("村民小组", exact=True).select_option(label="三组")
    tick(page, "因病")
    press(page, "提交申报")
    report = page.locator("#report")
    expect(report).to_contain_text("毫秒后到达干部手机")
    told = report.locator(".step-told").inner_text()
    shown = re.search(r"编号 ([\d ]+?)\s*\n?(\d+) 毫秒后到达干部手机", told)
    assert shown, told
    number, milliseconds = shown[1], int(shown[2])
    assert 0 < milliseconds < WAIT_MS
    expect(cadre.locator(".picker option:checked")).to_have_text("枫木村第二网格")
    pushed = cadre.locator(".card", has_text=number)
    expect(pushed).to_contain_text("您有新的核实任务")
    expect(pushed).to_contain_text("白石乡 枫木村 三组")
    expect(villager.locator(".card", has_text=number)).to_contain_text("等待干部上门核实")
    expect(page.locator("#task")).to_contain_text("因病")

    press(page, "接单")
    expect(page.locator("#accept")).to_contain_text("毫秒后村民收到通知")
    expect(villager.locator(".card", has_text=number)).to_have_count(2)

    tick(page, "部分属实")
    press(page, "提交核实")
    expect(page.locator("#verify")).to_contain_text("毫秒后村民收到结果")
    expect(villager.locator(".card", has_text=number).last).to_contain_text("核实完成，请点开查看")
    way = page.locator("#timeline li")
    expect(way).to_have_text(
        [
            re.compile("您提交了申报"),
            re.compile("已通知陈示例上门核实"),
            re.compile("陈示例已接到任务"),
            re.compile("上门核实完成：部分属实"),
        ]
    )
    # The menu opens the page inside the phone, signed in as the one whose phone it is.
    villager.get_by_role("button", name="办理进度").click()
    listed = villager.frame_locator(".web-frame").locator("body")
    expect(listed).to_contain_text(number)
    expect(listed).to_contain_text("部分属实")
    # Both frames around it let it ask for what a phone's page needs.
    needed = ["geolocation", "microphone", "camera", "clipboard-write"]
    allowed = "(_, needed) => needed.filter(one => document.featurePolicy.allowsFeature(one))"
    assert listed.evaluate(allowed, needed) == needed

    press(page, "再走一遍")
    expect(page.locator('#report[data-state="active"]')).to_be_visible()
    assert seen.said == []
    assert seen.hosts == {urlsplit(demo.url).netloc, urlsplit(demo.simulator_url).netloc}
    page.close()


def test_what_is_wrong_is_said_where_it_is_wrong(demo: Demo, browser: Browser) -> None:
    seen = Seen()
    page = opened(browser, demo, DESK, seen)
    expect.set_options(timeout=WAIT_MS)
    details = page.locator("#applicant")
    details.locator("summary").click()
    page.get_by_label("身份证号").fill("000000196001010012")
    details.locator("summary").click()
    press(page, "提交申报")
    expect(page.locator('[data-field="risks"] .wrong')).to_have_text("至少选 1 项")
    # What is wrong in a folded part is not left folded.
    expect(page.locator('[data-field="id_no"] .wrong')).to_have_text("身份证号校验不通过，请逐位核对")
    expect(page.get_by_label("身份证号")).to_be_visible()
    expect(page.locator('[data-field="phone"] .wrong')).to_be_hidden()

    page.evaluate(
        "import('/demo/sample.js').then(s => document.getElementById('id_no').value = s.idNumber())"
    )
    tick(page, "其他")
    press(page, "提交申报")
    said = page.locator("#report .notice:visible, #report .wrong:visible")
    expect(said).to_have_text("选了“其他”，请说明是什么困难")
    page.get_by_label("是什么困难").fill("孩子没有人照看")
    press(page, "提交申报")
    expect(page.locator('#accept[data-state="active"]')).to_be_visible()

    press(page, "接单")
    tick(page, "不属实")
    press(page, "提交核实")
    said = page.locator("#verify .notice:visible, #verify .wrong:visible")
    expect(said).to_have_text("核实为不属实时，请写明告知申报人的理由")
    # Chromium writes a line of its own about each refused request; nothing else is complained about.
    assert {line.split(" with ")[0] for line in seen.said} == {
        "Failed to load resource: the server responded"
    }, seen.said
    page.close()


def test_two_people_do_the_job_on_the_pages_inside_their_phones(demo: Demo, browser: Browser) -> None:
    seen = Seen()
    page = browser.new_page(
        viewport={"width": DESK[0], "height": DESK[1]},
        locale="zh-CN",
        has_touch=True,
        reduced_motion="reduce",
    )
    page.set_default_timeout(WAIT_MS)
    seen.watch(page)
    page.goto(f"{demo.simulator_url}/?villager=oDemo_villager_1&cadre=oDemo_grid_1")
    villager, cadre = FramedPhone(page, "villager"), FramedPhone(page, "cadre")
    # Each phone is its own person's, though one browser keeps the things of both.
    report_and_accept(villager, cadre, 301)
    villager.see("已接到任务")
    assert [line for line in seen.said if "can escape its sandboxing" not in line] == []
    page.close()


def test_a_place_whose_cadre_has_no_phone_is_said_calmly(demo: Demo, browser: Browser) -> None:
    page = opened(browser, demo, DESK, Seen())
    page.get_by_label("村", exact=True).select_option(label="石桥村")
    expect(page.get_by_label("村民小组", exact=True)).to_have_value(re.compile(".+"))
    tick(page, "因学")
    press(page, "提交申报")
    expect(page.locator("#accept .notice")).to_contain_text(
        "负责这个村组的干部在演示里没有手机", timeout=WAIT_MS
    )
    press(page, "换个村组，重新申报")
    expect(page.get_by_role("button", name="提交申报")).to_be_enabled()
    page.close()


@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1280, 1366])
def test_nothing_is_wider_than_the_screen(demo: Demo, browser: Browser, width: int) -> None:
    page = opened(browser, demo, (width, 768), Seen())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    frame = page.frame(url=re.compile(re.escape(demo.simulator_url)))
    assert frame is not None
    assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # Whatever is to be touched is tall enough for a thumb.
    small = page.evaluate(
        """[...document.querySelectorAll('.walk :is(button, select, summary, .choice, input, textarea)')]
             .filter(e => !e.closest('.choice') || e.matches('.choice'))
             .filter(e => e.offsetParent && e.offsetHeight < 48).map(e => e.outerHTML)"""
    )
    assert small == []
    page.close()


def test_phones_stay_in_sight_on_a_small_desk_screen(demo: Demo, browser: Browser) -> None:
    page = opened(browser, demo, DESK, Seen())
    page.locator(".walk").evaluate("walk => walk.scrollTo(0, walk.scrollHeight)")
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollHeight") == DESK[1]
    for role in ("villager", "cadre"):
        box = page.frame_locator("#phones").locator(f'.seat[data-role="{role}"] .phone').bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= DESK[0]
        assert box["y"] + box["height"] <= DESK[1]
    page.close()


@pytest.mark.parametrize("path", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "nothing.js", "", "people"])
def test_only_the_pages_own_files_are_served(demo: Demo, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{demo.url}/demo/{path}" if path else f"{demo.url}/demos")
    assert refused.value.code == 404
    refused.value.close()


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml; charset=utf-8"),
    ],
)
def test_files_have_their_type_and_a_strict_policy(demo: Demo, path: str, media_type: str) -> None:
    with urllib.request.urlopen(f"{demo.url}/demo{path}") as answer:
        assert answer.headers["Content-Type"] == media_type
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {demo.simulator_url}"
    assert policy["frame-src"] == demo.simulator_url


def test_production_has_no_such_page() -> None:
    served = {mode: [path for path, _ in routes_of(mode) if path.startswith("/demo")] for mode in Mode}
    assert served[Mode.PRODUCTION] == []
    assert served[Mode.DEMO]
