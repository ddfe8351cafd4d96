"""Every part of an installation as a process that can be killed and brought back."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.errors import PyMongoError

from benchmarks.stage import ROOT, environment_on
from server.embedded import EmbeddedServer, free_port, guarded, start_mongod, start_redis
from server.migrate import migrate
from server.seed import seed
from server.settings import Settings, load_settings
from server.supervisor import is_ready

READY_SECONDS = 60.0
POLL_SECONDS = 0.02


class Part:
    """One process of the installation; `start` brings it up and returns it when it is ready."""

    def __init__(self, name: str, start: Callable[[], Awaitable["subprocess.Popen[bytes]"]]) -> None:
        self.name = name
        self._start = start
        self._coming: asyncio.Task[None] | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.one_at_a_time = asyncio.Lock()

    async def up(self) -> None:
        """Start it where it does not run, and wait until it is ready."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._bring_up())
        await self._coming

    async def _bring_up(self) -> None:
        self.process = await self._start()

    async def kill(self) -> None:
        """Kill it with -9. It is to be up."""
        assert self.process is not None, self.name
        self.process.send_signal(signal.SIGKILL)
        await _ended(self.process)
        self._coming = self.process = None

    async def stop(self) -> None:
        """Bring it to its end; it need not have come up."""
        if self._coming is not None:
            with contextlib.suppress(Exception):
                await self._coming
        if self.process is not None and self.process.poll() is None:
            await self.kill()


