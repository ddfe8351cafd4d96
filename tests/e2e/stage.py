"""A simulator that stands alone with an account behind it, for tests that look at its phones.

The account is a few handlers of this file, which note what they are told and answer as a test asks them to.
"""

import io
import json
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import xmltodict
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page
from tornado.httpclient import AsyncHTTPClient
from tornado.web import RequestHandler

from tests.browser import Seen

Json = dict[str, Any]
APP_ID, MINI_APP_ID = "wx00000000000000oa", "wx00000000000000mp"
NAME = "示例县防贫"
WAIT_MS = 10_000


# --- the account behind the phones ------------------------------------------------------------------


@dataclass
class Account:
    """What the account was told, and what it answers to a text."""

    told: list[Json] = field(default_factory=list)
    replies: dict[str, Json] = field(default_factory=dict)
    simulator: str = ""


class Callback(RequestHandler):
    def initialize(self, account: Account) -> None:
        self.account = account

    def post(self) -> None:
        told = xmltodict.parse(self.request.body)["xml"]
        self.account.told.append(told)
        reply = self.account.replies.get(told.get("Content") or "")
        if reply is None:
            self.finish("success")
            return
        head = {"ToUserName": told["FromUserName"], "FromUserName": told["ToUserName"], "CreateTime": 1}
        self.finish(xmltodict.unparse({"xml": {**head, **reply}}))


class Hall(RequestHandler):
    """A page of the service."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish("<!doctype html><title>办事大厅</title><h1>办事大厅</h1>")

    head = get


class Closed(Hall):
    """A page that no other page may frame."""

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")


class Mine(RequestHandler):
    """A page that asks the platform who is looking at it."""

    def initialize(self, account: Account) -> None:
        self.account = account

    async def get(self) -> None:
        base = self.account.simulator
        code = self.get_query_argument("code", None)
        if code is None:
            here = quote(f"http://{self.request.host}/mine", safe="")
            asked = f"appid={APP_ID}&redirect_uri={here}&response_type=code&scope=snsapi_base&state=s"
            self.redirect(f"{base}/connect/oauth2/authorize?{asked}")
            return
        query = {"appid": APP_ID, "secret": "oa-secret", "code": code, "grant_type": "authorization_code"}
        answer = await AsyncHTTPClient().fetch(f"{base}/sns/oauth2/access_token?{urlencode(query)}")
        self.finish(f"<!doctype html><title>mine</title><p id=me>{json.loads(answer.body)['openid']}</p>")


@dataclass
class Stage:
    """A running simulator with the account behind it."""

    url: str
    service: str
    account: Account
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Json:
        """Call the simulator; a body that is no bytes travels as JSON."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        address = f"{self.url}{path}?{urlencode(query)}"
        with urllib.request.urlopen(urllib.request.Request(address, raw, method=method)) as answer:
            return dict(json.load(answer))

    def call(self, path: str, body: Json) -> Json:
        """Call a path of the platform as the account does."""
        answer = self.ask("POST", path, body, access_token=self.token)
        assert answer.get("errcode", 0) == 0, answer
        return answer

    def upload(self, picture: bytes) -> str:
        """Upload a picture as a person's phone does, and return its id."""
        return str(self.ask("POST", "/_sim/media", picture)["media_id"])

    def hears(self, openid: str) -> None:
        """Have somebody write, which opens the account's window for five messages."""
        self.ask("POST", "/_sim/events", {"openid": openid, "type": "text", "content": "在吗"})
        self.account.told.clear()

    def notifies(self, openid: str, words: str) -> None:
        """Have the account send somebody a template message, which it may at any time."""
        notice = {"touser": openid, "template_id": "any", "data": {"thing1": {"value": words}}}
        self.call("/cgi-bin/message/template/send", notice)

    def says(self, openid: str, msgtype: str, **content: Any) -> None:
        """Have the account write to somebody."""
        message = {"touser": openid, "msgtype": msgtype, msgtype: content}
        self.call("/cgi-bin/message/custom/send", message)

    def heard(self, page: Page, event: str) -> Json:
        """Wait until the account is told of an event or message of this type, and return it."""

        def found() -> Json | None:
            return next(
                (one for one in self.account.told if event in (one.get("Event"), one["MsgType"])), None
            )

        deadline = time.monotonic() + WAIT_MS / 1000
        while (one := found()) is None:
            assert time.monotonic() < deadline, self.account.told
            # Playwright's own way to let the browser go on; the condition above is what is waited for.
            page.wait_for_function("() => true")
        return one


@dataclass
class Screen:
    """The page with the phones, and what it complained about."""

    page: Page
    seen: Seen

    def phone(self, role: str) -> Locator:
        return self.page.locator(f'.seat[data-role="{role}"]')

    @property
    def villager(self) -> Locator:
        return self.phone("villager")

    @property
    def cadre(self) -> Locator:
        return self.phone("cadre")


def has_menu(stage: Stage, *buttons: Json) -> None:
    """Give the account a menu: one entry that holds these buttons."""
    stage.call("/cgi-bin/menu/create", {"button": [{"name": "菜单", "sub_button": list(buttons)}]})


def press(phone: Locator, *names: str) -> None:
    """Press buttons by their words, one after the other."""
    for name in names:
        phone.get_by_role("button", name=name, exact=True).click()


def photo() -> bytes:
    """A picture of one colour."""
    written = io.BytesIO()
    Image.new("RGB", (640, 480), "seagreen").save(written, "JPEG")
    return written.getvalue()


def file(name: str, content: bytes) -> FilePayload:
    """A file to choose."""
    return {"name": name, "mimeType": "image/*", "buffer": content}
