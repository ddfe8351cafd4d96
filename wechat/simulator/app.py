"""Puts the simulator together and runs it."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from wechat.simulator import control, docs, knobs, oauth, page, platform
from wechat.simulator.config import Clock, SimulatorConfig
from wechat.simulator.journal import Journal
from wechat.simulator.limits import MEMORY
from wechat.simulator.recall import recall
from wechat.simulator.world import World
from wechat.simulator.worlds import Worlds

log = logging.getLogger(__name__)
TEMPLATES = Path(__file__).parent / "templates"


def _log_call(handler: RequestHandler) -> None:
    """Log method, path, status and duration, never query or body: they hold tokens, secrets and openids."""
    status = handler.get_status()
    level = logging.DEBUG if status < 400 else logging.INFO if status < 500 else logging.ERROR
    if log.isEnabledFor(level):
        request = handler.request
        log.log(
            level, "%s %s %d %.1f ms", request.method, request.path, status, request.request_time() * 1000
        )


def make_app(
    config: SimulatorConfig,
    clock: Clock,
    *further: SimulatorConfig,
    rng: random.Random | None = None,
) -> Application:
    """Return the simulator's web application; its `Worlds` are in `settings["worlds"]`.

    Arguments:
        config: credentials and settings of the first account, and where to listen.
        clock: the demo's time, moved by `POST /_sim/clock`.
        further: more accounts, each a world of its own; whoever is in two of them has one `unionid`.
        rng: draws the first account's faults with a rate below 1; a seeded one makes a run repeatable.

    Raises:
        ValueError: two accounts share an app id.
    """
    worlds = Worlds(
        [
            World(config, clock, rng or random.Random()),
            *(World(other, clock, random.Random()) for other in further),
        ]
    )
    acting: dict[str, Any] = {"worlds": worlds}
    return Application(
        [
            *page.routes,
            *(
                (path, handler, acting)
                for path, handler in (
                    *knobs.routes,
                    *control.routes,
                    *docs.routes,
                    *oauth.routes,
                    *platform.routes,
                )
            ),
        ],
        log_function=_log_call,
        template_path=str(TEMPLATES),
        worlds=worlds,
    )


class RunningSimulator:
    """A simulator that listens.

    Attributes:
        port: the TCP port it listens on.
        url: its address without a slash at the end.
        app: the web application.
        world: what it simulates, for whoever runs it in the same process; of several accounts the first.
        worlds: all accounts by their app id.
    """

    def __init__(
        self, app: Application, server: HTTPServer, address: str, port: int, journal: Journal | None
    ) -> None:
        self.app = app
        self.worlds: dict[str, World] = app.settings["worlds"].by_app_id
        self.world: World = app.settings["worlds"].first
        self.port = port
        self.url = f"http://{address}:{port}"
        self._server = server
        self._journal = journal

    async def close(self) -> None:
        """Stop listening, end all connections and stop the callbacks that are on their way."""
        self._server.stop()
        for world in self.worlds.values():
            world.close()
            await world.deliverer.close()
        await self._server.close_all_connections()
        if self._journal is not None:
            # What a call does that is cut off here is nothing that anybody was told of.
            for world in self.worlds.values():
                world.journal = None
            self._journal.close()


async def serve(
    config: SimulatorConfig,
    clock: Clock,
    *further: SimulatorConfig,
    rng: random.Random | None = None,
) -> RunningSimulator:
    """Start a simulator on the running event loop and return it.

    With a journal it begins where the one that wrote the journal ended, and goes on writing it.

    Arguments are those of `make_app`.

    Raises:
        OSError: the port is taken, the address is not this machine's, or the journal cannot be opened.
        DamagedJournal: a line of the journal cannot be read.
        ValueError: two accounts share an app id.
    """
    app = make_app(config, clock, *further, rng=rng)
    worlds: Worlds = app.settings["worlds"]
    journal = Journal(config.journal) if config.journal is not None else None
    try:
        if journal is not None:
            recall(worlds, journal.read())
        sockets = bind_sockets(config.port, config.address)
    except Exception:
        if journal is not None:
            journal.close()
        raise
    for world in worlds:
        world.journal = journal
        world.deliverer.resume()
    server = HTTPServer(
        app, max_body_size=MEMORY.request_body_bytes, max_buffer_size=MEMORY.request_body_bytes
    )
    server.add_sockets(sockets)
    return RunningSimulator(app, server, config.address, sockets[0].getsockname()[1], journal)
