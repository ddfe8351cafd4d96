"""The simulator's two phones in a browser: what people do with the account, and what the account hears."""

import io
import re
import urllib.request
from urllib.parse import urlencode, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect
from tornado.httputil import HTTPHeaders

from tests.e2e.stage import APP_ID, MINI_APP_ID, Screen, Stage, file, has_menu, photo, press
from wechat.simulator.page import refuses_frame

# --- the menu ---------------------------------------------------------------------------------------


def test_everybody_sees_the_menu_that_is_theirs(stage: Stage, screen: Screen) -> None:
    stage.call("/cgi-bin/menu/create", {"button": [{"type": "click", "name": "我要求助", "key": "report"}]})
    expect(screen.villager.locator(".menu-button")).to_have_text(["我要求助"])
    tag = stage.call("/cgi-bin/tags/create", {"tag": {"name": "干部"}})["tag"]["id"]
    conditional = {
        "button": [{"type": "click", "name": "我的任务", "key": "tasks"}],
        "matchrule": {"tag_id": str(tag)},
    }
    stage.call("/cgi-bin/menu/addconditional", conditional)
    expect(screen.cadre.locator(".menu-button")).to_have_text(["我要求助"])
    stage.call("/cgi-bin/tags/members/batchtagging", {"openid_list": ["oCadre"], "tagid": tag})
    expect(screen.cadre.locator(".menu-button")).to_have_text(["我的任务"])
    expect(screen.villager.locator(".menu-button")).to_have_text(["我要求助"])
    press(screen.cadre, "我的任务")
    assert stage.heard(screen.page, "CLICK")["EventKey"] == "tasks"


def test_a_page_opens_inside_the_phone_and_knows_whose_it_is(stage: Stage, screen: Screen) -> None:
    has_menu(stage, {"type": "view", "name": "我的", "url": f"{stage.service}/mine"})
    for phone, openid in ((screen.villager, "oVillager"), (screen.cadre, "oCadre")):
        press(phone, "菜单", "我的")
        expect(phone.frame_locator(".web-frame").locator("#me")).to_have_text(openid)
        expect(phone.locator(".web-host")).to_have_text(urlsplit(stage.service).netloc)
        expect(phone.locator(".web-hint")).to_be_hidden()
    assert stage.heard(screen.page, "VIEW")["EventKey"] == f"{stage.service}/mine"
    # A window of its own still belongs to the phone on which it was opened, whatever the other one did since.
    with screen.page.context.expect_page() as opened:
        screen.villager.get_by_label("在新窗口打开").click()
    expect(opened.value.locator("#me")).to_have_text("oVillager")
    opened.value.close()
    # Each phone has its own page: to reload or close one does not touch the other.
    press(screen.villager, "刷新")
    expect(screen.villager.frame_locator(".web-frame").locator("#me")).to_have_text("oVillager")
    press(screen.villager, "关闭网页")
    expect(screen.villager.locator(".chat")).to_be_visible()
    expect(screen.cadre.locator(".web-frame")).to_be_visible()


PHONES = "http://127.0.0.1:8100"


