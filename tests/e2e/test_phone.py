"""The account's web pages in people's hands, against a running demo with all of its processes."""

import pytest

from tests.browser import PHONE, Demo
from tests.e2e.web_phone import Take, WebPhone, hand_in
from tests.story import fill_report, fill_verification

SMALL = (320, 640)


@pytest.mark.parametrize(
    ("size", "large", "person", "number"), [(PHONE, False, 1, 101), (SMALL, True, 2, 102)]
)
def test_from_the_report_to_the_word_back(
    take: Take, size: tuple[int, int], large: bool, person: int, number: int
) -> None:
    villager = take(f"villager_{person}", size).open()
    villager.see("家里有困难，告诉我们")
    villager.keep_picture("home-first")
    if large:
        villager.press("大字")
        villager.see("标准字")
    fill_report(villager, number, villager.keep_picture)
    # A finger that taps twice at once makes one report.
    villager.words("提交").evaluate("button => { button.click(); button.click(); }")
    villager.see("已提交")
    villager.keep_picture("report-done")
    spoken = villager.number()

    cadre = take("grid_1", size).open_message("您有新的核实任务", spoken)
    cadre.see("枫木村")
    if large:
        cadre.press("大字")
    cadre.keep_picture("task")
    cadre.press("接单")
    fill_verification(cadre, cadre.keep_picture)
    cadre.words("提交核实情况").evaluate("button => { button.click(); button.click(); }")
    cadre.see("回到任务列表")
    cadre.keep_picture("verify-done")
    cadre.press("回到任务列表")
    cadre.keep_picture("tasks")

    villager.open_message("核实完成", spoken)
    villager.see("情况属实")
    villager.keep_picture("report-one")


#: The other pages: whose phone, the page, and what is on it.
OTHERS = (
    ("villager_1", "home", "我的申报"),
    ("villager_1", "reports", "编号"),
    ("villager_1", "inbox", "您的申报"),
    ("villager_1", "held", "撤回授权"),
    ("head_1", "home", "待办任务"),
    ("head_1", "bind", "绑定码"),
    ("head_1", "inbox", "消息"),
    ("villager_3", "bind", "工号"),
    ("grid_1", "tasks", "待办"),
    ("grid_1", "waiting", "都发送出去了"),
)


@pytest.mark.parametrize(("size", "large"), [(PHONE, False), (SMALL, True)])
def test_every_other_page_can_be_read_and_hit(
    take: Take, demo: Demo, size: tuple[int, int], large: bool
) -> None:
    number = hand_in(demo, "villager_1", 106)
    phones: dict[str, WebPhone] = {}
    for person, page, words in OTHERS:
        phone = phones.setdefault(person, take(person, size)) if person not in phones else phones[person]
        phone.open(f"/m/pages/{page}/{page}")
        if large and phone.page.get_by_text("大字", exact=True).count():
            phone.press("大字")
        phone.see(words)
        phone.keep_picture(f"{page}-{person}")
    villager = phones["villager_1"].open("/m/reports")
    villager.see(number).tap()
    villager.press("补充情况")
    villager.see("提交补充")
    villager.keep_picture("add")
