"""Our callback and the cryptography of others: they encrypt what we read, and read what we encrypt."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import xmltodict
from wechatpy.crypto import WeChatCrypto

from server.clock import SharedClock
from server.settings import Settings
from tests.wechat.others.support import Json, Node

ACCOUNT = "gh_0123456789ab"


@dataclass(frozen=True)
class Crypto:
    """What a library offers for encrypted messages.

    Attributes:
        encrypt: makes an envelope (Encrypt, MsgSignature, TimeStamp, Nonce) of XML, nonce and timestamp.
        decrypt: makes XML of Encrypt, signature, timestamp and nonce; raises for a wrong signature.
    """

    encrypt: Callable[[str, str, str], str]
    decrypt: Callable[[str, str, str, str], str]


def _wechatpy(account: dict[str, str]) -> Crypto:
    crypto = WeChatCrypto(account["token"], account["aes_key"], account["app_id"])
    return Crypto(
        crypto.encrypt_message,
        lambda text, signature, timestamp, nonce: crypto.decrypt_message(
            {"Encrypt": text}, signature, timestamp, nonce
        ),
    )


def _node_easywechat(node: Node) -> Crypto:
    return Crypto(
        lambda xml, nonce, timestamp: node("easy.encrypt", xml, nonce, timestamp),
        lambda text, signature, timestamp, nonce: node("easy.decrypt", text, signature, nonce, timestamp),
    )


@pytest.fixture(params=["wechatpy", "node-easywechat"])
def crypto(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Crypto:
    """One library's, with the account of the service."""
    account = {
        "app_id": settings.oa_app_id,
        "secret": settings.oa_secret.get_secret_value(),
        "token": settings.oa_token.get_secret_value(),
        "aes_key": settings.oa_aes_key.get_secret_value(),
    }
    if request.param == "wechatpy":
        return _wechatpy(account)
    node: Node = request.getfixturevalue("node_process")
    node.use(settings.local_simulator_url, tmp_path, account)
    return _node_easywechat(node)


@dataclass(frozen=True)
class Door:
    """Our callback, as the platform calls it."""

    http: aiohttp.ClientSession
    url: str
    token: str
    clock: SharedClock

    async def post(self, crypto: Crypto, xml: str) -> tuple[int, str]:
        """Send a message under a library's cryptography; the status and the body of the answer."""
        envelope = xmltodict.parse(crypto.encrypt(xml, "n0nce", str(int(self.clock.time()))))["xml"]
        parts = sorted((self.token, envelope["TimeStamp"], envelope["Nonce"]))
        query = {
            "signature": hashlib.sha1("".join(parts).encode()).hexdigest(),
            "timestamp": envelope["TimeStamp"],
            "nonce": envelope["Nonce"],
            "openid": "oSomebody",
            "encrypt_type": "aes",
            "msg_signature": envelope["MsgSignature"],
        }
        # What the platform posts is the account and the encrypted part; the rest travels in the query.
        body = xmltodict.unparse({"xml": {"ToUserName": ACCOUNT, "Encrypt": envelope["Encrypt"]}})
        sent = body.partition("\n")[2].encode()
        headers = {"Content-Type": "text/xml"}
        async with self.http.post(self.url, params=query, data=sent, headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def door(service: str, http: aiohttp.ClientSession, settings: Settings, clock: SharedClock) -> Door:
    """The door of a running service."""
    return Door(http, f"{service}/wechat/callback", settings.oa_token.get_secret_value(), clock)


def message(clock: SharedClock, **fields: str) -> str:
    """The XML of a message from somebody."""
    common = {"ToUserName": ACCOUNT, "FromUserName": "oSomebody", "CreateTime": str(int(clock.time()))}
    return xmltodict.unparse({"xml": {**common, **fields}})


def opened(crypto: Crypto, body: str) -> Json:
    """Our encrypted reply, as a library reads it."""
    reply = xmltodict.parse(body)["xml"]
    signed = (reply["MsgSignature"], reply["TimeStamp"], reply["Nonce"])
    fields: Json = xmltodict.parse(crypto.decrypt(reply["Encrypt"], *signed))["xml"]
    return fields


async def test_a_text_is_read_and_the_encrypted_reply_is_understood(
    door: Door, crypto: Crypto, clock: SharedClock
) -> None:
    xml = message(clock, MsgType="text", Content="家里进水了 & <急>", MsgId="7288990011223344556")
    status, body = await door.post(crypto, xml)
    assert status == 200
    reply = opened(crypto, body)
    assert (reply["ToUserName"], reply["FromUserName"]) == ("oSomebody", ACCOUNT)
    assert reply["MsgType"] == "text"
    assert "已收到" in reply["Content"]


async def test_a_follow_is_welcomed(door: Door, crypto: Crypto, clock: SharedClock) -> None:
    status, body = await door.post(crypto, message(clock, MsgType="event", Event="subscribe", EventKey=""))
    assert status == 200
    assert "您好" in opened(crypto, body)["Content"]


async def test_a_reply_that_was_changed_is_refused_by_them(
    door: Door, crypto: Crypto, clock: SharedClock
) -> None:
    xml = message(clock, MsgType="text", Content="在吗", MsgId="7288990011223344557")
    _, body = await door.post(crypto, xml)
    reply = xmltodict.parse(body)["xml"]
    with pytest.raises(Exception, match=r"(?i)signature"):
        crypto.decrypt(reply["Encrypt"], "0" * 40, reply["TimeStamp"], reply["Nonce"])


async def test_a_message_for_another_account_is_refused_by_us(
    door: Door, settings: Settings, clock: SharedClock
) -> None:
    stranger = _wechatpy(
        {
            "app_id": "wxsomebodyelse",
            "token": door.token,
            "aes_key": settings.oa_aes_key.get_secret_value(),
        }
    )
    assert (await door.post(stranger, message(clock, MsgType="text", Content="在吗", MsgId="1")))[0] == 400
