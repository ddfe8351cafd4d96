"""Template messages of the simulated platform, and the templates they are made with."""

import asyncio
from typing import Any

import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, Json, MemoryClock
from wechat.simulator.library import INDUSTRIES, TITLES

SEND = "/cgi-bin/message/template/send"
ADD, ALL, DELETE = (
    f"/cgi-bin/template/{verb}"
    for verb in ("api_add_template", "get_all_private_template", "del_private_template")
)
INDUSTRY = "/cgi-bin/template/api_set_industry"


async def send(caller: Caller, openid: str, **values: Any) -> Json:
    body = {"touser": openid, "template_id": "tpl", "data": {"thing1": {"value": "有新的任务"}}, **values}
    return await caller.oa(SEND, body)


# --- messages -------------------------------------------------------------------------------------


async def test_a_message_arrives_once_with_all_it_carries(caller: Caller, still_clock: MemoryClock) -> None:
    person = await caller.user()
    content = "编号：{{character_string1.DATA}}\n事项：{{thing2.DATA}}"
    template = {"template_id": "tpl", "title": "任务提醒", "content": content}
    assert (await caller.post("/_sim/templates", template))["keys"] == {
        "character_string1": "编号",
        "thing2": "事项",
    }
    message = {
        "data": {"thing2": {"value": "入户核实"}, "character_string1": {"value": "A-1"}},
        "url": "http://127.0.0.1/x",
        "miniprogram": {"appid": CONFIG.mp_app_id, "pagepath": "pages/task"},
        "client_msg_id": "c1",
    }
    sent = await send(caller, person["oa_openid"], **message)
    assert sent == {"errcode": 0, "errmsg": "ok", "msgid": sent["msgid"]}
    still_clock.move(599)
    assert (await send(caller, person["oa_openid"], **message))["msgid"] == sent["msgid"]
    (item,) = await caller.inbox(person)
    assert item["received_at"] == still_clock.time() - 599
    assert item["fields"] == [
        {"key": "character_string1", "label": "编号", "value": "A-1"},
        {"key": "thing2", "label": "事项", "value": "入户核实"},
    ]
    wanted = {
        "channel": "template",
        "title": "任务提醒",
        "url": message["url"],
        "miniprogram": message["miniprogram"],
        "msgid": sent["msgid"],
        "client_msg_id": "c1",
        "template_id": "tpl",
    }
    assert {key: item[key] for key in wanted} == wanted
    still_clock.move(1)
    assert (await send(caller, person["oa_openid"], **message))["msgid"] != sent["msgid"]
    assert len(await caller.inbox(person)) == 2


async def test_concurrent_repetitions_are_delivered_once(caller: Caller) -> None:
    person = await caller.user()
    await caller.post("/_sim/config", {"latency_ms": 5})
    answers = await asyncio.gather(*(send(caller, person["oa_openid"], client_msg_id="c") for _ in range(8)))
    assert len({answer["msgid"] for answer in answers}) == 1
    assert len(await caller.inbox(person)) == 1


@pytest.mark.parametrize(
    ("data", "errcode"),
    [
        ({"thing1": {"value": "一" * 20}}, 0),
        ({"thing1": {"value": 7}}, 0),
        ({"thing1": {"value": "一" * 21}}, 47003),
        ({"thing1": {"value": "一\n二"}}, 47003),
        ({"thing1": {"value": "好😀"}}, 47003),
        ({"first": {"value": "您好"}}, 47003),
        ({"remark": {"value": "谢谢"}}, 47003),
        ({"thing1": {}}, 47003),
        ({"thing1": "一"}, 47003),
        ({}, 47001),
    ],
)
async def test_values_are_checked(caller: Caller, data: Json, errcode: int) -> None:
    person = await caller.user()
    assert (await send(caller, person["oa_openid"], data=data))["errcode"] == errcode
    assert len(await caller.inbox(person)) == (errcode == 0)


async def test_a_field_of_the_template_must_not_be_missing(caller: Caller) -> None:
    person = await caller.user()
    template = {"template_id": "tpl", "title": "", "content": "一:{{thing1.DATA}}\n二:{{thing2.DATA}}"}
    await caller.post("/_sim/templates", template)
    answer = await send(caller, person["oa_openid"])
    assert answer["errcode"] == 47003
    assert "data.thing2.value is empty" in answer["errmsg"]


