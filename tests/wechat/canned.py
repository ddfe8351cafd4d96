"""A small server that answers what a test says, and an API that talks to it."""

import asyncio
from collections import defaultdict
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from tornado.web import RequestHandler

from wechat.client import WeChatApi, WeChatFailure
from wechat.http import HttpPool

APP_ID = "wx0123456789abcdef"
SECRET = "app-secret-value"
OK = b'{"errcode":0,"errmsg":"ok"}'
BUSY = b'{"errcode":-1,"errmsg":"system error"}'
STALE = b'{"errcode":40001,"errmsg":"invalid credential, access_token=TOKEN-1 rid: 1"}'
SENT = b'{"errcode":0,"errmsg":"ok","msgid":2398123456789012345}'
HTML = (b"<html>upstream error</html>", "text/html")
HANG, DROP = object(), object()


class Fake:
    """The platform's answers by path; the last one of a list is repeated for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = defaultdict(list)
        self.calls: list[tuple[str, str, dict[str, str], bytes, str]] = []
        self.never = asyncio.Event()
        self.url = ""

    def paths(self) -> list[str]:
        return [call[1] for call in self.calls]


class Endpoint(RequestHandler):
    """Answers every path with what is planned for it."""

    def initialize(self, fake: Fake) -> None:
        self.fake = fake

    async def prepare(self) -> None:
        request = self.request
        query = {name: values[-1].decode() for name, values in request.query_arguments.items()}
        kind = request.headers.get("Content-Type", "")
        self.fake.calls.append((request.method, request.path, query, request.body, kind))
        planned = self.fake.answers[request.path]
        answer = (planned.pop(0) if len(planned) > 1 else planned[0]) if planned else OK
        if answer is DROP:
            self.detach().close()
            return
        if answer is HANG:
            await self.fake.never.wait()
            return
        if isinstance(answer, int):
            self.set_status(answer)
            answer = b"{}"
        body, content_type = answer if isinstance(answer, tuple) else (answer, "text/plain")
        self.set_header("Content-Type", content_type)
        self.finish(body)


class Hasty(HttpPool):
    """Waits a twentieth of a second where the table says five."""

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        return await super().request(*args, **{**kwargs, "timeout": kwargs["timeout"] / 100})


class FakeTokens:
    """Counts instead of fetching."""

    def __init__(self) -> None:
        self.serial = 1
        self.refreshed: list[str] = []
        self.failure: WeChatFailure | None = None

    async def get(self) -> str:
        return f"TOKEN-{self.serial}"

    async def refresh(self, bad_token: str) -> str:
        self.refreshed.append(bad_token)
        if self.failure is not None:
            raise self.failure
        self.serial += 1
        return await self.get()


class Bench:
    """An API with everything around it."""

    def __init__(self, fake: Fake, pool: HttpPool) -> None:
        self.fake = fake
        self.tokens = FakeTokens()
        self.pauses: list[float] = []
        self.seen: list[tuple[str, int | str]] = []
        self.api = WeChatApi(
            APP_ID,
            SECRET,
            self.tokens,
            pool,
            fake.url + "/",
            observe=lambda path, outcome, _seconds: self.seen.append((path, outcome)),
            sleep=self.sleep,
            jitter=lambda: 0.0,
        )

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


def send(bench: Bench, **more: Any) -> Any:
    """A template message."""
    return bench.api.send_template("oOpenid", "tpl", {"thing1": "漏雨"}, **more)


async def no_pause(_seconds: float) -> None:
    """Let the others go on instead of pausing."""
    await asyncio.sleep(0)


class AwayRedis:
    """A Redis that nobody can reach."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_args: Any, **_kwargs: Any) -> None:
            raise RedisConnectionError("connection refused")

        return fail
