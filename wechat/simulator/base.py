"""What all of the simulator's handlers share."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType

from tornado.web import HTTPError, RequestHandler

from wechat.simulator.world import World

log = logging.getLogger(__name__)


class WorldHandler(RequestHandler):
    """A handler that acts on the world, and whose log lines hold neither query nor body."""

    def initialize(self, world: World) -> None:
        """Take the world this handler acts on."""
        self.world = world

    def compute_etag(self) -> str | None:
        """Answer no ETag: every answer is new, and hashing each costs time in a benchmark."""
        return None

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log an unexpected error with method and path; the framework would add tokens and openids."""
        # A call that is cut short because the simulator closes is no error.
        if typ is None or value is None or isinstance(value, HTTPError | asyncio.CancelledError):
            return
        log.error("%s %s failed", self.request.method, self.request.path, exc_info=(typ, value, tb))
