"""The account's web pages when things go wrong: no signal, two phones, an ended session, strange photos."""

import json

import pytest
from playwright.sync_api import Route, expect

from tests.browser import Demo
from tests.e2e.web_phone import Take, WebPhone, hand_in
from tests.story import fill_report, fill_verification
from tests.support import fake_picture

ILLNESS = ("家里有人生病，看病花钱多",)


def ready_without_signal(phone: WebPhone) -> None:
    """Wait until the pages themselves are on the phone."""
    phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")


def test_what_is_written_without_signal_survives_and_is_sent(take: Take, demo: Demo) -> None:
    number = hand_in(demo, "villager_1", 201)
    cadre = take("grid_1").open("/m/tasks")
    cadre.see(number)
    cadre.see("没有信号也能看和填")
    ready_without_signal(cadre)
    cadre.signal(False)
    cadre.open("/m/pages/tasks/tasks")
    cadre.see("没有信号")
    cadre.keep_picture("tasks-offline")
    cadre.see(number).tap()
    cadre.press("接单")
    fill_verification(cadre, risks=ILLNESS, uploaded="没传上")
    cadre.press("提交核实情况")
    cadre.see("已保存在手机上")
    cadre.keep_picture("verify-offline")

    # The app is ended and opened again before there is signal.
    cadre.restart("/m/pages/waiting/waiting")
    cadre.see("等待发送")
    cadre.keep_picture("waiting")
    cadre.signal(True)
    cadre.see("都发送出去了")
    villager = take("villager_1").open_message("核实完成", number)
    villager.see("情况属实")


def test_whoever_is_quicker_than_the_line_meets_no_clash(take: Take, demo: Demo) -> None:
    number = hand_in(demo, "villager_2", 206)
    cadre = take("grid_1").open_message("您有新的核实任务", number)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    cadre.page.route("**/acceptance", hold)
    cadre.press("接单")
    fill_verification(cadre, risks=ILLNESS)
    # The form was opened before the service had answered.
    assert len(held) == 1
    held[0].continue_()
    cadre.sees_no("正在发送")
    cadre.press("提交核实情况")
    cadre.see("核实情况已经提交")


def test_two_phones_of_one_cadre_show_both_versions(take: Take, demo: Demo) -> None:
    number = hand_in(demo, "villager_2", 202)
    first = take("grid_1").open_message("您有新的核实任务", number)
    first.press("接单")
    first.see("去核实")
    fill_verification(first, risks=ILLNESS)
    first.signal(False)
    first.press("提交核实情况")
    first.see("已保存在手机上")
    second = take("grid_1").open_message("您有新的核实任务", number)
    fill_verification(second, risks=ILLNESS)
    second.press("提交核实情况")
    second.see("回到任务列表")

    first.signal(True)
    first.open("/m/pages/waiting/waiting")
    first.see("您填的")
    first.see("现在的")
    first.keep_picture("clash")
    first.press("放弃我的")
    first.see("您填的内容会从手机上删除")
    first.press("放弃")
    first.sees_no("您填的")


def test_a_household_that_has_reported_already_is_told_so(take: Take, demo: Demo) -> None:
    hand_in(demo, "villager_1", 203)
    other = take("villager_2").open()
    fill_report(other, 203)
    other.press("提交")
    other.see("已并入")


def test_a_session_that_ends_in_the_middle_loses_nothing(take: Take) -> None:
    villager = take("villager_3").open()
    fill_report(villager, 204)
    villager.page.evaluate(
        """async () => {
          const { token } = JSON.parse(localStorage.getItem("fangpin/session"));
          await fetch("/api/session", { method: "DELETE", headers: { Authorization: `Bearer ${token}` } });
        }"""
    )
    villager.press("提交")
    # The browser goes to WeChat and back; the report was in the queue by then.
    villager.see("已提交")
    villager.open("/m/reports")
    villager.see("等干部接单")


def test_the_way_back_and_a_closed_page_lose_nothing(take: Take) -> None:
    villager = take("villager_3").open()
    villager.press("我要申报", *ILLNESS, "下一步")
    villager.tick("看病自己花了多少钱？", "2 万元以上")
    villager.page.go_back()
    villager.see("接着填")
    villager.restart("/m/report")
    villager.press("接着填")
    villager.see("看病自己花了多少钱？")
    expect(villager.page.get_by_role("radio", name="2 万元以上")).to_have_attribute("aria-checked", "true")


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (b"\x00\x00\x00\x18ftypheic" + bytes(3000), "打不开"),
        (fake_picture()[:300], "打不开"),
        (b"GIF89a" + bytes(20), "打不开"),
    ],
    ids=["heic", "broken", "no-picture"],
)
def test_a_strange_photo_is_told_what_to_do(take: Take, photo: bytes, words: str) -> None:
    villager = take("villager_1").open()
    villager.press("我要申报", *ILLNESS, "下一步", "下一步", "桂阳县", "白石乡", "枫木村", "一组", "下一步")
    villager.choose_photo(photo)
    villager.press("拍照或选照片", "病历、医药费单子")
    villager.see(words)


def test_no_position_full_phone_and_no_service_have_words(take: Take) -> None:
    villager = take("villager_2").open()
    villager.press("我要申报", *ILLNESS, "下一步", "下一步")
    villager.press("用现在的位置找")
    villager.see("请在下面一级一级选")
    villager.page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }; }"
    )
    villager.press("桂阳县")
    villager.see("手机存储空间满了")

    away = take("villager_1").open()
    away.see("我的申报")
    away.context.route("**/api/**", lambda route: route.fulfill(status=503, body="x"))
    away.press("我的申报")
    away.see("请稍后再试")


def test_too_old_a_client_keeps_its_queue(take: Take, demo: Demo) -> None:
    villager = take("villager_1").open()
    fill_report(villager, 205)
    problem = {"code": "client_too_old", "title": "当前版本太旧，请关闭后重新打开以更新。", "errors": []}

    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(status=426, content_type="application/problem+json", body=json.dumps(problem))
        else:
            route.continue_()

    villager.context.route("**/api/intakes", refuse)
    villager.press("提交")
    villager.see("当前版本太旧")
    villager.context.unroute("**/api/intakes")
    villager.restart("/m/pages/waiting/waiting")
    villager.see("都发送出去了")
