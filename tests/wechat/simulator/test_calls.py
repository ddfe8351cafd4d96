"""Latency, faults, and the record of the simulated platform's calls."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from tests.wechat.simulator.caller import CONFIG, Caller, Json

SEND = "/cgi-bin/message/template/send"


async def send(caller: Caller, openid: str, token: str) -> Json:
    body = {"touser": openid, "template_id": "tpl", "data": {"thing1": {"value": "有新的任务"}}}
    return await caller.post(SEND, body, access_token=token)


async def test_latency_passes_before_the_message_arrives(caller: Caller) -> None:
    token, person = await caller.token(), await caller.user()
    await caller.post("/_sim/config", {"latency_ms": 600_000})
    sending = asyncio.ensure_future(send(caller, person["oa_openid"], token))
    while (await caller.get("/_sim/calls"))["counts"].get(SEND) != 1:
        await asyncio.sleep(0)
    assert await caller.inbox(person) == []
    sending.cancel()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [({"drop": True}, "dropped"), ({"drop": "after"}, "dropped"), ({"refuse": True}, "refused")],
)
async def test_faults_that_end_the_connection(caller: Caller, fault: Json, outcome: str) -> None:
    token, person = await caller.token(), await caller.user()
    await caller.post("/_sim/faults", {"path": SEND, "times": 1, **fault})
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await send(caller, person["oa_openid"], token)
    assert len(await caller.inbox(person)) == (fault.get("drop") == "after")
    assert (await send(caller, person["oa_openid"], token))["errcode"] == 0
    assert (await caller.get("/_sim/calls"))["outcomes"][SEND] == {outcome: 1, "0": 1}


async def test_faults_that_answer(caller: Caller) -> None:
    token, person = await caller.token(), await caller.user()
    url = f"{caller.simulator.url}{SEND}?access_token={token}"
    body = {"touser": person["oa_openid"], "template_id": "t", "data": {"thing1": {"value": "一"}}}

    async def post() -> tuple[int, str, str]:
        async with caller.http.post(url, json=body) as response:
            return response.status, response.content_type, await response.text()

    await caller.post(
        "/_sim/faults", {"path": SEND[1:], "errcode": -1, "times": 2, "appid": CONFIG.oa_app_id}
    )
    await caller.post("/_sim/faults", {"path": SEND, "errcode": 45009, "appid": "wx-other"})
    await caller.post("/_sim/faults", {"path": "*", "http_status": 503, "html": True, "times": 1})
    assert [(await post())[2][:14] for _ in range(2)] == ['{"errcode":-1,', '{"errcode":-1,']
    status, kind, text = await post()
    assert (status, kind) == (503, "text/html")
    assert "<html>" in text
    assert (await post())[2].startswith('{"errcode":0')
    (left,) = (await caller.get("/_sim/faults"))["items"]
    assert left["errcode"] == 45009
    async with caller.http.delete(caller.simulator.url + "/_sim/faults"):
        assert (await caller.get("/_sim/faults"))["items"] == []


async def test_a_fault_with_a_rate_hits_about_that_share(caller: Caller) -> None:
    await caller.post("/_sim/faults", {"path": "/cgi-bin/stable_token", "errcode": -1, "rate": 0.5})
    answers = [await caller.fetch_token() for _ in range(60)]
    assert 15 < sum("errcode" in answer for answer in answers) < 45


async def test_calls_are_counted_exactly_and_shown_without_secrets(caller: Caller) -> None:
    token, person = await caller.token(), await caller.user()
    await asyncio.gather(*(send(caller, person["oa_openid"], token) for _ in range(50)))
    await send(caller, "o-nobody", token)
    calls = await caller.get("/_sim/calls", path=SEND)
    assert calls["counts"] == {"/cgi-bin/stable_token": 1, SEND: 51}
    assert calls["outcomes"][SEND] == {"0": 50, "40003": 1}
    assert calls["count"] == len(calls["items"]) == 51
    assert calls["items"][-1]["body"]["touser"] == "o-nobody"
    assert calls["items"][-1]["query"] == {"access_token": "***"}
    tokens = await caller.get("/_sim/calls", path="/cgi-bin/stable_token")
    assert tokens["items"][0]["body"]["secret"] == "***"


async def test_a_picture_is_counted_as_an_answer(caller: Caller) -> None:
    ticket = "never"
    await caller.file("/cgi-bin/showqrcode", ticket=ticket)
    assert (await caller.get("/_sim/calls"))["outcomes"]["/cgi-bin/showqrcode"] == {"http 404": 1}


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
