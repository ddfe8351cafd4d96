"""The load, as a process of its own: raw HTTP over kept-alive connections.

``python -m benchmarks.load closed HOST PORT CONCURRENCY`` reads requests (base64 lines) from standard
input and sends the next one on each connection as soon as the last is answered. ``… open HOST PORT RATE``
starts one every 1/RATE seconds whatever the answers do. Prints one JSON object; ``busy`` in it is the part
of the time for which this process kept a processor busy, so that near 1 the load is what was measured.
``bodies`` are the answers to every hundredth request, in their order, for the caller to read.
"""

import asyncio
import base64
import json
import os
import sys
import time
from typing import Any

from server.loop import new_event_loop

SAMPLE_EVERY = 100


class Connection:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; (status, body)."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : lower.index(b"\r\n", at)]) if at >= 0 else 0
        body = await self.reader.readexactly(length) if length else b""
        return int(head[9:12]), body


async def closed(host: str, port: int, concurrency: int, requests: list[bytes]) -> dict[str, Any]:
    """Keep `concurrency` requests under way until all are sent."""
    connections = [Connection(*await asyncio.open_connection(host, port)) for _ in range(concurrency)]
    left = iter(enumerate(requests))
    statuses: dict[int, int] = {}
    bodies: dict[int, str] = {}

    async def work(connection: Connection) -> None:
        for index, request in left:
            status, body = await connection.send(request)
            statuses[status] = statuses.get(status, 0) + 1
            if index % SAMPLE_EVERY == 0:
                bodies[index] = base64.b64encode(body).decode()

    start, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work(c) for c in connections))
    seconds, used = time.perf_counter() - start, time.process_time() - used
    for connection in connections:
        connection.writer.close()
    return {
        "seconds": seconds,
        "rate": len(requests) / seconds,
        "busy": used / seconds,
        "statuses": statuses,
        "bodies": [bodies[index] for index in sorted(bodies)],
    }


async def open_loop(host: str, port: int, rate: float, requests: list[bytes]) -> dict[str, Any]:
    """Start a request every 1/rate seconds; each one's start (Unix seconds), status and number."""
    idle: list[Connection] = []
    reports: list[dict[str, Any]] = []

    async def one(request: bytes, due: float) -> None:
        connection = idle.pop() if idle else Connection(*await asyncio.open_connection(host, port))
        status, body = await connection.send(request)
        idle.append(connection)
        answer = json.loads(body) if body else {}
        reports.append({"started": due, "status": status, "number": answer.get("number")})

    loop = asyncio.get_running_loop()
    begin, wall = loop.time() + 0.2, time.time() + 0.2  # noqa: TID251 - measured against the real clock.
    tasks = []
    for index, request in enumerate(requests):
        at = index / rate
        await asyncio.sleep(max(0.0, begin + at - loop.time()))
        # The moment at which it should have started counts, so that a late load hides nothing.
        tasks.append(asyncio.ensure_future(one(request, wall + at)))
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.writer.close()
    return {"reports": reports}


def main() -> None:
    """Read the requests and send them."""
    kind, host, port, number = sys.argv[1:]
    requests = [base64.b64decode(line) for line in sys.stdin.buffer.read().split(b"\n") if line]
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        if kind == "closed":
            result = runner.run(closed(host, int(port), int(number), requests))
        else:
            result = runner.run(open_loop(host, int(port), float(number), requests))
    # Without this, what does not fit into the pipe at once is lost: the event loop leaves it non-blocking.
    os.set_blocking(sys.stdout.fileno(), True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