async def test_a_message_to_the_wrong_person_or_with_the_wrong_template(caller: Caller) -> None:
    person = await caller.user()
    stranger = await caller.user(follow=False)
    assert (await send(caller, "o-nobody"))["errcode"] == 40003
    assert (await send(caller, person["mp_openid"]))["errcode"] == 40003
    assert (await send(caller, stranger["oa_openid"]))["errcode"] == 43004
    await caller.post("/_sim/templates", {"template_id": "notice", "title": "", "content": "", "type": 2})
    assert (await send(caller, person["oa_openid"]))["errcode"] == 40037
    assert (await send(caller, person["oa_openid"], template_id="notice"))["errcode"] == 40037


async def test_a_mini_program_must_be_bound_and_have_the_page(caller: Caller) -> None:
    person = await caller.user()
    await caller.post("/_sim/pages", {"pages": ["pages/task"]})

    async def opens(appid: str, pagepath: str) -> int:
        page = {"appid": appid, "pagepath": pagepath}
        return (await send(caller, person["oa_openid"], miniprogram=page))["errcode"]

    assert await opens(CONFIG.mp_app_id, "pages/task?id=7") == 0
    assert await opens(CONFIG.mp_app_id, "pages/none") == 40165
    assert await opens("wx-other", "pages/task") == 40013
    await caller.post("/_sim/pages", {"pages": None})
    assert await opens(CONFIG.mp_app_id, "pages/none") == 0


# --- templates ------------------------------------------------------------------------------------


async def test_templates_are_added_listed_and_deleted_up_to_the_limit(caller: Caller) -> None:
    body = {"template_id_short": "OPENTM1", "keyword_name_list": ["编号", "时间"]}
    ids = [(await caller.oa(ADD, body))["template_id"] for _ in range(25)]
    assert (await caller.oa(ADD, body))["errcode"] == 45026
    assert (await caller.oa(DELETE, {"template_id": ids[0]}))["errcode"] == 0
    assert (await caller.oa(DELETE, {"template_id": ids[0]}))["errcode"] == 40037
    listed = (await caller.oa(ALL))["template_list"]
    assert [one["template_id"] for one in listed] == ids[1:]
    assert listed[0]["content"] == "编号:{{keyword1.DATA}}\n时间:{{keyword2.DATA}}"


async def test_a_title_of_the_library_has_typed_keywords(caller: Caller) -> None:
    title = next(iter(TITLES.values()))

    async def add(short_id: str, *names: str) -> Json:
        return await caller.oa(ADD, {"template_id_short": short_id, "keyword_name_list": list(names)})

    template_id = (await add(str(title.tid), "任务名称", "任务编号"))["template_id"]
    (listed,) = (await caller.oa(ALL))["template_list"]
    assert (listed["template_id"], listed["title"]) == (template_id, title.title)
    assert listed["content"] == "任务名称:{{thing2.DATA}}\n任务编号:{{character_string1.DATA}}"
    assert (await add(str(title.tid), "没有的词"))["errcode"] == 40246
    assert (await add(str(title.tid)))["errcode"] == 40246
    assert (await add("1", "任务名称"))["errcode"] == 40037
    assert (await add(""))["errcode"] == 40037


async def test_industries_are_chosen_once_a_month(caller: Caller, still_clock: MemoryClock) -> None:
    async def choose(first: Any, second: Any) -> int:
        return (await caller.oa(INDUSTRY, {"industry_id1": first, "industry_id2": second}))["errcode"]

    assert await caller.oa("/cgi-bin/template/get_industry") == {}
    assert await choose("21", "42") == 40102
    assert await choose("21", 1) == 0
    assert await choose("21", "2") == 43100
    assert await caller.oa("/cgi-bin/template/get_industry") == {
        "primary_industry": {"first_class": "政府与公共事业", "second_class": "公共事业|非盈利机构"},
        "secondary_industry": {"first_class": "IT科技", "second_class": "互联网|电子商务"},
    }
    still_clock.move(31 * 86_400)
    assert await choose("21", "2") == 0
    assert set(INDUSTRIES) == set(range(1, 42))
