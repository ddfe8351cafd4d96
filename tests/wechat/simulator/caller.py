"""Asks a simulator over HTTP, as a service and as its developer would."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import aiohttp
from PIL import Image

from wechat.simulator import RunningSimulator, SimulatorConfig

CONFIG = SimulatorConfig(
    port=0,
    oa_app_id="wx0000000000000001",
    oa_secret="oa-secret",
    oa_token="oa-token",
    oa_aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    mp_app_id="wx0000000000000002",
    mp_secret="mp-secret",
)
SECRETS = {"oa": (CONFIG.oa_app_id, CONFIG.oa_secret), "mp": (CONFIG.mp_app_id, CONFIG.mp_secret)}
Json = dict[str, Any]


class MemoryClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Caller:
    """Speaks to a simulator over HTTP; `oa` and `mp` carry the application's token along."""

    def __init__(self, simulator: RunningSimulator, clock: MemoryClock, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.clock = clock
        self.http = http

    # --- as anybody -------------------------------------------------------------------------------

    async def get(self, path: str, /, **query: Any) -> Json:
        async with self.http.get(self.simulator.url + path, params=query) as response:
            return await response.json(content_type=None)

    async def post(self, path: str, body: Any = None, /, **query: Any) -> Json:
        async with self.http.post(self.simulator.url + path, json=body, params=query) as response:
            return await response.json(content_type=None)

    async def file(self, path: str, /, **query: Any) -> tuple[int, str, bytes]:
        """GET a path and return (status, content type, content)."""
        async with self.http.get(self.simulator.url + path, params=query) as response:
            return response.status, response.content_type, await response.read()

    # --- as the service ---------------------------------------------------------------------------

    async def fetch_token(self, kind: str = "oa", *, force: bool = False) -> Json:
        app_id, secret = SECRETS[kind]
        body = {"grant_type": "client_credential", "appid": app_id, "secret": secret, "force_refresh": force}
        return await self.post("/cgi-bin/stable_token", body)

    async def token(self, kind: str = "oa") -> str:
        return (await self.fetch_token(kind))["access_token"]

    async def oa(self, path: str, body: Any = None, /, **query: Any) -> Json:
        """Call a path with the official account's token: POST with a body, else GET."""
        return await self._call("oa", path, body, query)

    async def mp(self, path: str, body: Any = None, /, **query: Any) -> Json:
        """Call a path with the mini program's token: POST with a body, else GET."""
        return await self._call("mp", path, body, query)

    async def _call(self, kind: str, path: str, body: Any, query: Json) -> Json:
        token = await self.token(kind)
        if body is None:
            return await self.get(path, access_token=token, **query)
        return await self.post(path, body, access_token=token, **query)

    async def upload(
        self,
        path: str,
        content: bytes | None,
        /,
        kind: str = "oa",
        form_description: str = "",
        **query: Any,
    ) -> Json:
        """POST a form with a file (none for None) and with a description."""
        form = aiohttp.FormData(default_to_multipart=True)
        if content is not None:
            form.add_field("media", io.BytesIO(content), filename="photo.jpg")
        form.add_field("description", form_description)
        query["access_token"] = await self.token(kind)
        async with self.http.post(self.simulator.url + path, data=form, params=query) as response:
            return await response.json(content_type=None)

    # --- as the people ----------------------------------------------------------------------------

    async def user(self, **values: Any) -> Json:
        return await self.post("/_sim/users", {"nickname": "张三", "role_hint": "villager", **values})

    async def does(self, person: Json, deed: str, **values: Any) -> Json:
        return await self.post("/_sim/events", {"openid": person["openid"], "type": deed, **values})

    async def inbox(self, person: Json) -> list[Json]:
        return (await self.get("/_sim/inbox", openid=person["openid"]))["items"]

    async def login_code(self, person: Json, kind: str = "login") -> str:
        return (await self.get("/_sim/login-code", openid=person["openid"], kind=kind))["code"]

    async def log_in(self, code: str) -> Json:
        """Exchange a code of the mini program."""
        app_id, secret = SECRETS["mp"]
        return await self.get(
            "/sns/jscode2session",
            appid=app_id,
            secret=secret,
            js_code=code,
            grant_type="authorization_code",
        )


def picture(kind: str = "PNG", side: int = 8) -> bytes:
    """Return a small picture, made here."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), "green").save(file, kind)
    return file.getvalue()


def noise(size: int) -> bytes:
    """Return bytes of no known type, the same each time."""
    return (hashlib.sha256(b"noise").digest() * (size // 32 + 1))[:size]
