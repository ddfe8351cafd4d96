"""What each outcome of a sending means, and how values are made to fit."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat.channels import CHANNELS, Content, clip, clip_field, clip_text, deliver
from wechat.errcodes import ERRCODES, Disposition, Mark, lookup
from wechat.errors import TokenUnavailable, WeChatError, WeChatUnreachable

CONTENT = Content(
    "tpl", {"thing1": "屋顶漏雨"}, "https://x/m/", {"appid": "wxmini", "pagepath": "p"}, "请查看"
)


class FakeApi:
    """What the platform was asked for, and the failure that it answers with."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.sent: list[tuple[Any, ...]] = []

    def _send(self, *told: Any) -> str:
        self.sent.append(told)
        if self.failure:
            raise self.failure
        return "42"

    async def send_template(self, openid: str, template_id: str, data: Any, **more: Any) -> str:
        return self._send(openid, template_id, data, more)

    async def send_subscription(self, openid: str, template_id: str, data: Any, **more: Any) -> None:
        self._send(openid, template_id, data, more)

    async def send_notice(self, openid: str, template_id: str, data: Any, **more: Any) -> str:
        return self._send(openid, template_id, data, more)

    async def send_text(self, openid: str, text: str) -> None:
        self._send(openid, text)


# Written out again, apart from the table under test: what the platform rules ask for.
EXPECTED = {
    -1: ("retry", None),
    0: ("done", None),
    40001: ("refresh_token", None),
    40014: ("refresh_token", None),
    42001: ("refresh_token", None),
    40003: ("next_channel", "unbind"),
    40013: ("halt", None),
    40029: ("dead_letter", None),
    40037: ("next_channel", None),
    40125: ("halt", None),
    40163: ("dead_letter", None),
    40164: ("halt", None),
    40226: ("dead_letter", None),
    41001: ("halt", None),
    43004: ("next_channel", "not_following"),
    50005: ("next_channel", "not_following"),
    43019: ("next_channel", "blocked"),
    48002: ("next_channel", "blocked"),
    43101: ("next_channel", "no_consent"),
    45002: ("dead_letter", None),
    45009: ("wait", None),
    45011: ("wait", None),
    45015: ("next_channel", "window_closed"),
    45047: ("next_channel", "window_closed"),
    47001: ("dead_letter", None),
    47003: ("dead_letter", None),
    48001: ("halt", None),
    48004: ("halt", None),
    50002: ("halt", None),
}


def test_every_code_is_expected() -> None:
    told = {code: (ERRCODES[code].disposition, ERRCODES[code].mark) for code in EXPECTED}
    assert told == EXPECTED


def test_unknown_code_is_named() -> None:
    line = lookup(61007)
    assert (line.code, line.disposition, line.mark) == (61007, Disposition.next_channel, None)
    assert "61007" in line.reason


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("code", sorted(set(EXPECTED) - {0}))
async def test_every_code_on_every_channel(channel: str, code: int) -> None:
    delivery = await deliver(FakeApi(WeChatError(code, "no", "/p")), channel, "o", CONTENT, "id-1")
    disposition, mark = EXPECTED[code]
    # The client has refreshed the token already, so that only coming back later is left.
    assert delivery.disposition == ("retry" if disposition == "refresh_token" else disposition)
    assert (delivery.errcode, delivery.mark, delivery.uncertain) == (code, mark, False)
    assert delivery.message_id is None
    assert delivery.reason == lookup(code).reason


async def test_template_is_sent() -> None:
    api = FakeApi()
    delivery = await deliver(api, "template", "o", CONTENT, "id-1")
    assert (delivery.disposition, delivery.errcode, delivery.message_id) == (Disposition.done, 0, "42")
    more = {"url": CONTENT.url, "mini_program": CONTENT.mini_program, "client_msg_id": "id-1"}
    assert api.sent == [("o", "tpl", {"thing1": "屋顶漏雨"}, more)]


async def test_customer_message_is_sent() -> None:
    api = FakeApi()
    delivery = await deliver(api, "customer", "o", CONTENT, "id-1")
    assert (delivery.disposition, delivery.message_id, delivery.mark) == (Disposition.done, None, None)
    assert api.sent == [("o", "请查看")]


