"""Drives a simulator whose callbacks go to small servers that read them with wechatpy."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

import aiohttp
import xmltodict
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature

from tests.wechat.simulator.caller import CONFIG as BARE
from tests.wechat.simulator.caller import Json, MemoryClock
from wechat.simulator import RunningSimulator, SimulatorConfig, serve

CONFIG = replace(
    BARE,
    mp_token="mp-token",
    mp_aes_key="GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcbA",
    # Longer than a busy machine ever pauses: what is tried again is for tests to say.
    callback_timeout_ms=30_000,
    callback_retry_pause_ms=1,
)


class Service:
    """A callback that verifies and decrypts with wechatpy, and answers as it is told."""

    def __init__(self, token: str, aes_key: str, app_id: str) -> None:
        self.token = token
        self.crypto = WeChatCrypto(token, aes_key, app_id)
        self.queries: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self.messages: list[Any] = []
        self.fields: list[Json] = []
        self.answer: Callable[[Any], tuple[int, str] | None] = lambda message: (200, "success")
        self.never = asyncio.Event()

    def reply(self, message: Any, text: str) -> tuple[int, str]:
        return 200, self.crypto.encrypt_message(create_reply(text, message).render(), "n0nce", "1800000000")


class CallbackHandler(RequestHandler):
    def initialize(self, service: Service) -> None:
        self.service = service

    def get(self) -> None:
        query = {key: self.get_query_argument(key) for key in ("signature", "timestamp", "nonce", "echostr")}
        check_signature(self.service.token, query["signature"], query["timestamp"], query["nonce"])
        self.finish(query["echostr"])

    async def post(self) -> None:
        query = {key: values[0].decode() for key, values in self.request.query_arguments.items()}
        check_signature(self.service.token, query["signature"], query["timestamp"], query["nonce"])
        text = self.request.body.decode()
        self.service.queries.append(query)
        self.service.bodies.append(text)
        if query.get("encrypt_type") == "aes":
            text = self.service.crypto.decrypt_message(
                text, query["msg_signature"], query["timestamp"], query["nonce"]
            )
        # wechatpy changes the fields of some events while it reads them.
        self.service.fields.append(xmltodict.parse(text)["xml"])
        message = parse_message(text)
        assert message.source == query["openid"]
        self.service.messages.append(message)
        answer = self.service.answer(message)
        if answer is None:
            await self.service.never.wait()
            return
        self.set_status(answer[0])
        self.finish(answer[1])


class Driver:
    """A simulator whose callbacks go to `service`, and its mini program's to `mini`, driven over HTTP."""

    def __init__(
        self,
        simulator: RunningSimulator,
        service: Service,
        mini: Service,
        http: aiohttp.ClientSession,
        clock: MemoryClock,
    ) -> None:
        self.simulator = simulator
        self.service = service
        self.mini = mini
        self.http = http
        self.clock = clock

    async def ask(self, method: str, path: str, body: Any = None, /, **query: Any) -> tuple[int, Json]:
        url = self.simulator.url + path
        async with self.http.request(method, url, json=body, params=query) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str, /, **query: Any) -> Json:
        return (await self.ask("GET", path, **query))[1]

    async def post(self, path: str, body: Any = None, /, **query: Any) -> Json:
        return (await self.ask("POST", path, body, **query))[1]

    async def person(self, **values: Any) -> Json:
        return await self.post("/_sim/users", {"nickname": "李四", "role_hint": "villager", **values})

    async def do(self, person: Json, kind: str, **values: Any) -> Json:
        return await self.post("/_sim/events", {"openid": person["oa_openid"], "type": kind, **values})

    async def token(self, config: SimulatorConfig = CONFIG) -> str:
        body = {"grant_type": "client_credential", "appid": config.oa_app_id, "secret": config.oa_secret}
        return (await self.post("/cgi-bin/stable_token", body))["access_token"]

    async def send(self, person: Json) -> Json:
        message = {
            "touser": person["oa_openid"],
            "template_id": "t",
            "data": {"thing1": {"value": "有新的任务"}},
        }
        return await self.post("/cgi-bin/message/template/send", message, access_token=await self.token())

    async def receipts_settled(self) -> Json:
        while (receipts := (await self.get("/_sim/calls"))["receipts"])["pending"]:
            await asyncio.sleep(0)
        return receipts


@asynccontextmanager
async def driving(*further: SimulatorConfig, **changes: Any) -> AsyncIterator[Driver]:
    """Start the two callbacks and a simulator that delivers to them, its configuration changed by `changes`;
    `further` are more accounts."""
    clock = MemoryClock()
    service = Service(CONFIG.oa_token, CONFIG.oa_aes_key, CONFIG.oa_app_id)
    mini = Service(CONFIG.mp_token, CONFIG.mp_aes_key, CONFIG.mp_app_id)
    server = HTTPServer(
        Application(
            [
                (r"/wechat/callback", CallbackHandler, {"service": service}),
                (r"/mini", CallbackHandler, {"service": mini}),
            ]
        )
    )
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    base = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    config = replace(
        CONFIG, callback_url=f"{base}/wechat/callback", mp_callback_url=f"{base}/mini", **changes
    )
    simulator = await serve(config, clock, *further, rng=Random(1))
    async with aiohttp.ClientSession() as http:
        yield Driver(simulator, service, mini, http, clock)
    service.never.set()
    mini.never.set()
    await simulator.close()
    server.stop()
    await server.close_all_connections()
