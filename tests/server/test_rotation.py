"""Logs that begin anew under the pen of whoever writes them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.rotation import KEPT, LIMIT_BYTES, rotate, rotate_all
from server.supervisor import Child, Supervisor

LIMIT = 20_000
COUNTING = """
import itertools, time
for number in itertools.count():
    print(f"line {number:08d}", flush=True)
    time.sleep(0.0001)
"""


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(lambda _: None, stop_seconds=2)
    yield supervisor
    await supervisor.stop()


async def test_a_log_is_rotated_while_a_child_writes_it(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    await supervisor.start(Child("serve", [sys.executable, "-c", COUNTING], dict(os.environ), log))
    rotations = 0
    async with asyncio.timeout(20):
        while rotations < KEPT + 2:
            await asyncio.sleep(0.005)
            rotations += rotate(log, LIMIT)
    await supervisor.stop()
    asides = [tmp_path / f"serve.log.{number}" for number in range(KEPT, 0, -1)]
    assert sorted(tmp_path.iterdir()) == sorted([log, *asides])
    # One behind the other they go on counting: no hole, no half a line at the beginning, nothing twice.
    lines = b"".join(file.read_bytes() for file in [*asides, log]).splitlines()
    assert all(len(line) == len("line 00000000") for line in lines[1:-1])
    numbers = [int(line.split()[1]) for line in lines[1:-1]]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > KEPT * LIMIT / 20


def test_a_short_log_stays_and_so_does_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    checkpoints = tmp_path / "audit" / "checkpoints.jsonl"
    for file in (tmp_path / "short.log", tmp_path / "long.log", tmp_path / "run.json", checkpoints):
        file.write_bytes(b"x")
        os.truncate(file, LIMIT_BYTES + (file.name != "short.log"))
    rotate_all(tmp_path)
    assert {file.name for file in tmp_path.iterdir() if file.is_file()} == {
        "short.log",
        "long.log",
        "long.log.1",
        "run.json",
    }
    assert (tmp_path / "long.log").stat().st_size == 0
    assert (tmp_path / "long.log.1").stat().st_size == LIMIT_BYTES + 1
    assert list(checkpoints.parent.iterdir()) == [checkpoints]
    assert checkpoints.stat().st_size == LIMIT_BYTES + 1
    assert not rotate(tmp_path / "none.log")
