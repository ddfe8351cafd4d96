"""Looking a value up: the nearest area first, then the latest date that has begun."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from casework.clock import Clock
from casework.tables.model import Row
from casework.tables.store import TableStore

REFRESH_SECONDS = 30.0


class Snapshot:
    """All tables as they were read at one moment; look-ups need no database."""

    def __init__(self, rows: Sequence[Row]) -> None:
        # What was looked up is kept as long as the snapshot is, which is half a minute.
        self._values: dict[tuple[str, str, tuple[str, ...], date], dict[str, Any] | None] = {}
        self._tables: dict[tuple[str, tuple[str, ...], date], dict[str, dict[str, Any]]] = {}
        self._rows: dict[str, dict[str, list[Row]]] = {}
        for row in rows:
            self._rows.setdefault(row["table"], {}).setdefault(row["key"], []).append(row)

    def get(self, table: str, key: str, areas: Sequence[str], on: date) -> dict[str, Any] | None:
        """The value that holds at `areas` (a place's containing regions, the place last) on `on`."""
        wanted = (table, key, tuple(areas), on)
        if wanted not in self._values:
            self._values[wanted] = self._find(table, key, areas, on)
        return self._values[wanted]

    def _find(self, table: str, key: str, areas: Sequence[str], on: date) -> dict[str, Any] | None:
        depth = {area: index for index, area in enumerate(areas)}
        candidates = [
            row
            for row in self._rows.get(table, {}).get(key, ())
            if row["since"] <= on.isoformat() and (row["area"] is None or row["area"] in depth)
        ]
        if not candidates:
            return None
        best = max(candidates, key=lambda row: (depth.get(row["area"] or "", -1), row["since"]))
        return best["value"]

    def table(self, table: str, areas: Sequence[str], on: date) -> dict[str, dict[str, Any]]:
        """A whole table as it holds at a place on a date, in its order. Callers must not change it."""
        wanted = (table, tuple(areas), on)
        if wanted not in self._tables:
            self._tables[wanted] = self._find_table(table, areas, on)
        return self._tables[wanted]

    def _find_table(self, table: str, areas: Sequence[str], on: date) -> dict[str, dict[str, Any]]:
        found = {key: self._find(table, key, areas, on) for key in self._rows.get(table, {})}
        present = [(key, value) for key, value in found.items() if value is not None]
        return dict(sorted(present, key=lambda item: item[1].get("order", 0)))


class Tables:
    """Hands out the present snapshot, read again every half minute."""

    def __init__(self, store: TableStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0

    async def now(self) -> Snapshot:
        """The tables, at most 30 seconds old."""
        age = self._clock.time() - self._read_at
        if self._snapshot is None or not 0 <= age < REFRESH_SECONDS:
            self._snapshot = Snapshot(await self._store.all())
            self._read_at = self._clock.time()
        return self._snapshot
