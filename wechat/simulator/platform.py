"""WeChat's own paths over HTTP: counting, faults, latency, tokens, and then the endpoint's function."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import orjson

from wechat.simulator.base import WorldHandler
from wechat.simulator.endpoints import ENDPOINTS, Binary, Call, Upload, run
from wechat.simulator.errors import error_answer
from wechat.simulator.faults import Fault

JSON_TYPE = "application/json; encoding=utf-8"
# What a gateway in front of the platform shows when the platform behind it does not answer.
HTML_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class PlatformHandler(WorldHandler):
    """Answers every path that is not the simulator's own."""

    def prepare(self) -> None:
        """Choose the account that the call is for."""
        self.world = self.worlds.of_call(self._query, self.request.body)
        self._left = asyncio.Event()

    def on_connection_close(self) -> None:
        """Let a call that is never answered end when its caller gives up."""
        self._left.set()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what the platform answers when it fails: "system error", with status 200."""
        self.set_status(200)
        self.set_header("Content-Type", JSON_TYPE)
        self.finish(orjson.dumps(error_answer(-1)))

    async def get(self) -> None:
        """Answer a GET."""
        await self._serve("GET")

    async def post(self) -> None:
        """Answer a POST."""
        await self._serve("POST")

    async def _serve(self, method: str) -> None:
        world, request = self.world, self.request
        called_at = world.clock.time()
        path, record = world.calls.begin(request.path, called_at, method, request.query, request.body)
        latency_ms, fault = world.latency_ms, None
        if world.faults:
            appid = self._appid() if world.faults.needs_appid(request.path) else None
            added_ms, fault = world.faults.fire(request.path, appid)
            latency_ms += added_ms
        if fault is not None and fault.refuse:
            world.calls.end(path, record, "refused")
            self._cut(reset=True)
            return
        if latency_ms > 0:
            await asyncio.sleep(latency_ms / 1000)
        if fault is not None and fault.silence:
            world.calls.end(path, record, "silent")
            await self._left.wait()
            self._cut()
            return
        if fault is not None and fault.drop == "before":
            world.calls.end(path, record, "dropped")
            self._cut()
            return
        if fault is not None and fault.drop is None:
            world.calls.end(path, record, self._answer_fault(fault))
            return
        answer = run(world, self._call(method, called_at))
        if fault is not None:
            world.calls.end(path, record, "dropped")
            self._cut()
            return
        if isinstance(answer, Binary):
            world.calls.end(path, record, 0 if answer.status == 200 else f"http {answer.status}")
            self._finish_binary(answer)
            return
        world.calls.end(path, record, int(answer.get("errcode", 0)))
        endpoint = ENDPOINTS.get(request.path)
        self.set_header("Content-Type", endpoint.content_type if endpoint else JSON_TYPE)
        self.finish(orjson.dumps(answer))

    def _call(self, method: str, called_at: float) -> Call:
        request = self.request
        sent = next(iter(request.files.get("media", ())), None)
        return Call(
            method=method,
            path=request.path,
            query=self._query,
            body=request.body,
            called_at=called_at,
            base=f"{request.protocol}://{request.host}",
            field=self._field,
            upload=Upload(sent.filename, sent.body) if sent is not None else None,
        )

    def _finish_binary(self, answer: Binary) -> None:
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        if answer.filename is not None:
            self.set_header("Content-Disposition", f'attachment; filename="{answer.filename}"')
        self.finish(answer.body)

    def _field(self, name: str) -> str:
        values = self.request.body_arguments.get(name)
        return values[-1].decode("utf-8", "replace") if values else ""

    def _query(self, name: str) -> str:
        values = self.request.query_arguments.get(name)
        return values[-1].decode("utf-8", "replace") if values else ""

    def _appid(self) -> str | None:
        token = self._query("access_token")
        if token:
            return self.world.tokens.app_id_of(token)
        if self._query("appid"):
            return self._query("appid")
        try:
            body = orjson.loads(self.request.body)
        except orjson.JSONDecodeError:
            return None
        return body.get("appid") if isinstance(body, dict) else None

    def _answer_fault(self, fault: Fault) -> int | str:
        """Answer what the fault says and return it as the call's outcome."""
        if fault.http_status is not None:
            self.set_status(fault.http_status)
        if fault.errcode is not None:
            self.set_header("Content-Type", JSON_TYPE)
            self.finish(orjson.dumps(error_answer(fault.errcode, fault.errmsg)))
            return fault.errcode
        self.set_header("Content-Type", "text/html")
        self.finish(HTML_PAGE if fault.html else b"")
        return f"http {self.get_status()}"

    def _cut(self, *, reset: bool = False) -> None:
        """Close the connection without an answer; with `reset` the peer sees it torn down, not closed."""
        stream = self.detach()
        sock = stream.socket
        if reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()


routes = [
    # Last of all routes: whatever else is asked for is a path of the platform, known or not.
    (r"/.*", PlatformHandler),
]
