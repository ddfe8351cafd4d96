"""Callbacks as nobody should send them, signed rightly where that lets them get further.

Each is made of a message (`MESSAGES`) that goes through five stages: its fields, their XML, the envelope, the
query, and HTTP. One stage goes wrong (`TROUBLES`), the others are right, so that what is wrong is reached.
Every one follows from the seed and its number alone; only the time of signing is the present.
"""

import base64
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from handlers.callback import PATH
from server.settings import Settings
from tests.hostile.wire import End, Shot, request
from wechat.codec import BODY_LIMIT
from wechat.simulator.wire import signature, to_xml

TAKEN = frozenset({200})
REFUSED = frozenset({400})
EITHER = TAKEN | REFUSED
FORBIDDEN = frozenset({403})
TOO_LARGE = frozenset({413})

LIST_EVENT = {"TemplateId": "demo-subscription-task", "SubscribeStatusString": "accept", "PopupScene": "0"}
SENT_EVENT = {"TemplateId": "demo-template-task", "MsgID": "1", "ErrorCode": "0", "ErrorStatus": "success"}
#: What the platform sends: the fields beside sender, receiver and time.
MESSAGES: tuple[Mapping[str, Any], ...] = (
    {"MsgType": "text", "Content": "帮扶政策"},
    {"MsgType": "text", "Content": "我的任务"},
    {"MsgType": "text", "Content": "进度"},
    {"MsgType": "image", "PicUrl": "http://127.0.0.1/p", "MediaId": "m"},
    {"MsgType": "voice", "MediaId": "m", "Format": "amr", "Recognition": "我要申报"},
    {"MsgType": "video", "MediaId": "m", "ThumbMediaId": "t"},
    {"MsgType": "location", "Location_X": 25.7, "Location_Y": 112.7, "Scale": 20, "Label": "枫木村"},
    {"MsgType": "link", "Title": "t", "Description": "d", "Url": "http://127.0.0.1/"},
    {"MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_place_431021101201001"},
    {"MsgType": "event", "Event": "unsubscribe", "EventKey": ""},
    {"MsgType": "event", "Event": "SCAN", "EventKey": "place_431021101201001", "Ticket": "t"},
    {"MsgType": "event", "Event": "CLICK", "EventKey": "progress"},
    {"MsgType": "event", "Event": "VIEW", "EventKey": "http://127.0.0.1/m/"},
    {"MsgType": "event", "Event": "LOCATION", "Latitude": 25.7, "Longitude": 112.7, "Precision": 65.0},
    {
        "MsgType": "event",
        "Event": "scancode_waitmsg",
        "EventKey": "k",
        "ScanCodeInfo": {"ScanType": "qrcode", "ScanResult": "place_431021101201001"},
    },
    {
        "MsgType": "event",
        "Event": "pic_sysphoto",
        "EventKey": "k",
        "SendPicsInfo": {"Count": 1, "PicList": [{"PicMd5Sum": "0" * 32}]},
    },
    {"MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": 200163836, "Status": "success"},
    {
        "MsgType": "event",
        "Event": "TEMPLATESENDJOBFINISH",
        "MsgID": 200163836,
        "Status": "failed: user block",
    },
    {
        "MsgType": "event",
        "Event": "subscribe_msg_popup_event",
        "SubscribeMsgPopupEvent": {"List": LIST_EVENT},
    },
    {
        "MsgType": "event",
        "Event": "subscribe_msg_change_event",
        "SubscribeMsgChangeEvent": {"List": LIST_EVENT},
    },
    {"MsgType": "event", "Event": "subscribe_msg_sent_event", "SubscribeMsgSentEvent": {"List": SENT_EVENT}},
    {"MsgType": "event", "Event": "user_authorization_revoke", "OpenID": "oNobody", "RevokeInfo": "301"},
    {"MsgType": "event", "Event": "user_authorization_cancellation", "OpenID": "oNobody"},
    {
        "MsgType": "event",
        "Event": "wxa_media_check",
        "trace_id": "t",
        "errcode": 0,
        "result": {"suggest": "pass", "label": 100},
    },
)
#: Values that are no text, no number or no name as anybody expects them.
STRANGE: tuple[Any, ...] = (
    *("", " ", "\t\n", "0", "-1", "-0", "00", "1e9", "0x10", "1.5", "NaN", "null", "true", "undefined"),
    *("9" * 12, "9" * 13, "9" * 5000, "-" + "9" * 400, "１２３", "٣", "²", "1_000", "+5", " 7 "),
    *("$gt", '{"$gt": ""}', "a.b", "__proto__", ".*", "(a+)+$", "%s%n%x", "{name}", "{0.__class__}"),
    *("../../etc/passwd", "<a/>", "&amp;", "&#0;", "]]>", "<![CDATA[", "'; drop table x; --", "\\", '"'),
    *("\u202e反", "\u200b", "\ufeff", "e\u0301" * 50, "𠮷", "👨‍👩‍👧‍👦" * 20, "\U0010ffff", "İ", "ß"),
    *("place_", "qrscene_", "qrscene_place_", "place_" + "9" * 300, "place_\u0661", "@default", "@subscribe"),
    *("1234-5678-9012", "2" * 12, "甲" * 3000, "x" * 30_000, {}, {"a": "b"}, {"a": {"b": {"c": "d"}}}),
    *([], ["a"], ["a", "b"], ({"a": 1}, {"a": 2}), 0, -1, 2**63, 2**64, 10**400, 1e308, float("inf")),
)


