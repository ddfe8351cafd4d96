"""The supervisor with real children: readiness, deaths, restarts, and an end without leftovers."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from server.embedded import free_port
from server.supervisor import Child, ChildFailed, Supervisor, interrupts

HTTP = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
STUBBORN = """
import signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()
"""
NOTING_ITS_END = """
import pathlib, signal, socket, sys
def end(*_):
    with open(sys.argv[2], "a") as file:
        file.write(sys.argv[3] + "\\n")
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    signal.pause()
"""


def child(name: str, folder: Path, code: str, *args: str, ready: str = "") -> Child:
    argv = [sys.executable, "-c", code, *args]
    return Child(name, argv, dict(os.environ), folder / f"{name}.log", ready)


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
async def supervisor(said: list[str]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(said.append, pauses=(0.01, 0.02), ready_seconds=20, stop_seconds=2)
    yield supervisor
    await supervisor.stop()


async def test_it_waits_until_a_child_answers(
    supervisor: Supervisor, tmp_path: Path, said: list[str]
) -> None:
    port = free_port()
    await supervisor.start(child("web", tmp_path, HTTP, str(port), ready=f"http://127.0.0.1:{port}/healthz"))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    assert list(supervisor.pids) == ["web"]
    assert said == []


async def test_a_killed_child_is_named_and_comes_back(
    supervisor: Supervisor, tmp_path: Path, said: list[str]
) -> None:
    port = free_port()
    await supervisor.start(child("web", tmp_path, HTTP, str(port), ready=f"tcp://127.0.0.1:{port}"))
    first = supervisor.pids["web"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: any("重新启动。" in line for line in said))
    assert "web 意外退出（信号 SIGKILL）" in said[0]
    assert supervisor.pids["web"] != first
    os.kill(supervisor.pids["web"], signal.SIGKILL)
    await until(lambda: len(said) == 4)


async def test_a_child_that_never_starts_is_named_with_its_log(
    supervisor: Supervisor, tmp_path: Path, said: list[str]
) -> None:
    with pytest.raises(ChildFailed, match=r"broken 无法启动（退出码 3）.*broken\.log"):
        await supervisor.start(
            child("broken", tmp_path, "print('why'); raise SystemExit(3)", ready="tcp://127.0.0.1:9")
        )
    assert (tmp_path / "broken.log").read_text() == "why\n" * 3
    assert supervisor.pids == {}


async def test_a_deaf_child_is_given_up(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(said.append, ready_seconds=0.2, stop_seconds=2)
    with pytest.raises(ChildFailed, match=r"deaf 在 0 秒内没有就绪"):
        await supervisor.start(
            child("deaf", tmp_path, "import signal; signal.pause()", ready="tcp://127.0.0.1:9")
        )
    assert supervisor.pids == {}


async def test_all_end_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("first", "second", "third"):
        port = free_port()
        await supervisor.start(
            child(
                name,
                tmp_path,
                NOTING_ITS_END,
                str(port),
                str(tmp_path / "ends"),
                name,
                ready=f"tcp://127.0.0.1:{port}",
            )
        )
    await supervisor.stop()
    assert (tmp_path / "ends").read_text().split() == ["third", "second", "first"]
    assert supervisor.pids == {}


async def test_a_stubborn_child_is_killed(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(said.append, stop_seconds=0.3)
    port = free_port()
    await supervisor.start(child("mule", tmp_path, STUBBORN, str(port), ready=f"tcp://127.0.0.1:{port}"))
    pid = supervisor.pids["mule"]
    begun = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - begun < 5
    assert not lives(pid)
    assert said == ["mule 没有按时结束，已强制结束。"]


async def test_the_second_wish_kills_at_once(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(said.append, stop_seconds=600)
    port = free_port()
    with interrupts(supervisor.kill) as asked:
        await supervisor.start(child("mule", tmp_path, STUBBORN, str(port), ready=f"tcp://127.0.0.1:{port}"))
        os.kill(os.getpid(), signal.SIGINT)
        await asked.wait()
        stopping = asyncio.create_task(supervisor.stop())
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
        await stopping
    assert supervisor.pids == {}


async def test_a_stop_during_the_pause_before_a_restart(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(said.append, pauses=(600,))
    port = free_port()
    await supervisor.start(child("web", tmp_path, HTTP, str(port), ready=f"tcp://127.0.0.1:{port}"))
    os.kill(supervisor.pids["web"], signal.SIGKILL)
    await until(lambda: said)
    await supervisor.stop()
    assert supervisor.pids == {}


async def test_a_stop_while_a_child_becomes_ready(tmp_path: Path, said: list[str]) -> None:
    supervisor = Supervisor(said.append)
    starting = asyncio.create_task(
        supervisor.start(child("deaf", tmp_path, "import signal; signal.pause()", ready="tcp://127.0.0.1:9"))
    )
    await until(lambda: supervisor.pids)
    await supervisor.stop()
    await starting
    assert supervisor.pids == {}


PARENT = """
import asyncio, os, pathlib, sys
from server.supervisor import Child, Supervisor
async def main():
    supervisor = Supervisor(print)
    folder = pathlib.Path(sys.argv[1])
    await supervisor.start(Child("sleeper", ["/bin/sleep", "600"], dict(os.environ), folder / "log"))
    while pathlib.Path(f"/proc/{supervisor.pids['sleeper']}/comm").read_text().strip() != "sleep":
        await asyncio.sleep(0.01)
    (folder / "new").write_text(str(supervisor.pids["sleeper"]))
    (folder / "new").rename(folder / "pid")
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_children_end_with_a_killed_supervisor_and_do_not_get_its_interrupt(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=root, start_new_session=True)
    try:
        await until((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())
        assert os.getpgid(pid) != os.getpgid(parent.pid)
        assert lives(pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            parent.kill()
        parent.wait()
    await until(lambda: not lives(pid))
