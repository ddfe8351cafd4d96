"""The callback's door: what is let in, what is refused, and nothing sent there is a fault of ours."""

import asyncio
import base64
import io
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from wechatpy.crypto import PrpCrypto

from casework.account.model import PlatformEvent
from server.app import Running
from server.clock import SharedClock
from server.migrate import default_answers
from server.parts import Parts, parts_for
from server.settings import Settings, load_settings
from tests.support import until
from tests.worker.helpers import collection
from wechat.codec import ACK, BODY_LIMIT
from wechat.simulator.wire import XmlValue, from_xml, signature, to_xml

PREVIOUS_KEY = "GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba"
OTHER_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
FOLLOWS: dict[str, XmlValue] = {
    "ToUserName": "gh_0123456789ab",
    "FromUserName": "oSomebody",
    "CreateTime": 1790000000,
    "MsgType": "event",
    "Event": "subscribe",
    "EventKey": "",
}
ASKS: dict[str, XmlValue] = {**FOLLOWS, "MsgType": "text", "Content": "在吗", "MsgId": 4711}


def crypto(key: str) -> PrpCrypto:
    """The platform's cipher with an EncodingAESKey."""
    return PrpCrypto(base64.b64decode(key + "="))


@dataclass(frozen=True)
class Door:
    """The callback of a running service, as the platform or anybody else may call it."""

    http: aiohttp.ClientSession
    parts: Parts

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.parts.settings.local_url}/wechat/callback"

    @property
    def token(self) -> str:
        """What signs."""
        return self.parts.settings.oa_token.get_secret_value()

    def signed(self, *parts: str, age: float = 0, **more: str) -> dict[str, str]:
        """A query signed now, or `age` seconds ago; `parts` are signed as well, as ``msg_signature``."""
        query = {"timestamp": str(int(self.parts.clock.time() - age)), "nonce": "n0nce", **more}
        query["signature"] = signature(self.token, query["timestamp"], query["nonce"])
        if parts:
            query["encrypt_type"] = "aes"
            query["msg_signature"] = signature(self.token, query["timestamp"], query["nonce"], *parts)
        return query

    def sealed(
        self, fields: Mapping[str, Any] | str, key: str | None = None, app_id: str | None = None
    ) -> tuple[dict[str, str], bytes]:
        """A query and a body in safe mode."""
        settings = self.parts.settings
        xml = fields if isinstance(fields, str) else to_xml(fields)
        cipher = crypto(key or settings.oa_aes_key.get_secret_value())
        encrypted = cipher.encrypt(xml, app_id or settings.oa_app_id).decode()
        return self.signed(encrypted), to_xml({"ToUserName": "gh_1", "Encrypt": encrypted}).encode()

    async def post(
        self, query: Mapping[str, str], body: bytes | io.BytesIO, content_type: str = "text/xml"
    ) -> tuple[int, bytes]:
        """POST; the status and the body of the answer."""
        headers = {"Content-Type": content_type}
        async with self.http.post(self.url, params=query, data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    async def stored(self) -> int:
        """How much was written because of what was sent; who follows is an event and a fan."""
        await self.parts.services.account.flush()
        names = ("platform_events", "fans", "persons", "notices")
        return sum([await collection(self.parts, name).count_documents({}) for name in names])


@pytest.fixture
async def door(settings: Settings, http: aiohttp.ClientSession) -> AsyncIterator[Door]:
    """A service that knows two EncodingAESKeys."""
    changed = settings.model_copy(update={"oa_aes_key_previous": SecretStr(PREVIOUS_KEY)})
    async with parts_for(changed) as parts:
        await parts.stores.account.add_missing_answers(default_answers(settings.oa_app_id))
        running = Running(parts)
        yield Door(http, parts)
        await running.close()


async def test_the_platform_s_check_of_the_address_is_echoed(door: Door) -> None:
    async def get(query: Mapping[str, str]) -> tuple[int, str]:
        async with door.http.get(door.url, params=query) as answer:
            return answer.status, await answer.text()

    assert await get(door.signed(echostr="5837492834792")) == (200, "5837492834792")
    settings = door.parts.settings
    sealed = crypto(settings.oa_aes_key.get_secret_value()).encrypt("77", settings.oa_app_id).decode()
    assert await get(door.signed(sealed, echostr=sealed)) == (200, "77")
    assert await get({**door.signed(echostr="1"), "signature": "0" * 40}) == (403, "")
    assert await get(door.signed()) == (400, "")
    assert (await get({}))[0] == 403


async def test_plain_and_both_keys_are_taken_and_answered_in_kind(door: Door) -> None:
    status, body = await door.post(door.signed(), to_xml(ASKS).encode())
    assert (status, from_xml(body.decode())["FromUserName"]) == (200, "gh_0123456789ab")
    for key in (door.parts.settings.oa_aes_key.get_secret_value(), PREVIOUS_KEY):
        status, body = await door.post(*door.sealed(ASKS, key))
        assert status == 200
        envelope = from_xml(body.decode())
        parts = (envelope["TimeStamp"], envelope["Nonce"], envelope["Encrypt"])
        assert envelope["MsgSignature"] == signature(door.token, *parts)
        reply = from_xml(crypto(key).decrypt(envelope["Encrypt"], door.parts.settings.oa_app_id))
        assert (reply["ToUserName"], reply["MsgType"]) == ("oSomebody", "text")
        assert "已收到" in reply["Content"]


async def test_what_is_not_the_platform_s_is_refused_and_leaves_nothing(door: Door) -> None:
    plain, entity = to_xml(FOLLOWS).encode(), b'<!DOCTYPE xml [<!ENTITY a "aaaa">]>'
    bomb = b'<!DOCTYPE xml [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><xml><ToUserName>&b;</ToUserName></xml>'
    query, sealed = door.sealed(FOLLOWS)
    deep = b"<xml>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</xml>"
    for what, wanted, sent, body in [
        ("no signature", 403, {}, plain),
        ("wrong signature", 403, {**door.signed(), "signature": "0" * 40}, plain),
        ("wrong signature of no text at all", 403, {**door.signed(), "signature": "x"}, b"\xff\x00"),
        ("another nonce", 403, {**door.signed(), "nonce": "other"}, plain),
        ("wrong msg_signature", 403, {**query, "msg_signature": "0" * 40}, sealed),
        ("another body", 403, query, door.sealed(ASKS)[1]),
        ("too old", 403, door.signed(age=302), plain),
        ("from the future", 403, door.signed(age=-302), plain),
        ("no time", 403, {"signature": signature(door.token, "", "n"), "nonce": "n"}, plain),
        ("endless time", 403, {**door.signed(), "timestamp": "9" * 40}, plain),
        ("a document type", 400, door.signed(), entity + plain),
        ("a bomb", 400, door.signed(), bomb),
        ("an entity inside", 400, door.signed(), plain.replace(b"<![CDATA[]]>", b"&x;")),
        ("a bomb inside", 400, *door.sealed(bomb.decode())),
        ("nothing", 400, door.signed(), b""),
        ("half of it", 400, door.signed(), plain[: len(plain) // 2]),
        ("JSON", 400, door.signed(), b'{"ToUserName": "gh_1"}'),
        ("noise", 400, door.signed(), os.urandom(4096)),
        ("noise inside", 400, door.signed("AAAA"), b"<xml><Encrypt>AAAA</Encrypt></xml>"),
        ("too deep", 400, door.signed(), deep),
        ("no sender", 400, door.signed(), to_xml({**FOLLOWS, "FromUserName": ""}).encode()),
        (
            "two senders",
            400,
            door.signed(),
            plain.replace(b"</xml>", b"<FromUserName>b</FromUserName></xml>"),
        ),
        ("no time of making", 400, door.signed(), to_xml({**FOLLOWS, "CreateTime": "soon"}).encode()),
        ("an event without a name", 400, door.signed(), to_xml({**FOLLOWS, "Event": ""}).encode()),
        ("a key of nobody", 400, *door.sealed(FOLLOWS, OTHER_KEY)),
        ("another account", 400, *door.sealed(FOLLOWS, app_id="wxsomebodyelse")),
        ("no envelope", 400, {**query, "msg_signature": signature(door.token)}, plain),
        ("too large", 413, door.signed(), plain + b" " * BODY_LIMIT),
    ]:
        status, answered = await door.post(sent, body)
        assert status == wanted, what
        assert b"Traceback" not in answered
        assert ACK not in answered, what
    assert await door.stored() == 0
    # A form's fields are no query: a body cannot sign itself.
    forms = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data")
    for content_type in forms:
        status, _ = await door.post({}, b"a=b&c", content_type)
        assert status in (400, 403), content_type
    assert await door.stored() == 0


async def test_an_enormous_body_is_cut_off(door: Door) -> None:
    try:
        status, _ = await door.post(door.signed(), io.BytesIO(b"<xml>" + bytes(32 << 20)))
    except aiohttp.ClientError:
        status = 413
    assert status in (400, 413)
    assert (await door.post(door.signed(), to_xml(ASKS).encode()))[0] == 200


async def test_the_window_is_five_minutes_each_way_by_the_shared_clock(
    door: Door, clock: SharedClock
) -> None:
    sent, body = door.signed(), to_xml(ASKS).encode()
    for seconds, wanted in ((298, 200), (4, 403), (-2 * 302, 403), (4 + 2, 200)):
        clock.move(seconds)
        assert (await door.post(sent, body))[0] == wanted, seconds


async def test_a_recorded_call_played_again_has_no_second_effect(door: Door) -> None:
    recorded = door.sealed(FOLLOWS)
    first = await door.post(*recorded)
    assert first[0] == 200
    for _ in range(5):
        assert await door.post(*recorded) == (200, ACK)
    assert await collection(door.parts, "platform_events").count_documents({}) == 1


async def test_production_takes_sealed_bodies_only(settings: Settings, http: aiohttp.ClientSession) -> None:
    environment = {
        **settings.environment(),
        "FANGPIN_MODE": "production",
        "FANGPIN_PUBLIC_URL": "https://fangpin.example",
    }
    async with parts_for(load_settings(environment)) as parts:
        running = Running(parts)
        door = Door(http, parts)
        try:
            assert (await door.post(door.signed(), to_xml(FOLLOWS).encode()))[0] == 400
            assert await door.stored() == 0
            assert (await door.post(*door.sealed(FOLLOWS)))[0] == 200
            assert await door.stored() == 2
        finally:
            await running.close()


async def test_a_stop_answers_what_it_has_taken(
    settings: Settings, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with parts_for(settings) as parts:
        running, door = Running(parts), Door(http, parts)
        taken, go_on = asyncio.Event(), asyncio.Event()
        add_event = parts.stores.account.add_event

        async def slowly(event: PlatformEvent) -> bool:
            taken.set()
            await go_on.wait()
            return await add_event(event)

        monkeypatch.setattr(parts.stores.account, "add_event", slowly)
        asking = asyncio.ensure_future(door.post(*door.sealed(FOLLOWS)))
        await taken.wait()
        stopping = asyncio.ensure_future(running.close())

        async def closed() -> bool:
            try:
                await door.post({}, b"")
            except aiohttp.ClientConnectorError:
                return True
            return False

        await until(closed, what="the end of listening")
        go_on.set()
        assert (await asking)[0] == 200
        await stopping
        assert await door.stored() == 2