@dataclass(frozen=True)
class Account:
    """The account whose callbacks these are, as the platform knows it."""

    app_id: str
    token: str = field(repr=False)
    aes_key: str = field(repr=False)

    @classmethod
    def main(cls, settings: Settings) -> "Account":
        """The main official account of a service."""
        token, aes_key = settings.oa_token, settings.oa_aes_key
        return cls(settings.oa_app_id, token.get_secret_value(), aes_key.get_secret_value())


@dataclass(frozen=True)
class Sending:
    """A callback on its way to bytes. `query` holds raw pairs, so that names may repeat."""

    account: Account
    random: Random
    now: int
    mode: str
    xml: bytes = b""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def signed(self, encrypted: str | None, timestamp: str, nonce: str) -> "Sending":
        """With a query that signs what is encrypted, or in plain mode the time alone."""
        token = self.account.token
        query = [
            ("signature", signature(token, timestamp, nonce)),
            ("timestamp", timestamp),
            ("nonce", nonce),
        ]
        if encrypted is not None:
            query.append(("encrypt_type", "aes"))
            query.append(("msg_signature", signature(token, timestamp, nonce, encrypted)))
        return replace(self, query=tuple(query))

    def enveloped(self, encrypted: str) -> bytes:
        """The envelope around what is encrypted; in the compatible mode the message stands there as well."""
        shown = self.xml[5:-6] if self.mode == "compatible" and self.xml.startswith(b"<xml>") else b""
        return b"<xml><ToUserName><![CDATA[gh_1]]></ToUserName>%b<Encrypt><![CDATA[%b]]></Encrypt></xml>" % (
            shown.replace(b"ToUserName", b"Shown"),
            encrypted.encode(),
        )

    def sealed(self, encrypted: str, *, body: bytes | None = None) -> "Sending":
        """With an envelope (`body` when it is a strange one) and signatures that are right."""
        made = self.signed(encrypted, str(self.now), str(self.random.randrange(10**9)))
        return replace(made, body=self.enveloped(encrypted) if body is None else body)

    def right(self) -> "Sending":
        """Sealed and signed as the platform does it."""
        if self.mode == "plain":
            return replace(self.signed(None, str(self.now), str(self.random.randrange(10**9))), body=self.xml)
        return self.sealed(self.encrypted(self.framed(self.xml)))

    def framed(self, xml: bytes, length: int | None = None, app_id: str | None = None) -> bytes:
        """``random(16) + length(4) + xml + appid`` with padding."""
        name = (self.account.app_id if app_id is None else app_id).encode()
        size = struct.pack(">I", len(xml) if length is None else length)
        return padded(self.random.randbytes(16) + size + xml + name)

    def encrypted(self, plain: bytes, key: bytes | None = None) -> str:
        """Encrypted as it is; the length must be a multiple of 16."""
        raw = key or base64.b64decode(self.account.aes_key + "=")
        encryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
        return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()

    def target(self, path: str = PATH) -> str:
        """The request's target."""
        return f"{path}?{urlencode(self.query)}"

    def shot(self, what: str, wanted: frozenset[int]) -> Shot:
        """As a whole request. `wanted` are the statuses that may be answered; a body above the limit is
        refused before anything else."""
        enough = wanted if len(self.body) <= BODY_LIMIT else TOO_LARGE
        return Shot(what, request("POST", self.target(), self.body), enough)