@pytest.mark.parametrize("kind", ["timeout", "dropped", "status", "not_json"])
async def test_lost_answers(kind: str) -> None:
    api = FakeApi(WeChatUnreachable("/p", kind))
    template = await deliver(api, "template", "o", CONTENT, "id-1")
    assert (template.disposition, template.uncertain) == (Disposition.retry, False)
    # Without an id the platform cannot tell the second from the first.
    bare = await deliver(api, "template", "o", CONTENT, None)
    customer = await deliver(api, "customer", "o", CONTENT, "id-1")
    for delivery in (bare, customer):
        assert (delivery.disposition, delivery.uncertain) == (Disposition.next_channel, True)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_nothing_sent_is_certain(channel: str) -> None:
    failure = WeChatUnreachable("/p", "connect", sent=False)
    delivery = await deliver(FakeApi(failure), channel, "o", CONTENT, "id-1")
    assert (delivery.disposition, delivery.uncertain) == (Disposition.retry, False)


@pytest.mark.parametrize("disposition", [Disposition.halt, Disposition.retry, Disposition.wait])
async def test_no_token(disposition: Disposition) -> None:
    failure = TokenUnavailable("/cgi-bin/stable_token", 40125, disposition, "密钥不对")
    delivery = await deliver(FakeApi(failure), "template", "o", CONTENT, "id-1")
    assert (delivery.disposition, delivery.errcode, delivery.reason) == (disposition, 40125, "密钥不对")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_content_without_what_the_channel_needs(channel: str) -> None:
    api = FakeApi()
    delivery = await deliver(api, channel, "o", Content(None), "id-1")
    assert delivery.disposition is Disposition.next_channel
    assert api.sent == []


async def test_unknown_channel() -> None:
    with pytest.raises(ValueError, match="pigeon"):
        await deliver(FakeApi(), "pigeon", "o", CONTENT, None)


def test_marks() -> None:
    assert {mark.value for mark in Mark} >= {"unbind", "not_following", "blocked", "no_consent"}


@pytest.mark.parametrize(
    ("value", "limit", "clipped"),
    [
        ("屋顶漏雨", 20, "屋顶漏雨"),
        ("一" * 20, 20, "一" * 20),
        ("一" * 21, 20, "一" * 19 + "…"),
        ("屋顶\n漏雨\r\n三天", 20, "屋顶 漏雨 三天"),
        ("  房\u2028子\t ", 20, "房 子"),
        ("求助🆘👨‍👩‍👧🏽❤️☎️1️⃣🇨🇳", 20, "求助1"),
        ("\x00\x1b[31m红\u202e\ufeff\ud800", 20, "[31m红"),
        ("𠮷家村", 20, "𠮷家村"),
        ("12.5℃ ①→《甲》—“乙”", 20, "12.5℃ ①→《甲》—“乙”"),
        ("ab cd", 4, "ab…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("", 20, ""),
    ],
)
def test_clip(value: str, limit: int, clipped: str) -> None:
    assert clip(value, limit) == clipped


@given(value=st.text(), limit=st.integers(0, 40))
def test_clip_keeps_its_promise(value: str, limit: int) -> None:
    clipped = clip(value, limit)
    assert len(clipped) <= limit
    # Not isprintable(), which refuses Han characters newer than this Python.
    assert not {unicodedata.category(char) for char in clipped} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clip(clipped, limit) == clipped


@pytest.mark.parametrize(
    ("name", "value", "clipped"),
    [
        ("thing1", "一" * 30, "一" * 19 + "…"),
        ("phrase3", "正在核实办理中", "正在核实办"),
        ("name12", "一" * 12, "一" * 10),
        ("character_string2", "FP" + "0" * 40, "FP" + "0" * 30),
        ("time4", "2026年11月21日 19:23~2026年11月22日 19:23", "2026年11月21日 19:23~2026年11月22日 19:23"),
        ("keyword1", "一" * 30, "一" * 19 + "…"),
        ("thing1", "🎉", "-"),
        ("phrase1", "", "-"),
    ],
)
def test_values_fit_their_kind(name: str, value: str, clipped: str) -> None:
    assert clip_field(name, value) == clipped


async def test_values_are_clipped_when_sent() -> None:
    api = FakeApi()
    await deliver(api, "template", "o", Content("tpl", {"thing1": "一\n" * 30, "number2": "3"}), "id-1")
    assert api.sent[0][2] == {"thing1": "一 一 一 一 一 一 一 一 一 一…", "number2": "3"}


@given(text=st.text(), limit=st.integers(3, 60))
def test_customer_text_is_cut_in_bytes(text: str, limit: int) -> None:
    cut = clip_text(text, limit)
    assert len(cut.encode()) <= limit
    if len(text.encode("utf-8", "ignore")) <= limit:
        assert cut == text.encode("utf-8", "ignore").decode()
