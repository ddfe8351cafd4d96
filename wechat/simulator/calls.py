"""What the platform was asked: exact counts, and the newest calls of each path."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from wechat.simulator.journal import Note
from wechat.simulator.limits import MEMORY
from wechat.simulator.state import instant

# These travel in URLs and bodies of the platform's calls, and nobody who reads the calls needs them.
SECRET_FIELDS = ("access_token", "secret", "appsecret", "component_access_token")


@dataclass(slots=True, eq=False)
class CallRecord:
    """One call of a platform path; `outcome` is the error code answered, or a word for a fault."""

    at: float
    method: str
    query: str
    body: bytes
    truncated: bool
    outcome: int | str = "pending"

    def as_json(self) -> dict[str, Any]:
        """Return the call with tokens and secrets masked."""
        body: Any
        try:
            body = orjson.loads(self.body) if self.body else None
        except orjson.JSONDecodeError:
            body = self.body.decode("utf-8", "replace")
        if isinstance(body, dict):
            body = {key: _mask(key, value) for key, value in body.items()}
        query = {key: _mask(key, value) for key, value in parse_qsl(self.query, keep_blank_values=True)}
        return {
            "at": instant(self.at),
            "method": self.method,
            "query": query,
            "body": body,
            "truncated": self.truncated,
            "outcome": self.outcome,
        }


def _mask(key: str, value: Any) -> Any:
    return "***" if key in SECRET_FIELDS and value else value


class Calls:
    """Exact counts of calls by path, and the newest calls of each path."""

    OTHER_PATHS = "(other)"

    def __init__(self, note: Note) -> None:
        self._note = note
        self.clear()

    def clear(self) -> None:
        """Start counting from nothing."""
        self.counts: Counter[str] = Counter()
        self.outcomes: dict[str, Counter[str]] = {}
        self._newest: dict[str, deque[CallRecord]] = {}

    def begin(self, path: str, at: float, method: str, query: str, body: bytes) -> tuple[str, CallRecord]:
        """Count a call and return the path it is counted under with its record."""
        newest = self._newest.get(path)
        if newest is None:
            if len(self._newest) >= MEMORY.call_paths:
                path = self.OTHER_PATHS
            newest = self._newest.setdefault(path, deque(maxlen=MEMORY.calls_a_path))
        kept = body[: MEMORY.call_body_bytes]
        record = CallRecord(at, method, query, kept, len(kept) < len(body))
        newest.append(record)
        self.counts[path] += 1
        return path, record

    def end(self, path: str, record: CallRecord, outcome: int | str) -> None:
        """Note what a call was answered."""
        record.outcome = outcome
        self._ended(path, outcome)
        self._note("call", path, outcome)

    def count(self, path: str, outcome: int | str) -> None:
        """Count a call of which nothing else is known."""
        self.counts[path] += 1
        self._ended(path, outcome)

    def _ended(self, path: str, outcome: int | str) -> None:
        self.outcomes.setdefault(path, Counter())[str(outcome)] += 1

    def newest(self, path: str) -> list[CallRecord]:
        """Return the newest calls of a path, oldest of them first."""
        return list(self._newest.get(path, ()))
