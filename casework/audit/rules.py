"""How entries are chained: SHA-256 over the hash before and the entry's canonical form."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

GENESIS = "0" * 64
_NOT_SEALED_IN = frozenset({"batch"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The bytes of an entry that the chain covers: sorted JSON, instants (aware) as whole milliseconds
    since the Unix epoch. They are the same before the entry is stored and after it is read back."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            # BSON keeps milliseconds and drops what is finer, so the same is dropped here.
            return (value - _EPOCH) // timedelta(milliseconds=1)
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