@pytest.mark.parametrize(
    ("headers", "ancestors", "refused"),
    [
        ({}, [PHONES], False),
        ({"X-Frame-Options": "DENY"}, [PHONES], True),
        ({"X-Frame-Options": "sameorigin"}, [PHONES], True),
        ({"X-Frame-Options": "SAMEORIGIN"}, ["http://127.0.0.1:8000"], False),
        ({"Content-Security-Policy": "default-src 'none'"}, [PHONES], False),
        ({"Content-Security-Policy": "frame-ancestors 'none'"}, [PHONES], True),
        ({"Content-Security-Policy": "frame-ancestors 'self'"}, [PHONES], True),
        ({"Content-Security-Policy": "frame-ancestors 'self'"}, ["http://127.0.0.1:8000"], False),
        ({"Content-Security-Policy": f"default-src 'none'; frame-ancestors {PHONES}"}, [PHONES], False),
        ({"Content-Security-Policy": "frame-ancestors http://127.0.0.1:*"}, [PHONES], False),
        ({"Content-Security-Policy": "frame-ancestors http://localhost:*"}, [PHONES], True),
        ({"Content-Security-Policy": "frame-ancestors 127.0.0.1:8100"}, [PHONES], False),
        ({"Content-Security-Policy": "frame-ancestors http:"}, [PHONES], False),
        ({"Content-Security-Policy": "frame-ancestors *"}, [PHONES, "http://example.com"], False),
        # Every page around the frame has to be allowed, and the newer header counts where both are given.
        ({"Content-Security-Policy": f"frame-ancestors {PHONES}"}, [PHONES, "http://127.0.0.1:7"], True),
        (
            {"Content-Security-Policy": f"frame-ancestors {PHONES}", "X-Frame-Options": "DENY"},
            [PHONES],
            False,
        ),
    ],
)
def test_what_a_page_says_about_frames(headers: dict[str, str], ancestors: list[str], refused: bool) -> None:
    assert refuses_frame(HTTPHeaders(headers), "http://127.0.0.1:8000/m/", ancestors) is refused


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/closed", "不允许放在别的页面里"),
        ("http://127.0.0.1:9/", "打不开"),
        ("https://example.com/", "只打开本机"),
    ],
)
def test_a_page_that_cannot_be_shown_says_why(stage: Stage, screen: Screen, path: str, words: str) -> None:
    address = f"{stage.service}{path}" if path.startswith("/") else path
    has_menu(stage, {"type": "view", "name": "网页", "url": address})
    press(screen.villager, "菜单", "网页")
    expect(screen.villager.locator(".web-hint")).to_contain_text(words)
    expect(screen.villager.locator(".web-hint-out")).to_have_attribute("href", address)
    # Chromium writes a line of its own about the page that may not be framed.
    screen.seen.said[:] = [line for line in screen.seen.said if "frame-ancestors" not in line]


def test_a_mini_program_is_named_or_opens_as_its_web_pages(stage: Stage, screen: Screen) -> None:
    button = {"type": "miniprogram", "name": "小程序", "appid": MINI_APP_ID, "pagepath": "pages/report?a=1"}
    has_menu(stage, {**button, "url": f"{stage.service}/hall"})
    press(screen.villager, "菜单", "小程序")
    shown = screen.villager.get_by_role("dialog", name="小程序")
    expect(shown).to_contain_text("pages/report?a=1")
    expect(shown).to_contain_text(MINI_APP_ID)
    assert stage.heard(screen.page, "view_miniprogram")["EventKey"] == "pages/report?a=1"
    press(shown, "打开备用网页")
    expect(screen.villager.frame_locator(".web-frame").locator("h1")).to_have_text("办事大厅")
    press(screen.villager, "关闭网页")
    stage.ask("POST", "/_sim/config", {"web_pages": {MINI_APP_ID: f"{stage.service}/hall#/"}})
    press(screen.villager, "菜单", "小程序")
    frame = screen.villager.locator(".web-frame")
    expect(frame).to_have_attribute("src", f"{stage.service}/hall#/pages/report?a=1")
    stage.ask("POST", "/_sim/config", {"web_pages": {}})


def test_an_open_list_stays_open_when_the_same_menu_comes_again(stage: Stage, screen: Screen) -> None:
    place = {"type": "location_select", "name": "报位置", "key": "place"}
    has_menu(stage, place)
    press(screen.villager, "菜单")
    with screen.page.expect_response("**/_sim/menu?*oVillager*"):
        has_menu(stage, place)
    press(screen.villager, "报位置")
    expect(screen.villager.get_by_role("dialog")).to_be_visible()


def test_a_late_answer_does_not_bring_an_old_menu_back(stage: Stage, screen: Screen) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    screen.page.route("**/_sim/menu?*oVillager*", hold, times=1)
    has_menu(stage, {"type": "click", "name": "旧的", "key": "old"})
    expect(screen.cadre.get_by_role("button", name="菜单", exact=True)).to_be_visible()
    old = held[0].fetch()
    has_menu(stage, {"type": "click", "name": "新的", "key": "new"})
    press(screen.villager, "菜单")
    with screen.page.expect_event("requestfinished", lambda request: request == held[0].request):
        held[0].fulfill(response=old)
    press(screen.villager, "新的")


