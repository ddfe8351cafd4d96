"""Looking for a value in whatever form it may have been written down."""

import base64
import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from urllib.parse import quote

Form = tuple[str, bytes]
#: The forms of each value, by what it is.
Needles = Mapping[str, frozenset[bytes]]


def forms_of(value: str | bytes | float) -> Iterator[Form]:
    """The forms (name, bytes) in which a text, a piece of a file or a number can stand in the clear."""
    if isinstance(value, bytes):
        yield from _of_bytes("bytes", value)
    elif isinstance(value, str):
        yield from _of_text(value)
    else:
        yield "digits", repr(value).encode()
        # As BSON has them; four bytes alone would be found by chance.
        yield "number", struct.pack("<d", value) if isinstance(value, float) else _fen(value)


def _fen(value: int) -> bytes:
    return b"\x10fen\x00" + struct.pack("<i", value)


def _of_text(value: str) -> Iterator[Form]:
    for name in ("utf-8", "utf-16-le", "utf-16-be", "gb18030"):
        yield from _of_bytes(name, value.encode(name))
    yield "reversed", value[::-1].encode()
    for form in (quote(value), quote(value).lower(), quote(quote(value))):
        yield "in an address", form.encode()
    yield "in JSON", json.dumps(value)[1:-1].encode()
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, value.encode(), usedforsecurity=False)
        yield name, digest.digest()
        yield name, digest.hexdigest().encode()


def _of_bytes(name: str, data: bytes) -> Iterator[Form]:
    yield name, data
    yield f"{name} in hex", data.hex().encode()
    yield f"{name} in hex", data.hex().upper().encode()
    for before in range(3):
        # Whatever stands before and after it, these characters depend on the value alone.
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield f"{name} in base64", encode(bytes(before) + data)[first:last]


def needles(values: Mapping[str, str | bytes | float]) -> Needles:
    """All forms of each value."""
    return {what: frozenset(form for _, form in forms_of(value)) for what, value in values.items()}


def found(wanted: Needles, places: Mapping[str, bytes]) -> set[tuple[str, str]]:
    """Each (what, where) such that some form of it stands there."""
    return {
        (what, where)
        for where, content in places.items()
        for what, forms in wanted.items()
        if any(form in content for form in forms)
    }
