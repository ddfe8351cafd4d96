"""What the simulator sends to the service, and how it is driven and read through `/_sim/`."""

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import requests
import xmltodict
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from wechatpy import WeChatClient, create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.utils import check_signature

from wechat.simulator import RunningSimulator, SimulatorConfig, serve

TOKEN = "oa-token"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP_ID = "wx0000000000000001"
Json = dict[str, Any]


class MemoryClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Service:
    """A callback that verifies and decrypts with wechatpy, and answers as it is told."""

    def __init__(self) -> None:
        self.crypto = WeChatCrypto(TOKEN, AES_KEY, APP_ID)
        self.messages: list[Any] = []
        self.fields: list[Json] = []
        self.answer: Callable[[Any], tuple[int, str] | None] = lambda message: (200, "success")
        self.never = asyncio.Event()

    def reply(self, message: Any, text: str) -> tuple[int, str]:
        return 200, self.crypto.encrypt_message(create_reply(text, message).render(), "n0nce", "1800000000")


class CallbackHandler(RequestHandler):
    def initialize(self, service: Service) -> None:
        self.service = service

    def get(self) -> None:
        query = {key: self.get_query_argument(key) for key in ("signature", "timestamp", "nonce", "echostr")}
        check_signature(TOKEN, query["signature"], query["timestamp"], query["nonce"])
        self.finish(query["echostr"])

    async def post(self) -> None:
        query = {key: values[0].decode() for key, values in self.request.query_arguments.items()}
        check_signature(TOKEN, query["signature"], query["timestamp"], query["nonce"])
        text = self.request.body.decode()
        if query.get("encrypt_type") == "aes":
            text = self.service.crypto.decrypt_message(
                text, query["msg_signature"], query["timestamp"], query["nonce"]
            )
        # wechatpy changes the fields of some events while it reads them.
        self.service.fields.append(xmltodict.parse(text)["xml"])
        message = parse_message(text)
        assert message.source == query["openid"]
        self.service.messages.append(message)
        answer = self.service.answer(message)
        if answer is None:
            await self.service.never.wait()
            return
        self.set_status(answer[0])
        self.finish(answer[1])


class Driver:
    """A simulator whose callbacks go to `service`, driven over HTTP."""

    def __init__(
        self, simulator: RunningSimulator, service: Service, http: aiohttp.ClientSession, clock: MemoryClock
    ) -> None:
        self.simulator = simulator
        self.service = service
        self.http = http
        self.clock = clock

    async def ask(self, method: str, path: str, body: Any = None, /, **query: Any) -> tuple[int, Json]:
        url = self.simulator.url + path
        async with self.http.request(method, url, json=body, params=query) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str, /, **query: Any) -> Json:
        return (await self.ask("GET", path, **query))[1]

    async def post(self, path: str, body: Any = None, /, **query: Any) -> Json:
        return (await self.ask("POST", path, body, **query))[1]

    async def person(self, **values: Any) -> Json:
        return await self.post("/_sim/users", {"nickname": "李四", "role_hint": "villager", **values})

    async def do(self, person: Json, kind: str, **values: Any) -> Json:
        return await self.post("/_sim/events", {"openid": person["oa_openid"], "type": kind, **values})

    async def send(self, person: Json) -> Json:
        body = {"grant_type": "client_credential", "appid": APP_ID, "secret": "oa-secret"}
        token = (await self.post("/cgi-bin/stable_token", body))["access_token"]
        message = {
            "touser": person["oa_openid"],
            "template_id": "t",
            "data": {"thing1": {"value": "有新的任务"}},
        }
        return await self.post("/cgi-bin/message/template/send", message, access_token=token)

    async def receipts_settled(self) -> Json:
        while (receipts := (await self.get("/_sim/calls"))["receipts"])["pending"]:
            await asyncio.sleep(0)
        return receipts


