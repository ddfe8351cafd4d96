"""Callbacks to the service: signed, encrypted, timed and tried again as the platform does.

Source: 接收普通消息, 接收事件推送, 被动回复用户消息 and 消息加解密说明 in the platform's documentation.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from lxml import etree
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException

from wechat.simulator.config import CallbackMode, Clock, SimulatorConfig
from wechat.simulator.limits import MEMORY, PLATFORM

XmlValue = str | int | float | Mapping[str, Any] | list[Any]
# XML 1.0 has no way at all to write these, so the platform cannot carry them either.
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A reply of another type is refused by the platform ("该公众号提供的服务出现故障").
REPLY_TYPES = ("text", "image", "voice", "video", "music", "news", "transfer_customer_service")
# Both mean "received, nothing to say" (source: 被动回复用户消息, 特别强调).
NOTHING_TO_SAY = ("", "success")


def to_xml(fields: Mapping[str, XmlValue], tag: str = "xml") -> str:
    """Write fields as the platform's XML: text in CDATA, numbers bare, a list as repeated `item`s."""
    return f"<{tag}>{''.join(_element(key, value) for key, value in fields.items())}</{tag}>"


def _element(key: str, value: XmlValue) -> str:
    if isinstance(value, Mapping):
        return to_xml(value, key)
    if isinstance(value, list):
        return f"<{key}>{''.join(_element('item', item) for item in value)}</{key}>"
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
    return {child.tag: _read(child) for child in children}


def signature(*parts: str) -> str:
    """Return the SHA1 of the sorted parts, in hexadecimal (source: 接入指南, 校验签名)."""
    # The platform prescribes SHA1.
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


class WrongAnswer(Exception):
    """The service answered something that the platform would not accept; the text says what."""