def padded(content: bytes, pad: int | None = None, with_: int | None = None) -> bytes:
    """PKCS#7 to 32 bytes; `pad` and `with_` are how many bytes of which value instead."""
    count = 32 - len(content) % 32 if pad is None else pad
    return content + bytes((count if with_ is None else with_,)) * count


# --- the message and its XML ----------------------------------------------------------------------


def message(random: Random, now: int) -> dict[str, Any]:
    """A message in which everything is right."""
    fields = {
        "ToUserName": "gh_0123456789ab",
        "FromUserName": f"oFuzz_{random.randrange(200)}",
        "CreateTime": now,
        **random.choice(MESSAGES),
    }
    if fields["MsgType"] != "event":
        fields["MsgId"] = random.randrange(10**16, 10**17)
    return fields


def strange_fields(random: Random, fields: dict[str, Any]) -> dict[str, Any]:
    """Some fields missing, strange, swapped, or of other messages."""
    for _ in range(random.randint(1, 3)):
        name = random.choice(list(fields))
        match random.randrange(5):
            case 0:
                fields.pop(name)
            case 1 | 2:
                fields[name] = random.choice(STRANGE)
            case 3:
                fields[name] = fields[random.choice(list(fields))]
            case 4:
                fields |= {
                    **random.choice(MESSAGES),
                    "Event": random.choice(("subscribe", "x" * 200, "Ünï", 7)),
                }
        if not fields:
            break
    return fields


def _nested(random: Random, xml: bytes) -> bytes:
    depth = random.choice((6, 7, 8, 9, 200, 255, 256, 257, 5000))
    return xml.replace(b"</xml>", b"<a>" * depth + b"</a>" * depth + b"</xml>")


def _cdata(random: Random, xml: bytes) -> bytes:
    trick = random.choice(
        (b"<![CDATA[<![CDATA[x]]>", b"<![CDATA[x", b"]]>", b"<![CDATA[]]]]><![CDATA[>]]>", b"<![cdata[x]]>")
    )
    return xml.replace(b"<![CDATA[", trick + b"<![CDATA[", 1)


