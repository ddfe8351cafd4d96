"""How the simulator is driven and read through `/_sim/`."""

import asyncio
import logging
import re
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.wechat.simulator.driver import CONFIG, Driver
from wechat.simulator import control, state
from wechat.simulator.limits import MemoryLimits


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
        ("/_sim/config", {"callback_mode": "secret"}, "callback_mode"),
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
    monkeypatch.setattr(state, "MEMORY", MemoryLimits(entries_in_all=3))
    world = driver.simulator.world
    first, _ = world.add_person("一")
    second, _ = world.add_person("二")
    for person in (first, first, second, second, second):
        world.put(person, "customer", text="x")
    assert (len(first.entries), len(second.entries), len(world.people.entries(None))) == (0, 3, 3)


# --- people and chance ----------------------------------------------------------------------------


async def test_a_deleted_person_is_gone_with_their_phone_and_codes(driver: Driver) -> None:
    person, other = await driver.person(), await driver.person()
    for one in (person, other):
        await driver.send(one)
    code = (await driver.get("/_sim/login-code", openid=person["mp_openid"]))["code"]
    status, _ = await driver.ask("DELETE", "/_sim/users", openid=person["unionid"])
    assert status == 200
    assert (await driver.ask("DELETE", "/_sim/users", openid=person["unionid"]))[0] == 404
    assert [one["openid"] for one in (await driver.get("/_sim/users"))["items"]] == [other["openid"]]
    assert [one["openid"] for one in (await driver.get("/_sim/inbox"))["items"]] == [other["openid"]]
    assert (await driver.send(person))["errcode"] == 40003
    login = await driver.get(
        "/sns/jscode2session",
        appid=CONFIG.mp_app_id,
        secret=CONFIG.mp_secret,
        js_code=code,
        grant_type="authorization_code",
    )
    assert login["errcode"] == 40029


async def test_people_and_faults_are_bounded(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MEMORY", MemoryLimits(people=1, faults=1))
    first = await driver.person(openid="o1")
    status, answer = await driver.ask("POST", "/_sim/users", {"nickname": "王五"})
    assert (status, answer["error"]) == (409, "conflict")
    # Asking for somebody who is there already needs no room.
    assert await driver.person(openid="o1") == first
    await driver.post("/_sim/faults", {"path": "*", "errcode": -1})
    assert (await driver.ask("POST", "/_sim/faults", {"path": "*", "errcode": -1}))[0] == 409


async def test_a_seed_repeats_what_chance_does(driver: Driver) -> None:
    async def outcomes() -> list[int]:
        await driver.post("/_sim/reset", {"seed": 1})
        await driver.post("/_sim/faults", {"path": "/cgi-bin/token", "errcode": -1, "rate": 0.5})
        return [(await driver.get("/cgi-bin/token"))["errcode"] for _ in range(20)]

    first = await outcomes()
    assert set(first) == {-1, 40002}
    assert await outcomes() == first


# --- faults ---------------------------------------------------------------------------------------


async def test_a_fault_may_name_several_paths_and_the_beginning_of_paths(driver: Driver) -> None:
    await driver.post("/_sim/faults", {"path": ["/cgi-bin/menu/*", "/cgi-bin/token"], "errcode": -1})
    for path, errcode in (
        ("/cgi-bin/menu/get", -1),
        ("/cgi-bin/menu/delete", -1),
        ("/cgi-bin/token", -1),
        ("/cgi-bin/user/info", 41001),
    ):
        assert (await driver.get(path))["errcode"] == errcode
    await driver.ask("DELETE", "/_sim/faults", path="/cgi-bin/token")
    assert (await driver.get("/_sim/faults"))["items"] == []


async def test_a_fault_ends_with_its_time_or_its_number(driver: Driver) -> None:
    made = await driver.post("/_sim/faults", {"path": "*", "errcode": -1, "until_seconds": 60})
    assert made["ends_at"] == "2027-01-15T08:01:00.000Z"
    assert (await driver.get("/cgi-bin/token"))["errcode"] == -1
    driver.clock.move(60)
    assert (await driver.get("/cgi-bin/token"))["errcode"] == 40002
    assert (await driver.get("/_sim/faults"))["items"] == []
    await driver.post("/_sim/faults", {"path": "*", "errcode": -1, "times": 1})
    assert [(await driver.get("/cgi-bin/token"))["errcode"] for _ in range(2)] == [-1, 40002]


async def test_silence_lasts_until_the_caller_gives_up(driver: Driver) -> None:
    await driver.post("/_sim/faults", {"path": "/cgi-bin/token", "silence": True, "times": 1})
    impatient = aiohttp.ClientTimeout(total=0.2)
    with pytest.raises(TimeoutError):
        await driver.http.get(driver.simulator.url + "/cgi-bin/token", timeout=impatient)
    assert (await driver.get("/_sim/calls"))["outcomes"]["/cgi-bin/token"] == {"silent": 1}
    assert (await driver.get("/cgi-bin/token"))["errcode"] == 40002


async def test_a_simulator_closes_although_it_keeps_silent(driver: Driver) -> None:
    await driver.post("/_sim/faults", {"path": "/cgi-bin/token", "silence": True})
    asking = asyncio.ensure_future(driver.http.get(driver.simulator.url + "/cgi-bin/token"))
    while not (await driver.get("/_sim/calls"))["outcomes"]:
        await asyncio.sleep(0)
    await driver.simulator.close()
    with pytest.raises(aiohttp.ClientError):
        await asking
