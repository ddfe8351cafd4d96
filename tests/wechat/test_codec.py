"""The callback codec, cross-checked against wechatpy's own implementation."""

import base64
import hashlib
import re
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto

from wechat.codec import (
    ACK,
    BODY_LIMIT,
    BadBody,
    BadSignature,
    BodyTooLarge,
    CallbackRefused,
    Codec,
    Message,
    StaleTimestamp,
)

APP_ID = "wx0123456789abcdef"
TOKEN = "callback-token-value"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OLD_KEY = "GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba"
NOW = 1_800_000_000
TEXT = (
    "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oOpenid]]></FromUserName>"
    "<CreateTime>1799999999</CreateTime><MsgType><![CDATA[text]]></MsgType>"
    "<Content><![CDATA[房子 <漏> & 水]]></Content><MsgId>23456789012345678</MsgId></xml>"
).encode()


def make_codec(**changes: object) -> Codec:
    settings: dict = {"app_id": APP_ID, "token": TOKEN, "aes_key": KEY, "previous_aes_key": OLD_KEY}
    settings["now"] = lambda: float(NOW)
    return Codec(**{**settings, **changes})


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted((TOKEN, *parts))).encode()).hexdigest()


def plain_query(timestamp: int | str = NOW, nonce: str = "n0nce") -> dict[str, str]:
    return {
        "signature": sign(str(timestamp), nonce),
        "timestamp": str(timestamp),
        "nonce": nonce,
    }


def safe_query(encrypt: str, timestamp: int = NOW, nonce: str = "n0nce") -> dict[str, str]:
    return {
        **plain_query(timestamp, nonce),
        "encrypt_type": "aes",
        "msg_signature": sign(str(timestamp), nonce, encrypt),
    }


def sealed_by_wechatpy(xml: bytes, key: str = KEY, app_id: str = APP_ID) -> tuple[dict[str, str], bytes]:
    envelope = WeChatCrypto(TOKEN, key, app_id).encrypt_message(xml.decode(), "n0nce", str(NOW))
    encrypt = re.search(r"<Encrypt><!\[CDATA\[(.*?)\]\]>", envelope).group(1)
    return safe_query(encrypt), envelope.encode()