@dataclass(frozen=True)
class Try:
    """One try of a delivery: HTTP status (None without an answer), duration, answer and what was wrong."""

    status: int | None
    ms: float
    body: Any
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the try as `/_sim/events` shows one."""
        return {"status": self.status, "ms": self.ms, "body": self.body, "error": self.error}


@dataclass
class Delivery:
    """What became of one callback: its tries, and the passive reply if there was one."""

    tries: list[Try] = field(default_factory=list)
    reply: dict[str, Any] | None = None
    accepted: bool = False


@dataclass
class Counters:
    """How many receipts were asked for, accepted, given up after all tries, and dropped for want of room."""

    queued: int = 0
    accepted: int = 0
    failed: int = 0
    dropped: int = 0


class Deliverer:
    """Sends callbacks over one kept-alive session, and receipts in the background.

    Arguments:
        config: credentials, timeouts and the first callback URL and mode.
        clock: stamps and signs with the demo's time.
    """

    def __init__(self, config: SimulatorConfig, clock: Clock) -> None:
        self.url = config.callback_url
        self.mode: CallbackMode = config.callback_mode
        self.receipts = Counters()
        self._config = config
        self._clock = clock
        self._crypto = WeChatCrypto(config.oa_token, config.oa_aes_key, config.oa_app_id)
        self._session: aiohttp.ClientSession | None = None
        self._waiting: deque[tuple[str, Mapping[str, XmlValue]]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[list[Delivery]]] = set()

    def queue_receipt(self, openid: str, fields: Mapping[str, XmlValue]) -> None:
        """Have an event delivered in the background; returns at once."""
        if self.url is None:
            return
        self.receipts.queued += 1
        if len(self._waiting) >= MEMORY.receipts_waiting:
            self.receipts.dropped += 1
            return
        self._waiting.append((openid, fields))
        if len(self._workers) < self._config.receipt_concurrency:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    @property
    def receipts_pending(self) -> int:
        """How many receipts wait or are on their way."""
        return self.receipts.queued - self.receipts.accepted - self.receipts.failed - self.receipts.dropped

    def start(self, work: Coroutine[Any, Any, list[Delivery]]) -> asyncio.Task[list[Delivery]]:
        """Run deliveries in a task that outlives the request that asked for them, and ends with `close`."""
        job = asyncio.get_running_loop().create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def deliver(self, openid: str, fields: Mapping[str, XmlValue]) -> Delivery:
        """Deliver a callback, with up to three tries if it times out, breaks or is answered wrongly.

        Arguments:
            openid: the official-account openid of the person it is about.
            fields: the message's fields, `ToUserName` and so on.
        """
        delivery = Delivery()
        xml = to_xml(fields)
        for number in range(PLATFORM.callback_tries):
            url = self.url
            if url is None:
                break
            if number and delivery.tries[-1].ms < self._config.callback_timeout_ms:
                await asyncio.sleep(self._config.callback_retry_pause_ms / 1000)
            attempt, reply = await self._try(url, openid, xml)
            delivery.tries.append(attempt)
            if attempt.error is None:
                delivery.accepted = True
                delivery.reply = reply
                break
        return delivery

    async def verify_url(self) -> Try:
        """Ask what the platform asks when a URL is set: the callback must answer the bare `echostr`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        if self.url is None:
            return Try(None, 0, None, "no callback_url is set")
        query = self._signed_query()
        query["echostr"] = str(secrets.randbelow(10**19))
        try:
            async with self._open_session().get(self.url, params=query, allow_redirects=False) as response:
                body = await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Try(None, _ms(loop.time() - started), None, type(error).__name__)
        right = response.status == 200 and body == query["echostr"]
        return Try(
            response.status, _ms(loop.time() - started), body, None if right else "echostr was not echoed"
        )

    async def close(self) -> None:
        """Stop what is on its way and close the session."""
        tasks = [*self._workers, *self._jobs]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _work(self) -> None:
        # A worker ends when nothing waits; the next receipt starts another, so an idle simulator has no
        # tasks.
        while self._waiting:
            openid, fields = self._waiting.popleft()
            delivery = await self.deliver(openid, fields)
            if delivery.accepted:
                self.receipts.accepted += 1
            else:
                self.receipts.failed += 1

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._config.callback_timeout_ms / 1000),
                connector=aiohttp.TCPConnector(limit=200),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Mozilla/4.0"},
            )
        return self._session

    def _signed_query(self) -> dict[str, str]:
        timestamp = str(int(self._clock.time()))
        nonce = str(secrets.randbelow(2_000_000_000))
        return {
            "signature": signature(self._config.oa_token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
        }

    async def _try(self, url: str, openid: str, xml: str) -> tuple[Try, dict[str, Any] | None]:
        # Every try is signed anew; the message inside, with its MsgId and CreateTime, stays the same.
        query = self._signed_query()
        query["openid"] = openid
        body = xml
        if self.mode == "safe":
            encrypted = PrpCrypto(self._crypto.key).encrypt(xml, self._config.oa_app_id).decode()
            query["encrypt_type"] = "aes"
            query["msg_signature"] = signature(
                self._config.oa_token, query["timestamp"], query["nonce"], encrypted
            )
            body = to_xml({"ToUserName": self._config.oa_username, "Encrypt": encrypted})
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with self._open_session().post(
                url,
                params=query,
                data=body.encode(),
                headers={"Content-Type": "text/xml"},
                allow_redirects=False,
            ) as response:
                text = (await response.read()).decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Try(None, _ms(loop.time() - started), None, type(error).__name__), None
        ms = _ms(loop.time() - started)
        if response.status != 200:
            return Try(response.status, ms, text, f"HTTP status {response.status}"), None
        try:
            reply = self._read_reply(text, openid)
        except WrongAnswer as wrong:
            return Try(response.status, ms, text, str(wrong)), None
        return Try(response.status, ms, text if reply is None else reply), reply

    def _read_reply(self, text: str, openid: str) -> dict[str, Any] | None:
        if text.strip() in NOTHING_TO_SAY:
            return None
        reply = from_xml(text)
        if self.mode == "safe":
            reply = self._decrypt(reply)
        for key, expected in (("ToUserName", openid), ("FromUserName", self._config.oa_username)):
            if reply.get(key) != expected:
                raise WrongAnswer(f"the reply's {key} is not the one of the message")
        if reply.get("MsgType") not in REPLY_TYPES:
            raise WrongAnswer("the reply's MsgType is unknown")
        return reply

    def _decrypt(self, envelope: dict[str, Any]) -> dict[str, Any]:
        try:
            parts = [str(envelope[key]) for key in ("TimeStamp", "Nonce", "Encrypt")]
            signed = str(envelope["MsgSignature"])
        except KeyError as missing:
            raise WrongAnswer(f"the encrypted reply has no {missing.args[0]}") from missing
        if not secrets.compare_digest(signature(self._config.oa_token, *parts).encode(), signed.encode()):
            raise WrongAnswer("the encrypted reply's MsgSignature is wrong")
        try:
            inner = PrpCrypto(self._crypto.key).decrypt(parts[2], self._config.oa_app_id)
        except InvalidAppIdException as error:
            raise WrongAnswer("the reply is encrypted for another application") from error
        # Garbage under the key shows as any of a dozen errors of base64, padding, struct and text.
        except Exception as error:
            raise WrongAnswer("the reply does not decrypt with the account's key") from error
        return from_xml(inner)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
