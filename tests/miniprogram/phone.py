"""A phone with the mini program on it, in a browser; tests touch it by the words that a person reads."""

import base64
import json
import mimetypes
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from handlers.phone import page_of
from tests.browser import PHONE, WAIT_MS, Seen
from tests.touch import Touch

HARNESS = Path(__file__).parent / "harness"
#: What the build under test calls the service; WeChat lets calls through to registered domains only.
DOMAIN = "https://service.fangpin.example"
_AT = "/_phone/"


class Phone(Touch):
    """One person's phone.

    Args:
        browser: Chromium.
        build: the folder of the mini-program build; only read.
        bundle: what `harness/compile.mjs` made of it.
        service: where the service listens.
        simulator: where WeChat's simulator listens.
        openid: whose phone it is, as the simulator knows them.
    """

    def __init__(
        self, browser: Browser, build: Path, bundle: Path, service: str, simulator: str, openid: str
    ) -> None:
        self.build, self.bundle = build, bundle
        self.service, self.simulator, self.openid = service, simulator, openid
        self.seen = Seen()
        self.missing: list[str] = []
        width, height = PHONE
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height},
            locale="zh-CN",
            reduced_motion="reduce",
            has_touch=True,
        )
        self.context.route(f"{service}{_AT}**", self._serve)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.expose_function("askWeChat", self._ask)
        told = {"openid": openid, "service": service, "domain": DOMAIN}
        self.page.add_init_script(
            f"window.phone = {{...{json.dumps(told)}, asks: (what, more = {{}}) => askWeChat(what, more)}}"
        )
        self.seen.watch(self.page)

    # --- what WeChat does -------------------------------------------------------------------------

    def _serve(self, route: Route) -> None:
        """Answer with a file of the harness, of its packages, or of the build."""
        path = urlsplit(route.request.url).path.removeprefix(_AT)
        kind, _, rest = path.partition("/")
        folders = {"vendor": HARNESS / "node_modules", "package": self.build}
        file = (
            self.bundle
            if path == "build.js"
            else folders[kind] / rest
            if kind in folders
            else HARNESS / "web" / path
        )
        if not file.is_file():
            self.missing.append(path)
            route.fulfill(status=404)
            return
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        route.fulfill(body=file.read_bytes(), content_type=f"{media_type}; charset=utf-8")

    def _ask(self, what: str, more: dict[str, Any]) -> str | None:
        """What WeChat's own servers answer, out of the simulator."""
        if what in ("login", "phone"):
            path = f"/_sim/login-code?openid={self.openid}&kind={what}"
            with urlopen(f"{self.simulator}{path}") as answer:
                return str(json.load(answer)["code"])
        chosen = [{"template_id": id_, "status": more["answer"]} for id_ in more["tmplIds"]]
        deed = {"openid": self.openid, "type": "consent_mp", "templates": chosen}
        body = json.dumps(deed).encode()
        with urlopen(Request(f"{self.simulator}/_sim/events", body, method="POST")):
            return None

    # --- what a person does -----------------------------------------------------------------------

    def open(self, page: str = "") -> "Phone":
        """Start the mini program, or start it again; `page` is a path with its query, as in a message."""
        self.page.goto(f"{self.service}{_AT}index.html?page={quote(page)}")
        expect(self.page.locator("body[data-ready]")).to_be_attached(timeout=WAIT_MS)
        return self

    def open_message(self, *words: str) -> "Phone":
        """Press the newest message that holds all these words: the mini program opens at its page."""
        page = page_of(urlsplit(self.message(*words)).path)
        assert page
        return self.open(page)

    def agree(self) -> "Phone":
        """Say yes from now on whenever the app asks about privacy."""
        sheet = self.page.get_by_role("dialog", name="隐私说明")
        self.page.add_locator_handler(sheet, lambda shown: shown.get_by_text("同意", exact=True).tap())
        return self

    def choose(self, label: str, *options: str) -> None:
        """Turn the wheels that open from these words, each to an option (a date is written 2026-01-31)."""
        self.press(label)
        asked = self.page.locator(".asked")
        for index, option in enumerate(options):
            wheel = asked.locator("select, input").nth(index)
            if wheel.evaluate("wheel => wheel.tagName") == "SELECT":
                wheel.select_option(label=option)
            else:
                wheel.fill(option)
        asked.get_by_role("button", name="确定", exact=True).tap()

    def choose_photo(self, *photos: bytes, type_: str = "image/jpeg") -> None:
        """What the camera gives when the app next asks for photos."""
        for photo in photos:
            self._set("photos.push", {"base64": base64.b64encode(photo).decode(), "type": type_})

    def record(self, sound: bytes) -> None:
        """What the microphone hears from now on."""
        self.page.evaluate("given => { phone.recording = given }", base64.b64encode(sound).decode())

    def stand_at(self, latitude: float, longitude: float) -> None:
        """Where the phone is from now on."""
        self.page.evaluate(
            "given => { phone.position = given }", {"latitude": latitude, "longitude": longitude}
        )

    def refuse(self, *names: str) -> None:
        """Say no to these from now on: getLocation, getPhoneNumber, chooseMedia, requestSubscribeMessage …"""
        self.page.evaluate("given => { phone.refuses = given }", list(names))

    def go_back(self) -> None:
        """The arrow at the top."""
        self.page.get_by_role("button", name="返回上一页").tap()

    def at(self, title: str) -> None:
        """Wait until the bar at the top has this title."""
        expect(self.page.locator("#bar h1")).to_have_text(title, timeout=WAIT_MS)

    def close(self) -> None:
        """Put the phone away; a fault of a script, a complaint or a missing file fails the test."""
        self.context.close()
        # Chromium remarks on each call that is refused or finds no signal, which tests bring about.
        said = [line for line in self.seen.said if not line.startswith("Failed to load resource")]
        assert not said, said
        assert not self.missing, self.missing
        assert self.seen.hosts <= {urlsplit(self.service).netloc}, self.seen.hosts

    def _set(self, what: str, value: Any) -> None:
        self.page.evaluate(f"given => phone.{what}(given)", value)
