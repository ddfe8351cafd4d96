"""A callback server made with wechatpy alone understands what the simulator sends, and is understood."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from wechatpy import WeChatClient, create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.events import TemplateSendJobFinishEvent
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.replies import (
    ArticlesReply,
    BaseReply,
    ImageReply,
    MusicReply,
    TransferCustomerServiceReply,
    VideoReply,
    VoiceReply,
)
from wechatpy.utils import check_signature

from server.clock import SharedClock
from tests.wechat.others.examples import PAGE, VALUES
from tests.wechat.others.support import MP, OA, Json, Platform
from wechat.simulator.events import KINDS
from wechat.simulator.world import PLATFORM_SENDER

MODES = ("plain", "compatible", "safe")


class Callback:
    """A service made with wechatpy alone.

    Attributes:
        messages: what wechatpy has read, oldest first.
        answer: makes the reply to a message; None says `success`.
    """

    def __init__(self, account: Mapping[str, str]) -> None:
        self.messages: list[Any] = []
        self.answer: Callable[[Any], BaseReply | None] = lambda message: None
        self._arrival = threading.Condition()
        self._token = account["token"]
        self._crypto = WeChatCrypto(account["token"], account["aes_key"], account["app_id"])

    def echo(self, query: dict[str, str]) -> str:
        """Answer the check of the address."""
        check_signature(self._token, query["signature"], query["timestamp"], query["nonce"])
        return query["echostr"]

    def first(self) -> Any:
        """Wait for a message and return the first."""
        with self._arrival:
            assert self._arrival.wait_for(lambda: self.messages, timeout=20)
            return self.messages[0]

    def hear(self, query: dict[str, str], body: bytes) -> str:
        """Check, decrypt, read and answer one message."""
        check_signature(self._token, query["signature"], query["timestamp"], query["nonce"])
        encrypted = query.get("encrypt_type") == "aes"
        if encrypted:
            signed = (query["msg_signature"], query["timestamp"], query["nonce"])
            message = parse_message(self._crypto.decrypt_message(body, *signed))
        else:
            message = parse_message(body)
        with self._arrival:
            self.messages.append(message)
            self._arrival.notify_all()
        reply = self.answer(message)
        if reply is None:
            return "success"
        xml = reply.render()
        return self._crypto.encrypt_message(xml, "n0nce", query["timestamp"]) if encrypted else xml


@contextmanager
def served(service: Callback) -> Iterator[str]:
    """Serve it in a thread; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _finish(self, answer: Callable[[dict[str, str]], str]) -> None:
            try:
                status, text = 200, answer(dict(parse_qsl(urlsplit(self.path).query)))
            except InvalidSignatureException:
                status, text = 403, ""
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._finish(service.echo)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._finish(lambda query: service.hear(query, body))

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def callback(platform: Platform) -> Iterator[Callback]:
    """The official account's service, told to the simulator."""
    service = Callback(OA)
    with served(service) as url:
        platform.control("POST", "config", {"callback_url": url})
        yield service


@pytest.fixture
def mini_callback(platform: Platform) -> Iterator[Callback]:
    """The mini program's."""
    service = Callback(MP)
    with served(service) as url:
        platform.control("POST", "config", {"mp_callback_url": url})
        yield service


def test_the_address_is_verified(callback: Callback, platform: Platform) -> None:
    assert platform.control("POST", "verify")["ok"] is True


@pytest.mark.parametrize("mode", MODES)
def test_a_text_is_read_and_answered(
    callback: Callback, platform: Platform, clock: SharedClock, mode: str
) -> None:
    platform.control("POST", "config", {"callback_mode": mode})
    callback.answer = lambda message: create_reply(f"收到：{message.content}", message)
    person = platform.person()
    told = platform.does(person, "text", content="我要求助 & <家里>")
    assert told["accepted"] is True, told
    (message,) = callback.messages
    assert (message.type, message.content) == ("text", "我要求助 & <家里>")
    assert (message.source, message.target) == (person["oa_openid"], "gh_0123456789ab")
    assert message.id > 10**18
    assert abs(message.time - clock.time()) < 60
    assert [entry["text"] for entry in platform.inbox(person)] == ["收到：我要求助 & <家里>"]


ARTICLE = {"title": "政策", "description": "最新", "image": PAGE + "a.jpg", "url": PAGE}
REPLIES: list[tuple[Callable[[Any], BaseReply], str]] = [
    (lambda message: ImageReply(message=message, media_id="m1"), "image"),
    (lambda message: VoiceReply(message=message, media_id="m1"), "voice"),
    (lambda message: VideoReply(message=message, media_id="m1", title="视频", description="两分钟"), "video"),
    (lambda message: MusicReply(message=message, thumb_media_id="m1", title="歌", music_url=PAGE), "music"),
    (lambda message: ArticlesReply(message=message, articles=[ARTICLE]), "news"),
    (lambda message: TransferCustomerServiceReply(message=message), "transfer_customer_service"),
]


@pytest.mark.parametrize(("answer", "kind"), REPLIES, ids=[kind for _, kind in REPLIES])
def test_every_kind_of_reply_is_taken(
    callback: Callback, platform: Platform, answer: Callable[[Any], BaseReply], kind: str
) -> None:
    callback.answer = answer
    told = platform.does(platform.person(), "text", content="在吗")
    assert (told["accepted"], told["reply"]["MsgType"]) == (True, kind), told