async def _ended(process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        await asyncio.sleep(POLL_SECONDS)


class Cluster:
    """Two servers on one port, two workers, the simulator, Redis, and MongoDB of one member or three."""

    def __init__(self, data_dir: Path, mongods: Sequence[EmbeddedServer], redis: EmbeddedServer) -> None:
        self.data_dir = data_dir
        self.alone = len(mongods) == 1
        uri = mongods[0].uri if self.alone else _uri_of_set(mongods)
        given = environment_on(data_dir, uri, redis.uri)
        # Each person calls from an address of their own, as behind a proxy.
        given["FANGPIN_TRUSTED_PROXIES"] = "127.0.0.1"
        self.settings: Settings = load_settings(given)
        self.parts: dict[str, Part] = {}
        for number, mongod in enumerate(mongods):
            start = _mongod(mongod.log.parent, mongod.port, self.alone)
            self._keep(f"mongod-{number}", start, mongod.process)
        self._keep("redis", self._redis(redis.port), redis.process)
        self._keep("simulator", self._simulator())
        for number in range(2):
            self._keep(f"server-{number}", self._python(f"server-{number}", "serve"))
            self._keep(f"worker-{number}", self._python(f"worker-{number}", "worker"))

    def _keep(
        self,
        name: str,
        start: Callable[[], Awaitable["subprocess.Popen[bytes]"]],
        running: "subprocess.Popen[bytes] | None" = None,
    ) -> None:
        part = self.parts[name] = Part(name, start)
        if running is not None:
            part.process = running
            part._coming = asyncio.ensure_future(asyncio.sleep(0))

    def _redis(self, port: int) -> Callable[[], Awaitable["subprocess.Popen[bytes]"]]:
        async def start() -> "subprocess.Popen[bytes]":
            return (await start_redis(self.data_dir, port)).process

        return start

    def _simulator(self) -> Callable[[], Awaitable["subprocess.Popen[bytes]"]]:
        ready = f"tcp://127.0.0.1:{self.settings.simulator_port}"
        journal = str(self.data_dir / "platform.jsonl")
        return self._python("simulator", "simulator", "--journal", journal, ready=ready)

    def _python(
        self, name: str, *argv: str, ready: str = ""
    ) -> Callable[[], Awaitable["subprocess.Popen[bytes]"]]:
        """A command of this program; it is ready when it answers at `ready`, its metrics by default."""
        metrics = free_port()
        address = ready or f"http://127.0.0.1:{metrics}/metrics"

        async def start() -> "subprocess.Popen[bytes]":
            with (self.data_dir / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(
                    guarded([sys.executable, "-m", "server", *argv], signal.SIGKILL),
                    cwd=ROOT,
                    env=self.environment() | {"FANGPIN_METRICS_PORT": str(metrics)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(READY_SECONDS):
                    while process.poll() is None:
                        if await is_ready(address):
                            return process
                        await asyncio.sleep(POLL_SECONDS)
            raise RuntimeError(f"{name} did not become ready; see {self.data_dir / name}.log")

        return start

    def environment(self) -> dict[str, str]:
        """The environment of every process of this installation."""
        rest = {k: v for k, v in os.environ.items() if not k.startswith("FANGPIN_")}
        return rest | self.settings.environment()

    def python(self, module: str, *argv: str, **pipes: Any) -> Awaitable[asyncio.subprocess.Process]:
        """Begin a module as a process of its own."""
        command = guarded([sys.executable, "-m", module, *argv], signal.SIGKILL)
        return asyncio.create_subprocess_exec(*command, cwd=ROOT, env=self.environment(), **pipes)

    async def victim(self, kind: str, rng: random.Random) -> Part:
        """The process that a kind means at this moment.

        `kind` is ``server``, ``worker``, ``sealer`` (the worker that holds the sealer's lease), ``redis``,
        ``redis-data`` (Redis whose files are deleted as well), ``mongod`` or ``simulator``.
        """
        if kind == "sealer":
            return self.parts[await asyncio.to_thread(self._sealing)]
        name = kind.removesuffix("-data")
        return rng.choice([part for key, part in self.parts.items() if key.startswith(name)])

    def _sealing(self) -> str:
        """The worker that holds the sealer's lease; the first where nobody can be asked."""
        uri = self.settings.mongodb_uri.get_secret_value()
        lease: Mapping[str, Any] | None = None
        with contextlib.suppress(PyMongoError), MongoClient(uri, serverSelectionTimeoutMS=200) as client:
            lease = client[self.settings.mongodb_database]["leases"].find_one({"_id": "sealer"})
        holder = (lease or {}).get("holder", "")
        workers = [part for name, part in self.parts.items() if name.startswith("worker")]
        return next((w for w in workers if w.process and f":{w.process.pid}:" in holder), workers[0]).name

    async def primary(self) -> Part:
        """The member of the replica set that takes writes."""
        uri = self.settings.mongodb_uri.get_secret_value()

        def find() -> int:
            with MongoClient[Mapping[str, Any]](uri) as client:
                client.admin.command("ping")
                assert client.primary is not None
                return client.primary[1]

        port = await asyncio.to_thread(find)
        return next(p for p in self.parts.values() if p.process and str(port) in p.process.args)  # type: ignore[operator]

    async def kill(self, kind: str, rng: random.Random) -> str:
        """Kill what `kind` means as soon as it is up, and let it come back; its name."""
        part = await self.victim(kind, rng)
        # Two who want to kill the same part wait for each other.
        async with part.one_at_a_time:
            await part.up()
            await part.kill()
            if kind == "redis-data":
                shutil.rmtree(self.data_dir / "redis")
            # Its coming back is waited for by whoever needs it next.
            asyncio.ensure_future(part.up()).add_done_callback(lambda done: done.exception())
        return part.name

    async def all_up(self) -> None:
        """Wait until every part is there."""
        await asyncio.gather(*(part.up() for part in self.parts.values()))

    async def stop(self) -> None:
        """End everything, those that others rest on last."""
        for part in reversed(self.parts.values()):
            await part.stop()


def _mongod(folder: Path, port: int, alone: bool) -> Callable[[], Awaitable["subprocess.Popen[bytes]"]]:
    async def start() -> "subprocess.Popen[bytes]":
        return (await start_mongod(folder, port, cache_gb=0.25, alone=alone)).process

    return start


async def _start_set(data_dir: Path, members: int, election_ms: int) -> list[EmbeddedServer]:
    """A new replica set of several members."""
    first = await start_mongod(data_dir / "member-0", cache_gb=0.25)
    others = [
        await start_mongod(data_dir / f"member-{number}", cache_gb=0.25, alone=False)
        for number in range(1, members)
    ]
    await asyncio.to_thread(_join, first, others, election_ms)
    return [first, *others]


def _join(first: EmbeddedServer, others: Sequence[EmbeddedServer], election_ms: int) -> None:
    with MongoClient[dict[str, Any]](first.uri) as client:
        # One at a time: a set takes no two new votes at once.
        for number, other in enumerate(others, 1):
            config = client.admin.command("replSetGetConfig")["config"]
            config["version"] += 1
            config["settings"]["electionTimeoutMillis"] = election_ms
            config["members"].append({"_id": number, "host": f"127.0.0.1:{other.port}"})
            client.admin.command("replSetReconfig", config)
    with MongoClient[dict[str, Any]](_uri_of_set([first, *others])) as client:
        # Written on all of them: from now on any of them may become primary.
        everywhere = WriteConcern(w=len(others) + 1, wtimeout=30_000)
        client.admin.get_collection("started", write_concern=everywhere).insert_one({})


def _uri_of_set(mongods: Sequence[EmbeddedServer]) -> str:
    hosts = ",".join(f"127.0.0.1:{one.port}" for one in mongods)
    return f"mongodb://{hosts}/?replicaSet={mongods[0].uri.rpartition('=')[2]}"


@contextlib.asynccontextmanager
async def cluster(members: int = 1, election_ms: int = 10_000) -> AsyncIterator[Cluster]:
    """An installation in a temporary folder, seeded and up; with `members` of MongoDB's replica set, who
    elect a new primary when they have not heard of theirs for `election_ms`."""
    with tempfile.TemporaryDirectory(prefix="fangpin-faults-") as folder:
        data_dir = Path(folder)
        redis = await start_redis(data_dir)
        if members == 1:
            mongods = [await start_mongod(data_dir, cache_gb=0.25)]
        else:
            mongods = await _start_set(data_dir, members, election_ms)
        made = Cluster(data_dir, mongods, redis)
        try:
            await made.parts["simulator"].up()
            await migrate(made.settings)
            await seed(made.settings)
            await made.all_up()
            yield made
        finally:
            await made.stop()
