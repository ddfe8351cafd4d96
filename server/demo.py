"""Everything on one machine: the databases, the simulator, the service, its worker and demo data.

`fangpin demo` needs no set-up. It keeps its data, its secrets and its logs in one folder, and writes
down in `run.json` where its parts listen, so that other commands work on the running demo.
"""

import asyncio
import base64
import contextlib
import errno
import fcntl
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson
import structlog
from rich.cells import cell_len
from rich.console import Console

from server import CannotRun
from server.attached import LOCK, RUN, Part, Run, read_run
from server.clock import clock_for
from server.embedded import EmbeddedServer, free_port, guarded, start_mongod, start_redis
from server.logs import configure_logging
from server.rotation import rotate_all
from server.settings import PREFIX, Mode, Settings, load_settings
from server.supervisor import Child, Supervisor, describe_exit, interrupts

_SECRETS = "demo-secrets.json"
_ROOT = Path(__file__).resolve().parent.parent
_PREPARE_SECONDS = 600.0
_TAIL_BYTES = 2000
_LOCK_TRIES = 3
_LOCK_PAUSE_SECONDS = 0.05
_DATABASE_POLL_SECONDS = 0.25
_LOG_SECONDS = 10.0


class DemoRefused(CannotRun):
    """The demo cannot start here as things are; the text says why and what to change."""


def where_to_click(run: Run) -> list[tuple[str, str]]:
    """Return what the demo shows first, as pairs of a Chinese label and an address."""
    return [
        ("一页走完全程（提交 → 推送 → 核实 → 告知）", f"{run.public_url}/demo"),
        ("两部模拟手机（村民和干部）", f"{run.simulator_url}/"),
        ("接口文档", f"{run.public_url}/api/openapi.json"),
    ]


