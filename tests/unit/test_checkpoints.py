"""Checkpoints of the audit chain: signed, in a file outside the database, whole after a crash."""

from pathlib import Path
from typing import Any

import pytest

from server.checkpoints import Checkpoints

SECRET = "a-secret-key-of-a-test-run-only-0000"


def checkpoint(number: int) -> dict[str, Any]:
    return {"batch": number, "entries": number * 10, "hash": f"{number:064x}"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "checkpoints"


@pytest.fixture
def checkpoints(path: Path) -> Checkpoints:
    return Checkpoints(path, SECRET)


def numbers(checkpoints: Checkpoints) -> list[int]:
    return [each["batch"] for each in checkpoints.read()]


def test_there_are_none_at_first(checkpoints: Checkpoints) -> None:
    assert checkpoints.read() == []


def test_what_is_written_is_read_in_order_and_its_signature_holds(
    checkpoints: Checkpoints, path: Path
) -> None:
    for number in (1, 2, 3):
        checkpoints.write(checkpoint(number))
    found = Checkpoints(path, SECRET).read()
    assert [{k: v for k, v in each.items() if k != "signature"} for each in found] == [
        checkpoint(number) for number in (1, 2, 3)
    ]
    assert all(checkpoints.signature_ok(each) for each in found)


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 2},
        {"entries": 11},
        {"hash": "f" * 64},
        {"signature": ""},
        {"signature": "AAAA"},
        {"signature": "not base64"},
        {"signature": None},
    ],
)
def test_an_altered_checkpoint_is_found(checkpoints: Checkpoints, change: dict[str, Any]) -> None:
    checkpoints.write(checkpoint(1))
    assert not checkpoints.signature_ok({**checkpoints.read()[0], **change})


@pytest.mark.parametrize("name", ["batch", "entries", "hash", "signature"])
def test_a_checkpoint_that_lacks_something_is_found(checkpoints: Checkpoints, name: str) -> None:
    checkpoints.write(checkpoint(1))
    signed = checkpoints.read()[0]
    assert not checkpoints.signature_ok({k: v for k, v in signed.items() if k != name})


def test_without_the_secret_nobody_signs(checkpoints: Checkpoints, path: Path) -> None:
    Checkpoints(path, SECRET + "x").write(checkpoint(1))
    assert not checkpoints.signature_ok(checkpoints.read()[0])


def test_a_line_that_a_crash_cut_short_costs_no_other(checkpoints: Checkpoints, path: Path) -> None:
    checkpoints.write(checkpoint(1))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole + whole[:cut])
        checkpoints.write(checkpoint(2))
        assert numbers(checkpoints) in ([1, 2], [1, 1, 2])
        assert all(checkpoints.signature_ok(each) for each in checkpoints.read())


def test_what_is_no_checkpoint_is_left_out(checkpoints: Checkpoints, path: Path) -> None:
    checkpoints.write(checkpoint(1))
    with path.open("ab") as file:
        file.write(b'\n5\n[]\n"x"\nnull\n\xff\n')
    checkpoints.write(checkpoint(2))
    assert numbers(checkpoints) == [1, 2]
