"""What tests in a browser share: Chromium, a running demo, and an eye on what a page does."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from server.embedded import free_port

ROOT = Path(__file__).parents[1]
#: Chromium without windows where there is one: it draws pages the same in a fifth less time.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 120.0
WAIT_MS = 20_000
DESK = (1366, 768)
PHONE = (390, 844)


@dataclass(frozen=True)
class Demo:
    """Where a running demo is."""

    url: str
    simulator_url: str


@dataclass
class Seen:
    """What a page did besides showing itself; `missing` are the paths of files that are not meant to be
    there, about which the browser may complain at any moment."""

    said: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        """Note complaints in the console, faults of the scripts, and every host that is asked."""
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type != "log" and urlsplit(message.location["url"]).path not in self.missing:
            self.said.append(message.text)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as Debian packages it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo with data of its own, on free ports."""
    port, simulator_port = free_port(), free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANGPIN_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "demo"],
        cwd=ROOT,
        env={
            **kept,
            "FANGPIN_DATA_DIR": str(tmp_path_factory.mktemp("demo") / "data"),
            "FANGPIN_PORT": str(port),
            "FANGPIN_SIMULATOR_PORT": str(simulator_port),
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    # Reading its words is the wait; a demo that never gets ready is ended, which ends the reading.
    alarm = threading.Timer(START_SECONDS, process.kill)
    alarm.start()
    said = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.startswith("日志在"):
                break
        else:
            pytest.fail(f"the demo did not start:\n{''.join(said)}", pytrace=False)
        alarm.cancel()
        assert f"http://127.0.0.1:{port}/demo" in "".join(said)
        yield Demo(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{simulator_port}")
    finally:
        alarm.cancel()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
