"""Values that are kept in memory for a short while."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from casework.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """What was found in the last `seconds`, for at most `most` keys.

    A clock that is moved back makes everything old, so that nothing is kept for longer than it should be.
    """

    def __init__(self, clock: Clock, seconds: float, most: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._held: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> tuple[V] | None:
        """The value in a tuple of its own, because it may be None; None when there is none so recent."""
        held = self._held.get(key)
        if held and 0 <= self._clock.time() - held[0] < self._seconds:
            return (held[1],)
        return None

    async def find(self, key: K, look: Callable[[], Awaitable[V]]) -> V:
        """The value, which `look` finds unless there is one so recent; when it raises, nothing is kept."""
        known = self.get(key)
        return known[0] if known else self.keep(key, await look())

    def keep(self, key: K, value: V) -> V:
        """Keep a value; the value."""
        if len(self._held) >= self._most:
            self._held.clear()
        self._held[key] = (self._clock.time(), value)
        return value

    def forget(self) -> None:
        """Drop everything."""
        self._held.clear()
