"""The callback codec: what WeChat posts to us, and what we answer.

Rules: https://developers.weixin.qq.com/doc/service/guide/dev/push/encryption.html:
signatures; plain, compatible and safe mode; AES-256-CBC, PKCS#7 to 32 bytes;
``random(16) + length(4, big-endian) + xml + appid``.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from lxml import etree

ACK = b"success"
BODY_LIMIT = 64 * 1024
_DEPTH_LIMIT = 8
_BLOCK = 32

# The platform repeats these elements, so that they are lists even when there is only one:
# SubscribeMsg…Event/List and SendPicsInfo/PicList/item.
_REPEATED = frozenset({"List", "item"})

# A DOCTYPE (and with it every entity) can stand only before the root element. Asking for the root right after
# an optional declaration therefore refuses them without touching a text that merely talks about "<!DOCTYPE".
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,128}\?>\s*)?(?=<xml[\s>])")
_ENCRYPT = re.compile(rb"<Encrypt>\s*(?:<!\[CDATA\[)?([A-Za-z0-9+/=\s]*+)(?:\]\]>)?\s*</Encrypt>")
# What XML 1.0 cannot hold at all, whatever the escaping.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


T = TypeVar("T")


class CallbackRefused(Exception):
    """A callback that is not answered.

    Its text is only the reason code, never a part of what was received.

    Attributes:
        status: the HTTP status to answer.
        reason_code: a short English word for logs and metrics.
    """

    status: ClassVar[int] = 400

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


class BadSignature(CallbackRefused):
    """The signature is missing or wrong."""

    status = 403


class StaleTimestamp(CallbackRefused):
    """The timestamp is missing, no number, or too far from now."""

    status = 403


class BadBody(CallbackRefused):
    """The body is not what the platform sends: malformed, with a DOCTYPE, or not decipherable."""

    status = 400


class BodyTooLarge(CallbackRefused):
    """The body is longer than ``BODY_LIMIT``."""

    status = 413


@dataclass(frozen=True, slots=True)
class Message:
    """One message or event from the platform.

    Attributes:
        app_id: the AppID of the account that it was sent to.
        to_user: the account's original id (``gh_…``).
        openid: who sent it.
        created_at: WeChat's ``CreateTime``, in seconds since 1970.
        kind: ``MsgType`` in lower case: ``text``, ``image``, ``event`` …
        event: ``Event`` in lower case, or ``None`` when it is no event.
        event_key: ``EventKey``, or ``""``.
        msg_id: ``MsgId`` (messages) or ``MsgID`` (some events), or ``None``.
        content: the text of a text message, or ``""``.
        fields: every element by its name. A text is ``str``, an element with children ``dict``; ``List`` and
            ``item`` and whatever else repeats are lists.
        encrypted: whether it came encrypted, so that the reply must be too.
        key: ``current`` or ``previous``: the key that decrypted it; ``None`` when it came plain.
    """

    app_id: str
    to_user: str
    openid: str
    created_at: int
    kind: str
    event: str | None
    event_key: str
    msg_id: str | None
    content: str = field(repr=False)
    fields: dict[str, Any] = field(repr=False)
    encrypted: bool
    key: str | None

    @property
    def dedup_key(self) -> str:
        """The same for every delivery of the same message.

        ``MsgId`` for messages. Events have none, so sender, time, event and event key stand in; receipts
        (TEMPLATESENDJOBFINISH, subscribe_msg_sent_event) add the ``MsgID`` of the message they report, as
        one person gets several within a second; consents add their templates, the verdicts on media their
        ``trace_id``, and withdrawn authorisations, whose sender is the platform, the person and what they
        withdrew. Source: the callback guide on de-duplication (排重), and 授权用户信息变更.
        """
        if self.event is None and self.msg_id:
            return self.msg_id
        parts = [self.openid, str(self.created_at), self.event or self.kind, self.event_key]
        more = (self.msg_id, *map(self.fields.get, ("trace_id", "OpenID", "RevokeInfo")))
        parts += [part for part in more if isinstance(part, str) and part]
        parts += (
            str(item.get("MsgID") or item.get("TemplateId") or "")
            for group in self.fields.values()
            if isinstance(group, dict)
            for item in group.get("List", ())
            if isinstance(item, dict)
        )
        return ":".join(parts)


class _Key:
    """One EncodingAESKey, ready to use."""

    __slots__ = ("_cipher", "name")

    def __init__(self, name: str, encoded: str) -> None:
        try:
            raw = base64.b64decode(encoded + "=", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(encoded) != 43 or len(raw) != 32:
            raise ValueError(f"the {name} EncodingAESKey must be 43 letters and digits")
        self.name = name
        # The platform's rule: the initialisation vector is the first 16 bytes of the key.
        self._cipher = Cipher(algorithms.AES(raw), modes.CBC(raw[:16]))

    def encrypt(self, padded: bytes) -> bytes:
        encryptor = self._cipher.encryptor()
        return encryptor.update(padded) + encryptor.finalize()

    def decrypt(self, ciphertext: bytes) -> bytes:
        decryptor = self._cipher.decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()


def _sign(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(sorted(parts)), usedforsecurity=False).hexdigest().encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _cdata(text: str) -> str:
    # "]]>" would end the section early, so it is split over two sections.
    return "<![CDATA[" + _NOT_XML.sub("", text).replace("]]>", "]]]]><![CDATA[>") + "]]>"


class Codec:
    """Checks, decrypts and parses callbacks of one account, and builds replies.

    Args:
        app_id: the account's AppID; an encrypted body for another one is refused.
        token: the callback token set in the account.
        aes_key: EncodingAESKey, 43 characters, or ``None`` for an account that only uses plain mode.
        previous_aes_key: the key before the last change; it still decrypts.
        now: tells seconds since 1970.
        window: how many seconds a timestamp may differ from now.
        allow_plain: whether unencrypted bodies are taken. In plain mode the signature does not cover the
            body, so an account in safe mode should set this to ``False``.
        username: the account's original id (``gh_…``), by which an unencrypted body is told from another
            account's with the same token; ``None`` takes any.

    Raises:
        ValueError: when a key is not an EncodingAESKey.
    """

    def __init__(
        self,
        app_id: str,
        token: str,
        aes_key: str | None,
        previous_aes_key: str | None = None,
        *,
        now: Callable[[], float],
        window: float = 300,
        allow_plain: bool = True,
        username: str | None = None,
    ) -> None:
        self.app_id = app_id
        self._username = username
        self._app_id = app_id.encode()
        self._token = token.encode()
        names = (("current", aes_key), ("previous", previous_aes_key))
        self._keys = tuple(_Key(name, encoded) for name, encoded in names if encoded)
        self._now = now
        self._window = window
        self._allow_plain = allow_plain
        self._parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8"
        )

    def __repr__(self) -> str:
        return f"Codec({self.app_id!r})"

    def echo(self, query: Mapping[str, str]) -> str:
        """Answer the platform's check of our address (GET).

        Args:
            query: ``signature``, ``timestamp``, ``nonce`` and ``echostr``, which is encrypted when there is a
                ``msg_signature``.

        Returns:
            The bare ``echostr``, to be answered as plain text.

        Raises:
            BadSignature, StaleTimestamp: status 403.
            BadBody: ``echostr`` is missing or cannot be decrypted.
        """
        encrypted = "msg_signature" in query
        self._check_query(query, required=not encrypted)
        echostr = query.get("echostr", "")
        if not echostr:
            raise BadBody("no_echostr")
        if not encrypted:
            return echostr
        # A "+" that travelled unescaped in a query arrives as a blank.
        ciphertext = echostr.replace(" ", "+").encode("utf-8", "replace")
        self._check_msg_signature(query, ciphertext)
        plain, _ = self._decrypt(ciphertext)
        # The platform sends digits here; what is not text is answered by nothing readable.
        return plain.decode("utf-8", "replace")

    def decode(self, query: Mapping[str, str], body: bytes) -> Message:
        """Check and read one callback (POST) in plain, compatible or safe mode.

        The signature and the timestamp are checked before the body is looked at. In compatible mode only the
        encrypted part is read, because only that is covered by a signature.

        Args:
            query: the query of the request.
            body: its body.

        Returns:
            The message.

        Raises:
            BadSignature, StaleTimestamp: status 403.
            BodyTooLarge: status 413.
            BadBody: status 400.
        """
        encrypted = query.get("encrypt_type") == "aes" or "msg_signature" in query
        self._check_query(query, required=not encrypted)
        if len(body) > BODY_LIMIT:
            raise BodyTooLarge("body_too_large")
        if not encrypted:
            if not self._allow_plain:
                raise BadBody("plain_refused")
            message = self._message(body, None)
            if self._username and message.to_user != self._username:
                raise BadBody("wrong_account")
            return message
        # The root is asked for before the search, so that an envelope with a DOCTYPE is refused as well.
        prolog = _PROLOG.match(body)
        found = _ENCRYPT.search(body, prolog.end()) if prolog else None
        if found is None:
            raise BadBody("no_encrypt")
        ciphertext = b"".join(found.group(1).split())
        self._check_msg_signature(query, ciphertext)
        plain, key = self._decrypt(ciphertext)
        return self._message(plain, key)

    def reply(self, message: Message, text: str) -> bytes:
        """Build a text reply, encrypted when the message was, with the key that the message used.

        Args:
            message: what is answered.
            text: the words; characters that XML cannot hold are left out.

        Returns:
            The body to answer with.
        """
        moment = int(self._now())
        xml = (
            f"<xml><ToUserName>{_cdata(message.openid)}</ToUserName>"
            f"<FromUserName>{_cdata(message.to_user)}</FromUserName>"
            f"<CreateTime>{moment}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
            f"<Content>{_cdata(text)}</Content></xml>"
        ).encode()
        return self.seal(xml, message.key) if message.encrypted else xml

    def seal(self, xml: bytes, key: str | None = "current") -> bytes:
        """Encrypt and sign a body as both sides of the callback do in safe mode.

        Args:
            xml: the body.
            key: ``current`` or ``previous``.

        Returns:
            The envelope: Encrypt, MsgSignature, TimeStamp, Nonce.

        Raises:
            LookupError: when the codec has no such key.
        """
        for candidate in self._keys:
            if candidate.name == key:
                break
        else:
            raise LookupError("no such key")
        random = os.urandom(24)
        content = b"".join((random[:16], struct.pack(">I", len(xml)), xml, self._app_id))
        padding = _BLOCK - len(content) % _BLOCK
        encrypt = base64.b64encode(candidate.encrypt(content + bytes((padding,)) * padding))
        timestamp = str(int(self._now())).encode()
        nonce = random[16:].hex().encode()
        signature = _sign(self._token, timestamp, nonce, encrypt)
        return b"".join(
            (
                b"<xml><Encrypt><![CDATA[",
                encrypt,
                b"]]></Encrypt><MsgSignature><![CDATA[",
                signature,
                b"]]></MsgSignature><TimeStamp>",
                timestamp,
                b"</TimeStamp><Nonce><![CDATA[",
                nonce,
                b"]]></Nonce></xml>",
            )
        )

    def _check_query(self, query: Mapping[str, str], *, required: bool) -> None:
        signature = query.get("signature")
        if signature is None:
            # Only an encrypted body may come without it: msg_signature then covers more.
            if required:
                raise BadSignature("no_signature")
        elif not hmac.compare_digest(_bytes(signature), self._signed(query)):
            raise BadSignature("bad_signature")
        timestamp = query.get("timestamp", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise StaleTimestamp("no_timestamp")
        if abs(self._now() - int(timestamp)) > self._window:
            raise StaleTimestamp("stale_timestamp")

    def _check_msg_signature(self, query: Mapping[str, str], ciphertext: bytes) -> None:
        given = query.get("msg_signature", "")
        if not hmac.compare_digest(_bytes(given), self._signed(query, ciphertext)):
            raise BadSignature("bad_signature")

    def _signed(self, query: Mapping[str, str], *more: bytes) -> bytes:
        return _sign(self._token, _bytes(query.get("timestamp", "")), _bytes(query.get("nonce", "")), *more)

    def _decrypt(self, encoded: bytes) -> tuple[bytes, str]:
        ciphertext = b""
        with contextlib.suppress(binascii.Error, ValueError):
            ciphertext = base64.b64decode(encoded, validate=True)
        if len(ciphertext) < _BLOCK or len(ciphertext) % 16:
            raise BadBody("bad_length")
        reason = "no_key"
        for key in self._keys:
            plain = key.decrypt(ciphertext)
            padding = plain[-1]
            if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes((padding,)) * padding:
                reason = "bad_padding"
                continue
            end = len(plain) - padding
            length = int.from_bytes(plain[16:20], "big")
            if 20 + length > end:
                reason = "bad_length"
                continue
            if not hmac.compare_digest(plain[20 + length : end], self._app_id):
                reason = "wrong_app_id"
                continue
            return plain[20 : 20 + length], key.name
        raise BadBody(reason)

    def _message(self, xml: bytes, key: str | None) -> Message:
        fields = _parse(xml, self._parser)

        def text(name: str) -> str:
            value = fields.get(name, "")
            return value if isinstance(value, str) else ""

        created = text("CreateTime").strip()
        openid, to_user, kind = text("FromUserName"), text("ToUserName"), text("MsgType").lower()
        if not (
            openid and to_user and kind and created.isascii() and created.isdigit() and len(created) <= 12
        ):
            raise BadBody("missing_field")
        event = text("Event").lower() or None if kind == "event" else None
        if kind == "event" and event is None:
            raise BadBody("missing_field")
        return Message(
            app_id=self.app_id,
            to_user=to_user,
            openid=openid,
            created_at=int(created),
            kind=kind,
            event=event,
            event_key=text("EventKey"),
            msg_id=text("MsgId") or text("MsgID") or None,
            content=text("Content"),
            fields=fields,
            encrypted=key is not None,
            key=key,
        )


class Codecs:
    """The callbacks of several accounts at one address.

    The account is the one that the path names, else the one whose token signed the message and whose AppID
    (or, in plain mode, whose original id) is in it.

    Args:
        codecs: one for each account.
    """

    def __init__(self, codecs: Iterable[Codec]) -> None:
        self._codecs = {codec.app_id: codec for codec in codecs}

    def echo(self, query: Mapping[str, str], app_id: str | None = None) -> str:
        """Answer the platform's check of our address; see ``Codec.echo``."""
        return self._first(app_id, lambda codec: codec.echo(query))

    def decode(self, query: Mapping[str, str], body: bytes, app_id: str | None = None) -> Message:
        """Check and read one callback; see ``Codec.decode``.

        Args:
            query: the query of the request.
            body: its body.
            app_id: the account that the path names, or ``None``.

        Raises:
            CallbackRefused: no account takes it; ``BadSignature`` too when there is no such account.
        """
        return self._first(app_id, lambda codec: codec.decode(query, body))

    def reply(self, message: Message, text: str) -> bytes:
        """Build a text reply in the name of the account that the message was sent to."""
        return self._codecs[message.app_id].reply(message, text)

    def _first(self, app_id: str | None, work: Callable[[Codec], T]) -> T:
        refusals: list[CallbackRefused] = []
        for codec in self._codecs.values() if app_id is None else filter(None, [self._codecs.get(app_id)]):
            try:
                return work(codec)
            except CallbackRefused as refused:
                refusals.append(refused)
        # Of several refusals, the one of the account whose signature fits says what is wrong.
        refusals.sort(key=lambda refused: isinstance(refused, BadSignature))
        raise refusals.pop(0) if refusals else BadSignature("no_such_account")


