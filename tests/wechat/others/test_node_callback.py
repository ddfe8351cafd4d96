"""A callback server made with node-easywechat alone understands the simulator, and is understood."""

import pytest

from tests.wechat.others.support import Node, Platform


@pytest.fixture
def callback(node: Node, platform: Platform) -> Node:
    """The server, told to the simulator."""
    platform.control("POST", "config", {"callback_url": node("callback.listen", True)})
    return node


def test_the_address_is_verified(callback: Node, platform: Platform) -> None:
    assert platform.control("POST", "verify")["ok"] is True


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
def test_a_text_is_read_and_answered(node: Node, platform: Platform, mode: str) -> None:
    # With a key it encrypts every reply, so that plain mode is one without.
    url = node("callback.listen", mode != "plain")
    platform.control("POST", "config", {"callback_url": url, "callback_mode": mode})
    person = platform.person()
    told = platform.does(person, "text", content="我要求助 & <家里>")
    assert told["accepted"] is True, told
    assert [entry["text"] for entry in platform.inbox(person)] == ["收到：我要求助 & <家里>"]
    (message,) = node("callback.told")
    assert (message["FromUserName"], message["Content"]) == (person["oa_openid"], "我要求助 & <家里>")
    assert len(message["MsgId"]) == 19


def test_events_are_understood(callback: Node, platform: Platform) -> None:
    person = platform.person(follow=False)
    for kind, values in (
        ("subscribe", {"scene": "h7"}),
        ("click", {"key": "report"}),
        ("scancode_waitmsg", {"key": "k", "content": "abc"}),
        ("consent", {"key": "tpl-task"}),
        ("unsubscribe", {}),
    ):
        assert platform.does(person, kind, **values)["accepted"] is True, kind
    follows, presses, scans, consents, leaves = callback("callback.told")
    assert (follows["Event"], follows["EventKey"]) == ("subscribe", "qrscene_h7")
    assert (presses["Event"], presses["EventKey"]) == ("CLICK", "report")
    assert scans["ScanCodeInfo"] == {"ScanType": "qrcode", "ScanResult": "abc"}
    assert consents["SubscribeMsgPopupEvent"]["List"]["TemplateId"] == "tpl-task"
    assert leaves["Event"] == "unsubscribe"
