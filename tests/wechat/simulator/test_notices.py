"""Subscription notices of the simulated platform: consent, typed fields, templates."""

from typing import Any

import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, Json
from wechat.simulator.library import CATEGORIES, TITLES

SEND = {"oa": "/cgi-bin/message/subscribe/bizsend", "mp": "/cgi-bin/message/subscribe/send"}
NEW = "/wxaapi/newtmpl/"
PAYING = next(title for title in TITLES.values() if any(one.rule == "enum" for one in title.keywords))


async def send(caller: Caller, kind: str, person: Json, template_id: str = "s", **values: Any) -> Json:
    data = values.pop("data", None) or {"thing1": "有新的任务"}
    body = {
        "touser": person[f"{kind}_openid"],
        "template_id": template_id,
        "data": {key: {"value": value} for key, value in data.items()},
        **values,
    }
    return await getattr(caller, kind)(SEND[kind], body)


async def consent(caller: Caller, kind: str, person: Json, template_id: str = "s", **values: str) -> None:
    deed = {"oa": "consent", "mp": "consent_mp"}[kind]
    await caller.does(person, deed, key=template_id, **values)


@pytest.mark.parametrize("kind", ["oa", "mp"])
async def test_each_notice_uses_up_a_consent(caller: Caller, kind: str) -> None:
    person = await caller.user()
    assert (await send(caller, kind, person))["errcode"] == 43101
    await consent(caller, kind, person, content="reject")
    assert (await send(caller, kind, person))["errcode"] == 43101
    await consent(caller, {"oa": "mp", "mp": "oa"}[kind], person)
    assert (await send(caller, kind, person))["errcode"] == 43101
    await consent(caller, kind, person)
    assert [(await send(caller, kind, person))["errcode"] for _ in range(2)] == [0, 43101]
    await consent(caller, kind, person, content="always")
    assert [(await send(caller, kind, person))["errcode"] for _ in range(3)] == [0, 0, 0]
    assert [item["channel"] for item in await caller.inbox(person)] == ["subscription"] * 4


async def test_a_wrong_notice_costs_no_consent(caller: Caller) -> None:
    person = await caller.user()
    await consent(caller, "oa", person)
    assert (await send(caller, "oa", person, data={"phrase1": "超过了五个字"}))["errcode"] == 47003
    assert (await send(caller, "oa", person))["errcode"] == 0


async def test_consent_to_a_lasting_notice_lasts(caller: Caller) -> None:
    person = await caller.user()
    for number in (2, 3):
        template = {"template_id": f"t{number}", "title": "", "content": "", "type": number}
        await caller.post("/_sim/templates", template)
        await consent(caller, "oa", person, f"t{number}")
    assert [(await send(caller, "oa", person, "t2"))["errcode"] for _ in range(2)] == [0, 43101]
    assert [(await send(caller, "oa", person, "t3"))["errcode"] for _ in range(3)] == [0, 0, 0]
    assert (await send(caller, "oa", person, "t4"))["errcode"] == 40037


async def test_only_the_mini_programs_interface_tells_a_message_id(caller: Caller) -> None:
    person = await caller.user()
    for kind in ("oa", "mp"):
        await consent(caller, kind, person)
    assert await send(caller, "oa", person) == {"errcode": 0, "errmsg": "ok"}
    answer = await send(caller, "mp", person)
    items = await caller.inbox(person)
    assert answer == {"errcode": 0, "errmsg": "ok", "msgid": items[1]["msgid"]}


async def test_notices_know_people_by_their_applications_openid(caller: Caller) -> None:
    person = await caller.user()
    swapped = {"oa_openid": person["mp_openid"], "mp_openid": person["oa_openid"]}
    for kind in ("oa", "mp"):
        assert (await send(caller, kind, swapped))["errcode"] == 40003
        assert (await send(caller, kind, person, ""))["errcode"] == 40037


