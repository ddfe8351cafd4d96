"""What goes wrong on the platform's paths because somebody asked for it."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any, Literal

from wechat.simulator.config import Clock
from wechat.simulator.state import instant

DropWhen = Literal["before", "after"]


@dataclass(slots=True, eq=False)
class Fault:
    """Something that goes wrong on one or several paths; see `bodies.FaultBody` for what the fields mean.

    `ends_at` is in unix seconds of the demo's clock.
    """

    fault_id: int
    path: str | list[str]
    errcode: int | None = None
    errmsg: str | None = None
    http_status: int | None = None
    html: bool = False
    latency_ms: float = 0
    drop: DropWhen | None = None
    refuse: bool = False
    silence: bool = False
    rate: float = 1
    times: int | None = None
    appid: str | None = None
    ends_at: float | None = None
    fired: int = 0

    @property
    def paths(self) -> list[str]:
        """The paths it is for; one that ends in `*` stands for all that begin so."""
        return [self.path] if isinstance(self.path, str) else self.path

    def covers(self, path: str) -> bool:
        """Whether it is for this path."""
        return any(
            path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
            for pattern in self.paths
        )

    @property
    def only_slow(self) -> bool:
        """Whether the call goes on as usual after the added latency."""
        return (
            self.errcode is None
            and self.http_status is None
            and not (self.html or self.drop or self.refuse or self.silence)
        )

    def as_json(self) -> dict[str, Any]:
        """Return the fault as `/_sim/faults` shows one."""
        shown = asdict(self)
        shown["id"] = shown.pop("fault_id")
        shown["ends_at"] = None if self.ends_at is None else instant(self.ends_at)
        return shown


class Faults:
    """The faults in force, in the order in which they were given.

    Arguments:
        rng: draws whether a fault with a rate below 1 fires, so that a seeded run can be repeated.
        clock: decides which have ended.
    """

    def __init__(self, rng: random.Random, clock: Clock) -> None:
        self._rng = rng
        self._clock = clock
        self._next_id = 1
        self._faults: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __len__(self) -> int:
        return len(self._faults)

    def clear(self, path: str | None = None) -> None:
        """Remove all faults, or those that name this path or pattern."""
        self._faults = [] if path is None else [fault for fault in self._faults if path not in fault.paths]

    def add(self, path: str | list[str], *, until_seconds: float | None = None, **values: Any) -> Fault:
        """Put a fault in force after those that are there, for `until_seconds` of the demo's clock."""
        ends_at = None if until_seconds is None else self._clock.time() + until_seconds
        fault = Fault(fault_id=self._next_id, path=path, ends_at=ends_at, **values)
        self._next_id += 1
        self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        """Return the faults in force."""
        now = self._clock.time()
        self._faults = [
            fault
            for fault in self._faults
            if fault.times != 0 and (fault.ends_at is None or now < fault.ends_at)
        ]
        return self._faults

    def needs_appid(self, path: str) -> bool:
        """Whether a fault that could fire on this path asks which application calls."""
        return any(fault.appid and fault.covers(path) for fault in self._faults)

    def fire(self, path: str, appid: str | None) -> tuple[float, Fault | None]:
        """Return (latency in ms, what goes wrong or None) for one call, and count those that fire.

        Latencies add up; the first fault that fires and is more than slow decides the answer.
        """
        latency_ms = 0.0
        for fault in self.all():
            if not fault.covers(path) or (fault.appid is not None and fault.appid != appid):
                continue
            if fault.rate < 1 and self._rng.random() >= fault.rate:
                continue
            fault.fired += 1
            if fault.times is not None:
                fault.times -= 1
            latency_ms += fault.latency_ms
            if not fault.only_slow:
                return latency_ms, fault
        return latency_ms, None
