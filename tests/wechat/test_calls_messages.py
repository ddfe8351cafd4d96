"""Typed calls against the simulator: what arrives on a phone."""

from typing import Any

import pytest

from server.settings import Settings
from tests.support import Phones, fake_picture
from wechat.client import CallRefused, WeChatApi, WeChatError
from wechat.errcodes import Mark

TEMPLATE, NOTICE = "tpl-of-a-test", "notice-of-a-test"
WHO = "oDemo_extra_1"


@pytest.fixture
async def villager(people: Phones) -> str:
    """Somebody who follows the account and has just written to it."""
    key = await people.add_villager(1)
    await people.does(key, "text", content="在吗")
    return key


async def template(people: Phones, app_id: str, template_id: str) -> None:
    body = {
        "app_id": app_id,
        "template_id": template_id,
        "title": "核实任务",
        "content": "村名:{{thing1.DATA}}\n截止:{{time2.DATA}}",
    }
    await people.control("POST", "templates", body)


async def last(people: Phones, key: str) -> dict[str, Any]:
    return (await people.inbox(key))[-1]


ACCEPT = {"templates": [{"template_id": NOTICE}]}
DATA = {"thing1": "枫木村", "time2": "2026-01-31 12:00"}


async def test_template(oa: WeChatApi, people: Phones, settings: Settings, villager: str) -> None:
    await template(people, settings.oa_app_id, TEMPLATE)
    first = await oa.send_template(WHO, TEMPLATE, DATA, url="https://h/m/", client_msg_id="id-1")
    assert first.isdigit()
    assert await oa.send_template(WHO, TEMPLATE, DATA, client_msg_id="id-1") == first
    (shown,) = [one for one in await people.inbox(villager) if one["channel"] == "template"]
    assert shown["url"] == "https://h/m/"
    assert [field["value"] for field in shown["fields"]] == list(DATA.values())
    page = {"appid": settings.mp_app_id, "pagepath": "pages/task?id=1"}
    await oa.send_template(WHO, TEMPLATE, DATA, mini_program=page)
    assert (await last(people, villager))["miniprogram"] == page


async def test_a_long_message_id_is_stopped_here(oa: WeChatApi, people: Phones, villager: str) -> None:
    with pytest.raises(CallRefused, match="32 个字"):
        await oa.send_template(WHO, TEMPLATE, DATA, client_msg_id="x" * 33)
    calls = await people.control("GET", "calls?path=/cgi-bin/message/template/send")
    assert calls["count"] == 0


async def test_subscription(oa: WeChatApi, people: Phones, settings: Settings, villager: str) -> None:
    await template(people, settings.oa_app_id, NOTICE)
    with pytest.raises(WeChatError) as refused:
        await oa.send_subscription(WHO, NOTICE, DATA)
    assert (refused.value.errcode, refused.value.mark) == (43101, Mark.no_consent)
    await people.does(villager, "consent", **ACCEPT)
    assert await oa.send_subscription(WHO, NOTICE, DATA, page="https://h/m/") is None
    assert (await last(people, villager))["channel"] == "subscription"
    await people.does(villager, "consent", **ACCEPT)
    page = {"appid": settings.mp_app_id, "pagepath": "pages/task"}
    await oa.send_subscription(WHO, NOTICE, DATA, mini_program=page)
    assert (await last(people, villager))["miniprogram"] == page
    await people.does(villager, "consent", **ACCEPT)
    with pytest.raises(WeChatError) as wrong:
        await oa.send_subscription(WHO, NOTICE, {**DATA, "time2": "不知道"})
    assert wrong.value.errcode == 47003


async def test_notice(mini: WeChatApi, people: Phones, settings: Settings, villager: str) -> None:
    await template(people, settings.mp_app_id, NOTICE)
    await people.does(villager, "consent_mp", **ACCEPT)
    msgid = await mini.send_notice("mDemo_extra_1", NOTICE, DATA, page="pages/task?id=1", state="trial")
    assert msgid is not None
    assert msgid.isdigit()
    shown = await last(people, villager)
    assert (shown["channel"], shown["miniprogram"]["pagepath"]) == ("subscription", "pages/task?id=1")
    with pytest.raises(WeChatError) as refused:
        await mini.send_notice("mDemo_extra_1", NOTICE, DATA)
    assert refused.value.errcode == 43101


async def test_customer_messages(oa: WeChatApi, people: Phones, settings: Settings, villager: str) -> None:
    picture = await oa.upload_media("image", "roof.jpg", fake_picture())
    await oa.send_text(WHO, "好")
    assert (await last(people, villager))["text"] == "好"
    await oa.send_image(WHO, picture)
    assert (await last(people, villager))["data"] == {"media_id": picture}
    await oa.send_choices(WHO, "房子漏雨吗？", {"yes": "漏", "no": "不漏"}, tail="点一下就行")
    menu = (await last(people, villager))["data"]
    assert menu["list"] == [{"id": "yes", "content": "漏"}, {"id": "no", "content": "不漏"}]
    assert menu["tail_content"] == "点一下就行"
    await oa.send_mini_program(
        WHO, app_id=settings.mp_app_id, page="pages/task", title="任务", thumb_media_id=picture
    )
    card = (await last(people, villager))["data"]
    assert (card["pagepath"], card["title"], card["thumb_media_id"]) == ("pages/task", "任务", picture)
    await oa.send_text(WHO, "第五条")
    with pytest.raises(WeChatError) as refused:
        await oa.send_text(WHO, "第六条")
    assert (refused.value.errcode, refused.value.mark) == (45047, Mark.window_closed)


@pytest.mark.parametrize(
    ("words", "problem"), [("", "不能为空"), ("长" * 683, "最多 2048 字节，现为 2049 字节")]
)
async def test_customer_texts_that_are_stopped_here(oa: WeChatApi, words: str, problem: str) -> None:
    with pytest.raises(CallRefused, match=problem):
        await oa.send_text(WHO, words)


async def test_typing(oa: WeChatApi, villager: str) -> None:
    await oa.set_typing(WHO)
    await oa.set_typing(WHO, typing=False)
    with pytest.raises(WeChatError) as nobody:
        await oa.set_typing("oNobody")
    assert (nobody.value.errcode, nobody.value.mark) == (40003, Mark.unbind)


async def test_template_library(oa: WeChatApi) -> None:
    assert await oa.get_industries() == (None, None)
    await oa.set_industries(1, 16)
    primary, secondary = await oa.get_industries()
    assert primary is not None
    assert secondary is not None
    assert primary.first
    assert primary != secondary
    with pytest.raises(WeChatError):
        await oa.set_industries(1, 16)
    before = {one.template_id for one in await oa.list_templates()}
    template_id = await oa.add_template("43216", ["任务名称", "截止时间"])
    (added,) = [one for one in await oa.list_templates() if one.template_id not in before]
    assert added.template_id == template_id
    assert added.title
    assert "截止时间" in added.content
    await oa.delete_template(template_id)
    assert {one.template_id for one in await oa.list_templates()} == before
    with pytest.raises(WeChatError) as gone:
        await oa.delete_template(template_id)
    assert gone.value.errcode == 40037
