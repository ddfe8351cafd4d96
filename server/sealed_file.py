"""An encrypted file that is read as it was written, or not at all.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, 2015) over AES-256-GCM: chunks of one size, each under a nonce that counts them
and says whether this is the last. A chunk that was altered, left out or put elsewhere does not open, and
neither does the last one of a file that was cut off or grew.

Each file has a key of its own, derived from the given one and from the file's header, which holds random
bytes: no nonce is used twice under one key, and an altered header opens nothing.
"""

import io
import secrets
from typing import Any, BinaryIO

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server import CannotRun

FORMAT = 1
CHUNK_BYTES = 1 << 20
_MAGIC = b"fangpin sealed file\n"
_TAG_BYTES = 16
_SALT_BYTES = 32
_HEADER_BYTES = 4096
_KEY_ID_BYTES = 8


class Damaged(CannotRun):
    """The file is not what was written, or was written with another key; the text says which."""


def _derived(key: bytes, info: bytes, size: int = 32) -> bytes:
    return HKDF(hashes.SHA256(), size, None, info).derive(key)


def _key_id(key: bytes) -> str:
    """What tells one key from another and nothing about either."""
    return _derived(key, b"fangpin sealed file: key id", _KEY_ID_BYTES).hex()


def _cipher(key: bytes, header: bytes) -> AESGCM:
    return AESGCM(_derived(key, b"fangpin sealed file: chunks\n" + header))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class SealedWriter:
    """Writes a sealed file. Without `close` the file is as one that was cut off."""

    def __init__(self, file: BinaryIO, key: bytes, about: dict[str, Any], chunk: int = CHUNK_BYTES) -> None:
        """Write the header.

        Args:
            file: where the bytes go.
            key: 32 bytes.
            about: what the header says in plain text beside its own; JSON, of some hundred bytes.
            chunk: how many bytes are sealed together.
        """
        own = {"format": FORMAT, "chunk": chunk, "key": _key_id(key), "salt": secrets.token_hex(_SALT_BYTES)}
        header = orjson.dumps({**about, **own}) + b"\n"
        self._file = file
        self._cipher = _cipher(key, header)
        self._chunk = chunk
        self._waiting = bytearray()
        self._number = 0
        file.write(_MAGIC + header)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._waiting += data
        # One chunk is kept back, because the last one has to know that it is.
        start, end = 0, len(self._waiting)
        while end - start > self._chunk:
            self._seal(bytes(self._waiting[start : start + self._chunk]), last=False)
            start += self._chunk
        del self._waiting[:start]

    def close(self) -> None:
        """Write the last chunk; the file itself stays open."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, data: bytes, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), data, None))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Reads a sealed file from its beginning to its end; hands out nothing that was not authenticated.

    Wrap it in `io.BufferedReader` to read any number of bytes at a time.
    """

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        """Read the header; `about` is what it says.

        Raises:
            Damaged: this is no sealed file, or one of a later format, or of another key.
        """
        if file.read(len(_MAGIC)) != _MAGIC:
            raise Damaged("这不是本系统的备份文件，或者文件开头已损坏。")
        header = file.readline(_HEADER_BYTES)
        try:
            self.about: dict[str, Any] = orjson.loads(header)
            format_, chunk, key_id = (self.about[name] for name in ("format", "chunk", "key"))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Damaged("备份文件开头已损坏。") from None
        if format_ != FORMAT:
            raise Damaged("备份文件由更新的版本写成，请先升级程序。")
        if key_id != _key_id(key):
            raise Damaged("备份文件用的是另一个密钥，请把 FANGPIN_BACKUP_KEY 设为备份时的密钥。")
        if not isinstance(chunk, int) or not 0 < chunk <= CHUNK_BYTES:
            raise Damaged("备份文件开头已损坏。")
        self._file = file
        self._cipher = _cipher(key, header)
        self._size = chunk + _TAG_BYTES
        self._number = 0
        self._next = file.read(self._size)
        self._opened = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as the present chunk goes; 0 at the end. Raises `Damaged`."""
        while not self._opened and not self._ended:
            self._opened = memoryview(self._open())
        count = min(len(buffer), len(self._opened))
        buffer[:count] = self._opened[:count]
        self._opened = self._opened[count:]
        return count

    def _open(self) -> bytes:
        sealed, self._next = self._next, self._file.read(self._size)
        self._ended = not self._next
        try:
            opened = self._cipher.decrypt(_nonce(self._number, self._ended), sealed, None)
        except (InvalidTag, ValueError):
            # Too few bytes for a tag are a ValueError in some versions of the library.
            raise Damaged(f"备份文件已损坏或被改动（第 {self._number + 1} 段）。") from None
        self._number += 1
        return opened
