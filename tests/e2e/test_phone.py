"""The account's web pages in people's hands, against a running demo with all of its processes."""

import pytest

from tests.browser import PHONE
from tests.e2e.web_phone import Take
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
