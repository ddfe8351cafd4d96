"""The mini program as it is built, and phones that run that very build."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import ROOT, Demo
from tests.miniprogram.phone import DOMAIN, HARNESS, Phone

CLIENT = ROOT / "miniprogram"


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Run a program and return what it complained about, which is nothing when all went well."""
    # Where the system has no Node.js, the one from PyPI is beside the Python that runs the tests.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, **environment}
    done = subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def must(complaints: str) -> None:
    """Fail with these complaints, where there are any."""
    if complaints:
        pytest.fail(complaints, pytrace=False)


def compiled(build: Path, out: Path) -> str:
    """Have the official compilers and glass-easel's read a build; return what they complain about."""
    return run("node", HARNESS / "compile.mjs", build, out)


def digest(folder: Path) -> str:
    """One hash over the names and contents of all files in a folder."""
    hashed = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        hashed.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return hashed.hexdigest()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The mini program, built from what is in the checkout now. Nothing that the tests do may change it."""
    base = tmp_path_factory.getbasetemp()
    # Processes that test beside each other have a folder together, and the first of them builds for all.
    together = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    made, part = together / "mp-weixin", together / "mp-weixin.part"
    with (together / "mp-weixin.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            must(run("bash", "deploy/node.sh", "miniprogram", "tests/miniprogram/harness"))
            command = (CLIENT / "node_modules/.bin/uni", "build", "-p", "mp-weixin", "--outDir", part)
            must(run(*command, cwd=CLIENT, CI="1", VITE_SERVICE_URL=DOMAIN))
            part.rename(made)
    before = digest(made)
    yield made
    assert digest(made) == before, "the build was changed by running it"


@pytest.fixture(scope="session")
def bundle(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build in one script for the browser; made only of what the official compilers accept."""
    out = tmp_path_factory.mktemp("harness") / "build.js"
    must(compiled(build, out))
    return out


@pytest.fixture
def phone(browser: Browser, build: Path, bundle: Path, demo: Demo) -> Iterator[Callable[..., Phone]]:
    """Give the phone of a demo person (`server.seed.PEOPLE`) with the mini program open at a page:
    ``phone("villager_1", "pages/inbox/inbox")``."""
    opened: list[Phone] = []

    def take(key: str, page: str = "") -> Phone:
        made = Phone(browser, build, bundle, demo.url, demo.simulator_url, f"oDemo_{key}")
        opened.append(made)
        return made.open(page)

    yield take
    for one in opened:
        one.close()
