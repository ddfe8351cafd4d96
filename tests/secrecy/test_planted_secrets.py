"""What people tell stands nowhere in the clear: not on disk, not in Redis, not in a log, an address, a
metric, a refusal or a message."""

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import redis as blocking_redis
import structlog
from prometheus_client import generate_latest

from benchmarks.stage import environment_on
from handlers.request_id import REQUEST_ID
from server.app import Running
from server.clock import SharedClock
from server.embedded import start_mongod, start_redis
from server.logs import configure_logging
from server.parts import Parts, parts_for
from server.seed import seed
from server.settings import LogLevel, load_settings
from server.simulate import simulator_config
from server.worker import Worker
from tests.secrecy.search import forms_of, found, needles
from tests.secrecy.story import FEN, LATITUDE, LONGITUDE, TEXTS, Story
from tests.support import Phones, database, documents, until
from wechat.simulator import serve as serve_simulator

#: Without them MongoDB packs what it writes, and a search of its files finds nothing, whatever is there.
UNPACKED = (
    "--wiredTigerCollectionBlockCompressor=none",
    "--wiredTigerJournalCompressor=none",
    "--wiredTigerIndexPrefixCompression=false",
)
#: No secret. It is to be found, which shows that the search finds what is there.
OPEN = "枫木村"
NUMBERS = {"amount": FEN, "another amount": FEN + 1, "latitude": LATITUDE, "longitude": LONGITUDE}
#: What stands openly in each place.
STANDS_OPENLY = {
    "MongoDB's files": OPEN,
    "MongoDB's journal": OPEN,
    "MongoDB's log": "WiredTiger",
    "Redis": "session:",
    "Redis' files": "session:",
    "log": "/api/intakes",
    "metrics": "/api/intakes",
    "messages": OPEN,
    "calls to the platform": OPEN,
    "refusals": "invalid_form",
    "audit": "task.reveal_phone",
    "kept answers": "created",
}


@contextlib.contextmanager
def logged(clock: SharedClock) -> Iterator[io.BytesIO]:
    """What the service and the worker log, at the most talkative level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure_logging(LogLevel.DEBUG, clock, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    REQUEST_ID.set(None)
    structlog.reset_defaults()


@contextlib.asynccontextmanager
async def installation(folder: Path, clock: SharedClock) -> AsyncIterator[tuple[Parts, Phones]]:
    """Everything in this process but the databases, which are the test's own."""
    mongod = await start_mongod(folder, cache_gb=0.25, options=UNPACKED)
    redis = await start_redis(folder)
    settings = load_settings(environment_on(folder, mongod.uri, redis.uri))
    simulator = await serve_simulator(simulator_config(settings), clock)
    try:
        await seed(settings)
        async with parts_for(settings) as parts, aiohttp.ClientSession() as http:
            running, told = Running(parts), asyncio.Event()
            working = asyncio.ensure_future(Worker(parts).run(told.wait()))
            yield parts, Phones(http, settings.local_simulator_url, settings.local_url)
            told.set()
            await working
            await running.close()
    finally:
        await simulator.close()
        await redis.stop()
        await mongod.stop()