def test_a_code_is_scanned_from_the_menu(stage: Stage, screen: Screen) -> None:
    has_menu(
        stage,
        {"type": "scancode_waitmsg", "name": "扫户码", "key": "wait"},
        {"type": "scancode_push", "name": "扫网址", "key": "push"},
    )
    press(screen.villager, "菜单", "扫户码")
    screen.villager.get_by_label("码的内容").fill("household-7")
    press(screen.villager, "识别")
    told = stage.heard(screen.page, "scancode_waitmsg")
    assert told["EventKey"] == "wait"
    assert told["ScanCodeInfo"] == {"ScanType": "qrcode", "ScanResult": "household-7"}
    expect(screen.villager.locator(".notice")).to_contain_text("正在等待公众号的消息")
    press(screen.villager, "菜单", "扫网址")
    screen.villager.get_by_label("码的内容").fill(f"{stage.service}/hall")
    screen.page.keyboard.press("Enter")
    expect(screen.villager.frame_locator(".web-frame").locator("h1")).to_have_text("办事大厅")
    assert stage.heard(screen.page, "scancode_push")["ScanCodeInfo"]["ScanResult"] == f"{stage.service}/hall"


def test_the_accounts_own_codes_can_be_chosen_and_bring_a_stranger_in(stage: Stage, screen: Screen) -> None:
    made = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "village-3"}}}
    ticket = stage.call("/cgi-bin/qrcode/create", made)["ticket"]
    screen.villager.locator(".picker").select_option("oStranger")
    press(screen.villager, "扫一扫")
    screen.villager.locator(".code", has_text="village-3").click()
    told = stage.heard(screen.page, "subscribe")
    assert (told["EventKey"], told["Ticket"]) == ("qrscene_village-3", ticket)
    expect(screen.villager.locator(".chat")).to_be_visible()
    press(screen.villager, "更多", "扫一扫")
    screen.villager.locator(".code", has_text="village-3").click()
    assert stage.heard(screen.page, "SCAN")["EventKey"] == "village-3"


@pytest.mark.parametrize("kind", ["pic_sysphoto", "pic_photo_or_album", "pic_weixin"])
def test_a_picture_is_taken_from_the_menu(stage: Stage, screen: Screen, kind: str) -> None:
    has_menu(stage, {"type": kind, "name": "传照片", "key": "photo"})
    press(screen.villager, "菜单", "传照片", "拍照（示例照片）")
    assert stage.heard(screen.page, kind)["SendPicsInfo"]["Count"] == "1"
    told = stage.heard(screen.page, "image")
    shown = screen.villager.locator(".own .bubble-image img")
    expect(shown).to_have_js_property("naturalWidth", 960)
    # What the person sees is what the account can download.
    with urllib.request.urlopen(told["PicUrl"]) as answer:
        assert Image.open(io.BytesIO(answer.read())).size == (960, 720)
    query = urlencode({"access_token": stage.token, "media_id": told["MediaId"]})
    with urllib.request.urlopen(f"{stage.url}/cgi-bin/media/get?{query}") as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"


def test_pictures_of_the_album_are_shrunk_and_sent(stage: Stage, screen: Screen) -> None:
    has_menu(stage, {"type": "pic_weixin", "name": "传照片", "key": "photo"})
    large = io.BytesIO()
    Image.new("RGB", (2560, 1280), "teal").save(large, "PNG")
    with screen.page.expect_file_chooser() as chosen:
        press(screen.villager, "菜单", "传照片", "从手机相册选择")
    chosen.value.set_files([file("a.png", large.getvalue()), file("b.jpg", photo())])
    shown = screen.villager.locator(".own .bubble-image img")
    expect(shown).to_have_count(2)
    expect(shown.first).to_have_js_property("naturalWidth", 1280)
    assert stage.heard(screen.page, "pic_weixin")["SendPicsInfo"]["Count"] == "2"
    with screen.page.expect_file_chooser() as chosen:
        press(screen.villager, "更多", "照片", "从手机相册选择")
    chosen.value.set_files(file("c.jpg", b"no picture"))
    expect(screen.villager.locator(".notice")).to_contain_text("不是能打开的图片")
    expect(shown).to_have_count(2)