@pytest.fixture
async def driver() -> AsyncIterator[Driver]:
    clock = MemoryClock()
    service = Service()
    server = HTTPServer(Application([(r"/wechat/callback", CallbackHandler, {"service": service})]))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    simulator = await serve(
        SimulatorConfig(
            port=0,
            oa_app_id=APP_ID,
            oa_secret="oa-secret",
            oa_token=TOKEN,
            oa_aes_key=AES_KEY,
            mp_app_id="wx0000000000000002",
            mp_secret="mp-secret",
            callback_url=f"http://127.0.0.1:{sockets[0].getsockname()[1]}/wechat/callback",
            callback_timeout_ms=250,
            callback_retry_pause_ms=1,
        ),
        clock,
        rng=random.Random(1),
    )
    async with aiohttp.ClientSession() as http:
        yield Driver(simulator, service, http, clock)
    service.never.set()
    await simulator.close()
    server.stop()
    await server.close_all_connections()


@pytest.mark.parametrize("mode", ["safe", "plain"])
async def test_a_text_is_signed_encrypted_and_its_reply_lands_in_the_chat(driver: Driver, mode: str) -> None:
    await driver.post("/_sim/config", {"callback_mode": mode})
    if mode == "safe":
        driver.service.answer = lambda message: driver.service.reply(message, "收到 & 已登记")
    else:
        driver.service.answer = lambda message: (
            200,
            create_reply("收到 & 已登记", message).render(),
        )
    person = await driver.person()
    told = await driver.do(person, "text", content="我要求助]]>&<x>")
    assert told["accepted"] is True
    assert told["reply"]["Content"] == "收到 & 已登记"
    (only,) = told["tries"]
    assert only["status"] == 200
    assert only["body"]["MsgType"] == "text"
    (message,) = driver.service.messages
    # Here wechatpy reads rightly what its own replies could not write.
    assert (message.type, message.content) == ("text", "我要求助]]>&<x>")
    assert message.id > 2**53
    (item,) = (await driver.get("/_sim/inbox", openid=person["oa_openid"]))["items"]
    assert (item["channel"], item["text"]) == ("reply", "收到 & 已登记")
    chat = (await driver.get("/_sim/chat", openid=person["oa_openid"]))["items"]
    assert [entry["direction"] for entry in chat] == ["out", "in"]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("subscribe", {}, {"Event": "subscribe", "EventKey": None}),
        ("subscribe", {"scene": "h7"}, {"Event": "subscribe", "EventKey": "qrscene_h7"}),
        ("unsubscribe", {}, {"Event": "unsubscribe"}),
        ("scan", {"scene": 7}, {"Event": "SCAN", "EventKey": "7"}),
        ("click", {"key": "report"}, {"Event": "CLICK", "EventKey": "report"}),
        ("view", {"key": "http://127.0.0.1/m/"}, {"Event": "VIEW", "EventKey": "http://127.0.0.1/m/"}),
        ("report_location", {"latitude": 30.5}, {"Event": "LOCATION", "Latitude": "30.5"}),
        ("location", {"latitude": 30.5, "label": "王家村"}, {"MsgType": "location", "Label": "王家村"}),
        ("image", {}, {"MsgType": "image"}),
        ("consent", {"key": "s"}, {"Event": "subscribe_msg_popup_event"}),
        ("raw", {"fields": {"MsgType": "event", "Event": "X", "A": {"B": [1, 2]}}}, {"Event": "X"}),
    ],
)
async def test_every_deed_makes_its_callback(driver: Driver, kind: str, values: Json, expected: Json) -> None:
    person = await driver.person()
    told = await driver.do(person, kind, **values)
    assert told["accepted"] is True
    (fields,) = driver.service.fields
    assert {key: fields.get(key) for key in expected} == expected
    assert fields["CreateTime"] == "1800000000"


