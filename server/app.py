"""The web process: the application, its log, and a stop that loses nothing."""

import asyncio
import contextlib
import gc
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import structlog
from tornado.web import Application, RequestHandler

from casework.photos.rules import UPLOAD_BYTES
from handlers import demo, phone
from handlers.base import NoSuchPage, Routes, check_access
from handlers.callback import Callback
from handlers.openapi import document
from handlers.request_id import REQUEST_ID
from handlers.routes import routes
from server.http import Note, Server
from server.metrics import Metrics, serve_metrics
from server.parts import Parts, parts_for
from server.proxies import Proxies
from server.seed import PEOPLE
from server.settings import Mode, Settings
from server.supervisor import interrupts

STOP_SECONDS = 10.0
STOP_POLL_SECONDS = 0.02
FLUSH_SECONDS = 1.0
#: Headers of more than this are nobody's whom we serve.
HEADER_BYTES = 16 * 1024
#: Above this the connection is cut without a word. It is more than any handler takes, so that a photo
#: which is too large is told so.
BODY_BYTES = 2 * UPLOAD_BYTES
IDLE_SECONDS = 75.0
#: A request makes some thousands of objects that end with it; Python's 700 would collect several times a
#: request.
GC_THRESHOLDS = (20_000, 20, 50)
DEMO_PAGE = Path(__file__).parent / "demo_page"
#: The web build of the phone client; `make phone` writes it.
PHONE_PAGES = Path(__file__).parent / "phone_pages"


def request_log(metrics: Metrics) -> Note:
    """What notes requests in the log and in the metrics."""
    log = structlog.get_logger("request")
    timers: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def note(method: str, route: str, status: int, seconds: float, *, quiet: bool = False) -> None:
        if method not in RequestHandler.SUPPORTED_METHODS:
            # Anybody can invent methods, and a counter stays as long as the process.
            method = "other"
        observe = timers.get((method, route, status))
        if observe is None:
            observe = metrics.requests.labels(method, route, str(status)).observe
            timers[method, route, status] = observe
        observe(seconds)
        if status >= 400 or not quiet:
            level = log.error if status >= 500 else log.info
            level("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))

    return note


def make_application(parts: Parts, note: Note, under_way: set[Any]) -> Application:
    """The application; raises `UndecidedAccess` when a handler says nothing about who may call it."""

    def log_function(handler: RequestHandler) -> None:
        request = handler.request
        route = getattr(handler, "route", "none")
        note(request.method or "", route, handler.get_status(), request.request_time())
        # One connection's requests share a context; the next one must not carry this one's id.
        REQUEST_ID.set(None)

    mounted = routes_of(parts.settings.mode)
    check_access(mounted)
    return Application(
        [(path, handler, {}, path) for path, handler in _with_routes(mounted)],
        default_handler_class=NoSuchPage,
        services=parts.services,
        # Made when somebody asks for it first: a start does not wait for what few want.
        openapi=cache(partial(document, routes, parts.services.version)),
        demo=demo_scene(parts.settings),
        phone=phone.read_pages(PHONE_PAGES, framers(parts.settings)),
        under_way=under_way,
        log_function=log_function,
        compress_response=False,
    )


def routes_of(mode: Mode) -> Routes:
    """What a mode serves; the demo's page does not exist in production."""
    return routes if mode is Mode.PRODUCTION else [*routes, *demo.routes]


def demo_scene(settings: Settings) -> demo.DemoScene:
    """What the demo's page shows: the simulator's phones and the people that `server.seed` makes."""
    people = [
        {"key": one.key, "openid": one.ids["openid"], "nickname": one.nickname, "role": one.role_hint}
        for one in PEOPLE
    ]
    return demo.DemoScene(DEMO_PAGE, settings.local_simulator_url, people)


def framers(settings: Settings) -> list[str]:
    """Who may show the pages in a frame: the simulator's phones, which the demo's page shows in turn."""
    return [] if settings.mode is Mode.PRODUCTION else ["'self'", settings.local_simulator_url]


def _with_routes(mounted: Routes) -> Routes:
    """Each handler as a subclass that knows its own pattern, for logs and metrics."""
    return [(path, type(handler.__name__, (handler,), {"route": path})) for path, handler in mounted]


async def _flush_for_ever(parts: Parts) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        with contextlib.suppress(Exception):  # What could not be written is only a hint for a channel.
            await parts.services.account.flush()


class Running:
    """A server that listens; `close` lets what is under way come to its end."""

    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._parts = parts
        self._leaving = False
        parts.services.health["server"] = self._stays
        self._under_way: set[Any] = set()
        note = request_log(parts.metrics)
        self._server = Server(
            make_application(parts, note, self._under_way),
            door=Callback(parts.services),
            clock=parts.clock,
            under_way=self._under_way,
            # The platform tells of every message that we send, so a line for each would hide the others.
            note=partial(note, quiet=True),
            max_header_size=HEADER_BYTES,
            max_body_size=BODY_BYTES,
            max_buffer_size=BODY_BYTES + HEADER_BYTES,
            # Only a proxy that we know may say whom it speaks for; rate limits by address rest on it.
            proxies=Proxies(settings.trusted_proxies),
            idle_connection_timeout=IDLE_SECONDS,
        )
        self._server.listen(settings.port, settings.address, reuse_port=True)
        self._metrics = serve_metrics(parts.metrics, settings.metrics_port, settings.metrics_address)
        self._flushing = asyncio.ensure_future(_flush_for_ever(parts))

    async def _stays(self) -> None:
        if self._leaving:
            raise RuntimeError("this server is about to stop")

    async def leave(self) -> None:
        """Let other servers take over, so that no request fails; `close` is then to follow.

        From now on the server is not ready. See `server.http.Server.leave`.
        """
        self._leaving = True
        await self._server.leave()

    async def close(self) -> None:
        """Stop listening, finish what was accepted, write what was only noted."""
        self._server.stop()
        self._metrics.stop()
        self._flushing.cancel()
        # Closing a connection cuts off the answer that it waits for, so the answers come first.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_answered(), STOP_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.close_all_connections(), STOP_SECONDS)
        await self._parts.waker.close()
        with contextlib.suppress(Exception):
            await self._parts.services.account.flush()

    async def _all_answered(self) -> None:
        while self._server.busy:  # noqa: ASYNC110 - to look again costs less than a signal at every answer.
            await asyncio.sleep(STOP_POLL_SECONDS)


async def serve(settings: Settings) -> None:
    """Run the web process until it is told to stop."""
    log = structlog.get_logger()
    async with parts_for(settings) as parts:
        running = Running(parts)
        # What was made until now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        log.info("serving", port=settings.port)
        with interrupts(lambda: None) as asked:
            await asked.wait()
        log.info("stopping")
        if settings.mode is not Mode.DEMO:  # The demo ends as a whole: nobody takes over.
            await running.leave()
        await running.close()
