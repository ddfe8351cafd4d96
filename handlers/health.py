"""Whether the service lives, and whether it can work."""

import asyncio
from collections.abc import Awaitable, Callable

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
        names, probes = list(self.services.health), self.services.health.values()
        answers = await asyncio.gather(*(self._answers(probe) for probe in probes))
        away = [name for name, answers_now in zip(names, answers, strict=True) if not answers_now]
        status = 503 if away else 200
        body = {"status": "away" if away else "ok", "version": self.services.version, "away": away}
        self.answer(body, status)

    @staticmethod
    async def _answers(probe: Callable[[], Awaitable[None]]) -> bool:
        try:
            await asyncio.wait_for(probe(), PROBE_SECONDS)
        except Exception:  # A probe fails in whatever way its part fails; that it does is the answer.
            return False
        return True


routes: Routes = [(r"/healthz", HealthHandler), (r"/readyz", ReadyHandler)]
