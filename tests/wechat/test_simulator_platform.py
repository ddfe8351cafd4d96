"""WeChat's own paths as the simulator answers them, asked over HTTP."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from wechat.simulator import RunningSimulator, SimulatorConfig, serve

CONFIG = SimulatorConfig(
    port=0,
    oa_app_id="wx0000000000000001",
    oa_secret="oa-secret",
    oa_token="oa-token",
    oa_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    mp_app_id="wx0000000000000002",
    mp_secret="mp-secret",
)
SEND = "/cgi-bin/message/template/send"
Json = dict[str, Any]


class MemoryClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Caller:
    """Speaks to a simulator over HTTP."""

    def __init__(self, simulator: RunningSimulator, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.http = http

    async def get(self, path: str, /, **query: Any) -> Json:
        async with self.http.get(self.simulator.url + path, params=query) as response:
            return await response.json(content_type=None)

    async def post(self, path: str, body: Any = None, /, **query: Any) -> Json:
        async with self.http.post(self.simulator.url + path, json=body, params=query) as response:
            return await response.json(content_type=None)

    async def token(self, kind: str = "oa", *, force: bool = False) -> Json:
        app_id, secret = {
            "oa": (CONFIG.oa_app_id, CONFIG.oa_secret),
            "mp": (CONFIG.mp_app_id, CONFIG.mp_secret),
        }[kind]
        body = {"grant_type": "client_credential", "appid": app_id, "secret": secret, "force_refresh": force}
        return await self.post("/cgi-bin/stable_token", body)

    async def user(self, **values: Any) -> Json:
        return await self.post("/_sim/users", {"nickname": "张三", "role_hint": "villager", **values})

    async def inbox(self, openid: str) -> list[Json]:
        return (await self.get("/_sim/inbox", openid=openid))["items"]

    async def send(self, openid: str, token: str, **values: Any) -> Json:
        body = {
            "touser": openid,
            "template_id": "tpl",
            "data": {"thing1": {"value": "有新的任务"}},
            **values,
        }
        return await self.post(SEND, body, access_token=token)


@pytest.fixture
def still_clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
async def caller(still_clock: MemoryClock) -> AsyncIterator[Caller]:
    simulator = await serve(replace(CONFIG), still_clock, rng=random.Random(7))
    async with aiohttp.ClientSession() as http:
        yield Caller(simulator, http)
    await simulator.close()


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"appid": "wx-nobody"}, 40013),
        ({"appid": ""}, 41002),
        ({"secret": "wrong"}, 40125),
        ({"secret": ""}, 41004),
        ({"grant_type": "password"}, 40002),
    ],
)
async def test_token_needs_right_credentials(caller: Caller, change: Json, errcode: int) -> None:
    body = {"grant_type": "client_credential", "appid": CONFIG.oa_app_id, "secret": CONFIG.oa_secret}
    assert (await caller.post("/cgi-bin/stable_token", body | change))["errcode"] == errcode


async def test_stable_token_is_the_same_until_five_minutes_before_its_end(
    caller: Caller, still_clock: MemoryClock
) -> None:
    first = await caller.token()
    assert len(first["access_token"]) == 512
    assert first["expires_in"] == 7200
    still_clock.move(6800)
    again = await caller.token()
    assert again == {"access_token": first["access_token"], "expires_in": 400}
    still_clock.move(100)
    renewed = await caller.token()
    assert renewed["access_token"] != first["access_token"]
    assert renewed["expires_in"] == 7200
    person = await caller.user()
    for token, errcode in ((first, 0), (renewed, 0)):
        assert (await caller.send(person["oa_openid"], token["access_token"]))["errcode"] == errcode
    still_clock.move(300)
    assert (await caller.send(person["oa_openid"], first["access_token"]))["errcode"] == 42001


async def test_forced_refresh_ends_the_old_token_after_five_minutes(
    caller: Caller, still_clock: MemoryClock
) -> None:
    old = (await caller.token())["access_token"]
    new = (await caller.token(force=True))["access_token"]
    assert new != old
    person = await caller.user()
    still_clock.move(299)
    assert (await caller.send(person["oa_openid"], old))["errcode"] == 0
    still_clock.move(1)
    assert (await caller.send(person["oa_openid"], old))["errcode"] == 42001
    assert (await caller.send(person["oa_openid"], new))["errcode"] == 0


async def test_forced_refreshes_are_limited_by_interval_and_day(
    caller: Caller, still_clock: MemoryClock
) -> None:
    assert "access_token" in await caller.token(force=True)
    still_clock.move(29)
    assert (await caller.token(force=True))["errcode"] == 45011
    for _ in range(19):
        still_clock.move(30)
        assert "access_token" in await caller.token(force=True)
    still_clock.move(30)
    assert (await caller.token(force=True))["errcode"] == 45009
    still_clock.move(86_400)
    assert "access_token" in await caller.token(force=True)


async def test_the_old_token_interface_gives_a_new_one_each_time(caller: Caller) -> None:
    query = {"grant_type": "client_credential", "appid": CONFIG.oa_app_id, "secret": CONFIG.oa_secret}
    first = await caller.get("/cgi-bin/token", **query)
    second = await caller.get("/cgi-bin/token", **query)
    assert first["access_token"] != second["access_token"]


@pytest.mark.parametrize(("token", "errcode"), [("", 41001), ("nonsense", 40001)])
async def test_calls_need_a_token(caller: Caller, token: str, errcode: int) -> None:
    assert (await caller.send("o", token))["errcode"] == errcode


async def test_another_applications_token_is_refused(caller: Caller) -> None:
    token = (await caller.token("mp"))["access_token"]
    assert (await caller.send("o", token))["errcode"] == 48001


async def test_unknown_path_and_wrong_method(caller: Caller) -> None:
    answer = await caller.get("/cgi-bin/no/such/path")
    assert answer["errcode"] == 40066
    assert answer["errmsg"].startswith("invalid url")
    assert (await caller.get("/cgi-bin/stable_token"))["errcode"] == 43002
    assert (await caller.post("/cgi-bin/token"))["errcode"] == 43001


async def test_a_template_message_arrives_once_with_all_it_carries(
    caller: Caller, still_clock: MemoryClock
) -> None:
    token = (await caller.token())["access_token"]
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
        "client_msg_id": "c1",
    }
    sent = await caller.send(person["oa_openid"], token, **message)
    assert sent["errcode"] == 0
    assert sent["errmsg"] == "ok"
    still_clock.move(599)
    assert (await caller.send(person["oa_openid"], token, **message))["msgid"] == sent["msgid"]
    (item,) = await caller.inbox(person["mp_openid"])
    assert item["received_at"] == still_clock.time() - 599
    assert item["fields"] == [
        {"key": "character_string1", "label": "编号", "value": "A-1"},
        {"key": "thing2", "label": "事项", "value": "入户核实"},
    ]
    assert {
        key: item[key] for key in ("channel", "title", "url", "msgid", "client_msg_id", "template_id")
    } == {
        "channel": "template",
        "title": "任务提醒",
        "url": message["url"],
        "msgid": sent["msgid"],
        "client_msg_id": "c1",
        "template_id": "tpl",
    }
    still_clock.move(1)
    assert (await caller.send(person["oa_openid"], token, **message))["msgid"] != sent["msgid"]
    assert len(await caller.inbox(person["oa_openid"])) == 2


async def test_concurrent_repetitions_are_delivered_once(caller: Caller) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    await caller.post("/_sim/config", {"latency_ms": 5})
    answers = await asyncio.gather(
        *(caller.send(person["oa_openid"], token, client_msg_id="c") for _ in range(8))
    )
    assert len({answer["msgid"] for answer in answers}) == 1
    assert len(await caller.inbox(person["oa_openid"])) == 1


@pytest.mark.parametrize(
    ("data", "errcode"),
    [
        ({"thing1": {"value": "一" * 20}}, 0),
        ({"thing1": {"value": "一" * 21}}, 47003),
        ({"thing1": {"value": "一\n二"}}, 47003),
        ({"thing1": {"value": "好😀"}}, 47003),
        ({"first": {"value": "您好"}}, 47003),
        ({"remark": {"value": "谢谢"}}, 47003),
        ({"thing1": {}}, 47003),
        ({}, 47001),
    ],
)
async def test_template_values_are_checked(caller: Caller, data: Json, errcode: int) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    assert (await caller.send(person["oa_openid"], token, data=data))["errcode"] == errcode
    assert len(await caller.inbox(person["oa_openid"])) == (errcode == 0)


async def test_template_message_to_the_wrong_person_or_with_the_wrong_template(caller: Caller) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    stranger = await caller.user(follow=False)
    assert (await caller.send("o-nobody", token))["errcode"] == 40003
    assert (await caller.send(person["mp_openid"], token))["errcode"] == 40003
    assert (await caller.send(stranger["oa_openid"], token))["errcode"] == 43004
    await caller.post("/_sim/templates", {"template_id": "other", "title": "", "content": ""})
    assert (await caller.send(person["oa_openid"], token))["errcode"] == 40037


async def test_templates_can_be_added_listed_and_deleted_up_to_the_limit(caller: Caller) -> None:
    token = (await caller.token())["access_token"]
    body = {"template_id_short": "OPENTM1", "keyword_name_list": ["编号", "时间"]}
    ids = [
        (await caller.post("/cgi-bin/template/api_add_template", body, access_token=token))["template_id"]
        for _ in range(25)
    ]
    add = await caller.post("/cgi-bin/template/api_add_template", body, access_token=token)
    assert add["errcode"] == 45026
    await caller.post("/cgi-bin/template/del_private_template", {"template_id": ids[0]}, access_token=token)
    listed = await caller.get("/cgi-bin/template/get_all_private_template", access_token=token)
    assert [one["template_id"] for one in listed["template_list"]] == ids[1:]
    assert "{{keyword1.DATA}}" in listed["template_list"][0]["content"]


async def test_customer_messages_need_an_open_window(caller: Caller, still_clock: MemoryClock) -> None:
    person = await caller.user()

    async def send() -> int:
        token = (await caller.token())["access_token"]
        body = {"touser": person["oa_openid"], "msgtype": "text", "text": {"content": "您好"}}
        return (await caller.post("/cgi-bin/message/custom/send", body, access_token=token))["errcode"]

    assert await send() == 45015
    await caller.post("/_sim/events", {"openid": person["oa_openid"], "type": "text", "content": "在吗"})
    assert [await send() for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
    await caller.post("/_sim/events", {"openid": person["oa_openid"], "type": "click", "key": "K"})
    assert await send() == 0
    still_clock.move(48 * 3600)
    assert await send() == 0
    still_clock.move(1)
    assert await send() == 45015
    assert {item["channel"] for item in await caller.inbox(person["oa_openid"])} == {"customer"}


async def test_subscription_notices_use_up_consent(caller: Caller) -> None:
    person = await caller.user()
    tokens = {kind: (await caller.token(kind))["access_token"] for kind in ("oa", "mp")}
    paths = {"oa": "/cgi-bin/message/subscribe/bizsend", "mp": "/cgi-bin/message/subscribe/send"}

    async def send(kind: str, **data: str) -> int:
        body = {
            "touser": person[f"{kind}_openid"],
            "template_id": "s",
            "data": {key: {"value": value} for key, value in (data or {"thing1": "有新的任务"}).items()},
        }
        return (await caller.post(paths[kind], body, access_token=tokens[kind]))["errcode"]

    async def consent(kind: str, **values: str) -> None:
        await caller.post("/_sim/events", {"openid": person["oa_openid"], "type": kind, "key": "s", **values})

    assert await send("oa") == 43101
    await consent("consent", content="reject")
    assert await send("oa") == 43101
    await consent("consent")
    assert await send("mp") == 43101
    for wrong in (
        {"phrase1": "超过了五个字"},
        {"thing1": "一" * 21},
        {"odd": "x"},
        {"character_string1": "编"},
    ):
        assert await send("oa", **wrong) == 47003
    assert [await send("oa"), await send("oa")] == [0, 43101]
    await consent("consent_mp", content="always")
    assert [await send("mp"), await send("mp", name1="王**", phrase2="待核实")] == [0, 0]
    items = await caller.inbox(person["mp_openid"])
    assert [item["channel"] for item in items] == ["subscription"] * 3


async def test_user_info_tells_followers_from_others(caller: Caller, still_clock: MemoryClock) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    info = await caller.get("/cgi-bin/user/info", access_token=token, openid=person["oa_openid"])
    assert info["subscribe"] == 1
    assert info["unionid"] == person["unionid"]
    assert info["subscribe_time"] == int(still_clock.time())
    await caller.post("/_sim/events", {"openid": person["oa_openid"], "type": "unsubscribe"})
    info = await caller.get("/cgi-bin/user/info", access_token=token, openid=person["oa_openid"])
    assert info["subscribe"] == 0
    assert "subscribe_time" not in info


async def test_login_codes_are_single_use_and_live_five_minutes(
    caller: Caller, still_clock: MemoryClock
) -> None:
    person = await caller.user()

    async def login(code: str) -> Json:
        return await caller.get(
            "/sns/jscode2session",
            appid=CONFIG.mp_app_id,
            secret=CONFIG.mp_secret,
            js_code=code,
            grant_type="authorization_code",
        )

    async def new_code() -> str:
        return (await caller.get("/_sim/login-code", openid=person["oa_openid"]))["code"]

    code = await new_code()
    answer = await login(code)
    assert answer["openid"] == person["mp_openid"]
    assert answer["unionid"] == person["unionid"]
    assert answer["session_key"]
    assert (await login(code))["errcode"] == 40163
    assert (await login("never issued"))["errcode"] == 40029
    late = await new_code()
    still_clock.move(300)
    assert (await login(late))["errcode"] == 40029


async def test_page_authorisation_brings_back_a_code_and_the_state(caller: Caller) -> None:
    person = await caller.user()
    query = {
        "appid": CONFIG.oa_app_id,
        "redirect_uri": "http://127.0.0.1:1/m/?a=1#/home",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "s t",
        "_sim_openid": person["oa_openid"],
    }
    url = caller.simulator.url + "/connect/oauth2/authorize"
    async with caller.http.get(url, params=query, allow_redirects=False) as response:
        assert response.status == 302
        location = response.headers["Location"]
    assert location.startswith("http://127.0.0.1:1/m/?a=1&code=")
    assert location.endswith("&state=s+t#/home")
    answer = await caller.get(
        "/sns/oauth2/access_token",
        appid=CONFIG.oa_app_id,
        secret=CONFIG.oa_secret,
        code=location.partition("code=")[2].partition("&")[0],
        grant_type="authorization_code",
    )
    assert answer["openid"] == person["oa_openid"]
    other = await caller.user()
    query["_sim_openid"] = ""
    holder = {"Cookie": f"sim_holder={other['mp_openid']}"}
    async with caller.http.get(url, params=query, headers=holder, allow_redirects=False) as response:
        code = response.headers["Location"].partition("code=")[2].partition("&")[0]
    codes = caller.simulator.world.codes
    assert (found := codes.find(code)) is not None
    assert found.person.oa_openid == other["oa_openid"]
    query["appid"] = "wx-other"
    async with caller.http.get(url, params=query, allow_redirects=False) as response:
        assert response.status == 400


async def test_a_menu_is_checked_and_shown_on_the_phones(caller: Caller) -> None:
    token = (await caller.token())["access_token"]

    async def create(*buttons: Json) -> int:
        body = {"button": list(buttons)}
        return (await caller.post("/cgi-bin/menu/create", body, access_token=token))["errcode"]

    assert (await caller.get("/cgi-bin/menu/get", access_token=token))["errcode"] == 46003
    good = {"name": "求助", "sub_button": [{"type": "click", "name": "我要求助", "key": "help"}]}
    assert await create({"type": "click", "name": "一二三四五六", "key": "k"}) == 40018
    assert await create({"type": "click", "name": "好", "key": "k" * 129}) == 40019
    assert await create({"type": "view", "name": "好", "url": "u" * 1025}) == 40020
    assert await create(good, good, good, good) == 40016
    assert await create(good) == 0
    assert (await caller.get("/_sim/config"))["menu"] == [good]


async def test_latency_passes_before_the_message_arrives(caller: Caller) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    await caller.post("/_sim/config", {"latency_ms": 600_000})
    sending = asyncio.ensure_future(caller.send(person["oa_openid"], token))
    while (await caller.get("/_sim/calls"))["counts"].get(SEND) != 1:
        await asyncio.sleep(0)
    assert await caller.inbox(person["oa_openid"]) == []
    sending.cancel()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [({"drop": True}, "dropped"), ({"drop": "after"}, "dropped"), ({"refuse": True}, "refused")],
)
async def test_faults_that_end_the_connection(caller: Caller, fault: Json, outcome: str) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    await caller.post("/_sim/faults", {"path": SEND, "times": 1, **fault})
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await caller.send(person["oa_openid"], token)
    assert len(await caller.inbox(person["oa_openid"])) == (
        fault["drop"] == "after" if "drop" in fault else 0
    )
    assert (await caller.send(person["oa_openid"], token))["errcode"] == 0
    assert (await caller.get("/_sim/calls"))["outcomes"][SEND] == {outcome: 1, "0": 1}


async def test_faults_that_answer(caller: Caller) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    url = f"{caller.simulator.url}{SEND}?access_token={token}"
    body = {"touser": person["oa_openid"], "template_id": "t", "data": {"thing1": {"value": "一"}}}

    async def send() -> tuple[int, str, str]:
        async with caller.http.post(url, json=body) as response:
            return response.status, response.content_type, await response.text()

    await caller.post(
        "/_sim/faults", {"path": SEND[1:], "errcode": -1, "times": 2, "appid": CONFIG.oa_app_id}
    )
    await caller.post("/_sim/faults", {"path": SEND, "errcode": 45009, "appid": "wx-other"})
    await caller.post("/_sim/faults", {"path": "*", "http_status": 503, "html": True, "times": 1})
    assert [(await send())[2][:14] for _ in range(2)] == ['{"errcode":-1,', '{"errcode":-1,']
    status, kind, text = await send()
    assert (status, kind) == (503, "text/html")
    assert "<html>" in text
    assert (await send())[2].startswith('{"errcode":0')
    (left,) = (await caller.get("/_sim/faults"))["items"]
    assert left["errcode"] == 45009
    async with caller.http.delete(caller.simulator.url + "/_sim/faults"):
        assert (await caller.get("/_sim/faults"))["items"] == []


async def test_a_fault_with_a_rate_hits_about_that_share(caller: Caller) -> None:
    await caller.post("/_sim/faults", {"path": "/cgi-bin/stable_token", "errcode": -1, "rate": 0.5})
    answers = [await caller.token() for _ in range(60)]
    assert 15 < sum("errcode" in answer for answer in answers) < 45


async def test_calls_are_counted_exactly_and_shown_without_secrets(caller: Caller) -> None:
    token = (await caller.token())["access_token"]
    person = await caller.user()
    await asyncio.gather(*(caller.send(person["oa_openid"], token) for _ in range(50)))
    await caller.send("o-nobody", token)
    calls = await caller.get("/_sim/calls", path=SEND)
    assert calls["counts"] == {"/cgi-bin/stable_token": 1, SEND: 51}
    assert calls["outcomes"][SEND] == {"0": 50, "40003": 1}
    assert calls["count"] == len(calls["items"]) == 51
    assert calls["items"][-1]["body"]["touser"] == "o-nobody"
    assert calls["items"][-1]["query"] == {"access_token": "***"}
    tokens = await caller.get("/_sim/calls", path="/cgi-bin/stable_token")
    assert tokens["items"][0]["body"]["secret"] == "***"


async def test_only_the_newest_calls_of_a_path_are_kept(caller: Caller) -> None:
    simulator = caller.simulator
    for number in range(1005):
        simulator.world.calls.begin("/x", 0.0, "GET", f"n={number}", b"")
    calls = await caller.get("/_sim/calls", path="/x")
    assert calls["count"] == 1005
    assert len(calls["items"]) == 1000
    assert calls["items"][0]["query"] == {"n": "5"}


def test_a_wrong_aes_key_is_refused() -> None:
    with pytest.raises(ValueError, match="43 characters"):
        replace(CONFIG, oa_aes_key="short")


def test_secrets_are_not_printed() -> None:
    assert "secret" not in repr(CONFIG).replace("oa_secret", "").replace("mp_secret", "")
