"""Keeps the processes of one machine running: starts, watches, restarts and stops them."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from server import CannotRun
from server.embedded import guarded

_READY_SECONDS = 90.0
_STOP_SECONDS = 15.0
_STEADY_SECONDS = 30.0
_POLL_SECONDS = 0.05
_PROBE_SECONDS = 2.0
_FIRST_TRIES = 3
_WISHES = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class ChildFailed(CannotRun):
    """A child never became ready; the text names it, its exit status and its log."""


@dataclass(frozen=True)
class Child:
    """A process to keep running.

    Attributes:
        name: what people call it.
        argv: the command; its first word is a path.
        env: its whole environment.
        log: the file that takes what it writes, appended.
        ready: when it may be relied on: `http://host:port/path` (answers 200), `tcp://host:port`
            (accepts a connection), or empty (as soon as it runs).
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    log: Path
    ready: str = ""


class _Kept:
    """One child with what is known of its present process."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: asyncio.subprocess.Process | None = None
        self.begun = 0.0
        self.watcher: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None


class Supervisor:
    """Starts children one after the other, restarts those that die, and stops all in reverse order.

    It lives on one event loop of the main thread: children are bound to the thread that starts them.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        changed: Callable[[], None] = lambda: None,
        pauses: Sequence[float] = _PAUSES,
        ready_seconds: float = _READY_SECONDS,
        stop_seconds: float = _STOP_SECONDS,
    ) -> None:
        """Make a supervisor that looks after nothing yet.

        Args:
            say: tells the person at the console one Chinese sentence.
            changed: called after a child got a new process, for instance to note its id.
            pauses: seconds to wait before a restart, growing with each death in a row; the last stays.
            ready_seconds: how long a child may take to become ready.
            stop_seconds: how long all children together may take to end before they are killed.
        """
        self._say = say
        self._changed = changed
        self._pauses = tuple(pauses)
        self._ready_seconds = ready_seconds
        self._stop_seconds = stop_seconds
        self._kept: list[_Kept] = []
        self._stopping = asyncio.Event()
        self._log = structlog.get_logger().bind(part="supervisor")

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the children that run now, by name."""
        return {kept.child.name: kept.process.pid for kept in self._kept if kept.process and kept.running}

    async def start(self, child: Child) -> None:
        """Start a child, wait until it is ready, and keep it running from then on.

        Args:
            child: what to start; its name must be new.

        Raises:
            ChildFailed: it died three times, or was not ready in time; it no longer runs.
        """
        kept = _Kept(child)
        self._kept.append(kept)
        for attempt in range(_FIRST_TRIES):
            await self._launch(kept)
            if await self._becomes_ready(kept):
                kept.watcher = asyncio.create_task(self._watch(kept))
                return
            if self._stopping.is_set():
                await self._end(kept, time.monotonic() + self._stop_seconds)
                return
            if kept.running:
                await self._end(kept, time.monotonic() + self._stop_seconds)
                raise ChildFailed(
                    f"{child.name} 在 {self._ready_seconds:.0f} 秒内没有就绪，详见 {child.log}。"
                )
            self._name_death(kept)
            await self._pause(attempt)
        raise ChildFailed(f"{child.name} 无法启动（{_status(kept)}），详见 {child.log}。")

    async def stop(self) -> None:
        """End all children, the last started first, and kill those that take too long."""
        self._stopping.set()
        end = time.monotonic() + self._stop_seconds
        for kept in reversed(self._kept):
            await self._end(kept, end)
            if kept.watcher:
                await kept.watcher

    def kill(self) -> None:
        """Kill all children at once, for a person who does not want to wait."""
        self._stopping.set()
        for kept in self._kept:
            if kept.running:
                _send(kept, signal.SIGKILL)

    async def _launch(self, kept: _Kept) -> None:
        child = kept.child
        # The child has a session of its own, so the terminal's Ctrl-C reaches this process alone and
        # each child is asked to end exactly once. The descriptor is inherited; ours can be closed.
        with child.log.open("ab") as output:
            kept.process = await asyncio.create_subprocess_exec(
                *guarded(child.argv, signal.SIGKILL),
                env=dict(child.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        kept.begun = time.monotonic()
        self._log.info("child started", child=child.name, pid=kept.process.pid)
        self._changed()

    async def _becomes_ready(self, kept: _Kept) -> bool:
        end = kept.begun + self._ready_seconds
        while kept.running and not self._stopping.is_set():
            if await is_ready(kept.child.ready) and kept.running:
                self._log.info("child ready", child=kept.child.name)
                return True
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return False

    async def _watch(self, kept: _Kept) -> None:
        """Wait for the child's death and bring it back, until everything is to stop."""
        deaths = 0
        while kept.process is not None:
            await kept.process.wait()
            _send(kept, signal.SIGKILL)
            if self._stopping.is_set():
                return
            if time.monotonic() - kept.begun >= _STEADY_SECONDS:
                deaths = 0
            self._name_death(kept)
            await self._pause(deaths)
            deaths += 1
            if self._stopping.is_set():
                return
            await self._launch(kept)
            if self._stopping.is_set():
                # The wish to stop came while the process was being made, so nobody else will end it.
                await self._end(kept, time.monotonic() + self._stop_seconds)
                return
            if await self._becomes_ready(kept):
                self._say(f"{kept.child.name} 已重新启动。")
            elif kept.running and not self._stopping.is_set():
                # Alive but deaf for so long: it is treated as dead, or it would never be looked at again.
                _send(kept, signal.SIGKILL)

    def _name_death(self, kept: _Kept) -> None:
        status = _status(kept)
        self._log.error(
            "child died", child=kept.child.name, status=kept.process.returncode if kept.process else None
        )
        self._say(f"{kept.child.name} 意外退出（{status}），正在重新启动，详见 {kept.child.log}。")

    async def _pause(self, deaths: int) -> None:
        pause = self._pauses[min(deaths, len(self._pauses) - 1)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause)

    async def _end(self, kept: _Kept, end: float) -> None:
        process = kept.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), max(end - time.monotonic(), 0.1))
        except TimeoutError:
            self._log.warning("child killed", child=kept.child.name)
            self._say(f"{kept.child.name} 没有按时结束，已强制结束。")
        # Whatever the child itself had started goes with it.
        _send(kept, signal.SIGKILL)
        await process.wait()
        self._log.info("child ended", child=kept.child.name, status=process.returncode)