def demo_secrets(path: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the demo's secrets by their environment variables' names, making those that are missing.

    Args:
        path: the file (0600) that keeps the made ones, so that old data stays readable.
        given: the environment; what it sets is used and not written down.

    Raises:
        DemoRefused: the file is not what this function wrote.
    """
    makers: dict[str, Callable[[], str]] = {
        "SECRET_KEY": lambda: secrets.token_urlsafe(48),
        "FIELD_KEYS": lambda: f"demo:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "INDEX_KEYS": lambda: f"demo:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "BACKUP_KEY": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        "OA_APP_ID": lambda: f"wx{secrets.token_hex(8)}",
        "OA_SECRET": lambda: secrets.token_hex(16),
        "OA_TOKEN": lambda: secrets.token_hex(12),
        "OA_AES_KEY": lambda: base64.b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        "MP_APP_ID": lambda: f"wx{secrets.token_hex(8)}",
        "MP_SECRET": lambda: secrets.token_hex(16),
    }
    kept: dict[str, str] = {}
    if path.exists():
        try:
            kept = dict(orjson.loads(path.read_bytes()))
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise DemoRefused(f"{path} 已损坏：请从备份恢复，或删除整个数据目录后重新开始。") from None
    made = {f"{PREFIX}{name}": make() for name, make in makers.items() if f"{PREFIX}{name}" not in kept}
    needed = {name: value for name, value in made.items() if not given.get(name, "").strip()}
    if needed:
        kept |= needed
        write_private(path, orjson.dumps(kept, option=orjson.OPT_INDENT_2))
    return {name: given.get(name, "").strip() or kept[name] for name in (f"{PREFIX}{key}" for key in makers)}


def write_private(path: Path, content: bytes) -> None:
    """Replace a file at once by one that only its owner can read (0600)."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def check_port(address: str, port: int, setting: str) -> None:
    """Make sure that a port can be listened on.

    Args:
        address: the address it is wanted on.
        port: the port.
        setting: the environment variable that changes it.

    Raises:
        DemoRefused: it is taken or not allowed; the text names the setting.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do, so that connections of a server that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"端口 {port} 已被其他程序占用"
            else:
                reason = f"无法监听 {address}:{port}（{os.strerror(error.errno or 0)}）"
            raise DemoRefused(
                f"{reason}，请用 {setting} 换一个端口，例如 {setting}={free_port()}。"
            ) from error


@dataclass(frozen=True)
class Commands:
    """The commands a demo consists of; each is a whole argument list whose first word is a path."""

    simulator: Sequence[str]
    migrate: Sequence[str]
    seed: Sequence[str]
    serve: Sequence[str]
    worker: Sequence[str]


def own_commands() -> Commands:
    """Return this program's own commands."""
    names = ("simulator", "migrate", "seed", "serve", "worker")
    # -P keeps a `server` package in the working folder from being taken for this one.
    return Commands(*([sys.executable, "-P", "-m", "server", name] for name in names))


async def run_demo(
    settings: Settings,
    *,
    given: Mapping[str, str] | None = None,
    console: Console | None = None,
    commands: Commands | None = None,
) -> None:
    """Run the demo until it is interrupted, then stop all of its parts.

    Args:
        settings: of mode demo; its data folder is created (0700) where missing.
        given: the environment that the settings were read from, to tell values that somebody set
            from defaults; the process's own when omitted.
        console: where people are told what happens.
        commands: what to start; this program's own commands when omitted.

    Raises:
        DemoRefused: another demo runs on the folder, a port is taken, or the data could not be prepared.
        EmbeddedUnavailable: a database cannot run on this machine.
        ChildFailed: a part did not come up.
        SettingsError: given values are malformed.
    """
    if settings.mode is not Mode.DEMO:
        raise DemoRefused("演示只能以 FANGPIN_MODE=demo 运行。")
    environ = dict(os.environ if given is None else given)
    screen = console or Console(highlight=False)
    data_dir = settings.data_dir
    if not data_dir.exists():
        data_dir.mkdir(mode=0o700, parents=True)
    async with AsyncExitStack() as stack:
        lock = stack.enter_context((data_dir / LOCK).open("a+b"))
        await _take(lock, data_dir)
        (data_dir / RUN).unlink(missing_ok=True)
        rotate_all(data_dir)
        check_port(settings.address, settings.port, f"{PREFIX}PORT")
        check_port(settings.address, settings.simulator_port, f"{PREFIX}SIMULATOR_PORT")
        log = stack.enter_context((data_dir / "demo.log").open("ab"))
        configure_logging(settings.log_level, clock_for(settings), log)
        demo = _Demo(settings, environ, screen, commands or own_commands())
        await demo.run()


async def _take(lock: BinaryIO, data_dir: Path) -> None:
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # `read_run` of another command may hold the lock, for a few microseconds.
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return
    run = read_run(data_dir)
    where = f"，地址是 {run.public_url}" if run else "（正在启动）"
    raise DemoRefused(
        f"数据目录 {data_dir} 上已有一个演示在运行{where}；要另开一个，请用 {PREFIX}DATA_DIR 换一个目录。"
    )


class _Demo:
    """One demo from its first process to its last."""

    def __init__(
        self, settings: Settings, given: Mapping[str, str], screen: Console, commands: Commands
    ) -> None:
        self._data_dir = settings.data_dir
        self._given = given
        self._screen = screen
        self._commands = commands
        self._settings = settings
        self._embedded: dict[str, EmbeddedServer] = {}
        self._supervisor = Supervisor(self._say, changed=self._note)
        self._addresses: dict[str, str] = {}
        self._preparing: asyncio.subprocess.Process | None = None
        self._log = structlog.get_logger().bind(part="demo")

    async def run(self) -> None:
        with interrupts(self._kill) as asked:
            try:
                async with self._databases():
                    starting = asyncio.create_task(self._start())
                    interrupted = asyncio.create_task(asked.wait())
                    try:
                        await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
                        if starting.done():
                            starting.result()
                            self._show()
                            await interrupted
                    finally:
                        interrupted.cancel()
                        await self._stop_children(starting)
            finally:
                (self._data_dir / RUN).unlink(missing_ok=True)
        self._say("演示已结束，数据保留在 " + str(self._data_dir))

    async def _start(self) -> None:
        self._say("正在准备演示，首次启动约需一分钟……")
        environment = {
            name: value for name, value in self._given.items() if name.startswith(PREFIX) and value
        }
        environment |= demo_secrets(self._data_dir / _SECRETS, self._given)
        environment |= {f"{PREFIX}MODE": Mode.DEMO.value, f"{PREFIX}DATA_DIR": str(self._data_dir)}
        simulator, service = self._settings.local_simulator_url, self._settings.local_url
        environment.setdefault(f"{PREFIX}WECHAT_API_BASE", simulator)
        environment.setdefault(f"{PREFIX}WECHAT_OPEN_BASE", simulator)
        environment.setdefault(f"{PREFIX}METRICS_PORT", str(free_port()))
        if f"{PREFIX}MONGODB_URI" not in environment:
            self._embedded["mongod"] = await start_mongod(self._data_dir)
            environment[f"{PREFIX}MONGODB_URI"] = self._embedded["mongod"].uri
        if f"{PREFIX}REDIS_URL" not in environment:
            self._embedded["redis"] = await start_redis(self._data_dir)
            environment[f"{PREFIX}REDIS_URL"] = self._embedded["redis"].uri
        # The defaults follow from what is set, and every child is to have the same ones.
        self._settings = load_settings(environment)
        self._addresses = {"simulator": simulator, "serve": service}
        self._note()
        await self._start_child("simulator", self._commands.simulator, f"tcp{simulator.removeprefix('http')}")
        await self._prepare("migrate", self._commands.migrate)
        await self._prepare("seed", self._commands.seed)
        await self._start_child("serve", self._commands.serve, f"{service}/healthz")
        # Two processes cannot share the metrics port; the worker gets one of its own.
        metrics = free_port()
        self._addresses["worker"] = f"http://127.0.0.1:{metrics}"
        await self._start_child("worker", self._commands.worker, "", {f"{PREFIX}METRICS_PORT": str(metrics)})

    async def _start_child(
        self, name: str, argv: Sequence[str], ready: str, more: Mapping[str, str] | None = None
    ) -> None:
        child = Child(
            name, argv, self._environment() | dict(more or {}), self._data_dir / f"{name}.log", ready
        )
        await self._supervisor.start(child)

    async def _prepare(self, name: str, argv: Sequence[str]) -> None:
        """Run a command that ends by itself, such as filling the database."""
        log = self._data_dir / f"{name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *guarded(argv),
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._preparing = process
        try:
            status = await asyncio.wait_for(process.wait(), _PREPARE_SECONDS)
        except TimeoutError:
            status = None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._preparing = None
        if status != 0:
            raise DemoRefused(f"准备数据（{name}）没有成功，详见 {log}。\n{_tail(log)}".rstrip())

    async def _stop_children(self, starting: "asyncio.Task[None]") -> None:
        """End what was started; a start that is still under way is given up first."""
        stopping = asyncio.create_task(self._supervisor.stop())
        if not starting.done():
            self._say("正在停止……")
            starting.cancel()
        await asyncio.wait({starting, stopping})
        stopping.result()

    @asynccontextmanager
    async def _databases(self) -> AsyncIterator[None]:
        """Keep the embedded servers running inside, and their logs short; stop them at the end."""
        keeping = {asyncio.create_task(self._keep_databases()), asyncio.create_task(self._keep_logs())}
        try:
            yield
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.wait(keeping)
            for server in reversed(self._embedded.values()):
                await server.stop()

    async def _keep_databases(self) -> None:
        """Bring a server that died back on its port, so that everybody's address of it stays right."""
        starters = {"mongod": start_mongod, "redis": start_redis}
        while True:
            await asyncio.sleep(_DATABASE_POLL_SECONDS)
            for name, server in list(self._embedded.items()):
                if server.process.poll() is None:
                    continue
                self._say(f"{name} 意外退出（{describe_exit(server.process.returncode)}），正在重新启动。")
                try:
                    self._embedded[name] = await starters[name](self._data_dir, server.port)
                except CannotRun as problem:
                    self._say(str(problem))
                    continue
                self._note()
                self._say(f"{name} 已重新启动。")

    async def _keep_logs(self) -> None:
        """Keep the logs from growing without end."""
        while True:
            await asyncio.sleep(_LOG_SECONDS)
            with contextlib.suppress(OSError):  # A full disk is told by those who have to write to it.
                rotate_all(self._data_dir)

    def _kill(self) -> None:
        self._say("立即结束所有进程。")
        self._supervisor.kill()
        if self._preparing is not None and self._preparing.returncode is None:
            self._preparing.kill()
        for server in self._embedded.values():
            server.process.kill()

    def _environment(self) -> dict[str, str]:
        """The whole environment of a child: ours, with the settings of this demo in full."""
        rest = {name: value for name, value in self._given.items() if not name.startswith(PREFIX)}
        # The children are found from any working folder, whether the package is installed or not.
        path = os.pathsep.join(filter(None, (str(_ROOT), rest.get("PYTHONPATH", ""))))
        return rest | self._settings.environment() | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}

    def _run(self) -> Run:
        parts = {
            name: Part(pid=server.process.pid, address=server.uri, log=server.log)
            for name, server in self._embedded.items()
        }
        for name, pid in self._supervisor.pids.items():
            parts[name] = Part(
                pid=pid, address=self._addresses.get(name, ""), log=self._data_dir / f"{name}.log"
            )
        return Run(
            pid=os.getpid(),
            public_url=self._settings.public_url,
            simulator_url=self._settings.local_simulator_url,
            parts=parts,
            environment=self._settings.environment(),
        )

    def _note(self) -> None:
        write_private(self._data_dir / RUN, self._run().model_dump_json(indent=2).encode())

    def _show(self) -> None:
        links = where_to_click(self._run())
        width = max(cell_len(label) for label, _ in links)
        self._screen.print()
        self._screen.print("演示已就绪，请在浏览器打开：")
        for label, url in links:
            # An address must stay in one piece to be clicked or copied, however narrow the terminal is.
            padding = " " * (width - cell_len(label))
            self._screen.print(f"  {label}{padding}  {url}", soft_wrap=True, markup=False)
        self._screen.print(f"日志在 {self._data_dir}/*.log，按 Ctrl-C 结束。", soft_wrap=True)

    def _say(self, sentence: str) -> None:
        self._log.info("told", said=sentence)
        self._screen.print(sentence, soft_wrap=True, markup=False)


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-5:])
