"""What a process does between being told to stop and its end."""

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from benchmarks import people
from casework.audit.service import Sealer, entry
from server import http, worker
from server.app import Running
from server.listener import bring_no_more
from server.parts import Parts
from tests.support import Phones, fake_picture, until
from tests.worker.helpers import at_end, calls, fault, notice_of, put, results, working

#: So many that each of two listeners gets some.
CLIENTS = 40


class Line:
    """A connection to the service that the test keeps."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, text: str, body: bytes = b"") -> None:
        self.writer.write(text.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    async def answer(self) -> tuple[int, bool, bytes]:
        """Status, whether the client is to open another connection, and the body."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        at = head.index(b"content-length:")
        body = await self.reader.readexactly(int(head[at + 15 : head.index(b"\r\n", at)]))
        return int(head[9:12]), b"connection: close" in head, body

    async def get(self, path: str) -> tuple[int, bool, bytes]:
        self.write(f"GET {path} HTTP/1.1\nHost: test")
        return await self.answer()


class Lines:
    """Opens connections, and closes them after the test."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.opened: list[Line] = []

    async def open(self) -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self._port))
        self.opened.append(line)
        return line


@pytest.fixture
async def lines(parts: Parts) -> AsyncIterator[Lines]:
    made = Lines(parts.settings.port)
    yield made
    for line in made.opened:
        line.writer.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "NOTICE_SECONDS", 0.5)
    monkeypatch.setattr(http, "HANDSHAKE_SECONDS", 0.1)
    monkeypatch.setattr(http, "LAST_SECONDS", 0.3)


async def test_a_leaving_server_is_not_ready_but_answers_and_asks_for_another_connection(
    parts: Parts, lines: Lines
) -> None:
    running = Running(parts)
    kept, idle = await lines.open(), await lines.open()
    assert (await kept.get("/readyz"))[:2] == (200, False)

    leaving = asyncio.ensure_future(running.leave())
    status, told_to_go, body = await (await lines.open()).get("/readyz")
    assert (status, told_to_go) == (503, True)
    assert b'"away":["server"]' in body.replace(b" ", b"")
    assert (await (await lines.open()).get("/healthz"))[:2] == (200, True)
    assert (await kept.get("/healthz"))[:2] == (200, True)
    assert await kept.reader.read() == b""

    # Nobody has to wait for whoever says nothing, but what they say before the end is answered.
    assert not idle.reader.at_eof()
    assert (await idle.get("/healthz"))[0] == 200
    await leaving
    await running.close()
    with pytest.raises(ConnectionRefusedError):
        await lines.open()


async def test_a_connection_that_stays_idle_ends_with_the_server(parts: Parts, lines: Lines) -> None:
    running = Running(parts)
    idle = await lines.open()
    await running.leave()
    assert not idle.reader.at_eof()
    await running.close()
    assert await idle.reader.read() == b""


async def test_a_request_of_which_half_is_here_is_answered(parts: Parts, lines: Lines) -> None:
    [(_, token)] = await people.villagers(parts, 1)
    picture = fake_picture()
    half = len(picture) // 2
    running = Running(parts)
    line = await lines.open()
    line.write(
        f"PUT /api/photos/{hashlib.sha256(picture).hexdigest()} HTTP/1.1\nHost: test\n"
        f"Authorization: Bearer {token}\nContent-Length: {len(picture)}",
        picture[:half],
    )
    await running.leave()
    closing = asyncio.ensure_future(running.close())
    await asyncio.sleep(0)
    line.writer.write(picture[half:])
    assert (await line.answer())[0] == 201
    await closing


def listener(port: int = 0) -> socket.socket:
    """A socket that listens on a port together with others."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    made.setblocking(False)
    return made


async def test_a_listener_that_brings_no_more_loses_nobody() -> None:
    loop, taken = asyncio.get_running_loop(), list[socket.socket]()

    def take_all(one: socket.socket) -> int:
        before = len(taken)
        with contextlib.suppress(BlockingIOError):
            while True:
                taken.append(one.accept()[0])
        return len(taken) - before

    leaving = listener()
    address = leaving.getsockname()
    with leaving, listener(address[1]) as staying, contextlib.ExitStack() as ends:
        clients = [ends.enter_context(socket.socket()) for _ in range(2 * CLIENTS)]
        for client in clients:
            client.setblocking(False)
        await asyncio.gather(*(loop.sock_connect(client, address) for client in clients[:CLIENTS]))
        bring_no_more(leaving)
        connecting = [asyncio.ensure_future(loop.sock_connect(one, address)) for one in clients[CLIENTS:]]
        await asyncio.wait(connecting, timeout=0.1)
        # Whoever had come before is still there to be taken, and nobody came after.
        assert 0 < take_all(leaving) < CLIENTS
        assert not all(one.done() for one in connecting)
        leaving.close()
        await asyncio.gather(*connecting)
        take_all(staying)
        for one in taken:
            ends.enter_context(one)
        assert {one.getpeername() for one in taken} == {client.getsockname() for client in clients}


async def until_begun(parts: Parts, id_: str) -> None:
    """Wait until a message's attempt is under way."""

    async def begun() -> bool:
        return ("template", "started") in await results(parts, id_)

    await until(begun, what="the attempt")


async def test_what_a_stopping_worker_cannot_finish_goes_on_elsewhere_at_once(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.2)
    await fault(phones, latency_ms=60_000, times=1)
    ids = [await put(parts, "grid_1", number=number) for number in ("1001", "1002")]
    async with working(parts):
        await until_begun(parts, ids[0])
    kept = [await notice_of(parts, id_) for id_ in ids]
    assert [(n["state"], n["lease"]) for n in kept] == [("pending", None)] * 2
    assert all(n["due_at"] <= parts.clock.now() for n in kept)
    async with working(parts):
        await at_end(parts, *ids)
    assert await results(parts, ids[0]) == [("template", "repeated"), ("template", "delivered")]
    assert len(await phones.arrived("grid_1", 2, channel="template")) == 2


async def test_what_is_being_sent_is_finished(parts: Parts, phones: Phones) -> None:
    await fault(phones, latency_ms=500, times=1)
    id_ = await put(parts, "grid_1")
    async with working(parts):
        await until_begun(parts, id_)
    assert await results(parts, id_) == [("template", "sent")]
    assert await calls(phones) == 1


async def test_a_claim_under_way_is_not_cut_off(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim cut off in the middle would leave the message with a lease and with nobody who carries it."""
    id_ = await put(parts, "grid_1")
    claimed, claim = asyncio.Event(), parts.stores.notices.claim

    async def slow_claim(*args: Any) -> Any:
        found = await claim(*args)
        claimed.set()
        await asyncio.sleep(0.1)
        return found

    monkeypatch.setattr(parts.stores.notices, "claim", slow_claim)
    async with working(parts):
        await claimed.wait()
    assert await results(parts, id_) == [("template", "sent")]


async def test_the_next_sealer_need_not_wait_for_the_lease(parts: Parts) -> None:
    async def write() -> None:
        made = entry(parts.clock, "test", "test.done", "test:1", [])
        await parts.unit.run(lambda tx: parts.stores.audit.add(tx, [made]))

    async def none_unsealed() -> bool:
        return await parts.stores.audit.unsealed_count() == 0

    other = Sealer(parts.stores.audit, parts.clock, parts.checkpoints.write, "other")
    await write()
    async with working(parts):
        await until(none_unsealed, what="the seal")
        await write()
        assert await other.seal() == 0
        await until(none_unsealed, what="the seal")
    await write()
    assert await other.seal() == 1