def test_a_place_is_chosen_or_typed(stage: Stage, screen: Screen) -> None:
    has_menu(stage, {"type": "location_select", "name": "报位置", "key": "place"})
    press(screen.villager, "菜单", "报位置", "发送位置")
    told = stage.heard(screen.page, "location_select")
    assert told["SendLocationInfo"]["Label"] == "示例县政务服务中心"
    expect(screen.villager.locator(".own .place")).to_contain_text("示例县政务服务中心")
    stage.heard(screen.page, "location")
    stage.account.told.clear()
    press(screen.villager, "更多", "位置")
    screen.villager.get_by_label("地点名称").fill("老屋")
    screen.villager.get_by_label("纬度").fill("27.5")
    screen.villager.get_by_label("经度").fill("110.25")
    press(screen.villager, "发送位置")
    told = stage.heard(screen.page, "location")
    assert (told["Location_X"], told["Location_Y"], told["Label"]) == ("27.5", "110.25", "老屋")


def test_material_and_articles_come_from_wechat_itself(stage: Stage, screen: Screen) -> None:
    medium = stage.upload(photo())
    has_menu(
        stage,
        {"type": "media_id", "name": "宣传画", "media_id": medium},
        {"type": "article_id", "name": "图文", "article_id": "A1"},
        {"type": "article_view_limited", "name": "看图文", "article_id": "A2"},
    )
    press(screen.villager, "菜单", "宣传画")
    expect(screen.villager.locator(".bubble-image img")).to_have_js_property("naturalWidth", 640)
    press(screen.villager, "菜单", "图文")
    expect(screen.villager.locator(".bubble").last).to_have_text("[图文] A1")
    press(screen.villager, "菜单", "看图文")
    expect(screen.villager.locator(".notice")).to_contain_text("A2")
    assert stage.account.told == []


# --- what a person decides --------------------------------------------------------------------------


def test_consents_are_given_and_refused_in_one_window(stage: Stage, screen: Screen) -> None:
    made = (
        (APP_ID, "S1", "办理进度通知", 2),
        (APP_ID, "S2", "入户提醒", 3),
        (MINI_APP_ID, "S3", "补充材料通知", 2),
    )
    for app_id, template_id, title, kind in made:
        template = {
            "template_id": template_id,
            "title": title,
            "content": "编号:{{thing1.DATA}}",
            "type": kind,
        }
        stage.ask("POST", "/_sim/templates", {"app_id": app_id, **template})
    stage.ask("POST", "/_sim/templates", {"template_id": "T1", "title": "模板消息", "content": ""})
    press(screen.villager, "公众号设置", "订阅通知")
    window = screen.villager.get_by_role("dialog", name="订阅通知")
    expect(window.locator(".consents .choice strong")).to_have_text(
        ["办理进度通知一次性", "入户提醒长期", "补充材料通知一次性"]
    )
    window.get_by_label("入户提醒").uncheck()
    press(window, "允许")
    expect(screen.villager.locator(".notice")).to_have_text("已订阅 2 种通知。")
    told = stage.heard(screen.page, "subscribe_msg_popup_event")["SubscribeMsgPopupEvent"]["List"]
    assert {one["TemplateId"]: one["SubscribeStatusString"] for one in told} == {
        "S1": "accept",
        "S2": "reject",
    }

    def sends(template_id: str) -> int:
        notice = {"touser": "oVillager", "template_id": template_id, "data": {"thing1": {"value": "一"}}}
        path = "/cgi-bin/message/subscribe/bizsend"
        return int(stage.ask("POST", path, notice, access_token=stage.token)["errcode"])

    assert [sends("S1"), sends("S1"), sends("S2")] == [0, 43101, 43101]
    card = screen.villager.locator(".card")
    expect(card.locator(".card-from")).to_have_text("服务通知")

    stage.account.told.clear()
    press(screen.villager, "公众号设置", "订阅通知", "取消")
    told = stage.heard(screen.page, "subscribe_msg_popup_event")["SubscribeMsgPopupEvent"]["List"]
    assert {one["SubscribeStatusString"] for one in told} == {"reject"}


