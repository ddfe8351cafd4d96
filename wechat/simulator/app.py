"""Puts the simulator together and runs it."""

from __future__ import annotations

import logging
import random
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from wechat.simulator import control, page, platform
from wechat.simulator.config import Clock, SimulatorConfig
from wechat.simulator.limits import MEMORY
from wechat.simulator.world import World

log = logging.getLogger(__name__)


def _log_call(handler: RequestHandler) -> None:
    """Log method, path, status and duration, never query or body: they hold tokens, secrets and openids."""
    status = handler.get_status()
    level = logging.DEBUG if status < 400 else logging.INFO if status < 500 else logging.ERROR
    if log.isEnabledFor(level):
        request = handler.request
        log.log(
            level, "%s %s %d %.1f ms", request.method, request.path, status, request.request_time() * 1000
        )


def make_app(config: SimulatorConfig, clock: Clock, *, rng: random.Random | None = None) -> Application:
    """Return the simulator's web application; its `World` is in `settings["world"]`.

    Arguments:
        config: credentials and settings.
        clock: the demo's time, moved by `POST /_sim/clock`.
        rng: draws faults with a rate below 1; a seeded one makes a run repeatable.
    """
    world = World(config, clock, rng or random.Random())
    with_world: dict[str, Any] = {"world": world}
    return Application(
        [
            *((path, handler, {"path": str(page.STATIC)}) for path, handler in page.routes),
            *((path, handler, with_world) for path, handler in control.routes),
            *((path, handler, with_world) for path, handler in platform.routes),
        ],
        log_function=_log_call,
        world=world,
    )


class RunningSimulator:
    """A simulator that listens.

    Attributes:
        port: the TCP port it listens on.
        url: its address without a slash at the end.
        app: the web application.
        world: what it simulates, for whoever runs it in the same process.
    """

    def __init__(self, app: Application, server: HTTPServer, address: str, port: int) -> None:
        self.app = app
        self.world: World = app.settings["world"]
        self.port = port
        self.url = f"http://{address}:{port}"
        self._server = server

    async def close(self) -> None:
        """Stop listening, end all connections and stop the callbacks that are on their way."""
        self._server.stop()
        self.world.close()
        await self.world.deliverer.close()
        await self._server.close_all_connections()


async def serve(
    config: SimulatorConfig, clock: Clock, *, rng: random.Random | None = None
) -> RunningSimulator:
    """Start a simulator on the running event loop and return it.

    Raises:
        OSError: the port is taken or the address is not this machine's.
    """
    app = make_app(config, clock, rng=rng)
    sockets = bind_sockets(config.port, config.address)
    server = HTTPServer(
        app, max_body_size=MEMORY.request_body_bytes, max_buffer_size=MEMORY.request_body_bytes
    )
    server.add_sockets(sockets)
    return RunningSimulator(app, server, config.address, sockets[0].getsockname()[1])
