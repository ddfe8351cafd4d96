"""The embedded servers: their data outlives a restart, and nothing outlives its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from pymongo import MongoClient

from server import embedded
from server.embedded import EmbeddedUnavailable, free_port, guarded, start_mongod, start_redis


async def _gone(pid: int) -> None:
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        await asyncio.sleep(0.01)


async def test_mongod_keeps_its_data_on_another_port(tmp_path: Path) -> None:
    server = await start_mongod(tmp_path, cache_gb=0.25)
    with (
        MongoClient[dict[str, Any]](server.uri) as client,
        client.start_session() as session,
        session.start_transaction(),
    ):
        client.house.things.insert_one({"_id": 1}, session=session)
    await server.stop()
    assert server.process.returncode == 0
    again = await start_mongod(tmp_path, free_port(), cache_gb=0.25)
    assert again.port != server.port
    try:
        with MongoClient[dict[str, Any]](again.uri) as client:
            assert client.house.things.find_one() == {"_id": 1}
            client.house.things.insert_one({"_id": 2})
    finally:
        await again.stop()
    assert (tmp_path / "mongod.log").stat().st_size > 0


async def test_mongod_survives_a_kill_and_names_a_folder_in_use(tmp_path: Path) -> None:
    server = await start_mongod(tmp_path, cache_gb=0.25)
    with MongoClient[dict[str, Any]](server.uri, w="majority") as client:
        client.house.things.insert_one({"_id": 1})
    with pytest.raises(EmbeddedUnavailable, match=r"正被另一个 mongod 使用"):
        await start_mongod(tmp_path, cache_gb=0.25)
    os.kill(server.process.pid, signal.SIGKILL)
    await server.stop()
    again = await start_mongod(tmp_path, cache_gb=0.25)
    with MongoClient[dict[str, Any]](again.uri) as client:
        assert client.house.things.count_documents({}) == 1
    await again.stop()


async def test_redis_keeps_its_data(tmp_path: Path) -> None:
    server = await start_redis(tmp_path)
    async with redis.asyncio.Redis.from_url(server.uri) as client:
        await client.set("a", "1")
    await server.stop()
    again = await start_redis(tmp_path)
    try:
        async with redis.asyncio.Redis.from_url(again.uri) as client:
            assert await client.get("a") == b"1"
    finally:
        await again.stop()


async def test_a_child_ends_with_its_killed_parent(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "from server.embedded import guarded\n"
        "child = subprocess.Popen(guarded(['/bin/sleep', '600']))\n"
        "open(sys.argv[1], 'w').write(str(child.pid) + '\\n')\n"
        "time.sleep(600)"
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", code, str(note)], cwd=root)
    while not (note.exists() and note.read_text().endswith("\n")):
        await asyncio.sleep(0.01)
    child = int(note.read_text())
    while Path(f"/proc/{child}/comm").read_text().strip() != "sleep":
        await asyncio.sleep(0.01)
    parent.kill()
    parent.wait()
    await _gone(child)


async def test_a_guarded_command_that_cannot_run_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF no program")
    broken.chmod(0o700)
    ended = subprocess.run(guarded([str(broken)]), capture_output=True, check=False)
    assert ended.returncode == 127
    assert b"cannot run" in ended.stderr


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("error while loading shared libraries: libcurl.so.4: cannot open shared object file", "libcurl4"),
        ("version GLIBC_2.38 not found", "系统库"),
    ],
)
async def test_a_server_that_cannot_run_here_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, named: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mongod", "redis-server"):
        script = folder / name
        script.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 127\n')
        script.chmod(0o700)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    begun = time.monotonic()
    for start in (start_mongod, start_redis):
        with pytest.raises(EmbeddedUnavailable, match=named) as caught:
            await start(tmp_path / "data")
        assert "FANGPIN_MONGODB_URI / FANGPIN_REDIS_URL" in str(caught.value)
    assert time.monotonic() - begun < 10


async def test_no_binary_at_all_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedUnavailable, match=r"没有可用的 mongod.*FANGPIN_MONGODB_URI"):
        await start_mongod(tmp_path / "data")


async def test_fixtures(mongo_uri: str, database_name: str, redis_url: str) -> None:
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        assert client[database_name].things.count_documents({}) == 0
        client[database_name].things.insert_one({"_id": 1})
    async with redis.asyncio.Redis.from_url(redis_url) as cache:
        assert await cache.dbsize() == 0
        await cache.set("left", "over")


async def test_fixtures_begin_empty_again(mongo_uri: str, database_name: str, redis_url: str) -> None:
    await test_fixtures(mongo_uri, database_name, redis_url)


@pytest.fixture
async def answer():  # type: ignore[no-untyped-def]
    await asyncio.sleep(0)
    yield 42
    await asyncio.sleep(0)


@pytest.fixture
async def doubled(answer: int) -> int:
    await asyncio.sleep(0)
    return answer * 2


async def test_fixtures_may_be_asynchronous(doubled: int, answer: int) -> None:
    assert (answer, doubled) == (42, 84)


def test_the_network_is_out_of_reach(_network_attempts: list[str]) -> None:
    import socket

    with socket.socket() as plain, pytest.raises(ConnectionError, match=r"this machine"):
        plain.connect(("192.0.2.1", 80))
    with pytest.raises(ConnectionError, match=r"this machine"):
        socket.create_connection(("example.org", 443))
    assert len(_network_attempts) == 2
    _network_attempts.clear()