def test_messages_are_refused_and_taken_again(stage: Stage, screen: Screen) -> None:
    def blocked() -> bool:
        return bool(stage.ask("GET", "/_sim/users", openid="oVillager")["items"][0]["blocked"])

    press(screen.villager, "公众号设置")
    switch = screen.villager.get_by_role("switch", name="接收通知")
    expect(switch).to_be_checked()
    switch.uncheck()
    expect(screen.villager.locator(".settings-note")).to_contain_text("已拒收")
    assert blocked()
    press(screen.villager, "返回", "公众号设置")
    expect(switch).not_to_be_checked()
    switch.check()
    expect(screen.villager.locator(".settings-note")).to_be_empty()
    assert not blocked()
    press(screen.villager, "返回")
    stage.notifies("oVillager", "有新的进度")
    expect(screen.villager.locator(".card")).to_contain_text("有新的进度")


def test_somebody_leaves_only_after_being_asked_and_comes_back(stage: Stage, screen: Screen) -> None:
    phone = screen.villager
    press(phone, "公众号设置", "取消关注", "仍然关注")
    expect(phone.locator(".chat")).to_be_visible()
    press(phone, "公众号设置", "取消关注", "取消关注")
    expect(phone.locator(".empty-text")).to_contain_text("还没有关注")
    stage.heard(screen.page, "unsubscribe")
    press(phone, "关注公众号")
    expect(phone.locator(".chat")).to_be_visible()
    stage.heard(screen.page, "subscribe")


# --- for everybody ----------------------------------------------------------------------------------


def test_all_of_it_works_from_the_keyboard(stage: Stage, screen: Screen) -> None:
    phone, keys = screen.villager, screen.page.keyboard
    top = phone.get_by_role("button", name="公众号设置")
    top.focus()
    keys.press("Enter")
    settings = phone.get_by_role("dialog", name="公众号设置")
    expect(settings).to_be_focused()
    # What lies behind cannot be reached.
    keys.press("Shift+Tab")
    assert not phone.locator(".screen").evaluate("screen => screen.contains(document.activeElement)")
    settings.get_by_role("switch").focus()
    keys.press("Escape")
    expect(settings).to_have_count(0)
    expect(top).to_be_focused()
    has_menu(stage, {"type": "click", "name": "进度", "key": "progress"})
    phone.get_by_role("button", name="菜单", exact=True).press("Enter")
    phone.get_by_role("button", name="进度", exact=True).press("Enter")
    assert stage.heard(screen.page, "CLICK")["EventKey"] == "progress"
    phone.get_by_role("button", name="菜单", exact=True).press("Enter")
    keys.press("Escape")
    expect(phone.locator(".sub-menu")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 360, 430, 720, 1024, 1366])
def test_nothing_is_wider_than_the_screen(stage: Stage, browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, locale="zh-CN", reduced_motion="reduce")
    page.goto(f"{stage.url}/?villager=oVillager&cadre=oCadre")
    expect(page.locator('#link[data-state="open"]')).to_be_visible()
    has_menu(stage, {"type": "location_select", "name": "报位置", "key": "place"})
    phone = page.locator('.seat[data-role="villager"]')
    press(phone, "菜单", "报位置")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    inside = phone.locator(".inside")
    assert inside.evaluate("inside => inside.scrollWidth <= inside.clientWidth")
    # Whatever is to be touched is tall enough for a thumb.
    small = phone.evaluate(
        """phone => [...phone.querySelectorAll('button, .choice, input:not(.tick), select')]
             .filter(one => one.checkVisibility() && one.offsetHeight < 34).map(one => one.outerHTML)"""
    )
    assert small == []
    page.close()


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(stage: Stage, screen: Screen) -> None:
    assert screen.seen.hosts == {urlsplit(stage.url).netloc}
    with urllib.request.urlopen(stage.url) as answer:
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        text = answer.read().decode()
    here = "http://127.0.0.1:* http://localhost:*"
    assert policy["default-src"] == "'none'"
    assert (
        policy["script-src"]
        == policy["style-src"]
        == policy["connect-src"]
        == policy["media-src"]
        == "'self'"
    )
    assert policy["frame-src"] == here
    assert policy["img-src"] == f"'self' {here}"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style| style=|https?://|\son\w+=", text)
