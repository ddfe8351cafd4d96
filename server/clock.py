"""Where the time of day enters the program.

Every process is handed one clock and asks nothing else for the time. In production that is the
machine's; outside production it is the machine's plus an offset that all processes on the machine
share, so that half a year of reminders and deadlines can be lived through in seconds.
"""

import fcntl
import mmap
import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

from server.settings import Mode, Settings

_OFFSET = struct.Struct("<d")


class ClockNotMovable(RuntimeError):
    """Somebody tried to move a clock that was opened for reading only."""


class SystemClock:
    """The machine's own time, as used in production."""

    def time(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return time.time()

    def now(self) -> datetime:
        """Return the present instant, aware of UTC."""
        return datetime.fromtimestamp(self.time(), UTC)


class SharedClock:
    """The machine's time plus an offset kept in a memory-mapped file.

    Reading is one aligned load of eight bytes, so it costs no system call and every process that has
    the same file open sees a move at once.
    """

    def __init__(self, path: Path, *, movable: bool = False) -> None:
        """Open the offset file, creating it (offset 0) where there is none.

        Args:
            path: the file that all processes share; its folder must exist.
            movable: whether `move` is allowed. Never true in production.

        Raises:
            OSError: the file cannot be made or mapped.
        """
        self.path = path
        self.movable = movable
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Growing a file fills it with zero bytes, which are the offset 0.0. Two processes may both
            # do this at once without harm, because neither ever shortens the file.
            if os.fstat(descriptor).st_size < _OFFSET.size:
                os.ftruncate(descriptor, _OFFSET.size)
            self._map = mmap.mmap(descriptor, _OFFSET.size)
        finally:
            os.close(descriptor)

    @property
    def offset(self) -> float:
        """By how many seconds this clock is ahead of the machine's."""
        return float(_OFFSET.unpack_from(self._map)[0])

    def time(self) -> float:
        """Return seconds since 1970-01-01 UTC, moved by the offset."""
        return time.time() + float(_OFFSET.unpack_from(self._map)[0])

    def now(self) -> datetime:
        """Return the present instant, moved by the offset, aware of UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def move(self, seconds: float) -> None:
        """Move the time for every process that shares the file.

        Args:
            seconds: how far to move; negative moves back.

        Raises:
            ClockNotMovable: the clock was not opened as movable.
        """
        if not self.movable:
            raise ClockNotMovable("this clock may only be read")
        # The lock makes two moves from different processes add up instead of one being lost.
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _OFFSET.pack_into(self._map, 0, self.offset + seconds)

    def close(self) -> None:
        """Give the mapping back; the file and the offset stay."""
        self._map.close()


def clock_for(settings: Settings) -> SystemClock | SharedClock:
    """Return the clock that every process started with these settings must use.

    Args:
        settings: the mode decides; outside production the offset lies in `data_dir/clock`, and the
            folder is created where it is missing.
    """
    if settings.mode is Mode.PRODUCTION:
        return SystemClock()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SharedClock(settings.data_dir / "clock", movable=True)
