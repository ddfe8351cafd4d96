"""What tests of the whole thread share: people with phones, forms, and waiting for a condition."""

import asyncio
import hashlib
import io
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from PIL import Image
from stdnum.iso7064 import mod_11_2

T = TypeVar("T")


def fake_id_no(number: int = 1, birth: str = "19600101") -> str:
    """An ID number that passes the check and cannot be anybody's: no division has the code 000000."""
    body = f"000000{birth}{number:03d}"
    return body + mod_11_2.calc_check_digit(body)


def fake_picture(colour: str = "green", size: tuple[int, int] = (640, 480)) -> bytes:
    """A small JPEG."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def report_form(place: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A report that is accepted; `number` makes another household of it."""
    name = changes.get("applicant_name", "测试甲")
    consent = {"version": "2026-01", "agreed": True, "signed_name": name}
    return {
        "applicant_name": name,
        "phone": "13800000000",
        "id_no": fake_id_no(number),
        "place": place,
        "risks": ["illness"],
        "statement": "测试用情况说明",
        "consent": consent,
        **changes,
    }


def verification_form(photo: str, **changes: Any) -> dict[str, Any]:
    """A verification that is accepted; `photo` is the hash of an uploaded photo."""
    return {
        "met": "applicant",
        "finding": "true",
        "risks": [{"risk": "illness", "found": "yes"}],
        "photos": [{"sha256": photo, "kind": "housing"}],
        "position_missing": "山里没有信号",
        "signature_missing": "手部受伤",
        **changes,
    }


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: Any
    headers: dict[str, str] = field(repr=False)

    @property
    def code(self) -> str:
        """The problem's code."""
        return str(self.body["code"])

    @property
    def wrong_fields(self) -> set[str]:
        """The fields that the problem names."""
        return {error["field"] for error in self.body["errors"]}


class Client:
    """A phone's connection to the service: JSON in and out, signed in or not."""

    def __init__(self, http: aiohttp.ClientSession, base: str, token: str | None = None) -> None:
        self.http = http
        self.base = base
        self.token = token

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Call a path; `raw` sends bytes as they are."""
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data = {"data": raw} if raw is not None else {"json": body} if body is not None else {}
        async with self.http.request(method, self.base + path, headers=sent, **data) as answer:
            content: Any = await answer.read()
            if "json" in answer.headers.get("Content-Type", ""):
                content = await answer.json(content_type=None) if content else None
            return Reply(answer.status, content, dict(answer.headers))

    async def get(self, path: str) -> Reply:
        """GET."""
        return await self.call("GET", path)

    async def command(
        self, path: str, body: Any = None, *, key: str | None = None, base: int | None = None, **headers: str
    ) -> Reply:
        """POST a command; `key` is made when it is not given, `base` is the version seen."""
        sent = {"Idempotency-Key": key or str(uuid.uuid4()), **headers}
        if base is not None:
            sent["If-Match"] = f'"{base}"'
        return await self.call("POST", path, body, headers=sent)

    async def upload(self, picture: bytes) -> str:
        """Upload a photo; its hash."""
        sha256 = hashlib.sha256(picture).hexdigest()
        reply = await self.call("PUT", f"/api/photos/{sha256}", raw=picture)
        assert reply.status in (200, 201), reply
        return sha256


async def until(
    condition: Callable[[], Awaitable[T | None]], *, seconds: float = 10.0, what: str = "the condition"
) -> T:
    """Wait for `condition` to return something true; the only way to wait in a test."""
    end = time.monotonic() + seconds
    while True:
        if found := await condition():
            return found
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        await asyncio.sleep(0.02)


class Phones:
    """The simulator, as tests drive it."""

    def __init__(self, http: aiohttp.ClientSession, base: str, service: str) -> None:
        self.http = http
        self.base = base
        self.service = service

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call `/_sim/…`."""
        given = {"json": body} if body is not None else {}
        async with self.http.request(method, f"{self.base}/_sim/{path}", **given) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def sign_in(self, key: str) -> Client:
        """The demo person `key` (see `server.seed.PEOPLE`), signed in to the mini program."""
        code = (await self.control("GET", f"login-code?openid=oDemo_{key}"))["code"]
        client = Client(self.http, self.service)
        reply = await client.call("POST", "/api/session", {"code": code})
        assert reply.status == 201, reply
        return Client(self.http, self.service, reply.body["token"])

    async def add_villager(self, number: int, *, follow: bool = True) -> str:
        """Another villager; their key for `sign_in`."""
        key = f"extra_{number}"
        ids = {"openid": f"oDemo_{key}", "mp_openid": f"mDemo_{key}", "unionid": f"uDemo_{key}"}
        body = {"nickname": f"村民{number}", "role_hint": "villager", "follow": follow, **ids}
        await self.control("POST", "users", body)
        return key

    async def does(self, key: str, type_: str, **more: Any) -> Any:
        """What a person does in the account: subscribe, text, click, scan …"""
        return await self.control("POST", "events", {"openid": f"oDemo_{key}", "type": type_, **more})

    async def inbox(self, key: str) -> list[dict[str, Any]]:
        """What arrived on a phone, oldest first."""
        items: list[dict[str, Any]] = (await self.control("GET", f"inbox?openid=oDemo_{key}"))["items"]
        return items

    async def arrived(self, key: str, count: int = 1, **wanted: str) -> list[dict[str, Any]]:
        """Wait until `count` messages with these values (``channel``, ``title``) are on a phone."""

        async def enough() -> list[dict[str, Any]] | None:
            found = [
                m
                for m in await self.inbox(key)
                if all(m.get(name) == value for name, value in wanted.items())
            ]
            return found if len(found) >= count else None

        return await until(enough, what=f"{count} messages for {key}")
