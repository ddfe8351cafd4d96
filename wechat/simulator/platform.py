"""WeChat's own paths over HTTP: counting, faults, latency, tokens, and then the endpoint's function."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import orjson

from wechat.simulator.base import WorldHandler
from wechat.simulator.endpoints import ENDPOINTS, WRONG_METHOD, Call, Endpoint
from wechat.simulator.errors import PlatformError, error_answer
from wechat.simulator.state import Fault

JSON_TYPE = "application/json; encoding=utf-8"
# Set by static/phone.js.
HOLDER_COOKIE = "sim_holder"
# What a gateway in front of the platform shows when the platform behind it does not answer.
HTML_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class PlatformHandler(WorldHandler):
    """Answers every path that is not the simulator's own."""

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
        if fault is not None and fault.drop == "before":
            world.calls.end(path, record, "dropped")
            self._cut()
            return
        if fault is not None and fault.drop is None:
            world.calls.end(path, record, self._answer_fault(fault))
            return
        endpoint = ENDPOINTS.get(request.path)
        answer = self._run(method, endpoint, called_at)
        if fault is not None:
            world.calls.end(path, record, "dropped")
            self._cut()
            return
        world.calls.end(path, record, int(answer.get("errcode", 0)))
        self.set_header("Content-Type", endpoint.content_type if endpoint else JSON_TYPE)
        self.finish(orjson.dumps(answer))

    def _run(self, method: str, endpoint: Endpoint | None, called_at: float) -> dict[str, Any]:
        world = self.world
        try:
            if endpoint is None:
                return error_answer(40066)
            if method != endpoint.method:
                return error_answer(WRONG_METHOD[endpoint.method])
            app = None
            if endpoint.token is not None:
                app = world.tokens.check(self._query("access_token"))
                if endpoint.token not in ("any", app.kind):
                    raise PlatformError(48001)
            return endpoint.run(world, Call(self._query, self.request.body, app, called_at))
        except PlatformError as error:
            return error.answer()

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


class AuthorizeHandler(WorldHandler):
    """网页授权: sends a person's browser back with a code.

    On a real phone WeChat knows whose it is. Here `_sim_openid` in the query says so, else the cookie that
    the phones' page sets when a link on a phone is opened, else it is the first person.
    """

    def get(self) -> None:
        """Redirect to `redirect_uri` with `code` and `state` added."""
        world = self.world
        openid = self.get_query_argument("_sim_openid", "") or unquote(self.get_cookie(HOLDER_COOKIE) or "")
        person = world.people.find(openid) if openid else next(iter(world.people), None)
        target = self.get_query_argument("redirect_uri", "")
        scope = self.get_query_argument("scope", "snsapi_base")
        wrong = {
            "appid 参数错误": self.get_query_argument("appid", "") != world.config.oa_app_id,
            "redirect_uri 参数错误": urlsplit(target).scheme not in ("http", "https"),
            "scope 参数错误": scope not in ("snsapi_base", "snsapi_userinfo"),
        }
        words = next((words for words, happened in wrong.items() if happened), None)
        if words is not None or person is None:
            self.set_status(400)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(words or "模拟器里还没有人")
            return
        added = urlencode(
            {
                "code": world.issue_code("oauth", "oa", person, scope),
                "state": self.get_query_argument("state", ""),
            }
        )
        address, _, fragment = target.partition("#")
        joint = "&" if "?" in address else "?"
        self.redirect(f"{address}{joint}{added}" + (f"#{fragment}" if fragment else ""))


routes = [
    (r"/connect/oauth2/authorize", AuthorizeHandler),
    # Last of all routes: whatever else is asked for is a path of the platform, known or not.
    (r"/.*", PlatformHandler),
]
