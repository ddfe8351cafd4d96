"""How entries are chained: SHA-256 over the hash before and the entry's canonical form."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

GENESIS = "0" * 64
_NOT_SEALED_IN = frozenset({"batch"})


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The bytes of an entry that the chain covers: sorted JSON, instants as milliseconds."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            # MongoDB keeps milliseconds, so what is hashed must not be finer than that.
            return int(value.timestamp() * 1000 + 0.5)
        raise TypeError(type(value).__name__)

    kept = {key: value for key, value in entry.items() if key not in _NOT_SEALED_IN}
    return orjson.dumps(kept, default=plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME)


def chain(previous: str, entries: Iterable[Mapping[str, Any]]) -> str:
    """The chain's hash (hex) after `entries`, starting from `previous` (hex)."""
    value = previous
    for entry in entries:
        value = hashlib.sha256(value.encode() + canonical(entry)).hexdigest()
    return value


def checkpoint_bytes(number: int, entry_count: int, hash_: str) -> bytes:
    """What a checkpoint signs: the batch's number, the entries so far, and the chain's hash."""
    return f"{number}|{entry_count}|{hash_}".encode()
