"""A phone with the account's web pages on it; tests touch it by the words that a person reads."""

import json
import re
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from playwright.sync_api import Browser, FileChooser, FilePayload, expect

from tests.browser import ROOT, WAIT_MS, Demo, Seen
from tests.support import report_form
from tests.touch import Touch
from wechat.simulator.oauth import HOLDER_COOKIE

CHECKS = Path(__file__).with_name("page_checks.js")
AXE = ROOT / "miniprogram/node_modules/axe-core/axe.min.js"
#: 枫木村一组, by its division code.
GROUP = "431021101201001"
SIGNED_IN = "() => Boolean(JSON.parse(localStorage.getItem('fangpin/session') ?? '{}').token)"
#: Where the pictures of all pages are kept that a run has seen.
SHOTS = ROOT / "var/screenshots"


class WebPhone(Touch):
    """One person's phone, with a browser of its own.

    Args:
        browser: Chromium.
        demo: the running demo.
        key: whose phone it is, of `server.seed.PEOPLE`.
        size: of the screen, in CSS pixels.
    """

    canvas: ClassVar[str] = "canvas"

    def __init__(self, browser: Browser, demo: Demo, key: str, size: tuple[int, int]) -> None:
        self.demo, self.openid, self.size = demo, f"oDemo_{key}", size
        self.simulator = demo.simulator_url
        self.seen = Seen()
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            is_mobile=True,
            has_touch=True,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(WAIT_MS)
        # On a real phone WeChat knows whose it is; here the simulator's authorisation page looks at this.
        self.context.add_cookies([{"name": HOLDER_COOKIE, "value": self.openid, "url": demo.simulator_url}])
        self.photos: list[FilePayload] = []
        self._turn_on()

    def _turn_on(self) -> None:
        self.page = self.context.new_page()
        self.page.on("filechooser", self._give)
        self.seen.watch(self.page)

    def _give(self, chooser: FileChooser) -> None:
        chooser.set_files(self.photos)

    # --- what a person does -----------------------------------------------------------------------

    def open(self, path: str = "/m/") -> "WebPhone":
        """Open a page by its address, as a menu or a message does, and wait until it stands there."""
        self.page.goto(self.demo.url + path if path.startswith("/") else path)
        expect(self.page.locator(".screen").last).to_be_visible(timeout=WAIT_MS)
        # A page stands there before the browser has gone to WeChat and come back.
        self.page.wait_for_function(SIGNED_IN, timeout=WAIT_MS)
        return self

    def restart(self, path: str) -> "WebPhone":
        """End the browser as a phone does, without a word to the page, and open a page anew."""
        self.page.close(run_before_unload=False)
        self._turn_on()
        return self.open(path)

    def open_message(self, *words: str) -> "WebPhone":
        """Press the newest message from the account that holds all these words, once it has arrived."""
        return self.open(self.message(*words))

    def choose_photo(self, *photos: bytes, type_: str = "image/jpeg") -> None:
        """What the camera or the album gives whenever the page asks for photos from now on."""
        self.photos = [
            {"name": f"photo-{index}.jpg", "mimeType": type_, "buffer": photo}
            for index, photo in enumerate(photos)
        ]

    def stand_at(self, latitude: float, longitude: float) -> None:
        """Allow the position, and be there."""
        self.context.grant_permissions(["geolocation"])
        self.context.set_geolocation({"latitude": latitude, "longitude": longitude, "accuracy": 20})

    def go_back(self) -> None:
        """The arrow at the top."""
        self.page.get_by_role("button", name="返回").locator("visible=true").tap()

    def title(self) -> str:
        """The page's heading."""
        return self.page.get_by_role("heading", level=1).locator("visible=true").inner_text()

    # --- what is checked of every page ------------------------------------------------------------

    def keep_picture(self, name: str) -> None:
        """Keep a picture of the whole page, and check what holds for every page: nothing serious for whoever
        cannot see well, nothing wider than the screen, no small letters, nothing too small to hit."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        path: Path = SHOTS / f"{name}-{self.size[0]}.png"
        self.page.screenshot(path=path, full_page=True)
        wrong = self.page.evaluate(CHECKS.read_text())
        assert wrong == [], (name, wrong)
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        serious = [
            f"{one['id']}: {node['html'][:160]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
        assert serious == [], (name, serious)

    def close(self) -> None:
        """Put the phone away; a fault of a script or a request to another host fails the test."""
        self.context.close()
        # Chromium remarks on each call that is refused or finds no signal, which tests bring about.
        assert [
            line for line in self.seen.said if not re.match(r"Failed to (load resource|fetch)", line)
        ] == []
        assert self.seen.hosts <= {
            urlsplit(self.demo.url).netloc,
            urlsplit(self.demo.simulator_url).netloc,
            "",
        }


#: Gives a demo person's phone: ``take("villager_1")``.
Take = Callable[..., WebPhone]


def _ask(url: str, body: Any = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.load(answer)


def hand_in(demo: Demo, key: str, number: int) -> str:
    """Have a demo person report for household `number` of 枫木村一组; the report's number as it is shown."""
    code = _ask(f"{demo.simulator_url}/_sim/login-code?openid=oDemo_{key}")["code"]
    token = _ask(f"{demo.url}/api/session", {"code": code})["token"]
    signed = {"Authorization": f"Bearer {token}"}
    place = _ask(f"{demo.url}/api/regions?code={GROUP}", **signed)["items"][0]["id"]
    form = report_form(place, number)
    found = _ask(f"{demo.url}/api/intakes", form, **signed, **{"Idempotency-Key": str(uuid.uuid4())})
    digits = re.sub(r"\D", "", found["number"])
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
