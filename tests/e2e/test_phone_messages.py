"""The simulator's two phones in a browser: what arrives on them, and what of it has not been seen."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.stage import MINI_APP_ID, NAME, Json, Screen, Stage, photo, press

# --- messages ---------------------------------------------------------------------------------------


def test_notices_look_like_wechats_and_lead_on(stage: Stage, screen: Screen) -> None:
    content = "编号:{{character_string1.DATA}}\n村组:{{thing2.DATA}}"
    stage.ask("POST", "/_sim/templates", {"template_id": "T1", "title": "核实任务提醒", "content": content})
    data = {"character_string1": {"value": "26-0417"}, "thing2": {"value": "枫木村 三组"}}
    notice = {"touser": "oCadre", "template_id": "T1", "data": data}
    stage.call("/cgi-bin/message/template/send", {**notice, "url": f"{stage.service}/hall"})
    card = screen.cadre.locator(".card")
    expect(card.locator(".card-title")).to_have_text("核实任务提醒")
    expect(card.locator(".row")).to_have_text([re.compile("编号.*26-0417"), re.compile("村组.*枫木村 三组")])
    card.get_by_role("link", name="查看详情").click()
    expect(screen.cadre.locator(".web-title")).to_have_text("核实任务提醒")
    expect(screen.cadre.frame_locator(".web-frame").locator("h1")).to_have_text("办事大厅")
    press(screen.cadre, "关闭网页")
    page = {"appid": MINI_APP_ID, "pagepath": "pages/task?id=1"}
    stage.call("/cgi-bin/message/template/send", {**notice, "miniprogram": page})
    press(card.last, "进入小程序查看")
    expect(screen.cadre.get_by_role("dialog", name="小程序")).to_contain_text("pages/task?id=1")
    screen.page.keyboard.press("Escape")
    expect(screen.cadre.get_by_role("dialog")).to_have_count(0)


def test_texts_hold_links_of_all_three_kinds(stage: Stage, screen: Screen) -> None:
    stage.hears("oVillager")
    mini = f'data-miniprogram-appid="{MINI_APP_ID}" data-miniprogram-path="pages/a"'
    text = (
        f'<a href="{stage.service}/hall">办事大厅</a> <a href="http://x/" {mini}>小程序</a> '
        '<a href="weixin://bizmsgmenu?msgmenucontent=办理进度&msgmenuid=9">看进度</a> <b>不是标签</b>'
    )
    stage.says("oVillager", "text", content=text)
    bubble = screen.villager.locator(".bubble").last
    expect(bubble).to_have_text("办事大厅 小程序 看进度 <b>不是标签</b>")
    bubble.get_by_role("link", name="办事大厅").click()
    expect(screen.villager.frame_locator(".web-frame").locator("h1")).to_have_text("办事大厅")
    press(screen.villager, "关闭网页")
    press(bubble, "小程序")
    expect(screen.villager.get_by_role("dialog")).to_contain_text("pages/a")
    press(screen.villager, "关闭小程序")
    press(bubble, "看进度")
    told = stage.heard(screen.page, "text")
    assert (told["Content"], told["bizmsgmenuid"]) == ("办理进度", "9")


def test_customer_messages_of_all_kinds_are_drawn(stage: Stage, screen: Screen) -> None:
    stage.hears("oVillager")
    phone, medium = screen.villager, stage.upload(photo())
    choices = [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}]
    stage.says("oVillager", "msgmenu", head_content="办理得怎么样？", list=choices, tail_content="谢谢")
    expect(phone.locator(".bubble").last).to_have_text("办理得怎么样？满意不满意谢谢")
    press(phone, "不满意")
    told = stage.heard(screen.page, "text")
    assert (told["Content"], told["bizmsgmenuid"]) == ("不满意", "102")
    expect(phone.locator(".own .bubble").last).to_have_text("不满意")

    stage.says("oVillager", "image", media_id=medium)
    press(phone, "查看图片")
    expect(phone.get_by_role("dialog", name="图片").locator("img")).to_have_js_property("naturalWidth", 640)
    press(phone, "关闭图片")
    expect(phone.get_by_role("dialog")).to_have_count(0)

    article = {"title": "政策问答", "description": "一分钟", "url": f"{stage.service}/hall"}
    cover = f"{stage.url}/_sim/media/{medium}"
    stage.says("oVillager", "news", articles=[{**article, "picurl": cover}])
    expect(phone.locator(".article-cover")).to_have_js_property("naturalWidth", 640)
    phone.get_by_role("link", name="政策问答").click()
    expect(phone.frame_locator(".web-frame").locator("h1")).to_have_text("办事大厅")
    press(phone, "关闭网页")

    stage.hears("oVillager")
    page = {"title": "待办", "appid": MINI_APP_ID, "pagepath": "pages/todo", "thumb_media_id": medium}
    stage.says("oVillager", "miniprogrampage", **page)
    expect(phone.locator(".mini-cover")).to_have_js_property("naturalWidth", 640)
    phone.locator(".mini").click()
    expect(phone.get_by_role("dialog")).to_contain_text("pages/todo")


REPLIES: dict[str, tuple[Json, str, str]] = {
    "text": ({"MsgType": "text", "Content": "您好 ]]> <b>"}, ".bubble", "您好 ]]> <b>"),
    "image": ({"MsgType": "image", "Image": {"MediaId": "gone"}}, ".bubble-image", "图片已过期"),
    "voice": ({"MsgType": "voice", "Voice": {"MediaId": "gone"}}, ".voice", "语音"),
    "video": (
        {"MsgType": "video", "Video": {"MediaId": "gone", "Title": "示范", "Description": "两分钟"}},
        ".box",
        "示范两分钟",
    ),
    "music": (
        {
            "MsgType": "music",
            "Music": {"Title": "广播", "Description": "县广播站", "MusicUrl": "http://x/a.mp3"},
        },
        ".music",
        "广播县广播站",
    ),
    "news": (
        {
            "MsgType": "news",
            "ArticleCount": "2",
            "Articles": {
                "item": [
                    {"Title": title, "Description": "", "PicUrl": "", "Url": "http://x/"}
                    for title in ("头条", "次条")
                ]
            },
        },
        ".articles",
        "头条次条",
    ),
}


@pytest.mark.parametrize("kind", REPLIES)
def test_passive_replies_of_all_types_are_drawn(stage: Stage, screen: Screen, kind: str) -> None:
    reply, drawn, words = REPLIES[kind]
    screen.seen.missing.add("/_sim/media/gone")
    stage.account.replies["你好"] = reply
    screen.villager.get_by_label("村民发消息").fill("你好")
    press(screen.villager, "发送")
    expect(screen.villager.locator(f".chat > :not(.own) {drawn}, .chat > {drawn}")).to_have_text(words)


# --- what comes unseen ------------------------------------------------------------------------------


def test_a_message_shows_over_an_open_page_and_is_counted(stage: Stage, screen: Screen) -> None:
    phone = screen.villager
    stage.hears("oVillager")
    stage.says("oVillager", "text", content=f"{stage.service}/hall")
    phone.locator(".bubble a").click()
    stage.says("oVillager", "text", content="您的申报已受理")
    expect(phone.locator(".banner")).to_contain_text("您的申报已受理")
    expect(phone.locator(".web-count")).to_have_text("1")
    stage.says("oVillager", "text", content="请等待上门核实")
    expect(phone.locator(".web-count")).to_have_text("2")
    phone.locator(".banner").click()
    expect(phone.locator(".web-frame")).to_have_count(0)
    expect(phone.locator(".bubble").last).to_be_in_viewport()
    expect(phone.locator(".bubble").last).to_have_text("请等待上门核实")
    expect(phone.locator(".web-count")).to_be_hidden()
    expect(phone.locator(".newer")).to_be_hidden()


def test_messages_below_and_on_other_phones_are_counted(stage: Stage, screen: Screen) -> None:
    phone = screen.villager
    for number in range(8):
        stage.notifies("oVillager", f"第 {number} 条")
    expect(phone.locator(".card")).to_have_count(8)
    phone.locator(".chat").evaluate(
        """chat => new Promise(done => {
             chat.addEventListener('scroll', () => done(), {once: true});
             chat.scrollTo(0, 0);
           })"""
    )
    stage.notifies("oVillager", "新的一条")
    press(phone, "1 条新消息")
    expect(phone.locator(".newer")).to_be_hidden()
    expect(phone.locator(".card").last).to_be_in_viewport()

    stage.ask("POST", "/_sim/events", {"openid": "oStranger", "type": "subscribe"})
    stage.notifies("oStranger", "欢迎关注")
    other = phone.locator('.picker option[value="oStranger"]')
    expect(other).to_have_text("村民乙（1 条未读）")
    phone.locator(".picker").select_option("oStranger")
    expect(phone.locator(".card")).to_contain_text("欢迎关注")
    expect(other).to_have_text("村民乙")
    phone.locator(".picker").select_option("oVillager")
    expect(other).to_have_text("村民乙")


def test_the_bar_says_that_somebody_is_writing(stage: Stage, screen: Screen) -> None:
    stage.hears("oVillager")
    stage.call("/cgi-bin/message/custom/typing", {"touser": "oVillager", "command": "Typing"})
    expect(screen.villager.locator(".account")).to_have_text("对方正在输入…")
    expect(screen.cadre.locator(".account")).to_have_text(NAME)
    stage.says("oVillager", "text", content="写好了")
    expect(screen.villager.locator(".account")).to_have_text(NAME)