def _parse(xml: bytes, parser: etree.XMLParser) -> dict[str, Any]:
    prolog = _PROLOG.match(xml)
    if prolog is None:
        raise BadBody("not_xml")
    # The declaration is cut off and the parser has its encoding set, so the body cannot choose another one.
    root = None
    with contextlib.suppress(etree.XMLSyntaxError, ValueError):
        root = etree.fromstring(xml[prolog.end() :], parser)
    # Raised apart from the parser's own error, which quotes what it could not read.
    if root is None:
        raise BadBody("not_xml")
    fields = _children(root, 1)
    return fields if isinstance(fields, dict) else {}


def _children(element: Any, depth: int) -> Any:
    if depth > _DEPTH_LIMIT:
        raise BadBody("too_deep")
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        name = child.tag
        if not isinstance(name, str):
            # Comments, processing instructions and entity references never come from the platform.
            raise BadBody("not_plain_xml")
        value = _children(child, depth + 1) if len(child) else child.text or ""
        if name in _REPEATED:
            found.setdefault(name, []).append(value)
        elif name in found:
            # Two senders in one message would let one reader see another person than the next.
            if depth == 1:
                raise BadBody("repeated_field")
            kept = found[name]
            found[name] = [*kept, value] if isinstance(kept, list) else [kept, value]
        else:
            found[name] = value
    return found