async def test_what_a_notice_opens(caller: Caller) -> None:
    person = await caller.user()
    await caller.post("/_sim/pages", {"pages": ["pages/task"]})
    for kind in ("oa", "mp"):
        await consent(caller, kind, person, content="always")
    page = {"appid": CONFIG.mp_app_id, "pagepath": "pages/task?id=7"}
    address = "https://example.com/m/"
    assert (await send(caller, "oa", person, page=address, miniprogram=page))["errcode"] == 0
    assert (await send(caller, "oa", person, miniprogram={**page, "appid": "wx"}))["errcode"] == 40013
    assert (await send(caller, "oa", person, miniprogram={**page, "pagepath": "x"}))["errcode"] == 41030
    assert (await send(caller, "mp", person, page="pages/task?id=7"))["errcode"] == 0
    assert (await send(caller, "mp", person, page="pages/none"))["errcode"] == 41030
    opened = [(item["url"], item["miniprogram"]) for item in await caller.inbox(person)]
    assert opened == [(address, page), (None, page)]


# --- types of fields ------------------------------------------------------------------------------

GOOD = {
    "thing": ["一" * 20, "a，b 1"],
    "number": ["1", "-1.5", "1" * 32],
    "letter": ["abc", "A" * 32],
    "symbol": ["！@#￥%"],
    "character_string": ["R-260130-7", "a" * 32],
    "time": ["15:01", "2026年1月30日 15:01", "2026-01-30 09:00:00", "09:00~18:00", "2026年1月30日09:00"],
    "date": [
        "2026年1月30日",
        "1月30日",
        "2026-01-30",
        "2026/01/30",
        "2026年1月30日 15:01",
        "2026年1月",
        "01-30",
    ],
    "amount": ["¥500", "500.00元", "$1234567.89"],
    "phone_number": ["+86-0731-00000000"],
    "car_number": ["湘A00000", "粤Z0000挂"],
    "name": ["张**", "欧阳", "Li Lei", "张A"],
    "phrase": ["待核实"],
    "enum": ["银行转账"],
}
BAD = {
    "thing": ["一" * 21, "一\n二", ""],
    "number": ["1" * 33, "一", "1.2.3", "."],
    "letter": ["a1", "a" * 33, "字"],
    "symbol": ["!!!!!!", "a"],
    "character_string": ["编", "a" * 33],
    "time": ["下午三点", "2026年1月30日", "15"],
    "date": ["明天", "2026", "15:01"],
    "amount": ["五百", "12345678901", "RMB500"],
    "phone_number": ["0" * 18, "电话"],
    "car_number": ["湘A0000000", "湘"],
    "name": ["一二三四五六七八九十一", "a" * 21, "张3"],
    "phrase": ["超过了五个字", "abc", "二 字"],
    "enum": [""],
    "odd": ["x"],
}


async def errcodes(caller: Caller, key: str, values: list[str]) -> list[int]:
    person = await caller.user()
    await consent(caller, "mp", person, content="always")
    return [(await send(caller, "mp", person, data={key: value}))["errcode"] for value in values]


@pytest.mark.parametrize("rule", GOOD)
async def test_values_that_fit_their_type(caller: Caller, rule: str) -> None:
    assert await errcodes(caller, f"{rule}7", GOOD[rule]) == [0] * len(GOOD[rule])


@pytest.mark.parametrize("rule", BAD)
async def test_values_that_do_not_fit_their_type(caller: Caller, rule: str) -> None:
    assert await errcodes(caller, f"{rule}7", BAD[rule]) == [47003] * len(BAD[rule])


async def test_the_wrong_field_is_named(caller: Caller) -> None:
    person = await caller.user()
    template = {"template_id": "s", "title": "", "content": "一:{{thing1.DATA}}\n二:{{phrase2.DATA}}"}
    await caller.post("/_sim/templates", template)
    assert "data.phrase2.value is empty" in (await send(caller, "oa", person))["errmsg"]
    both = {"thing1": "一", "phrase2": "2"}
    assert "data.phrase2.value invalid" in (await send(caller, "oa", person, data=both))["errmsg"]
    assert (await send(caller, "oa", person, data={"thing": "一"}))["errcode"] == 47003
    answer = await caller.oa(SEND["oa"], {"touser": person["oa_openid"], "template_id": "s", "data": {}})
    assert answer["errcode"] == 47003


# --- templates ------------------------------------------------------------------------------------


