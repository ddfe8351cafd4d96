"""The demo: its secrets, its note for other commands, and the whole of it with small children."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from server.attached import load_attached_settings, read_run
from server.demo import DemoRefused, check_port, demo_secrets, where_to_click
from server.embedded import free_port
from server.settings import Mode, SettingsError, load_settings

ROOT = Path(__file__).parents[2]

# What the demo starts, made small: an HTTP server, a command that notes what it was given, a sleeper.
CHILDREN = """
import http.server, json, os, pathlib, signal, sys
name, folder = sys.argv[1], pathlib.Path(os.environ["FANGPIN_DATA_DIR"])
if name == "fail":
    sys.exit("数据文件不存在")
if name in ("migrate", "seed"):
    with open(folder / "prepared", "a") as file:
        file.write(name + "\\n")
    sys.exit(0)
(folder / (name + ".new")).write_text(json.dumps(dict(os.environ)))
(folder / (name + ".new")).rename(folder / (name + ".env"))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if name == "worker":
    signal.pause()
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
port = int(os.environ["FANGPIN_SIMULATOR_PORT" if name == "simulator" else "FANGPIN_PORT"])
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
DEMO = """
import asyncio, os, sys
from server import CannotRun
from server.demo import Commands, run_demo
from server.settings import load_settings
def command(name):
    return [sys.executable, sys.argv[1], name]
commands = Commands(*map(command, ["simulator", "migrate", sys.argv[2], "serve", "worker"]))
try:
    asyncio.run(run_demo(load_settings(), commands=commands))
except CannotRun as problem:
    print(problem, file=sys.stderr)
    sys.exit(2)
"""

# What a demo that is up says last, after the addresses.
LAST_WORDS = "按 Ctrl-C 结束"


