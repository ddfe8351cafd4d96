"""What the simulator sends to the service: signed, encrypted, timed, tried again, and read with wechatpy."""

import asyncio
import re
from typing import Any

import pytest
import requests
import xmltodict
from wechatpy import WeChatClient, create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException

from tests.wechat.simulator.driver import CONFIG, Driver, Json, driving


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


async def test_an_answer_too_late_is_tried_again_and_may_then_be_right() -> None:
    async with driving(callback_timeout_ms=1000) as driver:
        driver.service.answer = lambda message: None if len(driver.service.messages) == 1 else (200, "")
        told = await driver.do(await driver.person(), "text", content="在吗")
    assert told["accepted"] is True
    first, second = told["tries"]
    assert (first["status"], first["error"]) == (None, "TimeoutError")
    assert first["ms"] >= 995
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
        client = WeChatClient(CONFIG.oa_app_id, CONFIG.oa_secret, timeout=10)
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
    crypto = WeChatCrypto("another-token", CONFIG.oa_aes_key, CONFIG.oa_app_id)
    forged = crypto.encrypt_message("<xml></xml>", "n", "1")
    signed = re.search("MsgSignature><!\\[CDATA\\[(\\w+)", forged)
    assert signed is not None
    with pytest.raises(InvalidSignatureException):
        driver.service.crypto.decrypt_message(forged, signed[1], "1", "n")


@pytest.mark.parametrize("encrypted", [True, False])
async def test_the_compatible_mode_carries_both_and_takes_either_reply(
    driver: Driver, encrypted: bool
) -> None:
    await driver.post("/_sim/config", {"callback_mode": "compatible"})

    def answer(message: Any) -> tuple[int, str]:
        plain = create_reply("收到", message).render()
        return driver.service.reply(message, "收到") if encrypted else (200, plain)

    driver.service.answer = answer
    told = await driver.do(await driver.person(), "text", content="我要求助")
    assert told["reply"]["Content"] == "收到"
    (query,), (body,) = driver.service.queries, driver.service.bodies
    assert query["encrypt_type"] == "aes"
    plain = xmltodict.parse(body)["xml"]
    assert plain.pop("Encrypt")
    # The callback read the encrypted part; it says the same as what stands beside it.
    assert plain == driver.service.fields[0]


async def test_a_changed_key_encrypts_at_once_and_the_previous_one_ends(driver: Driver) -> None:
    def encrypted(crypto: WeChatCrypto, message: Any) -> tuple[int, str]:
        return 200, crypto.encrypt_message(create_reply("好", message).render(), "n0nce", "1800000000")

    old = driver.service.crypto
    new = WeChatCrypto(CONFIG.oa_token, CONFIG.mp_aes_key, CONFIG.oa_app_id)
    person = await driver.person()
    await driver.post("/_sim/config", {"oa_aes_key": CONFIG.mp_aes_key})
    # The callback now reads with the new key only, so an encryption under the old one would fail here.
    driver.service.crypto = new
    for crypto in (new, old):
        driver.service.answer = lambda message, crypto=crypto: encrypted(crypto, message)
        assert (await driver.do(person, "text", content="在吗"))["reply"]["Content"] == "好"
    driver.clock.move(601)
    told = await driver.do(person, "text", content="在吗")
    assert [one["error"] for one in told["tries"]] == [
        "the reply does not decrypt with the account's key"
    ] * 3
    driver.service.answer = lambda message: encrypted(new, message)
    assert (await driver.do(person, "text", content="在吗"))["accepted"] is True


async def test_a_reply_encrypted_for_another_application_is_refused(driver: Driver) -> None:
    other = WeChatCrypto(CONFIG.oa_token, CONFIG.oa_aes_key, CONFIG.mp_app_id)
    driver.service.answer = lambda message: (
        200,
        other.encrypt_message(create_reply("好", message).render(), "n0nce", "1800000000"),
    )
    told = await driver.do(await driver.person(), "text", content="在吗")
    assert {one["error"] for one in told["tries"]} == {"the reply is encrypted for another application"}


async def test_each_of_the_applications_verifies_with_its_own_token(driver: Driver) -> None:
    assert (await driver.post("/_sim/verify", {"app": "mp"}))["ok"] is True
    driver.mini.token = "another"
    assert (await driver.post("/_sim/verify", {"app": "mp"}))["ok"] is False
    assert (await driver.post("/_sim/verify", {"app": "oa"}))["ok"] is True
    await driver.post("/_sim/config", {"mp_callback_url": None})
    assert (await driver.post("/_sim/verify", {"app": "mp"}))["error"] == "no callback URL is set"


