"""How often each path was called, and when the platform says that it is enough."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from wechat.simulator.config import Clock
from wechat.simulator.errors import PlatformError
from wechat.simulator.journal import Note
from wechat.simulator.limits import MEMORY, PLATFORM, QUOTAS, Quota, china_day, china_month

NO_LIMIT = Quota()


class Quotas:
    """Calls by path and caller, in the day (China's) and the minute that the clock is in.

    A moved clock opens the next window, as time does.
    """

    def __init__(self, clock: Clock, note: Note) -> None:
        self._clock = clock
        self._note = note
        self.clear()

    def clear(self) -> None:
        """Forget all counts, and return to the published limits."""
        self._limits = dict(QUOTAS)
        self._used: OrderedDict[tuple[str, str, str], tuple[int, int]] = OrderedDict()
        self._clearings: dict[str, tuple[tuple[int, int], int]] = {}

    def limit(self, path: str) -> Quota:
        """Return what is allowed on a path."""
        return self._limits.get(path, NO_LIMIT)

    def limits(self) -> dict[str, Quota]:
        """Return all limits by path."""
        return dict(self._limits)

    def set(self, path: str, **changes: int | None) -> Quota:
        """Change `daily` or `minute` of a path (None: no limit) and return its limits."""
        self._limits[path] = replace(self.limit(path), **changes)  # type: ignore[arg-type]
        return self._limits[path]

    def count(self, path: str, caller: str) -> None:
        """Count a call.

        Arguments:
            caller: an app_id; for log-ins, whose limit is each user's, an openid.

        Raises:
            PlatformError: 45009 beyond the day's limit, 45011 (or the path's own code) beyond the minute's.
        """
        limit = self._limits.get(path)
        if limit is None:
            return
        now = self._clock.time()
        for window, number, allowed, errcode in (
            ("day", china_day(now), limit.daily, 45009),
            ("minute", int(now // 60), limit.minute, limit.minute_errcode),
        ):
            if allowed is None:
                continue
            key = (path, caller, window)
            in_window, used = self._used.get(key, (number, 0))
            used = used if in_window == number else 0
            if used >= allowed:
                raise PlatformError(errcode)
            self.use(*key, number, used + 1)

    def use(self, path: str, caller: str, window: str, number: int, used: int) -> None:
        """Set how many calls are used up in a window ("day" or "minute") of this number."""
        self._used[path, caller, window] = (number, used)
        while len(self._used) > MEMORY.quota_counters:
            self._used.popitem(last=False)
        self._note("used", path, caller, window, number, used)

    def used_today(self, path: str, caller: str) -> int:
        """Return how many of today's calls of a path are used up."""
        day, used = self._used.get((path, caller, "day"), (0, 0))
        return used if day == china_day(self._clock.time()) else 0

    def start_over(self, app_id: str) -> None:
        """Give an application all its calls of today back.

        Raises:
            PlatformError: 48006 after ten times in a month.
        """
        month = china_month(self._clock.time())
        in_month, done = self._clearings.get(app_id, (month, 0))
        done = done if in_month == month else 0
        if done >= PLATFORM.quota_clearings_a_month:
            raise PlatformError(48006)
        self.give_back(app_id, month, done + 1)

    def give_back(self, app_id: str, month: tuple[int, int], times: int) -> None:
        """Forget an application's counts, for the so-manieth time of a month."""
        self._clearings[app_id] = (month, times)
        self._note("started_over", app_id, month, times)
        for key in [key for key in self._used if key[1] == app_id]:
            del self._used[key]