def _send(kept: _Kept, number: signal.Signals) -> None:
    """Send a signal to the child's process group, which has the child's id and may outlive the child."""
    if kept.process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(kept.process.pid, number)


def _status(kept: _Kept) -> str:
    return describe_exit(kept.process.returncode if kept.process else None)


def describe_exit(code: int | None) -> str:
    """Put a process's exit status, negative for a signal, into Chinese words."""
    if code is None or code >= 0:
        return f"退出码 {code}"
    with contextlib.suppress(ValueError):
        return f"信号 {signal.Signals(-code).name}"
    return f"信号 {-code}"


async def is_ready(where: str) -> bool:
    """Tell whether something answers.

    Args:
        where: as `Child.ready`; empty is always ready.

    Returns:
        Whether a GET was answered with 200 (`http://`), or a connection accepted (`tcp://`).
    """
    if not where:
        return True
    parts = urlsplit(where)
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                if parts.scheme == "tcp":
                    return True
                request = f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n"
                writer.write(request.encode())
                words = (await reader.readline()).split()
                return len(words) > 1 and words[1] == b"200"
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False


@contextlib.contextmanager
def interrupts(second: Callable[[], None]) -> Iterator[asyncio.Event]:
    """Turn Ctrl-C, SIGTERM and a closed terminal (SIGHUP) into an event.

    Args:
        second: called for every further one, for a person who does not want to wait.

    Yields:
        An event that is set by the first of these signals.
    """
    asked = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            second()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in _WISHES:
        loop.add_signal_handler(number, on_signal)
    try:
        yield asked
    finally:
        for number in _WISHES:
            loop.remove_signal_handler(number)