@pytest.mark.parametrize(
    ("status", "told", "arrives"),
    [
        ("success", "success", True),
        ("user block", "failed:user block", False),
        ("system failed", "failed: system failed", False),
        ("freq limit", "failed:freq limit", False),
        ("none", None, True),
    ],
)
async def test_receipts_say_what_they_are_told_to(
    driver: Driver, status: str, told: str | None, arrives: bool
) -> None:
    await driver.post("/_sim/config", {"receipts": {"status": status, "duplicates": 2, "delay_ms": 20}})
    person = await driver.person()
    sent = await driver.send(person)
    assert sent["errcode"] == 0
    await driver.receipts_settled()
    assert len((await driver.get("/_sim/inbox", openid=person["oa_openid"]))["items"]) == int(arrives)
    expected = [(str(sent["msgid"]), told)] * 3 if told else []
    assert [(fields["MsgID"], fields["Status"]) for fields in driver.service.fields] == expected


async def test_a_late_receipt_is_not_early(driver: Driver) -> None:
    await driver.post("/_sim/config", {"receipts": {"delay_ms": 150}})
    person = await driver.person()
    loop = asyncio.get_running_loop()
    started = loop.time()
    await driver.send(person)
    assert driver.service.fields == []
    await driver.receipts_settled()
    assert loop.time() - started >= 0.145
    assert len(driver.service.fields) == 1


async def test_receipts_that_are_late_end_with_the_simulator(driver: Driver) -> None:
    await driver.post("/_sim/config", {"receipts": {"delay_ms": 600_000}})
    await driver.send(await driver.person())
    assert driver.simulator.world.deliverer.receipts_pending == 1
    await driver.simulator.close()
    assert driver.service.fields == []


async def test_each_subscription_notice_is_told_to_its_own_application(driver: Driver) -> None:
    person = await driver.person()
    await driver.do(person, "consent", key="T1")
    await driver.do(person, "consent_mp", key="T2")
    notice = {"data": {"thing1": {"value": "有新的任务"}}}
    oa = await driver.post(
        "/cgi-bin/message/subscribe/bizsend",
        {"touser": person["oa_openid"], "template_id": "T1", **notice},
        access_token=await driver.token(),
    )
    credentials = {"appid": CONFIG.mp_app_id, "secret": CONFIG.mp_secret}
    token = await driver.post("/cgi-bin/stable_token", {"grant_type": "client_credential", **credentials})
    mp = await driver.post(
        "/cgi-bin/message/subscribe/send",
        {"touser": person["mp_openid"], "template_id": "T2", **notice},
        access_token=token["access_token"],
    )
    assert (oa["errcode"], mp["errcode"]) == (0, 0)
    await driver.receipts_settled()
    for service, template, openid in (
        (driver.service, "T1", person["oa_openid"]),
        (driver.mini, "T2", person["mp_openid"]),
    ):
        popup, sent = service.fields
        assert popup["Event"] == "subscribe_msg_popup_event"
        assert (sent["Event"], sent["FromUserName"]) == ("subscribe_msg_sent_event", openid)
        told = sent["SubscribeMsgSentEvent"]["List"]
        assert told.pop("MsgID").isdigit()
        assert told == {"TemplateId": template, "ErrorCode": "0", "ErrorStatus": "success"}


async def test_a_checked_picture_is_told_of_with_its_trace(driver: Driver) -> None:
    person, _ = driver.simulator.world.add_person("李四")
    driver.simulator.world.queue_media_check(person, "trace-1", "risky", 20002)
    await driver.receipts_settled()
    (fields,) = driver.mini.fields
    assert {key: fields[key] for key in ("Event", "appid", "trace_id", "version", "errcode")} == {
        "Event": "wxa_media_check",
        "appid": CONFIG.mp_app_id,
        "trace_id": "trace-1",
        "version": "2",
        "errcode": "0",
    }
    assert fields["result"] == {"suggest": "risky", "label": "20002"}
    assert fields["detail"]["strategy"] == "content_model"
    assert fields["FromUserName"] not in (person.oa_openid, person.mp_openid)
