"""How callbacks look on the wire: XML, signatures, and the three modes of encryption.

Source: 接入指南, 接收普通消息 and 消息加解密说明 in the platform's documentation.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from wechatpy.crypto import PrpCrypto
from wechatpy.exceptions import InvalidAppIdException

from wechat.simulator.config import CallbackMode
from wechat.simulator.limits import PLATFORM

XmlValue = str | int | float | Mapping[str, Any] | list[Any] | tuple[Any, ...]
# XML 1.0 has no way at all to write these, so the platform cannot carry them either.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A reply of another type is refused by the platform ("该公众号提供的服务出现故障").
REPLY_TYPES = ("text", "image", "voice", "video", "music", "news", "transfer_customer_service")
# Both mean "received, nothing to say" (source: 被动回复用户消息, 特别强调).
NOTHING_TO_SAY = ("", "success")


class WrongAnswer(Exception):
    """The service answered something that the platform would not accept; the text says what."""


def to_xml(fields: Mapping[str, XmlValue], tag: str = "xml") -> str:
    """Write fields as the platform's XML: text in CDATA and numbers bare.

    A list is written as one element that holds an `item` for each entry (`PicList`), a tuple as the element
    itself repeated (`List` of the subscription events).
    """
    return f"<{tag}>{''.join(_element(key, value) for key, value in fields.items())}</{tag}>"


def _element(key: str, value: XmlValue) -> str:
    if isinstance(value, Mapping):
        return to_xml(value, key)
    if isinstance(value, list):
        return f"<{key}>{''.join(_element('item', item) for item in value)}</{key}>"
    if isinstance(value, tuple):
        return "".join(_element(key, item) for item in value)
    if isinstance(value, int | float):
        return f"<{key}>{value}</{key}>"
    text = NOT_XML.sub("", str(value)).replace("]]>", "]]]]><![CDATA[>")
    return f"<{key}><![CDATA[{text}]]></{key}>"


def from_xml(text: str) -> dict[str, Any]:
    """Read the platform's XML into a dictionary; elements that repeat or are called `item` become a list.

    Raises:
        WrongAnswer: the text is not XML of that kind, or declares a document type.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise WrongAnswer("the answer is neither 'success' nor XML") from error
    if root.getroottree().docinfo.doctype:
        raise WrongAnswer("the answer declares a document type")
    read = _read(root)
    if root.tag != "xml" or not isinstance(read, dict):
        raise WrongAnswer("the answer's XML has no <xml> with fields")
    return read


def _read(element: Any) -> Any:
    children = list(element)
    if not children:
        return element.text or ""
    if all(child.tag == "item" for child in children):
        return [_read(child) for child in children]
    found: dict[str, list[Any]] = {}
    for child in children:
        found.setdefault(child.tag, []).append(_read(child))
    return {tag: values[0] if len(values) == 1 else values for tag, values in found.items()}


def signature(*parts: str) -> str:
    """Return the SHA1 of the sorted parts, in hexadecimal (source: 接入指南, 校验签名)."""
    # The platform prescribes SHA1.
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


@dataclass(kw_only=True)
class Address:
    """Where the callbacks of one application go, and what signs and encrypts them.

    Arguments:
        app_id: the application's id, part of what is encrypted.
        username: its original id (`gh_…`), the `ToUserName` of its callbacks.
        token: what signs.
        aes_key: its EncodingAESKey, 43 characters.
        url: where to deliver; None delivers nothing.
        mode: "plain", "compatible" or "safe".
    """

    app_id: str
    username: str
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    url: str | None
    mode: CallbackMode
    # The key before the present one, and until when (unix seconds) replies under it are taken.
    previous: tuple[str, float] | None = field(default=None, repr=False)

    def change_key(self, aes_key: str, now: float) -> None:
        """Encrypt with another EncodingAESKey from `now` (unix seconds) on.

        Source: 消息加解密说明, 开发者FAQ: a service keeps the present and the previous key and answers with
        the one that decrypted, so replies under the previous one still arrive for a while.
        """
        if aes_key != self.aes_key:
            self.previous = (self.aes_key, now + PLATFORM.previous_aes_key_seconds)
            self.aes_key = aes_key

    def query(self, now: float) -> dict[str, str]:
        """Return the three parameters that sign every request to the callback, for `now` (unix seconds)."""
        timestamp, nonce = str(int(now)), str(secrets.randbelow(2_000_000_000))
        return {
            "signature": signature(self.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
        }

    def write(self, fields: Mapping[str, XmlValue], now: float) -> tuple[dict[str, str], str]:
        """Return (query, body) of the request that carries a message, signed at `now` (unix seconds)."""
        query = {**self.query(now), "openid": str(fields["FromUserName"])}
        if self.mode == "plain":
            return query, to_xml(fields)
        encrypted = PrpCrypto(_key(self.aes_key)).encrypt(to_xml(fields), self.app_id).decode()
        query["encrypt_type"] = "aes"
        query["msg_signature"] = signature(self.token, query["timestamp"], query["nonce"], encrypted)
        shown = fields if self.mode == "compatible" else {"ToUserName": self.username}
        return query, to_xml({**shown, "Encrypt": encrypted})

    def read(self, text: str, openid: str, now: float) -> dict[str, Any] | None:
        """Return the reply in an answer to a message from `openid`; None where it says nothing.

        Raises:
            WrongAnswer: the platform would not take it.
        """
        if text.strip() in NOTHING_TO_SAY:
            return None
        reply = from_xml(text)
        # In the compatible mode the service may answer either way.
        if self.mode == "safe" or (self.mode == "compatible" and "Encrypt" in reply):
            reply = self._decrypt(reply, now)
        for key, expected in (("ToUserName", openid), ("FromUserName", self.username)):
            if reply.get(key) != expected:
                raise WrongAnswer(f"the reply's {key} is not the one of the message")
        if reply.get("MsgType") not in REPLY_TYPES:
            raise WrongAnswer("the reply's MsgType is unknown")
        return reply

    def _decrypt(self, envelope: dict[str, Any], now: float) -> dict[str, Any]:
        try:
            parts = [str(envelope[key]) for key in ("TimeStamp", "Nonce", "Encrypt")]
            signed = str(envelope["MsgSignature"])
        except KeyError as missing:
            raise WrongAnswer(f"the encrypted reply has no {missing.args[0]}") from missing
        if not secrets.compare_digest(signature(self.token, *parts).encode(), signed.encode()):
            raise WrongAnswer("the encrypted reply's MsgSignature is wrong")
        keys = [self.aes_key]
        if self.previous is not None and now < self.previous[1]:
            keys.append(self.previous[0])
        inner = next((text for key in keys if (text := self._opened(key, parts[2])) is not None), None)
        if inner is None:
            raise WrongAnswer("the reply does not decrypt with the account's key")
        return from_xml(inner)

    def _opened(self, aes_key: str, encrypted: str) -> str | None:
        try:
            text: str = PrpCrypto(_key(aes_key)).decrypt(encrypted, self.app_id)
        except InvalidAppIdException as error:
            raise WrongAnswer("the reply is encrypted for another application") from error
        # Garbage under the key shows as any of a dozen errors of base64, padding, struct and text.
        except Exception:
            return None
        return text


def _key(aes_key: str) -> bytes:
    return base64.b64decode(aes_key + "=")