async def test_following_and_blocking_change_the_person(driver: Driver) -> None:
    person = await driver.person(follow=False)
    await driver.do(person, "scan", scene="s1")
    assert driver.service.fields[-1]["EventKey"] == "qrscene_s1"
    await driver.do(person, "block")
    (listed,) = (await driver.get("/_sim/users"))["items"]
    assert (listed["follow"], listed["blocked"]) == (True, True)
    await driver.do(person, "unblock")
    await driver.do(person, "unsubscribe")
    (listed,) = (await driver.get("/_sim/users", role_hint="villager"))["items"]
    assert (listed["follow"], listed["blocked"], listed["subscribe_time"]) == (False, False, None)
    assert len(driver.service.messages) == 2


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ((500, "down"), "HTTP status 500"),
        ((200, "ok"), "the answer is neither 'success' nor XML"),
        ((200, "<xml><a>1</a></xml>"), "the encrypted reply has no TimeStamp"),
        ((200, '<!DOCTYPE x [<!ENTITY e "e">]><xml><a>&e;</a></xml>'), "the answer declares a document type"),
    ],
)
async def test_a_wrong_answer_is_tried_three_times(driver: Driver, bad: tuple[int, str], error: str) -> None:
    driver.service.answer = lambda message: bad
    person = await driver.person()
    told = await driver.do(person, "text", content="在吗")
    assert told["accepted"] is False
    assert [one["error"] for one in told["tries"]] == [error] * 3
    assert len({message.id for message in driver.service.messages}) == 1
    chat = (await driver.get("/_sim/chat", openid=person["oa_openid"]))["items"]
    assert [entry["direction"] for entry in chat] == ["out", "system"]


async def test_an_answer_too_late_is_tried_again_and_may_then_be_right(driver: Driver) -> None:
    driver.service.answer = lambda message: None if len(driver.service.messages) == 1 else (200, "")
    told = await driver.do(await driver.person(), "text", content="在吗")
    assert told["accepted"] is True
    first, second = told["tries"]
    assert (first["status"], first["error"]) == (None, "TimeoutError")
    assert first["ms"] >= 245
    assert (second["status"], second["body"]) == (200, "")


async def test_a_reply_with_a_wrong_signature_or_receiver_is_refused(driver: Driver) -> None:
    def forged(message: Any) -> tuple[int, str]:
        status, xml = driver.service.reply(message, "好")
        return status, re.sub("(?<=<MsgSignature><!\\[CDATA\\[)....", "0000", xml)

    def astray(message: Any) -> tuple[int, str]:
        message._data["FromUserName"] = "somebody else"
        return driver.service.reply(parse_message(render(message._data)), "好")

    def render(fields: Json) -> str:
        return "<xml>" + "".join(f"<{key}>{value}</{key}>" for key, value in fields.items()) + "</xml>"

    person = await driver.person()
    for answer, words in ((forged, "MsgSignature is wrong"), (astray, "ToUserName")):
        driver.service.answer = answer
        told = await driver.do(person, "text", content="在吗")
        assert all(words in one["error"] for one in told["tries"])
        assert told["reply"] is None


async def test_duplicates_carry_the_same_message_and_show_one_reply(driver: Driver) -> None:
    driver.service.answer = lambda message: driver.service.reply(message, "好")
    person = await driver.person()
    for concurrent in (False, True):
        told = await driver.do(person, "text", content="在吗", duplicate=2, concurrent=concurrent)
        assert [one["copy"] for one in told["tries"]] == [0, 1, 2]
    ids = [message.id for message in driver.service.messages]
    assert len(ids) == 6
    assert len(set(ids)) == 2
    assert len((await driver.get("/_sim/inbox", openid=person["oa_openid"]))["items"]) == 2


async def test_an_event_need_not_be_waited_for(driver: Driver) -> None:
    driver.service.answer = lambda message: driver.service.reply(message, "好")
    person = await driver.person()
    body = {"openid": person["mp_openid"], "type": "text", "content": "在吗", "wait": False}
    status, told = await driver.ask("POST", "/_sim/events", body)
    assert (status, told["tries"]) == (202, [])
    inbox = await driver.get("/_sim/inbox", openid=person["oa_openid"], min=1, wait_seconds=20)
    assert [item["text"] for item in inbox["items"]] == ["好"]


