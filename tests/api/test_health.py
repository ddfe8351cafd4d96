"""Whether the service lives, what it lacks, and how it answers while a part is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
from pydantic import SecretStr

from handlers.answers import HealthShape
from server.app import Running
from server.embedded import free_port
from server.parts import Parts, parts_for
from server.settings import Settings
from tests.support import Client, Phones, count, fake_id_no, report_form

AWAY = (503, "away")


class Line:
    """A line to a server of ours that can be cut."""

    def __init__(self, uri: str) -> None:
        there = urlsplit(uri)
        self.there = (str(there.hostname), int(there.port or 0))
        self.port = free_port()
        self._writers: set[asyncio.StreamWriter] = set()

    async def connect(self) -> None:
        """Carry what comes."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuse what comes, and break what is there."""
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self.there)
        self._writers |= {writer, there_writer}

        async def one_way(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.close()

        await asyncio.gather(one_way(reader, there_writer), one_way(there_reader, writer))


@asynccontextmanager
async def second_service(settings: Settings, **changes: SecretStr) -> AsyncIterator[str]:
    """Another service on the same data with other lines to it; its address."""
    ports = {"port": free_port(), "metrics_port": free_port()}
    changed = settings.model_copy(update={**ports, **changes})
    async with parts_for(changed) as parts:
        running = Running(parts)
        yield changed.local_url
        await running.close()


async def test_a_service_that_lacks_nothing_is_ready(phones: Phones, settings: Settings) -> None:
    stranger = Client(phones.http, phones.service)
    for path in ("/healthz", "/readyz"):
        reply = await stranger.get(path)
        health = HealthShape.model_validate(reply.body)
        assert (reply.status, health.status, health.away) == (200, "ok", [])
    assert (await stranger.get("/metrics")).problem == (404, "not_found"), "never on the public port"
    own_port = Client(phones.http, f"http://127.0.0.1:{settings.metrics_port}")
    numbers = await own_port.get("/metrics")
    assert numbers.status == 200
    assert b'fangpin_request_seconds_count{method="GET",route="/healthz",status="200"} 1.0' in numbers.body
    assert (await own_port.get("/healthz")).status == 404


@pytest.mark.parametrize("away", [("redis",), ("mongodb",), ("mongodb", "redis")])
async def test_what_is_away_is_named_within_three_seconds(
    parts: Parts, settings: Settings, http: aiohttp.ClientSession, away: tuple[str, ...]
) -> None:
    dead = {
        "redis": {"redis_url": SecretStr(f"redis://127.0.0.1:{free_port()}/0")},
        "mongodb": {"mongodb_uri": SecretStr(f"mongodb://127.0.0.1:{free_port()}/?directConnection=true")},
    }
    changes = {name: value for part in away for name, value in dead[part].items()}
    async with second_service(settings, **changes) as address:
        client, began = Client(http, address), time.monotonic()
        reply = await client.get("/readyz")
        assert time.monotonic() - began < 3
        health = HealthShape.model_validate(reply.body)
        assert (reply.status, health.status, tuple(health.away)) == (503, "away", away)
        assert (await client.get("/healthz")).status == 200, "the process itself lives"


async def test_while_redis_is_away_the_answer_is_come_again(
    phones: Phones, parts: Parts, settings: Settings, place: str
) -> None:
    line = Line(settings.redis_url.get_secret_value())
    await line.connect()
    url = SecretStr(f"redis://127.0.0.1:{line.port}/0")
    async with second_service(settings, redis_url=url) as address:
        token = (await phones.sign_in("villager_1")).token
        client = Client(phones.http, address, token)
        assert (await client.get("/api/session")).status == 200
        await line.cut()
        code = (await phones.control("GET", "login-code?openid=oDemo_villager_2"))["code"]
        replies = [
            await client.get("/api/session"),
            await client.command("/api/intakes", report_form(place)),
            await client.call("POST", "/api/session", {"code": code}),
        ]
        assert {r.problem for r in replies} == {AWAY}
        assert {r.headers["Retry-After"] for r in replies} == {"2"}
        assert await count(parts, "intakes") == [0]


async def test_while_mongodb_is_away_the_answer_is_come_again(
    phones: Phones, parts: Parts, settings: Settings, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.parts.DATABASE_WAIT_MS", 500)
    line = Line(settings.mongodb_uri.get_secret_value())
    await line.connect()
    uri = f"mongodb://127.0.0.1:{line.port}/?directConnection=true"
    async with second_service(settings, mongodb_uri=SecretStr(uri)) as address:
        token = (await phones.sign_in("villager_1")).token
        client = Client(phones.http, address, token)
        # What is looked up for each report is in memory now, so that the next one fails in the middle.
        assert (await client.command("/api/intakes", report_form(place))).status == 201
        await line.cut()
        began = time.monotonic()
        replies = await asyncio.gather(
            client.get("/api/intakes"),
            client.get("/api/regions"),
            client.command("/api/intakes", report_form(place, id_no=fake_id_no(2))),
        )
        assert {r.problem for r in replies} == {AWAY}
        assert {r.headers["Retry-After"] for r in replies} == {"2"}
        assert time.monotonic() - began < 3, "a few waits for a server, not one an attempt"
        assert await count(parts, "intakes") == [1]
