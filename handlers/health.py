"""Whether the service lives, and whether it can work."""

import asyncio

from handlers.answers import HealthShape
from handlers.base import Handler, Routes, described, public

PROBE_SECONDS = 2.0


class HealthHandler(Handler):
    """/healthz"""

    @public
    @described("进程是否在运行", answers={200: HealthShape})
    async def get(self) -> None:
        """The process answers."""
        self.answer({"status": "ok", "version": self.services.version, "away": []})


class ReadyHandler(Handler):
    """/readyz"""

    @public
    @described("能否办理业务", answers={200: HealthShape, 503: HealthShape})
    async def get(self) -> None:
        """Every part that we need answers; otherwise 503 with the names of those that are away."""
        away = []
        for name, probe in self.services.health.items():
            try:
                await asyncio.wait_for(probe(), PROBE_SECONDS)
            except Exception:  # A probe fails in whatever way its part fails; that it does is the answer.
                away.append(name)
        status = 503 if away else 200
        body = {"status": "away" if away else "ok", "version": self.services.version, "away": away}
        self.answer(body, status)


routes: Routes = [(r"/healthz", HealthHandler), (r"/readyz", ReadyHandler)]