def _noise(random: Random, xml: bytes) -> bytes:
    changed = bytearray(xml)
    for _ in range(random.randint(1, 20)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _cut(random: Random, xml: bytes) -> bytes:
    return xml[: random.randrange(len(xml))]


def _inside(*pieces: bytes) -> Callable[[Random, bytes], bytes]:
    return lambda random, xml: xml.replace(b"</xml>", random.choice(pieces) + b"</xml>")


def _before(*pieces: bytes) -> Callable[[Random, bytes], bytes]:
    return lambda random, xml: random.choice(pieces) + xml


BOMB = b"<!DOCTYPE xml [<!ENTITY a0 'aaaaaaaaaa'>%b]>" % b"".join(
    b"<!ENTITY a%d '%b'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
)
#: What is done to the XML of a message, and what must come of it.
XML_TROUBLES: tuple[tuple[str, Callable[[Random, bytes], bytes], frozenset[int]], ...] = (
    (
        "entities",
        _before(
            BOMB,
            b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd">',
            b'<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            b'<!DOCTYPE xml [<!ENTITY % x SYSTEM "file:///etc/passwd">%x;]>',
            b"<?xml version='1.0'?><!DOCTYPE xml>",
            b"<!-- x --><!DOCTYPE xml []>",
        ),
        REFUSED,
    ),
    (
        "unknown entities",
        _inside(b"<a>&x;</a>", b"<a>&a9;</a>", b"&x;", b"<a>&#0;</a>", b"<a>&#xd800;</a>"),
        REFUSED,
    ),
    ("no plain XML", _inside(b"<!-- x -->", b"<?php x ?>", b"<a><?x?><b/></a>"), REFUSED),
    (
        "another sender",
        _inside(b"<FromUserName>b</FromUserName>", b"<ToUserName/>", b"<MsgType>text</MsgType>"),
        REFUSED,
    ),
    (
        "names",
        _inside(
            b'<a xmlns="urn:x"><FromUserName>b</FromUserName></a>',
            b'<x:a xmlns:x="urn:x">1</x:a>',
            b"<a.b>1</a.b><_id>1</_id><List/><item/><List>1</List>",
            "<甲>1</甲><é/>".encode(),
            b"<a " + b" ".join(b'a%d="1"' % n for n in range(2000)) + b"/>",
            b"".join(b"<a%d>1</a%d>" % (n, n) for n in range(3000)),
            b"<a>1</a>" * 5000,
            b"<SubscribeMsgPopupEvent><List/></SubscribeMsgPopupEvent>",
            b"<%b/>" % (b"a" * 50_000),
        ),
        EITHER,
    ),
    ("depth", _nested, EITHER),
    ("sections", _cdata, EITHER),
    ("noise", _noise, EITHER),
    ("half of it", _cut, REFUSED),
    (
        "prologs",
        _before(
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b" " * 20_000,
            b"<?xml version='1.0' encoding='gbk'?>",
            b"<?xml version='1.0' encoding='utf-16'?>",
            b"<?xml " + b"x" * 200 + b"?>",
            b"<?xml version='9.9'?>",
            b"\0",
            b"<a/>",
            b"{}",
        ),
        EITHER,
    ),
    ("two roots", lambda _, xml: xml + xml, REFUSED),
    ("another root", lambda _, xml: xml.replace(b"xml>", b"html>"), REFUSED),
    ("UTF-16", lambda _, xml: xml.decode().encode("utf-16"), REFUSED),
    ("no UTF-8", lambda _, xml: xml.replace(b"</xml>", b"<a>\xed\xa0\x80\xff\xc0\x80</a></xml>"), REFUSED),
    ("a NUL", lambda _, xml: xml.replace(b"</xml>", b"<a>\0</a></xml>"), REFUSED),
    ("noise only", lambda random, _: random.randbytes(random.randrange(3000)), REFUSED),
    ("nothing", lambda random, _: random.choice((b"", b" ", b"<xml/>", b"<xml></xml>", b"<xml")), REFUSED),
    ("JSON", lambda _, __: b'{"ToUserName": "gh_1", "MsgType": "text"}', REFUSED),
)


def with_strange_fields(sending: Sending) -> Shot:
    """A message with fields that nobody expects."""
    xml = to_xml(strange_fields(sending.random, message(sending.random, sending.now))).encode(
        "utf-8", "replace"
    )
    return replace(sending, xml=xml).right().shot("fields", EITHER)


def with_broken_xml(sending: Sending) -> Shot:
    """XML that is none, or that is a trap."""
    what, trouble, wanted = sending.random.choice(XML_TROUBLES)
    return replace(sending, xml=trouble(sending.random, sending.xml)).right().shot(f"xml: {what}", wanted)


# --- the envelope ---------------------------------------------------------------------------------

Envelope = Callable[[Sending], Sending]


def _bad_padding(s: Sending) -> Sending:
    plain = s.framed(s.xml)
    end = s.random.choice((b"\0" * 32, b"\x21" * 32, b"\xff" * 32, b"\x01\x02" * 16, b"\x20" * 31 + b"\x1f"))
    return s.sealed(s.encrypted(plain[:-32] + end))


def _bad_length(s: Sending) -> Sending:
    length = s.random.choice((0, 1, len(s.xml) - 1, len(s.xml) + 1, 2**31, 2**32 - 1))
    return s.sealed(s.encrypted(s.framed(s.xml, length)))


def _truncated(s: Sending) -> Sending:
    whole = base64.b64decode(s.encrypted(s.framed(s.xml)))
    kept = s.random.choice((0, 1, 15, 16, 17, 31, 32, 48, len(whole) - 1, len(whole) - 16))
    return s.sealed(base64.b64encode(whole[:kept]).decode())


def _flipped(s: Sending) -> Sending:
    whole = bytearray(base64.b64decode(s.encrypted(s.framed(s.xml))))
    whole[s.random.randrange(len(whole))] ^= 1 << s.random.randrange(8)
    return s.sealed(base64.b64encode(bytes(whole)).decode())


def _alphabet(s: Sending) -> Sending:
    right = s.encrypted(s.framed(s.xml))
    strange = (
        *("", "=", "====", "A", "AAAA", "A" * 43, right[:-1], right + "AAAA", right[1:]),
        *(right.replace("A", "-"), right.replace("A", "甲"), right.replace("A", "%"), quote(right[:40])),
        *("A" * 64_000, right.lower(), "<a/>", "]]>", right[::-1]),
    )
    return s.sealed(s.random.choice(strange))


def _envelope(s: Sending) -> Sending:
    right = s.encrypted(s.framed(s.xml))
    element = f"<Encrypt>{right}</Encrypt>"
    strange = (
        f"<!DOCTYPE xml><xml>{element}</xml>",
        f"<!DOCTYPE xml [<!ENTITY e '{right}'>]><xml><Encrypt>&e;</Encrypt></xml>",
        f"<html>{element}</html>",
        f"<xml><Encrypt a='b'>{right}</Encrypt></xml>",
        f"<xml><encrypt>{right}</encrypt></xml>",
        "<xml></xml>",
        f'{{"Encrypt": "{right}"}}',
        f"<xml><Encrypt><![CDATA[{right}</xml>",
        element,
    )
    return s.sealed(right, body=s.random.choice(strange).encode())


def _loose_envelope(s: Sending) -> Sending:
    right = s.encrypted(s.framed(s.xml))
    element = f"<Encrypt>{right}</Encrypt>"
    strange = (
        f"<xml>{element}<Encrypt>AAAA</Encrypt></xml>",
        f"<xml><Encrypt>AAAA</Encrypt>{element}</xml>",
        f"<xml><Encrypt>{right}=</Encrypt></xml>",
        f"<xml>{element}",
        f"<xml><!-- {element} --></xml>",
        f"<xml><a>{element}</a></xml>",
        f"<xml><Encrypt>\n{right[:20]}\n{right[20:]}\n</Encrypt></xml>",
        f"<?xml version='1.0'?>\n<xml>{element}</xml>" + " " * 50_000,
    )
    return s.sealed(right, body=s.random.choice(strange).encode())


def _of_another(s: Sending) -> Sending:
    app_id = s.random.choice(
        ("", "wxsomebodyelse0000", s.account.app_id + "x", s.account.app_id[:-1], "x" * 9000)
    )
    return s.sealed(s.encrypted(s.framed(s.xml, app_id=app_id)))


ENVELOPE_TROUBLES: tuple[tuple[str, Envelope, frozenset[int]], ...] = (
    ("padding", _bad_padding, REFUSED),
    ("length", _bad_length, REFUSED),
    ("truncated", _truncated, REFUSED),
    ("a bit flipped", _flipped, EITHER),
    ("base64", _alphabet, REFUSED | FORBIDDEN),
    ("envelope", _envelope, REFUSED),
    ("loose envelope", _loose_envelope, EITHER | FORBIDDEN),
    ("another account", _of_another, REFUSED),
    ("a key of nobody", lambda s: s.sealed(s.encrypted(s.framed(s.xml), s.random.randbytes(32))), REFUSED),
    (
        "noise",
        lambda s: s.sealed(base64.b64encode(s.random.randbytes(16 * s.random.randint(2, 99))).decode()),
        REFUSED,
    ),
)


def with_broken_envelope(sending: Sending) -> Shot:
    """Rightly signed, and what is inside cannot be deciphered."""
    sending = replace(sending, mode=sending.random.choice(("safe", "compatible")))
    what, trouble, wanted = sending.random.choice(ENVELOPE_TROUBLES)
    return trouble(sending).shot(f"envelope: {what}", wanted)


# --- the query ------------------------------------------------------------------------------------


def _without(s: Sending) -> Sending:
    # In plain mode everything is needed; of a sealed message one signature is enough.
    left_out = s.random.choice(("timestamp", "nonce", "signature" if s.mode == "plain" else "msg_signature"))
    return replace(s, query=tuple(pair for pair in s.query if pair[0] != left_out))


def _replaced(s: Sending) -> Sending:
    name, value = s.random.choice(s.query[:3])
    strange = ("", " ", "0", "0" * 40, "é" * 40, "\0", value[::-1] + "x", value + " ", "x" * 10_000, "\ud800")
    changed = s.random.choice(strange).encode("utf-8", "surrogatepass").decode("latin-1")
    return replace(s, query=tuple((n, changed if n == name else v) for n, v in s.query))


def _at_another_time(s: Sending) -> Sending:
    stale = (-302, 302, -86_400, 10**9, -s.now, -2 * s.now)
    strange = (
        "",
        "soon",
        "１２３",
        f"+{s.now}",
        f" {s.now}",
        f"{s.now}.0",
        f"{s.now}e0",
        "9" * 12,
        "9" * 13,
        "9" * 5000,
    )
    timestamp = s.random.choice((*strange, *(str(s.now + d) for d in stale)))
    if s.mode == "plain":
        return replace(s.signed(None, timestamp, "n"), body=s.xml)
    encrypted = s.encrypted(s.framed(s.xml))
    return replace(s.signed(encrypted, timestamp, "n"), body=s.enveloped(encrypted))


def _in_excess(s: Sending) -> Sending:
    count = s.random.choice((33, 200))
    return replace(s, query=(*s.query, *((f"a{n}", "b") for n in range(count))))


def _twice(s: Sending) -> Sending:
    name, _ = s.random.choice(s.query)
    more = (name, s.random.choice(("", "x", "0" * 40)))
    return replace(s, query=(more, *s.query) if s.random.random() < 0.5 else (*s.query, more))


def _beside(s: Sending) -> Sending:
    more = ("openid", "a[b]", "$where", "é", "", "encrypt_type", "echostr")
    return replace(
        s, query=(*s.query, (s.random.choice(more), s.random.choice(("", "x" * 9000, "raw", "\0"))))
    )


QUERY_TROUBLES: tuple[tuple[str, Callable[[Sending], Sending], frozenset[int]], ...] = (
    ("something is missing", _without, FORBIDDEN),
    ("something is wrong", _replaced, FORBIDDEN),
    ("another time", _at_another_time, FORBIDDEN),
    ("too many parameters", _in_excess, FORBIDDEN),
    ("something twice", _twice, EITHER | FORBIDDEN),
    ("something beside", _beside, EITHER | FORBIDDEN),
)


def with_broken_query(sending: Sending) -> Shot:
    """Signed wrongly, too late, or with parameters that are missing, doubled or strange."""
    what, trouble, wanted = sending.random.choice(QUERY_TROUBLES)
    return trouble(sending.right()).shot(f"query: {what}", wanted)


def with_raw_query(sending: Sending) -> Shot:
    """A query that is none."""
    noise = "".join(chr(sending.random.randrange(33, 127)) for _ in range(sending.random.randrange(200)))
    odd = ("", "&&&", "=", "a=%", "a=%zz&b=%ff%fe", "%00=%00", "a;b;c", "?" * 50, "[]=1", "x" * 12_000, noise)
    target = f"{PATH}?{sending.random.choice(odd)}"
    return Shot("query: none", request("POST", target.replace(" ", ""), sending.xml), FORBIDDEN)


def with_echo(sending: Sending) -> Shot:
    """The platform's check of the address, rightly signed, with strange things to echo."""
    echo = sending.random.choice(("1", "é", "<script>", "\0\r\nSet-Cookie: a=b", "x" * 9000, ""))
    made = sending.signed(None, str(sending.now), "n")
    if sending.random.random() < 0.5:
        sealed = sending.random.choice((sending.encrypted(sending.framed(b"\xff\0\r\n")), echo))
        made = sending.signed(sealed, str(sending.now), "n")
        echo = sealed
    made = replace(made, query=(*made.query, ("echostr", echo)))
    return Shot("echo", request("GET", made.target()), EITHER | FORBIDDEN, "GET")


# --- HTTP -----------------------------------------------------------------------------------------


#: Where HTTP is broken: at the callback's door, and at what goes through the router.
PATHS = (PATH, PATH, "/api/session", "/nowhere")


def with_another_method(sending: Sending) -> Shot:
    """Methods that there are, that there are not, and paths beside."""
    made, random = sending.right(), sending.random
    if random.random() < 0.5:
        paths = {f"{PATH}/": {404}, f"{PATH}x": {404}, f"{PATH}/{made.account.app_id}": {200}}
        paths |= {f"{PATH}/nobody": {403}, f"{PATH}/%00": {403}, f"{PATH}/..": {403}, f"{PATH}/a/b": {403}}
        paths |= {
            PATH.upper(): {404, 405},
            f"/{PATH}": {404, 405},
            "/wechat": {404, 405},
            f"{PATH}/{'x' * 9000}": {403},
        }
        path = random.choice(list(paths))
        return Shot("path", request("POST", made.target(path), made.body), frozenset(paths[path]))
    letters = "".join(random.choice("ABCXYZabc!#$%&'*+-.^_`|~09") for _ in range(random.randint(1, 40)))
    method = random.choice(("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "post", "CONNECT", letters))
    return Shot("method", request(method, made.target(), made.body), frozenset({405}), method)


def in_chunks(sending: Sending) -> Shot:
    """A body in chunks, each of a few bytes or all of it."""
    made = sending.right()
    size = sending.random.choice((1, 7, 1000, 100_000)) if len(made.body) < 5000 else 5000
    chunks = [made.body[start : start + size] for start in range(0, len(made.body), size)]
    head = request("POST", made.target(), headers=[("Transfer-Encoding", "chunked")])
    head = head.replace(b"Content-Length: 0\r\n", b"")
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return Shot("chunked", head + framed + b"0\r\n\r\n", TAKEN)


def in_pieces(sending: Sending) -> Shot:
    """A right request that arrives slowly."""
    shot = sending.right().shot("in pieces", TAKEN)
    return replace(shot, step=max(1, len(shot.data) // sending.random.randint(2, 30)))


def expecting(sending: Sending) -> Shot:
    """Waits for "100 Continue", as some clients do, but not really."""
    made = sending.right()
    return Shot(
        "100-continue", request("POST", made.target(), made.body, [("Expect", "100-continue")]), TAKEN
    )


def again(sending: Sending) -> Shot:
    """The same message several times at once on one connection."""
    shot, times = sending.right().shot("replayed", TAKEN), sending.random.randint(2, 6)
    return replace(shot, data=shot.data * times, answers=times)


def half(sending: Sending) -> Shot:
    """Cut off somewhere; we are gone, or say that nothing more comes."""
    made = sending.right()
    data = request("POST", made.target(sending.random.choice(PATHS)), made.body)
    kept = data[: sending.random.randrange(1, len(data))]
    return Shot("half a request", kept, end=sending.random.choice((End.CLOSED, End.CUT)))


def gone(sending: Sending) -> Shot:
    """A whole request from somebody who does not wait for the answer."""
    return replace(sending.right().shot("not waited for", TAKEN), end=End.CUT)


def with_broken_framing(sending: Sending) -> Shot:
    """Lengths and encodings that lie, and headers that are none."""
    made, random = sending.right(), sending.random
    length = b"Content-Length: %d" % len(made.body)
    lines: tuple[bytes, ...] = (
        *(
            b"Content-Length: %d" % (len(made.body) + more)
            for more in (-len(made.body), -7, 1, 1000, 10**9, 10**30)
        ),
        *(b"Content-Length: " + text for text in (b"-1", b"x", b"", b"0x10", b"+5", b"1, 2", b"\xc2\xb2")),
        length + b"\r\nContent-Length: 3",
        length + b"\r\nTransfer-Encoding: chunked",
        *(
            b"Transfer-Encoding: " + text
            for text in (b"chunked", b"gzip", b"chunked, chunked", b"identity", b"x")
        ),
        *(
            length + b"\r\n" + line
            for line in (b"no colon", b": x", b"a b: c", b"a: \0", b" folded: x", b"\xff: \xff")
        ),
        length + b"\r\nContent-Encoding: gzip",
        length + b"\r\nX: " + b"x" * 20_000,
        length + b"".join(b"\r\nX-%d: y" % n for n in range(1200)),
        length + b"\r\nHost: other",
        length + b"\r\nConnection: upgrade\r\nUpgrade: h2c",
        length + b"\nX: y",
        length + b"\r\nX: a\rb",
    )
    data = request("POST", made.target(random.choice(PATHS)), made.body)
    data = data.replace(length, random.choice(lines), 1)
    return Shot("framing", data, end=End.CLOSED)


def with_broken_chunks(sending: Sending) -> Shot:
    """Chunks whose sizes lie."""
    made = sending.right()
    size = b"%x" % len(made.body)
    sizes = (
        b"",
        b"-1",
        b"x",
        b"0x10",
        b"f" * 9,
        b"f" * 200,
        size + b";" + b"x" * 9000,
        size + b" ",
        b"+" + size,
        b"1",
    )
    target = made.target(sending.random.choice(PATHS))
    head = request("POST", target, headers=[("Transfer-Encoding", "chunked")])
    body = sending.random.choice(sizes) + b"\r\n" + made.body + b"\r\n0\r\n\r\n"
    return Shot("chunks", head.replace(b"Content-Length: 0\r\n", b"") + body, end=End.CLOSED)


def no_http(sending: Sending) -> Shot:
    """What is no HTTP at all, and HTTP of other times."""
    target = sending.right().target().encode()
    data = sending.random.choice(
        (
            b"GET " + target + b"\r\n\r\n",
            b"GET " + target + b" HTTP/1.0\r\n\r\n",
            b"POST " + target + b" HTTP/1.1\r\n\r\n",
            b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"POST " + target + b" HTTP/1.1\r\nHost: a b@c:d/e\r\n\r\n",
            b"POST " + target + b" HTTP/9.9\r\nHost: a\r\n\r\n",
            b"POST http://other" + target + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST *" + target + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST \xe7\x94\xb2" + target + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST " + target + b" x HTTP/1.1\r\nHost: a\r\n\r\n",
            b"CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + sending.random.randbytes(512),
            b"\r\n" * 5000,
            b" " * 5000 + b"\r\n\r\n",
            b"A" * 40_000,
            b"\0" * 5000,
            sending.random.randbytes(sending.random.randint(1, 4000)),
        )
    )
    return Shot("no HTTP", data, end=End.CLOSED)


def right(sending: Sending) -> Shot:
    """Nothing is wrong."""
    return sending.right().shot("right", TAKEN)


#: What goes wrong, and how often.
TROUBLES: tuple[tuple[Callable[[Sending], Shot], int], ...] = (
    (right, 2),
    (with_strange_fields, 10),
    (with_broken_xml, 10),
    (with_broken_envelope, 10),
    (with_broken_query, 8),
    (with_raw_query, 2),
    (with_echo, 2),
    (with_another_method, 3),
    (in_chunks, 2),
    (in_pieces, 1),
    (expecting, 1),
    (again, 2),
    (half, 3),
    (gone, 1),
    (with_broken_framing, 5),
    (with_broken_chunks, 2),
    (no_http, 3),
)
_FUNCTIONS, _WEIGHTS = zip(*TROUBLES, strict=True)


def broken_callback(account: Account, seed: int, number: int, now: float) -> Shot:
    """The callback with a number.

    Args:
        account: who is called.
        seed: of the whole run.
        number: which one of the run.
        now: the time of signing, in seconds since 1970.
    """
    random = Random(f"{seed}:{number}")
    sending = Sending(account, random, int(now), random.choice(("plain", "compatible", "safe")))
    xml = to_xml(message(random, int(now))).encode()
    trouble = random.choices(_FUNCTIONS, _WEIGHTS)[0]
    return trouble(replace(sending, xml=xml))


def ordinary_callback(account: Account, number: int, now: float) -> Shot:
    """A villager's question in safe mode, as WeChat sends it."""
    sending = Sending(account, Random(number), int(now), "safe")
    fields = {"ToUserName": "gh_0123456789ab", "FromUserName": f"oFuzz_{number % 50}", "CreateTime": int(now)}
    fields |= {"MsgType": "text", "Content": "帮扶政策", "MsgId": 24_000_000_000_000_001 + number}
    return replace(sending, xml=to_xml(fields).encode()).right().shot("ordinary", TAKEN)