async def test_receipts_follow_a_template_message(driver: Driver) -> None:
    person = await driver.person()
    sent = await driver.send(person)
    await driver.do(person, "block")
    blocked = await driver.send(person)
    assert blocked["errcode"] == 0
    receipts = await driver.receipts_settled()
    assert (receipts["queued"], receipts["accepted"]) == (2, 2)
    told = {fields["MsgID"]: (fields["Event"], fields["Status"]) for fields in driver.service.fields}
    assert told == {
        str(sent["msgid"]): ("TEMPLATESENDJOBFINISH", "success"),
        str(blocked["msgid"]): ("TEMPLATESENDJOBFINISH", "failed:user block"),
    }
    assert len((await driver.get("/_sim/inbox", openid=person["oa_openid"]))["items"]) == 1


async def test_receipts_that_nobody_takes_neither_block_nor_last(driver: Driver) -> None:
    driver.service.answer = lambda message: (500, "")
    person = await driver.person()
    answers = await asyncio.gather(*(driver.send(person) for _ in range(30)))
    assert {answer["errcode"] for answer in answers} == {0}
    receipts = await driver.receipts_settled()
    assert (receipts["accepted"], receipts["failed"]) == (0, 30)
    assert len(driver.service.messages) == 90


async def test_the_callback_url_is_verified_with_an_echo(driver: Driver) -> None:
    assert (await driver.post("/_sim/verify"))["ok"] is True
    await driver.post("/_sim/config", {"callback_url": "http://127.0.0.1:1/"})
    assert (await driver.post("/_sim/verify"))["ok"] is False
    told = await driver.do(await driver.person(), "text", content="在吗")
    assert [one["status"] for one in told["tries"]] == [None] * 3
    await driver.post("/_sim/config", {"callback_url": None})
    assert (await driver.do(await driver.person(), "text", content="在吗"))["tries"] == []


async def test_wechatpy_unmodified_sends_against_it(driver: Driver) -> None:
    """The library's host is fixed, so its session is given a way to the simulator; nothing else changes."""

    class Rerouted(requests.adapters.HTTPAdapter):
        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            assert request.url is not None
            request.url = request.url.replace("https://api.weixin.qq.com", driver.simulator.url)
            return super().send(request, **kwargs)

    person = await driver.person()

    def send() -> tuple[Json, Json]:
        client = WeChatClient(APP_ID, "oa-secret", timeout=10)
        with client._http as http:
            http.mount("https://api.weixin.qq.com", Rerouted())
            sent = client.message.send_template(
                person["oa_openid"], "t", {"thing1": {"value": "有新的任务"}}, url="http://127.0.0.1/m/"
            )
            return sent, client.user.get(person["oa_openid"])

    sent, info = await asyncio.get_running_loop().run_in_executor(None, send)
    assert sent["errcode"] == 0
    assert info["unionid"] == person["unionid"]
    (item,) = (await driver.get("/_sim/inbox", openid=person["oa_openid"]))["items"]
    assert item["msgid"] == sent["msgid"]


async def test_a_forged_callback_would_not_pass_wechatpy(driver: Driver) -> None:
    crypto = WeChatCrypto("another-token", AES_KEY, APP_ID)
    forged = crypto.encrypt_message("<xml></xml>", "n", "1")
    signed = re.search("MsgSignature><!\\[CDATA\\[(\\w+)", forged)
    assert signed is not None
    with pytest.raises(InvalidSignatureException):
        driver.service.crypto.decrypt_message(forged, signed[1], "1", "n")


# --- control --------------------------------------------------------------------------------------


