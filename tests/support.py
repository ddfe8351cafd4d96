"""What tests of the whole thread share: people with phones, forms, and waiting for a condition."""

import asyncio
import hashlib
import io
import random
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from PIL import Image
from stdnum.iso7064 import mod_11_2
from yarl import URL

from casework.staff.service import CACHE_SECONDS
from handlers.answers import ProblemShape
from handlers.problems import MEDIA_TYPE
from handlers.routes import routes
from server.clock import SharedClock
from server.parts import Parts

T = TypeVar("T")
CHINESE = re.compile("[一-鿿]")
API_ROUTES = [(path, handler) for path, handler in routes if path.startswith("/api/")]


def fake_id_no(number: int = 1, birth: str = "19600101") -> str:
    """An ID number that passes the check and cannot be anybody's: no division has the code 000000."""
    body = f"000000{birth}{number:03d}"
    return body + mod_11_2.calc_check_digit(body)


def fake_picture(colour: str = "green", size: tuple[int, int] = (640, 480), form: str = "JPEG") -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


def fake_recording(size: int = 2000) -> bytes:
    """The beginning of an MP3 file with noise behind it."""
    return (b"\xff\xfb\x90\x64" + random.Random(size).randbytes(size))[:size]


def report_form(place: str, /, number: int = 1, **changes: Any) -> dict[str, Any]:
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
    headers: Mapping[str, str] = field(repr=False)

    @property
    def code(self) -> str:
        """The problem's code."""
        return str(self.body["code"])

    @property
    def problem(self) -> tuple[int, str]:
        """The status and the problem's code."""
        return self.status, self.code

    @property
    def wrong_fields(self) -> set[str]:
        """The fields that the problem names."""
        return {error["field"] for error in self.body["errors"]}


def check_answer(method: str, path: str, reply: Reply) -> None:
    """Fail unless an answer of the API is what the API document promises of it."""
    if reply.status >= 400:
        assert reply.headers["Content-Type"].startswith(MEDIA_TYPE), reply
        if method != "HEAD":
            check_problem(reply)
            assert reply.headers["X-Request-Id"] == reply.body["request_id"]
        return
    for pattern, handler in API_ROUTES:
        if re.fullmatch(pattern, path.partition("?")[0]):
            answers = getattr(handler, method.lower()).description["answers"]
            assert reply.status in answers, f"{method} {path}: {reply.status} is not in the document"
            promised = answers[reply.status]
            if not isinstance(promised, str):
                promised.model_validate(reply.body)
            elif reply.status != 204:
                assert reply.headers["Content-Type"].startswith(promised.removesuffix("*"))


def check_problem(reply: Reply) -> None:
    """Fail unless an answer is a problem in words that people here read."""
    problem = ProblemShape.model_validate(reply.body)
    assert problem.status == reply.status
    assert problem.request_id
    for words in (problem.title, *(error.message for error in problem.errors)):
        assert CHINESE.search(words), words


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
        """Call a path, as it is; `raw` sends bytes as they are. The answer is held against the document."""
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data = {"data": io.BytesIO(raw)} if raw is not None else {"json": body} if body is not None else {}
        url = URL(self.base + path, encoded=True)
        async with self.http.request(method, url, headers=sent, **data) as answer:
            content: Any = await answer.read()
            if "json" in answer.headers.get("Content-Type", ""):
                content = await answer.json(content_type=None) if content else None
            reply = Reply(answer.status, content, answer.headers)
        if path.startswith("/api/"):
            check_answer(method, path, reply)
        return reply

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

    async def put(
        self, kind: str, data: bytes, span: tuple[int, int] | None = None, sha256: str | None = None
    ) -> Reply:
        """PUT a file (`kind`: ``photos``, ``recordings``), or what `span` says of it: first byte, end."""
        path = f"/api/{kind}/{sha256 or hashlib.sha256(data).hexdigest()}"
        if span is None:
            return await self.call("PUT", path, raw=data)
        first, end = span
        headers = {"Content-Range": f"bytes {first}-{end - 1}/{len(data)}"}
        return await self.call("PUT", path, raw=data[first:end], headers=headers)


async def place_of(parts: Parts, code: str) -> str:
    """The id of the place with a division code."""
    return (await parts.services.regions.by_code(code))["_id"]


def database(parts: Parts) -> Any:
    """The database behind the service, to look at what is really kept."""
    return parts.mongo[parts.settings.mongodb_database]


async def documents(parts: Parts, collection: str, **wanted: Any) -> list[dict[str, Any]]:
    """Everything in a collection that has these values, oldest first."""
    found: list[dict[str, Any]] = await database(parts)[collection].find(wanted).sort("_id").to_list(None)
    return found


async def count(parts: Parts, *collections: str) -> list[int]:
    """How many documents are in each of these collections."""
    return [await database(parts)[name].count_documents({}) for name in collections]


async def until(
    condition: Callable[[], Awaitable[T | None]], *, seconds: float = 20.0, what: str = "the condition"
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

    async def does(self, key: str, type_: str, /, **more: Any) -> Any:
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


async def change_staff(parts: Parts, clock: SharedClock, staff_no: str, **changes: Any) -> None:
    """Change a member of staff in the database, and let the few seconds pass until it is noticed.

    `roles` gives their grants as pairs of a role and a division code.
    """
    if "roles" in changes:
        roles = changes.pop("roles")
        changes["grants"] = [{"role": role, "node": await place_of(parts, code)} for role, code in roles]
    result = await database(parts)["staff"].update_one({"staff_no": staff_no}, {"$set": changes})
    assert result.matched_count == 1, staff_no
    clock.move(CACHE_SECONDS + 0.1)
