"""The HTTP server: a door past the router for the platform's callback, and an end to slow bodies."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Mapping
from http.client import responses
from typing import Any, Protocol
from urllib.parse import parse_qsl

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
    format_timestamp,
)

from casework.clock import Clock
from handlers.callback import Reply
from server.listener import bring_no_more
from server.proxies import Proxies

#: A body that is not there by then is not waited for.
BODY_SECONDS = 60.0
SWEEP_SECONDS = 5.0
#: For so long a server that leaves goes on as ever, while load balancers see that it is not ready and
#: clients that keep connections come round for the answer that asks them to open another one.
NOTICE_SECONDS = 2.0
#: … and for so long it waits for those whose handshake has begun,
HANDSHAKE_SECONDS = 0.5
#: … and for the requests of those who came last.
LAST_SECONDS = 1.0
LEAVE_POLL_SECONDS = 0.02
#: The list to which every proxy adds whom it speaks for.
FORWARDED_FOR = "X-Forwarded-For"
#: Whatever else Tornado would take from a proxy. One that does not set them lets them pass as they came.
HEARSAY = ("X-Forwarded-Proto", "X-Real-Ip", "X-Scheme")
#: More parameters than any request of the platform has.
QUERY_FIELDS = 32


class Note(Protocol):
    """Notes an answered request: method, the route's pattern (so that no id or token is in it), status and
    seconds; `quiet` leaves answers below 400 out of the log."""

    def __call__(
        self, method: str, route: str, status: int, seconds: float, *, quiet: bool = False
    ) -> None: ...


class Door(Protocol):
    """What answers the requests to one path and those below it, see `handlers.callback.Callback`."""

    path: str
    body_limit: int

    async def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request; never raises."""