async def test_making_a_person_twice_returns_the_first(driver: Driver) -> None:
    body = {"nickname": "王五", "name": "王五", "role_hint": "cadre", "openid": "o1", "mp_openid": "m1"}
    status, first = await driver.ask("POST", "/_sim/users", body)
    assert (status, first["oa_openid"], first["mp_openid"]) == (201, "o1", "m1")
    status, again = await driver.ask("POST", "/_sim/users", {**body, "nickname": "other"})
    assert (status, again) == (200, first)
    assert (await driver.get("/_sim/users"))["total"] == 1


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/_sim/users", {}, "nickname"),
        ("/_sim/users", {"nickname": "a", "colour": "red"}, "colour"),
        ("/_sim/events", {"openid": "o1", "type": "dance"}, "must be one of"),
        ("/_sim/events", {"openid": "o1", "type": "click"}, "needs 'key'"),
        ("/_sim/events", {"openid": "o2", "type": "text", "content": "x"}, "does not follow"),
        ("/_sim/faults", {"path": "/x"}, "give one of"),
        ("/_sim/faults", {"path": "/x", "errcode": 1, "rate": 2}, "rate"),
        ("/_sim/clock", {}, "either"),
        ("/_sim/clock", {"set": "2026-01-31T09:00:00"}, "offset"),
        ("/_sim/config", {"callback_url": "ftp://x"}, "http"),
        ("/_sim/config", {"callback_mode": "compatible"}, "callback_mode"),
        ("/_sim/reset", {"only": ["everything"]}, "only"),
        ("/_sim/templates", [], "body"),
    ],
)
async def test_bad_input_is_explained(driver: Driver, path: str, body: Any, words: str) -> None:
    await driver.person(openid="o1")
    await driver.person(openid="o2", follow=False)
    status, answer = await driver.ask("POST", path, body)
    assert (status, answer["error"]) == (400, "bad_request")
    assert words in answer["message"]


async def test_unknown_things_are_404_and_broken_json_is_400(driver: Driver) -> None:
    for method, path in (
        ("GET", "/_sim/inbox?openid=nobody"),
        ("GET", "/_sim/login-code?openid=nobody"),
        ("GET", "/_sim/nothing"),
        ("POST", "/_sim/nothing"),
    ):
        assert (await driver.ask(method, path))[0] == 404
    async with driver.http.post(driver.simulator.url + "/_sim/users", data="{") as response:
        assert response.status == 400
        assert "JSON" in (await response.json())["message"]
    for path in ("/_sim/inbox?min=x", "/_sim/users?limit=0"):
        assert (await driver.ask("GET", path))[0] == 400
    assert (await driver.get("/_sim/calls"))["counts"] == {}


