"""The stage on which benchmarks run: the real processes, on databases of their own."""

import asyncio
import base64
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from server.embedded import free_port, start_mongod, start_redis
from server.migrate import migrate
from server.seed import seed
from server.settings import Settings, load_settings
from server.supervisor import is_ready

ROOT = Path(__file__).parent.parent
READY_SECONDS = 30.0


@dataclass
class Stage:
    """Databases, settings, and the processes started on them."""

    settings: Settings
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, *argv: str, module: str = "server", ready: str = "") -> asyncio.subprocess.Process:
        """Start a command of this program (or of another module), and wait until it answers at `ready`: an
        address of HTTP or ``tcp://``, its metrics by default."""
        metrics = free_port()
        ready = ready or f"http://127.0.0.1:{metrics}/metrics"
        log = (self.settings.data_dir / f"{argv[0]}.log").open("ab")
        with log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *argv,
                cwd=ROOT,
                # Each process has a port of its own for its metrics.
                env=self.environment() | {"FANGPIN_METRICS_PORT": str(metrics)},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        for _ in range(int(READY_SECONDS / 0.05)):
            if await is_ready(ready):
                return process
            if process.returncode is not None:
                break
            await asyncio.sleep(0.05)
        raise RuntimeError(f"{argv[0]} did not become ready; see {log.name}")

    async def begin(self, module: str, *argv: str) -> asyncio.subprocess.Process:
        """Begin a module as a process of its own, with its input and output as pipes."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *argv,
            cwd=ROOT,
            env=self.environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def run(self, module: str, *argv: str, given: bytes = b"") -> bytes:
        """Run a module as a process of its own; what it printed."""
        process = await self.begin(module, *argv)
        out, _ = await process.communicate(given)
        if process.returncode:
            raise RuntimeError(f"{module} ended with status {process.returncode}")
        return out

    async def stop(self, process: asyncio.subprocess.Process) -> None:
        """Stop one process."""
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()

    def environment(self) -> dict[str, str]:
        """The environment of every process on this stage."""
        rest = {k: v for k, v in os.environ.items() if not k.startswith("FANGPIN_")}
        return rest | self.settings.environment()


def environment_on(data_dir: Path, mongodb_uri: str, redis_url: str) -> dict[str, str]:
    """The environment of an installation in test mode on these databases: free ports, keys of its own, and
    the simulator as its platform."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    simulator_port = free_port()
    return {
        "FANGPIN_MODE": "test",
        "FANGPIN_DATA_DIR": str(data_dir),
        "FANGPIN_MONGODB_URI": mongodb_uri,
        "FANGPIN_REDIS_URL": redis_url,
        "FANGPIN_PORT": str(free_port()),
        "FANGPIN_METRICS_PORT": str(free_port()),
        "FANGPIN_SIMULATOR_PORT": str(simulator_port),
        "FANGPIN_SECRET_KEY": secrets.token_urlsafe(32),
        "FANGPIN_FIELD_KEYS": f"bench:{key}",
        "FANGPIN_INDEX_KEYS": f"bench:{key}",
        "FANGPIN_WECHAT_API_BASE": f"http://127.0.0.1:{simulator_port}",
        "FANGPIN_WECHAT_OPEN_BASE": f"http://127.0.0.1:{simulator_port}",
        "FANGPIN_OA_APP_ID": "wxbench000000000oa",
        "FANGPIN_OA_SECRET": secrets.token_hex(16),
        "FANGPIN_OA_TOKEN": secrets.token_hex(8),
        "FANGPIN_OA_AES_KEY": base64.b64encode(secrets.token_bytes(32)).decode()[:43],
        "FANGPIN_MP_APP_ID": "wxbench000000000mp",
        "FANGPIN_MP_SECRET": secrets.token_hex(16),
    }


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Databases in a temporary folder, migrated and seeded, with the simulator running."""
    with tempfile.TemporaryDirectory(prefix="fangpin-bench-") as folder:
        data_dir = Path(folder)
        mongod = await start_mongod(data_dir)
        redis = await start_redis(data_dir)
        settings = load_settings(environment_on(data_dir, mongod.uri, redis.uri))
        made = Stage(settings)
        try:
            await made.start("simulator", ready=f"tcp://127.0.0.1:{settings.simulator_port}")
            await migrate(settings)
            await seed(settings)
            yield made
        finally:
            for process in reversed(made.processes):
                await made.stop(process)
            await redis.stop()
            await mongod.stop()
