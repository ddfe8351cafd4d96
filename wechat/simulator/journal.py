"""The file in which a simulator keeps what has to outlive it: one line for all that one turn has changed.

A record names an account, what changed, and its new values; `recall` says how each kind is put back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import orjson


class Note(Protocol):
    """Has a change kept, where anything is kept."""

    def __call__(self, kind: str, *values: Any) -> None:
        """Note that something of this kind has new values; they are written at the end of the turn."""


class DamagedJournal(ValueError):
    """A line other than a last one without its end cannot be read."""


class Journal:
    """Appends to a file what changes, and reads it again.

    What a call changes becomes one line, so that a kill leaves all of its effects or none. The line is handed
    to the kernel before the call is answered: it outlives the process, though not the machine.

    Arguments:
        path: the file; it is made where there is none.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a+b")
        self._turn: list[tuple[Any, ...]] = []

    def read(self) -> Iterator[list[Any]]:
        """Yield the records in their order, and remove a last line that a kill has cut short.

        Raises:
            DamagedJournal: another line cannot be read.
        """
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, start=1):
            # Nobody has been answered yet about what a line without its end would say.
            if not line.endswith(b"\n"):
                break
            try:
                records = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise DamagedJournal(f"{self._path}: line {number} cannot be read") from error
            yield from records
            whole += len(line)
        self._file.truncate(whole)

    def note(self, *record: Any) -> None:
        """Have a record written by `commit`, which comes by itself when the present turn of the loop ends."""
        if not self._turn:
            asyncio.get_running_loop().call_soon(self.commit)
        self._turn.append(record)

    def commit(self) -> None:
        """Write what was noted since the last time, as one line."""
        if self._turn:
            turn, self._turn = self._turn, []
            self._file.write(orjson.dumps(turn, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        self.commit()
        self._file.close()
