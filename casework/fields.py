"""Secrets in fields: sealed values, and blind indexes for exact look-up.

A sealed value is ``{alg, kid, nonce, ciphertext}``. The place it stands in (collection, document,
field) is bound to it as associated data, so that a value copied elsewhere does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Sealed = dict[str, Any]
NONCE_BYTES = 12

#: Algorithms by their name in `alg`. SM4-GCM joins here when a county asks for it.
ALGORITHMS: Mapping[str, Callable[[bytes], AESGCM]] = {"AES-256-GCM": AESGCM}
CURRENT_ALGORITHM = "AES-256-GCM"


class UnreadableField(Exception):
    """A sealed value does not open: unknown key, altered, or moved from its place."""


class FieldCipher:
    """Seals and opens field values.

    `keys` maps key ids to 32-byte keys; the first is used for sealing, all for opening, so that
    values sealed under an older key stay readable while keys rotate. `kid` is the first key's id, `older`
    are the others'.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.kid, *self.older = keys
        self._ciphers = {
            (name, kid): make(key) for name, make in ALGORITHMS.items() for kid, key in keys.items()
        }
        self._current = self._ciphers[CURRENT_ALGORITHM, self.kid]

    def seal(self, value: str | bytes, collection: str, id: str, field: str) -> Sealed:
        """`value` encrypted for its place."""
        nonce = os.urandom(NONCE_BYTES)
        data = value.encode() if isinstance(value, str) else value
        sealed = self._current.encrypt(nonce, data, f"{collection}|{id}|{field}".encode())
        return {"alg": CURRENT_ALGORITHM, "kid": self.kid, "nonce": nonce, "ciphertext": sealed}

    def seal_json(self, value: Any, collection: str, id: str, field: str) -> Sealed:
        """Any JSON value, sealed as one."""
        return self.seal(orjson.dumps(value), collection, id, field)

    def open_bytes(self, sealed: Sealed, collection: str, id: str, field: str) -> bytes:
        """The value sealed for this place; raises `UnreadableField`."""
        cipher = self._ciphers.get((sealed["alg"], sealed["kid"]))
        if cipher is None:
            raise UnreadableField(f"no key {sealed['kid']!r} for {collection}.{field}")
        try:
            return cipher.decrypt(
                sealed["nonce"], sealed["ciphertext"], f"{collection}|{id}|{field}".encode()
            )
        except InvalidTag:
            raise UnreadableField(f"{collection}.{field} was altered or moved") from None

    def open(self, sealed: Sealed, collection: str, id: str, field: str) -> str:
        """Like `open_bytes`, as text."""
        return self.open_bytes(sealed, collection, id, field).decode()

    def open_json(self, sealed: Sealed, collection: str, id: str, field: str) -> Any:
        """Like `open_bytes`, parsed from JSON."""
        return orjson.loads(self.open_bytes(sealed, collection, id, field))


class BlindIndex:
    """Keyed digests of exact values, for look-up without decrypting.

    Each digest carries its key's id (``kid:hex``). `of` uses the current key; `all_of` gives the
    digest under every key, so that a look-up finds documents indexed before a rotation. `kid` is the first
    key's id, `older` are the others'.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self.kid, *self.older = self._keys

    def _digest(self, kid: str, purpose: str, value: str | bytes) -> str:
        data = value.encode() if isinstance(value, str) else value
        return f"{kid}:{hmac.digest(self._keys[kid], purpose.encode() + b'|' + data, hashlib.sha256).hex()}"

    def of(self, purpose: str, value: str | bytes) -> str:
        """The digest under the current key; `purpose` keeps equal values of different fields apart."""
        return self._digest(self.kid, purpose, value)

    def all_of(self, purpose: str, value: str | bytes) -> list[str]:
        """The digests under every known key, the current one first."""
        return [self._digest(kid, purpose, value) for kid in self._keys]

    def knows(self, digest: str) -> bool:
        """Whether the key of a digest is there, so that it can be compared."""
        return digest.partition(":")[0] in self._keys
