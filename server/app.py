"""The web process: the application, its log, and a stop that loses nothing."""

import asyncio
import contextlib
import gc
from pathlib import Path
from typing import Any

import structlog
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from casework.photos.rules import UPLOAD_BYTES
from handlers import demo
from handlers.base import NoSuchPage, Routes, check_access
from handlers.openapi import document
from handlers.routes import routes
from server.metrics import Metrics, serve_metrics
from server.parts import Parts, parts_for
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
BODY_SECONDS = 60.0
IDLE_SECONDS = 75.0
#: A request makes some thousands of objects that end with it; Python's 700 would collect several times a
#: request.
GC_THRESHOLDS = (20_000, 20, 50)
DEMO_PAGE = Path(__file__).parent / "demo_page"


def log_request(metrics: Metrics) -> Any:
    """The log function: one entry a request, by the route's pattern, so that no id or token is in it."""
    log = structlog.get_logger("request")

    def write(handler: RequestHandler) -> None:
        route = getattr(handler, "route", "none")
        seconds = handler.request.request_time()
        status, method = handler.get_status(), handler.request.method or ""
        metrics.requests.labels(method, route, str(status)).observe(seconds)
        level = log.error if status >= 500 else log.info
        level("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))
        # One connection's requests share a context; the next one must not carry this one's id.
        structlog.contextvars.clear_contextvars()

    return write


def make_application(parts: Parts) -> Application:
    """The application; raises `UndecidedAccess` when a handler says nothing about who may call it."""
    mounted = routes_of(parts.settings.mode)
    check_access(mounted)
    return Application(
        [(path, handler, {}, path) for path, handler in _with_routes(mounted)],
        default_handler_class=NoSuchPage,
        services=parts.services,
        openapi=document(routes, parts.services.version),
        demo=demo_scene(parts.settings),
        under_way=set(),
        log_function=log_request(parts.metrics),
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
        application = make_application(parts)
        self._under_way: set[RequestHandler] = application.settings["under_way"]
        self._server = HTTPServer(
            application,
            max_header_size=HEADER_BYTES,
            max_body_size=BODY_BYTES,
            max_buffer_size=BODY_BYTES + HEADER_BYTES,
            # Only a proxy that we know may say whom it speaks for; rate limits by address rest on it.
            xheaders=bool(settings.trusted_proxies),
            trusted_downstream=[p for p in settings.trusted_proxies.split(",") if p],
            body_timeout=BODY_SECONDS,
            idle_connection_timeout=IDLE_SECONDS,
        )
        self._server.listen(settings.port, settings.address, reuse_port=True)
        self._metrics = serve_metrics(parts.metrics, settings.metrics_port)
        self._flushing = asyncio.ensure_future(_flush_for_ever(parts))

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
        while self._under_way:  # noqa: ASYNC110 - to look again costs less than a signal at every answer.
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
        await running.close()