async def test_the_clock_is_read_advanced_and_set(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await driver.get("/_sim/clock") == {"now": "2027-01-15T08:00:00.000Z", "unix": 1_800_000_000.0}
    await driver.post("/_sim/clock", {"advance_seconds": 90.5})
    assert driver.clock.now == 1_800_000_090.5
    moved = await driver.post("/_sim/clock", {"set": "2027-06-01T09:00:00+08:00"})
    assert moved["now"] == "2027-06-01T01:00:00.000Z"

    def stuck(seconds: float) -> None:
        raise RuntimeError("read-only")

    monkeypatch.setattr(driver.clock, "move", stuck)
    assert (await driver.ask("POST", "/_sim/clock", {"advance_seconds": 1}))[0] == 409


async def test_other_origins_may_call_control_paths_only(driver: Driver) -> None:
    async with driver.http.options(driver.simulator.url + "/_sim/events") as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Type" in response.headers["Access-Control-Allow-Headers"]
    for path in ("/cgi-bin/token", "/"):
        async with driver.http.get(driver.simulator.url + path) as response:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_reset_forgets_all_but_the_tokens(driver: Driver) -> None:
    person = await driver.person()
    await driver.send(person)
    await driver.receipts_settled()
    await driver.post("/_sim/faults", {"path": "*", "errcode": -1})
    await driver.post("/_sim/reset")
    assert (await driver.get("/_sim/users"))["items"] == []
    assert (await driver.get("/_sim/inbox"))["items"] == []
    assert (await driver.get("/_sim/faults"))["items"] == []
    assert (await driver.get("/_sim/calls"))["counts"] == {}
    query = urlencode({"access_token": "x"})
    (old,) = driver.simulator.world.tokens._issued
    assert (await driver.get("/cgi-bin/user/info", access_token=old, openid="o"))["errcode"] == 40003
    await driver.post("/_sim/reset", {"only": ["tokens"]})
    assert (await driver.get("/cgi-bin/user/info", access_token=old, openid="o"))["errcode"] == 40001
    assert (await driver.get(f"/cgi-bin/user/info?{query}"))["errcode"] == 40001


async def test_an_emptied_inbox_goes_on_counting(driver: Driver) -> None:
    person = await driver.person()
    await driver.send(person)
    (before,) = (await driver.get("/_sim/inbox"))["items"]
    await driver.ask("DELETE", "/_sim/inbox")
    assert (await driver.get("/_sim/inbox"))["items"] == []
    await driver.send(person)
    (after,) = (await driver.get("/_sim/inbox", after=before["seq"], channel="template"))["items"]
    assert after["seq"] > before["seq"]
    assert after["openid"] == person["oa_openid"]


async def test_the_stream_tells_of_people_messages_and_resets(driver: Driver) -> None:
    async with driver.http.get(driver.simulator.url + "/_sim/stream") as stream:
        assert stream.content_type == "text/event-stream"
        assert await stream.content.readuntil(b"\n\n") == b"retry: 1000\n\n"
        person = await driver.person()
        assert (await stream.content.readuntil(b"\n\n")).startswith(b"event: user\ndata: {")
        await driver.send(person)
        event = await stream.content.readuntil(b"\n\n")
        assert event.startswith(b"event: message\n")
        assert "有新的任务".encode() in event
        await driver.post("/_sim/reset")
        assert (await stream.content.readuntil(b"\n\n")).startswith(b"event: resync\n")
    while driver.simulator.world.stream:
        await asyncio.sleep(0)


async def test_a_slow_reader_of_the_stream_is_told_to_read_again(driver: Driver) -> None:
    stream = driver.simulator.world.stream
    queue = stream.join()
    for number in range(1001):
        stream.publish("message", {"n": number})
    assert queue.get_nowait() == b"event: resync\ndata: {}\n\n"
    assert queue.empty()
    stream.leave(queue)


async def test_the_log_holds_no_query(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "wechat.simulator")
    person = await driver.person()
    await driver.send(person)
    assert "/cgi-bin/message/template/send 200" in caplog.text
    assert "access_token" not in caplog.text
    assert person["oa_openid"] not in caplog.text


async def test_the_page_is_self_contained(driver: Driver) -> None:
    async with driver.http.get(driver.simulator.url + "/?villager=o1") as response:
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
        page = await response.text()
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*" in policy
    assert "unsafe" not in policy
    assert " style=" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|https?://|\son\w+=", page)
    files = re.findall(r'(?:src|href)="(/_page/[^"]+)"', page)
    assert files
    for file in files:
        async with driver.http.get(driver.simulator.url + file) as response:
            assert response.status == 200


async def test_entries_of_all_people_are_bounded(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    from wechat.simulator import state
    from wechat.simulator.limits import MemoryLimits

    monkeypatch.setattr(state, "MEMORY", MemoryLimits(entries_in_all=3))
    world = driver.simulator.world
    first, _ = world.add_person("一")
    second, _ = world.add_person("二")
    for person in (first, first, second, second, second):
        world.put(person, "customer", text="x")
    assert (len(first.entries), len(second.entries), len(world.people.entries(None))) == (0, 3, 3)