def in_all_forms(value: str) -> dict[str, Any]:
    """A text in each form that is looked for, made in other ways than there."""
    data = value.encode()
    coded = {name: value.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be", "gb18030")}
    percent = "".join(f"%{byte:02X}" for byte in data)
    padded = [(b"x" * before, raw) for before in range(3) for raw in coded.values()]
    hashes = [hashlib.md5(data), hashlib.sha1(data), hashlib.sha256(data)]
    return {
        "coded": list(coded.values()),
        "hex": [f"{raw.hex()} {raw.hex().upper()}" for raw in coded.values()],
        "base64": [base64.encodebytes(before + raw + b"yz").decode() for before, raw in padded],
        "base64 in addresses": [base64.urlsafe_b64encode(before + raw + b"yz") for before, raw in padded],
        "in addresses": [percent, percent.lower(), percent.replace("%", "%25")],
        "in JSON": "".join(f"\\u{ord(letter):04x}" for letter in value),
        "reversed": "".join(reversed(value)),
        "hashes": [[one.digest(), one.hexdigest()] for one in hashes],
    }


def everything_in_redis(url: str) -> bytes:
    """All keys and values."""
    read = {"string": "get", "set": "smembers", "hash": "hgetall", "list": "lrange", "zset": "zrange"}
    held: list[Any] = []
    with blocking_redis.Redis.from_url(url) as client:
        for key in client.scan_iter():
            kind = client.type(key).decode()
            span = (0, -1) if kind in ("list", "zset") else ()
            held += [key, getattr(client, read[kind])(key, *span)]
    return repr(held).encode()


async def calls_to_the_platform(phones: Phones) -> bytes:
    """Addresses and bodies of all calls."""
    paths = (await phones.control("GET", "calls"))["counts"]
    asked = {path: (await phones.control("GET", f"calls?path={quote(path)}"))["items"] for path in paths}
    return json.dumps(asked, ensure_ascii=False).encode()


def files(folder: Path, pattern: str) -> bytes:
    """The contents of files, without the zeros by which they were made longer beforehand."""
    return b"\n".join(file.read_bytes().rstrip(b"\0") for file in folder.glob(pattern) if file.is_file())


async def look_everywhere(parts: Parts, phones: Phones, story: Story, log: io.BytesIO) -> dict[str, bytes]:
    """All that is kept, written and sent, by where it stands."""
    # Every change is in the files, and those of the journal are still there.
    await parts.mongo.admin.command("fsync")
    folder = parts.settings.data_dir
    refusals = [reply.body for _, _, reply in story.answers if reply.status >= 400]
    astray = TEXTS["number in an address"]
    return {
        "MongoDB's files": files(folder, "mongodb/*.wt"),
        "MongoDB's journal": files(folder, "mongodb/journal/*"),
        "MongoDB's log": files(folder, "mongod.log"),
        "Redis": everything_in_redis(parts.settings.redis_url.get_secret_value()),
        "Redis' files": files(folder, "redis/**/*"),
        "other files": files(folder, "*") + files(folder, "audit/*"),
        "log": log.getvalue(),
        "metrics": generate_latest(parts.metrics.registry),
        "messages": json.dumps(await phones.control("GET", "inbox"), ensure_ascii=False).encode(),
        "calls to the platform": await calls_to_the_platform(phones),
        "refusals": repr(refusals).encode(),
        "headers": repr([reply.headers for _, _, reply in story.answers]).encode(),
        "addresses": repr([path for _, path, _ in story.answers if astray not in path]).encode(),
        "audit": repr(await documents(parts, "audit")).encode(),
        "kept answers": repr(await documents(parts, "commands")).encode(),
    }


@pytest.mark.gen_test(timeout=120)
async def test_what_people_tell_stands_nowhere_in_the_clear() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fangpin-secrets-")))
        clock = stack.enter_context(contextlib.closing(SharedClock(folder / "clock", movable=True)))
        log = stack.enter_context(logged(clock))
        async with installation(folder, clock) as (parts, phones):
            story = Story(phones)
            await database(parts)["control"].insert_one(in_all_forms(OPEN))
            await story.happen()

            async def all_sent() -> bool:
                return await parts.stores.notices.count_on_the_way() == 0

            await until(all_sent, seconds=30, what="an empty outbox")
            places = await look_everywhere(parts, phones, story, log)
    for name, form in forms_of(OPEN):
        for where in ("MongoDB's files", "MongoDB's journal"):
            assert form in places[where], f"the search is blind for {name} in {where}"
    blind = {where for where, word in STANDS_OPENLY.items() if word.encode() not in places[where]}
    assert blind == set()
    assert story.pieces.keys() >= {"voice note 1", "part of a photo", "photo 0 as it is shown", "thumbnail 0"}
    assert found(needles({**TEXTS, **NUMBERS, **story.pieces}), places) == set()

    # Those whom it concerns are shown it, but nobody a whole ID number, nor telephones but where they ask.
    numbers = needles({what: value for what, value in TEXTS.items() if "phone" in what or "ID" in what})
    shown = {f"{path}#{n}": repr(reply.body).encode() for n, (_, path, reply) in enumerate(story.answers)}
    asked = {("corrected phone", "/api/tasks"), ("verified phone", "/api/session/phone")}
    for what, where in found(numbers, shown):
        assert any(what == number and where.startswith(path) for number, path in asked), (what, where)
