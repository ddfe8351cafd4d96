"""The phone's pages as a cheap phone on a poor connection opens them, and what its photos weigh."""

import asyncio
import io
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from benchmarks.results import keep
from benchmarks.stage import stage
from tests.browser import CHROMIUM, FLAGS

RUNS = 5
CPU_SLOWDOWN = 4
BYTES_S = 1.6 * 1_000_000 / 8
ROUND_TRIP_MS = 150
WAIT_MS = 60_000
PHOTOS = 9
PHOTO_SIZE = (4000, 3000)
PHOTO_BYTES = 4_000_000
#: What a person presses from the first page to where photos are added.
TO_THE_PHOTOS = (
    "我要申报",
    "家里有人生病，看病花钱多",
    "下一步",
    "下一步",
    "桂阳县",
    "白石乡",
    "枫木村",
    "一组",
    "下一步",
)


async def run() -> None:
    """Measure the first view and the photos."""
    async with stage() as scene:
        await scene.start("serve")
        # Playwright brings a loop of its own.
        await asyncio.to_thread(_measure, f"{scene.settings.public_url}/m/")


def _measure(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        views = [_first_view(browser, address) for _ in range(RUNS)]
        for name, unit in (("first-view", "KB"), ("first-paint", "ms"), ("first-visit", "ms")):
            keep(f"phone/{name}", statistics.median(view[name] for view in views), unit)
        weight, seconds = _nine_photos(browser, address)
        keep("phone/nine-photos", weight / 1000, "KB")
        keep("phone/nine-photos-time", seconds, "s")
        browser.close()


def _phone(browser: Browser) -> BrowserContext:
    """A phone with an empty cache."""
    size: Any = {"width": 390, "height": 844}
    context = browser.new_context(viewport=size, locale="zh-CN", is_mobile=True, has_touch=True)
    context.set_default_timeout(WAIT_MS)
    return context


def _slow(page: Page) -> CDPSession:
    """The browser's own throttling of processor and network."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    network = {"latency": ROUND_TRIP_MS, "downloadThroughput": BYTES_S, "uploadThroughput": BYTES_S}
    session.send("Network.emulateNetworkConditions", {"offline": False, **network})
    session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    return session


def _first_view(browser: Browser, address: str) -> dict[str, float]:
    """Two visits. Of somebody who has never been here: script and style as they travel until the page stands
    there, and how long it takes with signing in through WeChat's page. Of somebody who is signed in, on an
    empty cache: the first paint of content."""
    with _phone(browser) as context:
        page = context.new_page()
        sizes = _sizes(_slow(page))
        began = time.monotonic()
        page.goto(address)
        # The page stands there before it goes to WeChat's and comes back.
        page.wait_for_function("() => !!JSON.parse(localStorage.getItem('fangpin/session') ?? '{}').token")
        page.get_by_role("button", name="我要申报").wait_for()
        visit = (time.monotonic() - began) * 1000
        weight = sum(sizes.values()) / 1000
        session = page.evaluate("JSON.stringify(Object.entries(localStorage))")
    with _phone(browser) as context:
        # What the phone has kept, on an empty cache.
        context.add_init_script(f"for (const [name, value] of {session}) localStorage.setItem(name, value)")
        page = context.new_page()
        _slow(page)
        page.goto(address)
        page.get_by_role("button", name="我要申报").wait_for()
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    return {"first-view": weight, "first-paint": float(paint), "first-visit": visit}


def _sizes(session: CDPSession) -> dict[str, int]:
    """The bytes of script and style that have travelled, by address, as the browser counts them."""
    sizes: dict[str, int] = {}
    files: dict[str, str] = {}

    def answered(event: dict[str, Any]) -> None:
        if event["type"] in ("Script", "Stylesheet"):
            files[event["requestId"]] = event["response"]["url"]

    def finished(event: dict[str, Any]) -> None:
        if address := files.get(event["requestId"]):
            # Back from signing in, the browser has the file already.
            sizes[address] = max(sizes.get(address, 0), int(event["encodedDataLength"]))

    session.on("Network.responseReceived", answered)
    session.on("Network.loadingFinished", finished)
    return sizes


def _photo(seed: int) -> bytes:
    """A photo such as phones take: large, and with enough grain to weigh what they weigh."""
    noise = random.Random(seed)
    width, height = PHOTO_SIZE
    small = Image.frombytes("RGB", (width // 8, height // 8), noise.randbytes(width * height // 64 * 3))
    smooth = small.resize(PHOTO_SIZE, Image.Resampling.BICUBIC)
    grain = Image.frombytes("L", PHOTO_SIZE, noise.randbytes(width * height)).convert("RGB")
    picture = Image.blend(smooth, grain, 0.12)
    return _at_least(PHOTO_BYTES, lambda quality: _jpeg(picture, quality))


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _at_least(size: int, make: Callable[[int], bytes]) -> bytes:
    return next(made for quality in range(70, 100, 3) if len(made := make(quality)) >= size)


def _nine_photos(browser: Browser, address: str) -> tuple[float, float]:
    """Bytes of nine photos after the phone has made them smaller, and seconds from choosing them until all
    have arrived at the service."""
    photos = [_photo(seed) for seed in range(PHOTOS)]
    print(f"  photos of {min(map(len, photos)):,} to {max(map(len, photos)):,} bytes", flush=True)
    files: Any = [
        {"name": f"{at}.jpg", "mimeType": "image/jpeg", "buffer": photo} for at, photo in enumerate(photos)
    ]
    sizes: dict[str, int] = {}
    with _phone(browser) as context:
        page = context.new_page()
        page.on("request", lambda request: _note_upload(sizes, request.url, request.headers))
        page.on("filechooser", lambda chooser: chooser.set_files(files))
        page.goto(address)
        for words in TO_THE_PHOTOS:
            page.get_by_text(words, exact=True).locator("visible=true").last.tap()
        page.get_by_text("拍照或选照片", exact=True).tap()
        began = time.monotonic()
        page.get_by_text("病历、医药费单子", exact=True).tap()
        page.get_by_text("已加满 9 张").wait_for()
        page.wait_for_function(
            "count => (document.body.innerText.match(/已上传/g) ?? []).length === count", arg=PHOTOS
        )
        seconds = time.monotonic() - began
    if len(sizes) != PHOTOS:
        raise RuntimeError(f"{len(sizes)} photos arrived instead of {PHOTOS}")
    return float(sum(sizes.values())), seconds


def _note_upload(sizes: dict[str, int], url: str, headers: dict[str, str]) -> None:
    if "/api/photos/" in url and "content-range" in headers:
        sizes[url] = int(headers["content-range"].rpartition("/")[2])
