"""Signed checkpoints of the audit chain, in a file outside the database."""

import base64
import os
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from casework.audit.rules import checkpoint_bytes


class Checkpoints:
    """One JSON line a checkpoint: ``{batch, entries, hash, signature}``.

    The signing key is derived from the secret key, so that whoever can write to the database alone
    cannot make checkpoints.
    """

    def __init__(self, path: Path, secret: str) -> None:
        self._path = path
        seed = HKDF(hashes.SHA256(), 32, None, b"fangpin audit checkpoints").derive(secret.encode())
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @staticmethod
    def _signed(checkpoint: dict[str, Any]) -> bytes:
        return checkpoint_bytes(checkpoint["batch"], checkpoint["entries"], checkpoint["hash"])

    def write(self, checkpoint: dict[str, Any]) -> None:
        """Append a signed checkpoint; it is on the disk when this returns."""
        signature = base64.b64encode(self._key.sign(self._signed(checkpoint))).decode()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    # A crash cut the last line short; this checkpoint must not become part of it.
                    file.write(b"\n")
            file.write(orjson.dumps({**checkpoint, "signature": signature}) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """All checkpoints, oldest first. A line that a crash cut short is left out."""
        if not self._path.exists():
            return []
        found = []
        for line in self._path.read_bytes().split(b"\n"):
            try:
                checkpoint = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(checkpoint, dict):
                found.append(checkpoint)
        return found

    def signature_ok(self, checkpoint: dict[str, Any]) -> bool:
        """Whether a checkpoint was signed by us and not altered since."""
        try:
            signature = base64.b64decode(checkpoint["signature"])
            self._key.public_key().verify(signature, self._signed(checkpoint))
        except (InvalidSignature, KeyError, ValueError, TypeError):
            return False
        return True