def sealed_raw(plain: bytes) -> tuple[dict[str, str], bytes]:
    """Encrypt bytes as they are, so that padding and lengths can be wrong while both signatures are right."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    raw = base64.b64decode(KEY + "=")
    encryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    encrypt = base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
    return safe_query(encrypt), f"<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode()


def event(name: str, *more: str) -> bytes:
    return (
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>oOpenid</FromUserName><CreateTime>1799999999"
        f"</CreateTime><MsgType>event</MsgType><Event>{name}</Event>{''.join(more)}</xml>"
    ).encode()


def decode_plain(xml: bytes) -> Message:
    return make_codec().decode(plain_query(), xml)


def test_acknowledgement() -> None:
    assert ACK == b"success"


def test_reads_a_plain_text_message() -> None:
    message = decode_plain(TEXT)
    assert (message.to_user, message.openid, message.created_at) == ("gh_1", "oOpenid", 1_799_999_999)
    assert (message.kind, message.event, message.event_key) == ("text", None, "")
    assert message.content == "房子 <漏> & 水"
    assert message.msg_id == message.dedup_key == "23456789012345678"
    assert (message.encrypted, message.key) == (False, None)
    assert "房子" not in repr(message)


@pytest.mark.parametrize(("key", "name"), [(KEY, "current"), (OLD_KEY, "previous")])
def test_reads_what_wechatpy_encrypted_with_either_key(key: str, name: str) -> None:
    query, body = sealed_by_wechatpy(TEXT, key)
    message = make_codec().decode(query, body)
    assert (message.content, message.encrypted, message.key) == ("房子 <漏> & 水", True, name)


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
@pytest.mark.parametrize("words", ["收到", "a]]>b]]>", "]]>]]>", "<b>&amp;</b>", "\x00退\x0b格\ufffe", "𠮷"])
def test_wechatpy_reads_our_encrypted_reply(key: str, words: str) -> None:
    codec = make_codec()
    message = codec.decode(*sealed_by_wechatpy(TEXT, key))
    envelope = codec.reply(message, words)
    found = dict(re.findall(rb"<(\w+)>(?:<!\[CDATA\[)?([^<\]]+)", envelope))
    xml = WeChatCrypto(TOKEN, key, APP_ID).decrypt_message(
        envelope.decode(),
        found[b"MsgSignature"].decode(),
        found[b"TimeStamp"].decode(),
        found[b"Nonce"].decode(),
    )
    reply = parse_message(xml)
    assert (reply.target, reply.source, reply.type) == ("oOpenid", "gh_1", "text")
    assert reply.content == re.sub("[\x00\x0b\ufffe]", "", words)


def test_reply_to_a_plain_message_is_plain() -> None:
    reply = make_codec().reply(decode_plain(TEXT), "]]>")
    assert parse_message(reply.decode()).content == "]]>"
    assert b"Encrypt" not in reply


def test_compatible_mode_trusts_only_the_encrypted_part() -> None:
    query, body = sealed_by_wechatpy(TEXT)
    forged = body.replace(b"<xml>", b"<xml><FromUserName>oSomebodyElse</FromUserName><Content>x</Content>")
    message = make_codec().decode(query, forged)
    assert (message.openid, message.content) == ("oOpenid", "房子 <漏> & 水")


def test_safe_mode_may_come_without_the_short_signature() -> None:
    query, body = sealed_by_wechatpy(TEXT)
    del query["signature"]
    assert make_codec().decode(query, body).openid == "oOpenid"


def test_account_in_safe_mode_refuses_plain_bodies() -> None:
    with pytest.raises(BadBody, match="plain_refused"):
        make_codec(allow_plain=False).decode(plain_query(), TEXT)


@given(words=st.text(max_size=300), nonce=st.text("abc123", min_size=1, max_size=16))
def test_round_trip(words: str, nonce: str) -> None:
    allowed = re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", words)
    codec = make_codec()
    envelope = codec.reply(decode_plain(TEXT), words)
    sealed = codec.seal(envelope)
    encrypt = re.search(rb"<Encrypt><!\[CDATA\[(.*?)\]\]>", sealed).group(1).decode()
    message = codec.decode(safe_query(encrypt, nonce=nonce), sealed)
    # XML makes one line feed of each way to end a line.
    assert message.content == allowed.replace("\r\n", "\n").replace("\r", "\n")
    assert message.openid == "gh_1"


@given(body=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    codec = make_codec()
    for query in (plain_query(), {**plain_query(), "encrypt_type": "aes", "msg_signature": "0"}):
        for candidate in (body, b"<xml>" + body + b"</xml>"):
            with pytest.raises(CallbackRefused):
                codec.decode(query, candidate)


@given(plain=st.binary(min_size=2, max_size=12).map(lambda part: (part * 64)[: 32 * (1 + len(part) % 3)]))
def test_any_plaintext_under_right_signatures_is_refused(plain: bytes) -> None:
    with pytest.raises(CallbackRefused):
        make_codec().decode(*sealed_raw(plain))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda query: query.pop("signature"),
        lambda query: query.update(signature=""),
        lambda query: query.update(signature="0" * 40),
        lambda query: query.update(signature="签名"),
        lambda query: query.update(signature=query["signature"].upper()),
        lambda query: query.update(nonce="another"),
        lambda query: query.update(timestamp=str(NOW + 1)),
        lambda query: query.update(nonce="\udcff"),
        lambda query: query.clear(),
    ],
)
def test_forged_signature_stops_before_the_body_is_looked_at(spoil: Callable[[dict], object]) -> None:
    class Untouchable(bytes):
        def __len__(self) -> int:
            raise AssertionError("the body was looked at")

    query = plain_query()
    spoil(query)
    with pytest.raises(BadSignature) as refused:
        make_codec().decode(query, Untouchable())
    assert refused.value.status == 403
    with pytest.raises(BadSignature):
        make_codec().echo({**query, "echostr": "1"})


def test_forged_message_signature() -> None:
    query, body = sealed_by_wechatpy(TEXT)
    for forged in ("", "0" * 40, query["signature"]):
        with pytest.raises(BadSignature):
            make_codec().decode({**query, "msg_signature": forged}, body)
    # The body cannot be swapped for another one, either.
    other = sealed_by_wechatpy(TEXT, OLD_KEY)[1]
    with pytest.raises(BadSignature):
        make_codec().decode(query, other)


@pytest.mark.parametrize("timestamp", [NOW - 301, NOW + 301, "", "now", "-1", "1e9", "９" * 10, "9" * 400])
def test_stale_or_strange_timestamp(timestamp: int | str) -> None:
    with pytest.raises(StaleTimestamp) as refused:
        make_codec().decode(plain_query(timestamp), TEXT)
    assert refused.value.status == 403


@pytest.mark.parametrize("timestamp", [NOW - 300, NOW + 300])
def test_edges_of_the_window(timestamp: int) -> None:
    assert make_codec().decode(plain_query(timestamp), TEXT).openid == "oOpenid"


def test_oversize() -> None:
    padded = TEXT.replace(b"<MsgId>", b"<More>" + b"x" * BODY_LIMIT + b"</More><MsgId>")
    with pytest.raises(BodyTooLarge) as refused:
        make_codec().decode(plain_query(), padded)
    assert refused.value.status == 413


BOMB = (
    b'<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{}",
        b"<xml>",
        b"<xml></xml>",
        b"<xml/>",
        b"<html></html>",
        TEXT[:-1],
        TEXT + b"<xml/>",
        BOMB + TEXT.replace(b"<MsgId>", b"<X>&c;</X><MsgId>"),
        b'<?xml version="1.0"?>' + BOMB + TEXT,
        b'<!DOCTYPE xml SYSTEM "file:///etc/passwd">' + TEXT,
        b"<!-- -->" + BOMB + TEXT,
        TEXT.replace(b"<MsgId>", b"<X>&undefined;</X><MsgId>"),
        TEXT.replace(b"<MsgId>", b"<!-- x --><MsgId>"),
        TEXT.replace(b"<MsgId>", b"<?php x ?><MsgId>"),
        TEXT.replace(b"1799999999", b"soon"),
        TEXT.replace(b"1799999999", b""),
        TEXT.replace(b"1799999999", b"9" * 30),
        TEXT.replace(b"oOpenid", b""),
        TEXT.replace(b"</xml>", b"<FromUserName>oOther</FromUserName></xml>"),
        TEXT.replace(b"oOpenid", b"\xff\xfe"),
        TEXT.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-16"?>' + TEXT.decode().encode("utf-16-be"),
        TEXT.replace(b"<MsgId>", b"<a>" * 9 + b"</a>" * 9 + b"<MsgId>"),
        TEXT.replace(b"<MsgId>", b"<a>" * 5000 + b"</a>" * 5000 + b"<MsgId>"),
        event(""),
    ],
)
def test_bodies_that_are_refused(body: bytes) -> None:
    for query, sent in ((plain_query(), body), safe_of(body)):
        with pytest.raises(BadBody) as refused:
            make_codec().decode(query, sent)
        assert refused.value.status == 400
        assert refused.value.__cause__ is refused.value.__context__ is None
        assert "oOpenid" not in repr(refused.value)


def safe_of(xml: bytes) -> tuple[dict[str, str], bytes]:
    sealed = make_codec().seal(xml)
    encrypt = re.search(rb"<Encrypt><!\[CDATA\[(.*?)\]\]>", sealed).group(1).decode()
    return safe_query(encrypt), sealed


def test_envelope_with_a_doctype_is_refused() -> None:
    query, body = sealed_by_wechatpy(TEXT)
    with pytest.raises(BadBody):
        make_codec().decode(query, BOMB + body)


def test_text_that_talks_about_doctypes_is_read() -> None:
    words = "<!DOCTYPE html> <!ENTITY x>"
    xml = TEXT.replace("房子 <漏> & 水".encode(), words.encode())
    assert decode_plain(xml).content == words


@pytest.mark.parametrize(
    "prefix",
    [b"", b"\n", b'<?xml version="1.0" encoding="UTF-8"?>\n', b"\xef\xbb\xbf", b'<?xml version="1.0"?>'],
)
def test_allowed_prologs(prefix: bytes) -> None:
    assert decode_plain(prefix + TEXT).openid == "oOpenid"


def test_wrong_app_id_and_unknown_key() -> None:
    with pytest.raises(BadBody, match="wrong_app_id"):
        make_codec(previous_aes_key=None).decode(*sealed_by_wechatpy(TEXT, app_id="wxother"))
    with pytest.raises(BadBody):
        make_codec(previous_aes_key=None).decode(*sealed_by_wechatpy(TEXT, OLD_KEY))
    with pytest.raises(BadBody, match="no_key"):
        make_codec(aes_key=None, previous_aes_key=None).decode(*sealed_by_wechatpy(TEXT))


@pytest.mark.parametrize("cut", [1, 4, 22, 64, 88, 10_000])
def test_truncated_ciphertext(cut: int) -> None:
    _, body = sealed_by_wechatpy(TEXT)
    encrypt = re.search(rb"<Encrypt><!\[CDATA\[(.*?)\]\]>", body).group(1).decode()[:-cut]
    with pytest.raises(BadBody):
        make_codec().decode(safe_query(encrypt), f"<xml><Encrypt>{encrypt}</Encrypt></xml>".encode())


def inside(length: int, app_id: str = APP_ID, xml: bytes = TEXT) -> bytes:
    return b"r" * 16 + struct.pack(">I", length) + xml + app_id.encode()


def padded(plain: bytes) -> bytes:
    count = 32 - len(plain) % 32
    return plain + bytes((count,)) * count


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        (b"\x00" * 32, "bad_padding"),
        (b"\x21" * 64, "bad_padding"),
        (padded(inside(len(TEXT)) + b"\x07"), "wrong_app_id"),
        (padded(inside(len(TEXT)))[:-2] + b"\x03" + padded(inside(len(TEXT)))[-1:], "bad_padding"),
        (b"\x20" * 32, "bad_length"),
        (padded(inside(0xFFFFFFFF)), "bad_length"),
        (padded(inside(len(TEXT) + len(APP_ID) + 1)), "bad_length"),
        (padded(inside(len(TEXT) + len(APP_ID))), "wrong_app_id"),
        (padded(inside(len(TEXT) - 1)), "wrong_app_id"),
        (padded(inside(len(TEXT), APP_ID + "x")), "wrong_app_id"),
        (padded(inside(len(TEXT), "")), "wrong_app_id"),
    ],
)
def test_bad_padding_and_lengths(plain: bytes, reason: str) -> None:
    codec = make_codec(previous_aes_key=None)
    assert codec.decode(*sealed_raw(padded(inside(len(TEXT))))).openid == "oOpenid"
    with pytest.raises(BadBody, match=reason):
        codec.decode(*sealed_raw(plain))


def test_envelope_without_encrypt() -> None:
    with pytest.raises(BadBody, match="no_encrypt"):
        make_codec().decode({**plain_query(), "encrypt_type": "aes", "msg_signature": "x"}, TEXT)


def test_events() -> None:
    scan = decode_plain(event("SCAN", "<EventKey>qrscene_7</EventKey>", "<Ticket>t</Ticket>"))
    assert (scan.kind, scan.event, scan.event_key) == ("event", "scan", "qrscene_7")
    assert scan.dedup_key == "oOpenid:1799999999:scan:qrscene_7"
    receipt = decode_plain(
        event("TEMPLATESENDJOBFINISH", "<MsgID>200163836</MsgID>", "<Status>success</Status>")
    )
    assert receipt.event == "templatesendjobfinish"
    assert receipt.msg_id == "200163836"
    assert receipt.dedup_key == "oOpenid:1799999999:templatesendjobfinish::200163836"
    assert receipt.fields["Status"] == "success"


def test_nested_elements_are_kept() -> None:
    place = decode_plain(
        event(
            "location_select",
            "<EventKey>6</EventKey><SendLocationInfo><Location_X><![CDATA[23]]></Location_X>",
            "<Poiname></Poiname></SendLocationInfo>",
        )
    )
    assert place.fields["SendLocationInfo"] == {"Location_X": "23", "Poiname": ""}
    item = "<List><TemplateId>t{0}</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>"
    for count in (1, 2):
        consent = decode_plain(
            event(
                "subscribe_msg_popup_event",
                "<SubscribeMsgPopupEvent>",
                *(item.format(n) for n in range(count)),
                "</SubscribeMsgPopupEvent>",
            )
        )
        found = consent.fields["SubscribeMsgPopupEvent"]["List"]
        assert [entry["TemplateId"] for entry in found] == [f"t{n}" for n in range(count)]
    pictures = decode_plain(
        event(
            "pic_weixin",
            "<SendPicsInfo><Count>1</Count><PicList><item><PicMd5Sum>m</PicMd5Sum></item></PicList></SendPicsInfo>",
        )
    )
    assert pictures.fields["SendPicsInfo"] == {"Count": "1", "PicList": {"item": [{"PicMd5Sum": "m"}]}}


def wrapped(event_name: str, **item: str) -> bytes:
    """An event that tells of one template in a list."""
    listed = "".join(f"<{name}>{value}</{name}>" for name, value in item.items())
    group = {"subscribe_msg_sent_event": "SubscribeMsgSentEvent"}.get(event_name, "SubscribeMsgPopupEvent")
    return event(event_name, f"<{group}><List>{listed}</List></{group}>")


def withdrawn(openid: str, what: str) -> bytes:
    return event(
        "user_authorization_revoke", f"<OpenID>{openid}</OpenID>", f"<RevokeInfo>{what}</RevokeInfo>"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            wrapped("subscribe_msg_sent_event", TemplateId="t", MsgID="1"),
            wrapped("subscribe_msg_sent_event", TemplateId="t", MsgID="2"),
        ),
        (
            wrapped("subscribe_msg_popup_event", TemplateId="t1", SubscribeStatusString="accept"),
            wrapped("subscribe_msg_popup_event", TemplateId="t2", SubscribeStatusString="accept"),
        ),
        (
            wrapped("subscribe_msg_popup_event", TemplateId="t", SubscribeStatusString="accept"),
            wrapped("subscribe_msg_change_event", TemplateId="t", SubscribeStatusString="reject"),
        ),
        (
            event("wxa_media_check", "<trace_id>967e945cd8a3e458</trace_id>"),
            event("wxa_media_check", "<trace_id>967e945cd8a3e459</trace_id>"),
        ),
        (withdrawn("oOne", "205"), withdrawn("oOther", "205")),
        (withdrawn("oOne", "205"), withdrawn("oOne", "206")),
        (event("user_authorization_revoke"), event("user_authorization_cancellation")),
    ],
    ids=["receipts", "templates", "consent and withdrawal", "media", "people", "rights", "kinds"],
)
def test_events_within_one_second_differ_where_their_effects_do(one: bytes, other: bytes) -> None:
    assert decode_plain(one).dedup_key != decode_plain(other).dedup_key
    assert decode_plain(one).dedup_key == decode_plain(one).dedup_key


def test_echo() -> None:
    codec = make_codec()
    assert codec.echo({**plain_query(), "echostr": "5837162"}) == "5837162"
    with pytest.raises(StaleTimestamp):
        codec.echo({**plain_query(NOW - 301), "echostr": "5837162"})
    with pytest.raises(BadBody):
        codec.echo(plain_query())


def test_encrypted_echo() -> None:
    sealed = make_codec().seal(b"5837162")
    encrypt = re.search(rb"<Encrypt><!\[CDATA\[(.*?)\]\]>", sealed).group(1).decode()
    query = {**safe_query(encrypt), "echostr": encrypt.replace("+", " ")}
    assert make_codec().echo(query) == "5837162"
    del query["signature"]
    assert make_codec().echo(query) == "5837162"
    with pytest.raises(BadSignature):
        make_codec().echo({**query, "msg_signature": "0" * 40})


@pytest.mark.parametrize("key", ["short", "a" * 42, "a" * 44, "é" * 43, "!" * 43])
def test_impossible_keys_are_refused_at_start_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="EncodingAESKey") as refused:
        make_codec(aes_key=key)
    assert key not in str(refused.value)


def test_unknown_key_name() -> None:
    with pytest.raises(LookupError):
        make_codec(previous_aes_key=None).seal(b"<xml/>", "previous")


def test_nothing_secret_in_the_representation() -> None:
    assert TOKEN not in repr(make_codec())
    assert KEY not in repr(make_codec())