# What somebody does, the class that wechatpy makes of it, and what that says.
DEEDS: list[tuple[str, Json, str, Json]] = [
    ("subscribe", {}, "SubscribeEvent", {"event": "subscribe", "key": ""}),
    ("subscribe", {"scene": "h7"}, "SubscribeScanEvent", {"scene_id": "h7"}),
    ("unsubscribe", {}, "UnsubscribeEvent", {"event": "unsubscribe"}),
    ("scan", {"scene": 7}, "ScanEvent", {"scene_id": "7"}),
    ("click", {"key": "report"}, "ClickEvent", {"key": "report"}),
    ("view", {"key": PAGE}, "ViewEvent", {"url": PAGE}),
    ("report_location", {"latitude": 25.5, "longitude": 113.2}, "LocationEvent", {"latitude": 25.5}),
    ("scancode_push", {"key": "k", "content": "abc"}, "ScanCodePushEvent", {"scan_result": "abc"}),
    ("scancode_waitmsg", {"key": "k", "content": "abc"}, "ScanCodeWaitMsgEvent", {"scan_type": "qrcode"}),
    ("pic_sysphoto", {"key": "k"}, "PicSysPhotoEvent", {"key": "k", "count": 1}),
    ("pic_photo_or_album", {"key": "k", "count": 2}, "PicPhotoOrAlbumEvent", {"count": 2}),
    ("pic_weixin", {"key": "k"}, "PicWeChatEvent", {"count": 1}),
    ("location_select", {"key": "k", "label": "王家村"}, "LocationSelectEvent", {"label": "王家村"}),
    ("text", {"content": "在吗"}, "TextMessage", {"content": "在吗"}),
    ("image", {}, "ImageMessage", {"type": "image"}),
    ("voice", {}, "VoiceMessage", {"format": "amr"}),
    ("video", {}, "VideoMessage", {"type": "video"}),
    ("shortvideo", {}, "ShortVideoMessage", {"type": "shortvideo"}),
    ("location", {"latitude": 25.5, "label": "王家村"}, "LocationMessage", {"label": "王家村"}),
    ("link", {"title": "政策", "description": "最新", "url": PAGE}, "LinkMessage", {"url": PAGE}),
    ("raw", {"fields": {"MsgType": "event", "Event": "VIEW", "EventKey": "x"}}, "ViewEvent", {"url": "x"}),
    ("view_miniprogram", {"key": "pages/index"}, "ViewMiniProgramEvent", {"page_path": "pages/index"}),
    # wechatpy 1.8.18 is older than these.
    ("consent", {"key": "tpl-task"}, "UnknownMessage", {}),
    ("consent_withdrawn", {"key": "tpl-task"}, "UnknownMessage", {}),
    ("user_info_modified", {}, "UnknownMessage", {"source": PLATFORM_SENDER}),
    ("user_authorization_revoke", {}, "UnknownMessage", {"source": PLATFORM_SENDER}),
    ("user_authorization_cancellation", {}, "UnknownMessage", {"source": PLATFORM_SENDER}),
]
MINI_DEEDS: list[tuple[str, Json, str, Json]] = [
    ("consent_mp", {"key": "tpl-task"}, "UnknownMessage", {}),
    (
        "wxa_media_check",
        {"app": "mp", "trace_id": "t-1"},
        "WxaMediaCheckEvent",
        {"trace_id": "t-1", "source": PLATFORM_SENDER},
    ),
]


@pytest.mark.parametrize("mode", MODES)
def test_what_people_do_is_understood(
    callback: Callback, mini_callback: Callback, platform: Platform, mode: str
) -> None:
    platform.control("POST", "config", {"callback_mode": mode})
    for service, deeds, own_id in ((callback, DEEDS, "oa_openid"), (mini_callback, MINI_DEEDS, "mp_openid")):
        for kind, values, name, said in deeds:
            person = platform.person(follow=kind != "subscribe")
            service.messages.clear()
            told = platform.does(person, kind, **values)
            assert told["accepted"] is True, (kind, told)
            message = service.messages[0]
            assert type(message).__name__ == name, kind
            wanted = {"source": person[own_id], **said}
            assert {key: getattr(message, key) for key in wanted} == wanted, kind


def test_every_deed_is_in_a_table() -> None:
    # A kind without fields tells the account nothing.
    told = {name for name, kind in KINDS.items() if kind.fields is not None}
    assert told == {name for name, *_ in (*DEEDS, *MINI_DEEDS)}


def test_the_pictures_of_a_menu_follow_as_messages(callback: Callback, platform: Platform) -> None:
    platform.does(platform.person(), "pic_photo_or_album", key="k", count=2)
    event, *pictures = callback.messages
    assert [set(picture) for picture in event.pictures] == [{"PicMd5Sum"}] * 2
    assert [message.type for message in pictures] == ["image", "image"]


def test_a_message_sent_by_wechatpy_is_receipted_to_wechatpy(
    callback: Callback, oa: WeChatClient, platform: Platform
) -> None:
    person = platform.person()
    sent = oa.message.send_template(person["oa_openid"], "tpl-task", VALUES)
    receipt = callback.first()
    assert isinstance(receipt, TemplateSendJobFinishEvent)
    assert (receipt.id, receipt.status) == (sent["msgid"], "success")
    assert receipt.source == person["oa_openid"]