class Demo:
    """A demo in a process of its own, with small children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FANGPIN_")},
            "FANGPIN_MODE": "demo",
            "FANGPIN_DATA_DIR": str(self.data_dir),
            "FANGPIN_PORT": str(free_port()),
            "FANGPIN_SIMULATOR_PORT": str(free_port()),
            "PYTHONUNBUFFERED": "1",
        }
        self.script = folder / "children.py"
        self.script.write_text(CHILDREN)
        self.console = folder / "console"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, seed: str = "seed", **environ: str) -> "subprocess.Popen[bytes]":
        with self.console.open("wb") as console:
            process = subprocess.Popen(
                [sys.executable, "-c", DEMO, str(self.script), seed],
                cwd=ROOT,
                env=self.environ | environ,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    @property
    def said(self) -> str:
        return self.console.read_text()

    async def says(self, text: str, process: "subprocess.Popen[bytes]") -> None:
        await until(lambda: text in self.said or process.poll() is not None)
        assert text in self.said, self.said


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    for process in demo.processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        await until(lambda ended=process: ended.poll() is not None)


@pytest.mark.gen_test(timeout=90)
async def test_a_demo_from_start_to_end_and_again(demo: Demo) -> None:
    process = demo.start()
    await demo.says(LAST_WORDS, process)
    run = read_run(demo.data_dir)
    assert run is not None
    assert run.pid == process.pid
    assert set(run.parts) == {"mongod", "redis", "simulator", "serve", "worker"}
    for _, url in where_to_click(run):
        assert url in demo.said
    assert demo.data_dir.stat().st_mode & 0o777 == 0o700
    for name in ("run.json", "demo-secrets.json"):
        assert (demo.data_dir / name).stat().st_mode & 0o777 == 0o600
    assert (demo.data_dir / "prepared").read_text().split() == ["migrate", "seed"]

    # The children were told everything, and each its own place for metrics.
    await until((demo.data_dir / "worker.env").exists)
    serve = json.loads((demo.data_dir / "serve.env").read_text())
    worker = json.loads((demo.data_dir / "worker.env").read_text())
    assert serve["FANGPIN_MONGODB_URI"] == run.parts["mongod"].address
    assert serve["FANGPIN_WECHAT_API_BASE"] == run.simulator_url
    assert serve["FANGPIN_METRICS_PORT"] != worker["FANGPIN_METRICS_PORT"]
    first = load_settings(serve)
    assert first.mode is Mode.DEMO

    # Other commands attach to it, unless the environment says otherwise.
    where = {"FANGPIN_DATA_DIR": str(demo.data_dir)}
    assert load_attached_settings(where) == first
    with pytest.raises(SettingsError):
        load_attached_settings({**where, "FANGPIN_MODE": "production"})
    elsewhere = {**where, "FANGPIN_MODE": "demo", "FANGPIN_MONGODB_URI": "mongodb://elsewhere/"}
    assert load_attached_settings(elsewhere).secret_key.get_secret_value() == ""

    with MongoClient[dict[str, Any]](first.mongodb_uri.get_secret_value()) as client:
        client.fangpin.things.insert_one({"_id": 1})

    # A second one on the same folder is refused with the address of the first.
    with pytest.raises(subprocess.CalledProcessError) as refused:
        subprocess.run(
            [sys.executable, "-c", DEMO, str(demo.script), "seed"],
            cwd=ROOT,
            env=demo.environ,
            check=True,
            capture_output=True,
        )
    assert refused.value.returncode == 2
    assert f"已有一个演示在运行，地址是 {run.public_url}" in refused.value.stderr.decode()
    assert read_run(demo.data_dir) == run

    # Killed parts come back: a child with another process, a database on its port.
    os.kill(run.parts["serve"].pid, signal.SIGKILL)
    await demo.says("serve 意外退出（信号 SIGKILL）", process)
    await demo.says("serve 已重新启动", process)
    os.kill(run.parts["mongod"].pid, signal.SIGKILL)
    await demo.says("mongod 已重新启动", process)
    after = read_run(demo.data_dir)
    assert after is not None
    assert after.parts["serve"].pid != run.parts["serve"].pid
    assert after.parts["mongod"].address == run.parts["mongod"].address

    process.send_signal(signal.SIGINT)
    await until(lambda: process.poll() is not None)
    assert process.returncode == 0, demo.said
    assert "演示已结束" in demo.said
    assert not any(lives(part.pid) for part in after.parts.values())
    assert not (demo.data_dir / "run.json").exists()

    # The next one finds the data, with the secrets that can read it.
    process = demo.start()
    await demo.says(LAST_WORDS, process)
    again = load_attached_settings(where)
    assert again.field_keys == first.field_keys
    with MongoClient[dict[str, Any]](again.mongodb_uri.get_secret_value()) as client:
        assert client.fangpin.things.find_one() == {"_id": 1}

    # A killed demo leaves no process behind, and its note is recognised as stale.
    run = read_run(demo.data_dir)
    assert run is not None
    process.kill()
    process.wait()
    await until(lambda: not any(lives(part.pid) for part in run.parts.values()))
    assert (demo.data_dir / "run.json").exists()
    assert read_run(demo.data_dir) is None
    assert load_attached_settings({**where, "FANGPIN_MODE": "demo"}).mongodb_uri.get_secret_value() == ""


async def test_data_that_cannot_be_prepared_ends_it_with_the_reason(demo: Demo) -> None:
    process = demo.start(
        seed="fail", FANGPIN_MONGODB_URI="mongodb://127.0.0.1:9/", FANGPIN_REDIS_URL="redis://127.0.0.1:9/0"
    )
    await until(lambda: process.poll() is not None)
    assert process.returncode == 2
    assert "准备数据（seed）没有成功" in demo.said
    assert "数据文件不存在" in demo.said
    assert not (demo.data_dir / "run.json").exists()


@pytest.mark.parametrize("setting", ["FANGPIN_PORT", "FANGPIN_SIMULATOR_PORT"])
async def test_a_taken_port_is_named_with_its_setting(demo: Demo, setting: str) -> None:
    with socket.create_server(("127.0.0.1", int(demo.environ[setting]))):
        process = demo.start()
        await until(lambda: process.poll() is not None)
    assert process.returncode == 2
    assert f"端口 {demo.environ[setting]} 已被其他程序占用，请用 {setting} 换一个端口" in demo.said
    assert "Traceback" not in demo.said


async def test_an_interrupt_while_starting_ends_everything(demo: Demo) -> None:
    process = demo.start()
    await demo.says("正在准备演示", process)
    process.send_signal(signal.SIGINT)
    await until(lambda: process.poll() is not None)
    assert process.returncode == 0, demo.said
    assert "Traceback" not in demo.said
    assert not (demo.data_dir / "run.json").exists()


def test_secrets_are_made_once_and_given_ones_are_used(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    given = {"FANGPIN_OA_TOKEN": "giventoken", "FANGPIN_OA_SECRET": " "}
    made = demo_secrets(path, given)
    assert made["FANGPIN_OA_TOKEN"] == "giventoken"
    assert "giventoken" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert demo_secrets(path, given) == made
    without = demo_secrets(path, {})
    assert without["FANGPIN_FIELD_KEYS"] == made["FANGPIN_FIELD_KEYS"]
    assert without["FANGPIN_OA_TOKEN"] != "giventoken"
    settings = load_settings(made | {"FANGPIN_MODE": "demo"})
    assert [len(key) for key in (settings.field_keys | settings.index_keys).values()] == [32]


def test_damaged_secrets_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("{")
    with pytest.raises(DemoRefused, match=r"已损坏"):
        demo_secrets(path, {})
    assert path.read_text() == "{"


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(DemoRefused, match=r"无法监听 192\.0\.2\.1:\d+"):
        check_port("192.0.2.1", free_port(), "FANGPIN_PORT")
