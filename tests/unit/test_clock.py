"""The clock that all processes of a machine share."""

import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path

import pytest

from server.clock import ClockNotMovable, SharedClock, SystemClock, clock_for
from server.settings import Settings


def test_system_clock_reads_the_machine() -> None:
    clock = SystemClock()
    before = time.time()  # noqa: TID251
    assert before <= clock.time() <= time.time()  # noqa: TID251
    assert clock.now().tzinfo is UTC


def test_a_move_adds_up_and_is_seen_by_every_holder(tmp_path: Path) -> None:
    mover = SharedClock(tmp_path / "clock", movable=True)
    reader = SharedClock(tmp_path / "clock")
    mover.move(3600)
    mover.move(-600)
    assert reader.offset == 3000
    assert reader.time() - SystemClock().time() == pytest.approx(3000, abs=1)
    assert (reader.now() - SystemClock().now()).total_seconds() == pytest.approx(3000, abs=1)
    assert reader.now().tzinfo is UTC


def test_another_process_sees_the_move(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock", movable=True)
    clock.move(86400)
    code = (
        "import sys; from pathlib import Path; from server.clock import SharedClock\n"
        "clock = SharedClock(Path(sys.argv[1]), movable=True); print(clock.offset); clock.move(5)"
    )
    argv = [sys.executable, "-c", code, str(clock.path)]
    root = Path(__file__).parents[2]
    answer = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=root)
    assert float(answer.stdout) == 86400
    assert clock.offset == 86405


def test_a_clock_for_reading_does_not_move(tmp_path: Path) -> None:
    clock = SharedClock(tmp_path / "clock")
    with pytest.raises(ClockNotMovable):
        clock.move(1)
    clock.close()


def test_the_mode_decides(tmp_path: Path) -> None:
    assert isinstance(clock_for(Settings(mode="production", data_dir=tmp_path)), SystemClock)
    clock = clock_for(Settings(mode="demo", data_dir=tmp_path / "new"))
    assert isinstance(clock, SharedClock)
    assert clock.movable
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