async def test_a_template_is_put_together_listed_and_deleted(caller: Caller) -> None:
    kids = [one.kid for one in PAYING.keywords if one.rule in ("enum", "amount")]
    body = {"tid": str(PAYING.tid), "kidList": kids, "sceneDesc": "发放救助金"}
    added = await caller.mp(NEW + "addtemplate", body)
    assert added == {"errcode": 0, "errmsg": "ok", "priTmplId": added["priTmplId"]}
    (listed,) = (await caller.mp(NEW + "gettemplate"))["data"]
    assert listed == {
        "priTmplId": added["priTmplId"],
        "title": PAYING.title,
        "content": "发放金额:{{amount1.DATA}}\n发放方式:{{enum3.DATA}}",
        "example": "发放金额:¥500.00元\n发放方式:银行转账",
        "type": PAYING.type,
        "keywordEnumValueList": [
            {"keywordCode": "enum3.DATA", "enumValueList": ["银行转账", "现金", "实物"]}
        ],
    }
    assert (await caller.oa(NEW + "gettemplate"))["data"] == []
    person = await caller.user()
    await consent(caller, "mp", person, added["priTmplId"], content="always")
    for value, errcode in (("现金", 0), ("支票", 47003)):
        data = {"amount1": "500元", "enum3": value}
        answer = await send(caller, "mp", person, added["priTmplId"], data=data)
        assert answer["errcode"] == errcode
    (shown,) = (await caller.get("/_sim/templates", app_id=CONFIG.mp_app_id))["items"]
    assert shown["type"] == PAYING.type
    gone = {"priTmplId": added["priTmplId"]}
    assert [(await caller.mp(NEW + "deltemplate", gone))["errcode"] for _ in range(2)] == [0, 40037]


async def test_a_template_may_be_asked_for_with_a_form(caller: Caller) -> None:
    query = {"access_token": await caller.token()}
    form = [("tid", str(PAYING.tid)), ("kidList[0]", "1"), ("kidList[1]", "2"), ("sceneDesc", "")]
    async with caller.http.post(
        caller.simulator.url + NEW + "addtemplate", data=form, params=query
    ) as response:
        assert (await response.json(content_type=None))["errcode"] == 0


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"tid": "1"}, 200014),
        ({"kidList": [1]}, 200020),
        ({"kidList": [1, 1]}, 200020),
        ({"kidList": [1, 99]}, 200020),
        ({"kidList": [1, 2, 3, 4, 5, 6]}, 200020),
        ({"sceneDesc": "一" * 16}, 200021),
    ],
)
async def test_what_is_wrong_with_a_template_is_told(caller: Caller, change: Json, errcode: int) -> None:
    body = {"tid": str(next(iter(TITLES))), "kidList": [1, 2], **change}
    assert (await caller.oa(NEW + "addtemplate", body))["errcode"] == errcode


async def test_twenty_five_templates_an_application(caller: Caller) -> None:
    body = {"tid": PAYING.tid, "kidList": [1, 2]}
    answers = [(await caller.oa(NEW + "addtemplate", body))["errcode"] for _ in range(26)]
    assert answers == [0] * 25 + [200012]


async def test_the_library_can_be_searched(caller: Caller) -> None:
    categories = (await caller.oa(NEW + "getcategory"))["data"]
    assert categories == [{"id": number, "name": name} for number, name in CATEGORIES.items()]
    ids = ",".join(map(str, CATEGORIES))

    async def titles(**query: Any) -> Json:
        return await caller.oa(NEW + "getpubtemplatetitles", **{"ids": ids, "start": 0, "limit": 2, **query})

    first, rest = await titles(), await titles(start=2)
    assert first["count"] == len(TITLES)
    assert [one["tid"] for one in (*first["data"], *rest["data"])] == list(TITLES)
    assert {one["type"] for one in (*first["data"], *rest["data"])} == {2, 3}
    assert (await titles(ids=616))["count"] == 2
    assert [
        (await titles(**{name: value}))["errcode"]
        for name, value in (("ids", "x"), ("start", "x"), ("limit", 31))
    ] == [200018, 200016, 200017]
    keywords = await caller.oa(NEW + "getpubtemplatekeywords", tid=PAYING.tid)
    assert keywords["count"] == len(PAYING.keywords)
    assert keywords["data"][0] == {"kid": 1, "name": "发放金额", "example": "¥500.00元", "rule": "amount"}
    assert (await caller.oa(NEW + "getpubtemplatekeywords", tid=1))["errcode"] == 200014
