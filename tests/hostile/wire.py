"""HTTP as bytes: whatever is to be sent, and what comes back of it.

An HTTP client would mend or refuse most of what hostile clients send, so this one knows nothing of requests.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

#: Who waits longer than this is said to hang.
SECONDS = 10.0
#: After so many shots on a line an ordinary request must be answered as ever.
ORDINARY_EVERY = 20


class End(Enum):
    """What happens once the bytes are sent."""

    ANSWERED = "answered"  # Every request in them must be answered, and the connection may go on.
    CLOSED = "closed"  # We say that no more comes. The server answers or not, and must close.
    CUT = "cut"  # We are gone at once, without reading anything.


@dataclass(frozen=True)
class Shot:
    """What is sent on a connection.

    Attributes:
        what: the kind of trouble, for the report.
        data: the bytes, all of them.
        wanted: the statuses that may be answered; empty for any below 500.
        method: of the requests in it; the answer to HEAD has no body.
        end: what happens once the bytes are sent.
        answers: how many requests are in it.
        step: how many bytes go at once; 0 for all.
    """

    what: str
    data: bytes = field(repr=False)
    wanted: frozenset[int] = frozenset()
    method: str = "POST"
    end: End = End.ANSWERED
    answers: int = 1
    step: int = 0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Found(AssertionError):
    """The service did what it must not do."""

    def __init__(self, shot: Shot, why: str) -> None:
        # Signatures and sessions end, the bytes as such are what can be looked at.
        with tempfile.NamedTemporaryFile(prefix="fuzz-", suffix=".http", delete=False) as file:
            file.write(shot.data)
        shown = shot.data if len(shot.data) < 3000 else shot.data[:1500] + b" ... " + shot.data[-1500:]
        super().__init__(f"{shot!r}: {why}\nall {len(shot.data)} bytes are in {Path(file.name)}\n{shown!r}")
        self.shot = shot
        self.why = why


class Fault(Found):
    """It answered that the fault is its own."""


class Hang(Found):
    """It did not answer in time."""


@dataclass
class Tally:
    """What came of many shots: how often each kind had which outcome (a status, or ``closed``)."""

    outcomes: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    requests: int = 0
    ordinary: int = 0
    slowest: float = 0.0
    found: list[Found] = field(default_factory=list)

    def statuses(self) -> dict[int | str, int]:
        """How often each outcome was."""
        total: Counter[int | str] = Counter()
        for (_, outcome), count in self.outcomes.items():
            total[outcome] += count
        return dict(sorted(total.items(), key=str))

    def add(self, other: "Tally") -> None:
        """Take in what came of further shots."""
        self.outcomes += other.outcomes
        self.requests += other.requests
        self.ordinary += other.ordinary
        self.slowest = max(self.slowest, other.slowest)
        self.found += other.found


class Line:
    """One connection at a time, opened anew where the last one has ended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, shot: Shot) -> list[Answer]:
        """Send a shot; the answers to it. Raises `TimeoutError` for a hang, and `Found` for a whole request
        that has no answer."""
        async with asyncio.timeout(SECONDS):
            reader, writer = self._streams or await asyncio.open_connection("127.0.0.1", self._port)
            self._streams = (reader, writer)
            # A server may refuse and close before it has read all.
            with contextlib.suppress(ConnectionError):
                await self._write(writer, shot)
            if shot.end is End.CUT:
                self.hang_up()
                return []
            return await self._read_all(reader, shot)

    def hang_up(self) -> None:
        """End the connection, whatever is under way on it."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    @staticmethod
    async def _write(writer: asyncio.StreamWriter, shot: Shot) -> None:
        for start in range(0, len(shot.data), shot.step or len(shot.data) or 1):
            writer.write(shot.data[start : start + shot.step] if shot.step else shot.data)
            await writer.drain()
            if shot.step:
                # Let it travel as a packet of its own.
                await asyncio.sleep(0)
        if shot.end is End.CLOSED:
            writer.write_eof()

    async def _read_all(self, reader: asyncio.StreamReader, shot: Shot) -> list[Answer]:
        answers: list[Answer] = []
        while shot.end is End.CLOSED or len(answers) < shot.answers:
            answer = None
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                answer = await _read(reader, shot.method)
            if answer is None:
                self.hang_up()
                break
            answers.append(answer)
            if answer.headers.get("connection", "").lower() == "close" or not _has_an_end(answer):
                self.hang_up()
                break
        if shot.end is End.ANSWERED and len(answers) < shot.answers:
            raise Found(shot, f"{len(answers)} answers to {shot.answers} requests: {answers!r:.500}")
        return answers


def _has_an_end(answer: Answer) -> bool:
    return answer.status == 204 or "content-length" in answer.headers


async def _read(reader: asyncio.StreamReader, method: str) -> Answer:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        if status >= 200:
            break
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if method == "HEAD" or status in (204, 304):
        return Answer(status, headers, b"")
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(int(headers["content-length"])))
    return Answer(status, headers, await reader.read())


def check_status(shot: Shot, answers: Iterable[Answer]) -> None:
    """Raise `Fault` for a status that says so, and `Found` for one that is not wanted."""
    for answer in answers:
        if answer.status >= 500:
            raise Fault(shot, f"{answer.status} {answer.body[:500]!r}")
        if shot.wanted and answer.status not in shot.wanted:
            raise Found(shot, f"{answer.status} {answer.body[:500]!r}, wanted {sorted(shot.wanted)}")


async def fire(
    port: int,
    shots: Iterable[Shot],
    ordinary: Callable[[int], Shot],
    check: Callable[[Shot, list[Answer]], None] = check_status,
    lines: int = 8,
) -> Tally:
    """Send shots on several connections at once, and ordinary requests in between.

    Args:
        port: where the service listens on this machine.
        shots: what is sent; taken one by one, so that a signature is fresh when it is made.
        ordinary: makes the ordinary request with a number, to which `wanted` must be the answer.
        check: raises `Found` when the answers to a shot are not right.
        lines: how many connections there are at once.

    Returns:
        What came of it; whatever was `Found` is in it.
    """
    tally, left, numbers = Tally(), iter(shots), itertools.count()

    async def send(line: Line, shot: Shot, check: Callable[[Shot, list[Answer]], None]) -> list[Answer]:
        start = time.monotonic()
        try:
            answers = await line.send(shot)
            check(shot, answers)
        except TimeoutError:
            line.hang_up()
            tally.found.append(Hang(shot, f"no answer in {SECONDS} s"))
            return []
        except Found as found:
            line.hang_up()
            tally.found.append(found)
            return []
        finally:
            tally.slowest = max(tally.slowest, time.monotonic() - start)
        return answers

    async def work() -> None:
        line = Line(port)
        for count, shot in enumerate(left, 1):
            answers = await send(line, shot, check)
            tally.requests += shot.answers
            tally.outcomes.update((shot.what, a.status) for a in answers)
            if not answers:
                tally.outcomes[shot.what, "closed"] += 1
            if count % ORDINARY_EVERY == 0:
                await send(line, ordinary(next(numbers)), check_status)
                tally.ordinary += 1
        line.hang_up()

    await asyncio.gather(*(work() for _ in range(lines)))
    return tally


def request(
    method: str, target: str | bytes, body: bytes = b"", headers: Iterable[tuple[str, str | bytes]] = ()
) -> bytes:
    """A whole request, its headers as they are and the framing right."""
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    head = [b"%b %b HTTP/1.1" % (method.encode("latin-1"), raw), b"Host: 127.0.0.1"]
    head += [
        b"%b: %b" % (name.encode("latin-1"), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in headers
    ]
    if body or method not in ("GET", "HEAD"):
        head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*head, b"", body])


def errors_in(log: Iterable[bytes]) -> Iterator[str]:
    """The lines of a service's log that speak of a fault, or that are no line of ours."""
    for line in log:
        if not line.startswith(b"{") or any(
            mark in line for mark in (b'"level":"error"', b'"level":"critical"', b"unexpected error")
        ):
            yield line.decode("utf-8", "replace").strip()