class Server(HTTPServer):
    """Serves an application, and a `door` whose requests go past its router.

    Tornado's own time-out for bodies makes a task and a timer for each request. Here the connections whose
    body is on its way are looked through every few seconds, and cut off when it takes too long.

    `under_way` holds whatever is being answered, and `note` hears of what the door answered. Tornado has
    `initialize` take what the constructor is given, which is more here than there.
    """

    def initialize(  # type: ignore[override]
        self,
        application: Any,
        *,
        door: Door,
        clock: Clock,
        under_way: set[Any],
        note: Note,
        proxies: Proxies,
        **options: Any,
    ) -> None:
        """Take what `HTTPServer` takes, the door, and the proxies that are believed."""
        super().initialize(application, xheaders=bool(proxies), **options)
        self.door = door
        self.proxies = proxies
        self.clock = clock
        self.under_way = under_way
        self.note = note
        self.reading: dict[HTTPConnection, float] = {}
        self._open: set[object] = set()
        self._loop = asyncio.get_running_loop()
        self._sweep = self._loop.call_later(SWEEP_SECONDS, self._cut_off)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Watch the connection's next request, once its last answer is on its way."""
        self._open.discard(server_conn)
        return _Request(self, server_conn, request_conn)

    def request_begins(self, server_conn: object, request_conn: HTTPConnection) -> None:
        """Note that a request's headers are here."""
        self._open.add(server_conn)
        self.reading[request_conn] = self.time()

    def on_close(self, server_conn: object) -> None:
        """Forget a connection."""
        self._open.discard(server_conn)
        super().on_close(server_conn)

    def to_application(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """What takes the request of an application's path."""
        return super().start_request(server_conn, request_conn)

    def time(self) -> float:
        """The event loop's seconds."""
        return self._loop.time()

    @property
    def busy(self) -> bool:
        """Whether a request is here, perhaps in part, whose answer is not."""
        return bool(self._open or self.under_way)

    async def leave(self) -> None:
        """Send everybody to the other servers, and stop listening, so that nobody's request fails.

        Closing a connection while its client sends the next request would cut that off, and so would closing
        a listener to which the kernel has given a connection that was not taken yet.
        """
        self.conn_params.no_keep_alive = True
        await asyncio.sleep(NOTICE_SECONDS)
        for listener in self._sockets.values():
            bring_no_more(listener)
        await asyncio.sleep(HANDSHAKE_SECONDS)
        for listener in self._sockets.values():
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._handle_connection(*listener.accept())
        self.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self._connections:  # noqa: ASYNC110 - nothing tells of the last one's end.
                    await asyncio.sleep(LEAVE_POLL_SECONDS)

    def stop(self) -> None:
        """Stop listening and watching."""
        self._sweep.cancel()
        super().stop()

    def _cut_off(self) -> None:
        late = self.time() - BODY_SECONDS
        for connection in [c for c, since in self.reading.items() if since < late]:
            # Every connection of this server is an `HTTP1Connection`; the interface alone has no `close`.
            connection.close()  # type: ignore[attr-defined]
        self._sweep = self._loop.call_later(SWEEP_SECONDS, self._cut_off)


class _Request(HTTPMessageDelegate):
    """One request: sent on to the application or the door as soon as its path is known."""

    def __init__(self, server: Server, server_conn: object, connection: HTTPConnection) -> None:
        self._server = server
        self._server_conn = server_conn
        self._connection = connection
        self._inner: HTTPMessageDelegate | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        server, connection = self._server, self._connection
        server.request_begins(self._server_conn, connection)
        if isinstance(start_line, RequestStartLine) and start_line.path.startswith(server.door.path):
            self._inner = _AtTheDoor(server, connection)
        else:
            if server.proxies:
                self._drop_hearsay(headers)
            self._inner = server.to_application(self._server_conn, connection)
        return self._inner.headers_received(start_line, headers)

    def _drop_hearsay(self, headers: HTTPHeaders) -> None:
        """Only a proxy that we know may say whom it speaks for; Tornado takes anybody's word."""
        sender = self._connection.context.remote_ip  # type: ignore[attr-defined]
        forwarded = headers.pop(FORWARDED_FOR, None)
        for name in HEARSAY:
            headers.pop(name, None)
        proxies = self._server.proxies
        if forwarded and proxies.knows(sender) and (client := proxies.client_of(forwarded)):
            headers[FORWARDED_FOR] = client

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk) if self._inner is not None else None

    def finish(self) -> None:
        self._server.reading.pop(self._connection, None)
        if self._inner is not None:
            self._inner.finish()

    def on_connection_close(self) -> None:
        self._server.reading.pop(self._connection, None)
        if self._inner is not None:
            self._inner.on_connection_close()


class _AtTheDoor(HTTPMessageDelegate):
    """A request to the door: read, answered, noted."""

    def __init__(self, server: Server, connection: HTTPConnection) -> None:
        self._server = server
        self._connection = connection
        self._chunks: list[bytes] = []
        self._size = 0

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        self._start_line = start_line
        self._started = self._server.time()

    def data_received(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size <= self._server.door.body_limit:
            self._chunks.append(chunk)

    def finish(self) -> None:
        self._task = asyncio.ensure_future(self._answer())
        self._server.under_way.add(self._task)
        self._task.add_done_callback(self._server.under_way.discard)

    async def _answer(self) -> None:
        server, (method, target, _) = self._server, self._start_line
        path, _, query = str(target).partition("?")
        if self._size > server.door.body_limit:
            reply = Reply(413)
        else:
            reply = await server.door.answer(str(method), path, _query(query), b"".join(self._chunks))
        headers = HTTPHeaders()
        headers["Content-Type"] = reply.content_type
        headers["Content-Length"] = str(len(reply.body))
        headers["Date"] = _date(int(server.clock.time()))
        start_line = ResponseStartLine("HTTP/1.1", reply.status, responses[reply.status])
        self._connection.write_headers(start_line, headers, reply.body)
        self._connection.finish()
        server.note(str(method), server.door.path, reply.status, server.time() - self._started)


def _query(text: str) -> dict[str, str]:
    """The parameters of a query; a query that has too many has none, and is refused for that."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=QUERY_FIELDS))
    except ValueError:
        return {}


@functools.lru_cache(maxsize=2)
def _date(seconds: int) -> str:
    return format_timestamp(seconds)
