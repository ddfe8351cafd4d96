"""Backing up: one moment of the whole database, sealed in one file.

The file holds BSON records, in this order: a ``files`` record with the audit checkpoints; for each collection
a ``collection`` record (options, indexes) and any number of ``documents`` records; a ``manifest`` with the
number of documents of each collection and a digest of them. Documents are copied as the bytes that the
database keeps, and neither side ever holds more than a few of these records in memory.

Redis is left out: it holds sessions and hints, and who loses them signs in again. So are the keys: a backup
beside its keys would be an open book.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import bson
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_preferences import ReadPreference

from casework.clock import readable
from server import CannotRun
from server.clock import clock_for
from server.parts import DATABASE_WAIT_MS, version
from server.sealed_file import Damaged, SealedReader, SealedWriter
from server.settings import Settings

#: The collection that says that a restore is under way, or broke off.
RESTORING = "restoring"
_SNAPSHOT_TOO_OLD = 239
_SNAPSHOT_UNAVAILABLE = 246
_TRIES = 3
#: Fast and nearly as small as the slower levels: most of a document is ciphertext.
_COMPRESSION = 1

Say = Callable[[str], None]


class Contents(TypedDict):
    """What a collection held. `sha256` covers the documents' BSON bytes in the order of their ids."""

    name: str
    count: int
    sha256: str


class Manifest(TypedDict):
    """What a backup holds in all. `created` is the instant in ISO 8601."""

    created: str
    program: str
    collections: list[Contents]


@dataclass
class Tally:
    """Counts and digests a collection's documents as they pass."""

    name: str
    count: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, documents: bytes) -> None:
        """Take in the next documents, one behind the other."""
        self.count += sum(1 for _ in each(documents))
        self.digest.update(documents)

    def contents(self) -> Contents:
        """What has passed."""
        return {"name": self.name, "count": self.count, "sha256": self.digest.hexdigest()}


def each(documents: bytes) -> Iterator[bytes]:
    """The single documents of BSON that lies one behind the other: each begins with its length."""
    start = 0
    while start < len(documents):
        end = start + int.from_bytes(documents[start : start + 4], "little")
        yield documents[start:end]
        start = end


def raw_batches(collection: Any, session: Any = None) -> Iterator[bytes]:
    """All documents of a collection by their ids, as the bytes that the database keeps, many at a time."""
    yield from collection.find_raw_batches(sort=[("_id", ASCENDING)], session=session)


def indexes_of(collection: Any) -> list[dict[str, Any]]:
    """A collection's indexes by their names."""
    return sorted((dict(index) for index in collection.list_indexes()), key=lambda index: str(index["name"]))


@contextmanager
def connected(settings: Settings) -> Iterator[Database[Any]]:
    """The database of the settings, by the blocking driver: nothing else happens meanwhile."""
    uri = settings.mongodb_uri.get_secret_value()
    client: MongoClient[Any] = MongoClient(uri, serverSelectionTimeoutMS=DATABASE_WAIT_MS)
    with client:
        # Only the primary is sure to know everything that has been answered for.
        yield client.get_database(settings.mongodb_database, read_preference=ReadPreference.PRIMARY)


# --- writing ---------------------------------------------------------------------------------------


def backup(settings: Settings, path: Path, say: Say) -> None:
    """Write a backup while the service runs.

    Args:
        settings: with a database and a backup key.
        path: the file; it must not exist. Until it is whole it is called `path` with ``.part`` behind it.
        say: tells the person at the console one Chinese sentence.

    Raises:
        CannotRun: the file exists, another backup writes it, or the database cannot be read in one moment.
        SettingsError: the settings lack something.
    """
    settings.need("mongodb_uri", "backup_key_text")
    with connected(settings) as database:
        with _whole_or_not_at_all(path) as file:
            for attempt in range(1, _TRIES + 1):
                file.seek(0)
                file.truncate()
                created = clock_for(settings).now()
                started = time.monotonic()
                out = SealedWriter(file, settings.backup_key, {"created": created.isoformat()})
                try:
                    manifest = _write(database, _checkpoint_files(settings), out, created.isoformat())
                except OperationFailure as error:
                    if error.code == _SNAPSHOT_TOO_OLD:
                        raise CannotRun(_too_slow(time.monotonic() - started)) from error
                    if error.code != _SNAPSHOT_UNAVAILABLE:
                        raise
                    # Collections were made, dropped or renamed since the moment that is being read.
                    if attempt == _TRIES:
                        raise CannotRun("备份期间数据库的结构在变动，请等升级或维护完成后再备份。") from error
                else:
                    out.close()
                    break
            size = file.tell()
        total = sum(contents["count"] for contents in manifest["collections"])
        say(f"已备份 {len(manifest['collections'])} 个集合、{total} 条，{size / 1e6:.1f} MB：{path}")
        try:
            _note(database, created)
        except PyMongoError:
            say("备份文件是完好的，但没能记下备份时间，监控会以为还没有备份。")


def _note(database: Database[Any], created: datetime) -> None:
    """Note in the database when it was backed up last; the workers' metrics tell of it."""
    database["installation"].update_one({"_id": "backup"}, {"$max": {"at": created}}, upsert=True)


async def last_backup(database: AsyncIOMotorDatabase[Any]) -> datetime | None:
    """The moment of the newest backup; None when there was none."""
    noted = await database["installation"].find_one({"_id": "backup"})
    return noted["at"] if noted else None


def _too_slow(seconds: float) -> str:
    return (
        f"备份了 {seconds:.0f} 秒还没有完成，而数据库只保留这么久的历史（默认 300 秒）。"
        "请数据库管理员在每个节点上执行 "
        "db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})，然后再备份。"
    )


@contextmanager
def _whole_or_not_at_all(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears under its name when all of it is on the disk."""
    if not path.parent.is_dir():
        raise CannotRun(f"找不到目录 {path.parent}。")
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(f"另一个备份正在写 {part}，请等它完成。") from None
        try:
            # Asked under the lock: the file may be the one that somebody else has just finished.
            if path.exists():
                raise CannotRun(f"{path} 已经存在，备份不会覆盖已有的文件，请换一个文件名。")
            yield file
            file.flush()
            os.fsync(file.fileno())
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def checkpoints_folder(settings: Settings) -> Path:
    """Where the audit checkpoints lie."""
    return settings.data_dir / "audit"


def _checkpoint_files(settings: Settings) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(checkpoints_folder(settings).glob("*.jsonl"))}


def _write(database: Database[Any], files: dict[str, bytes], out: SealedWriter, created: str) -> Manifest:
    """Write all records.

    The checkpoints were read before the moment of the database: one that was signed later would be for a
    batch that the backup does not have, which looks as if somebody had removed it.
    """
    listed = _collections(database)
    if not listed:
        raise CannotRun(f"数据库 {database.name} 里没有数据，不需要备份。")
    if RESTORING in listed:
        raise CannotRun(f"数据库 {database.name} 没有恢复完整，不能备份。")
    _record(out, kind="files", files=files)
    contents = []
    with database.client.start_session(snapshot=True) as session:
        # The first read fixes the moment that all others see. What appears later was not there.
        database[next(iter(listed))].find_one(session=session)
        if _collections(database).keys() != listed.keys():
            raise _changed()
        for name, options in listed.items():
            collection = database[name]
            _record(out, kind="collection", name=name, options=options, indexes=indexes_of(collection))
            tally = Tally(name)
            for batch in raw_batches(collection, session):
                tally.add(batch)
                _record(out, kind="documents", name=name, **_packed(name, batch))
            contents.append(tally.contents())
    if not _collections(database).keys() >= listed.keys():
        # A collection that has been dropped is read as an empty one.
        raise _changed()
    manifest: Manifest = {"created": created, "program": version(), "collections": contents}
    _record(out, kind="manifest", manifest=manifest)
    return manifest


def _changed() -> OperationFailure:
    return OperationFailure("collections were made or dropped meanwhile", _SNAPSHOT_UNAVAILABLE)


def _collections(database: Database[Any]) -> dict[str, dict[str, Any]]:
    """The options of each collection by its name."""
    found = {info["name"]: dict(info.get("options", {})) for info in database.list_collections()}
    return {name: found[name] for name in sorted(found) if not name.startswith("system.")}


def _packed(name: str, batch: bytes) -> dict[str, Any]:
    # Photos and recordings are ciphertext through and through, and no tool makes that smaller.
    if name.endswith(".chunks"):
        return {"packed": False, "data": batch}
    return {"packed": True, "data": zlib.compress(batch, _COMPRESSION)}


def _record(out: SealedWriter, **record: Any) -> None:
    out.write(bson.encode(record))


# --- reading ---------------------------------------------------------------------------------------


def check(settings: Settings, path: Path) -> Manifest:
    """Read a backup from its beginning to its end, and restore nothing.

    Args:
        settings: with the backup's key.
        path: the file.

    Returns:
        What it holds.

    Raises:
        CannotRun: there is no such file.
        Damaged: it is not what was written.
        SettingsError: there is no key.
    """
    settings.need("backup_key_text")
    manifest: Manifest | None = None
    with contextlib.closing(records(path, settings.backup_key)) as found:
        for record in found:
            if record["kind"] == "manifest":
                manifest = record["manifest"]
    if manifest is None:
        raise Damaged("备份文件不完整。")
    return manifest


def records(path: Path, key: bytes) -> Generator[dict[str, Any], None, None]:
    """The records of a backup in their order, ``documents`` with their BSON as `data`.

    What is handed out has been authenticated; that it is the whole is only known when the iteration has come
    to its end. Raises `Damaged`, and `CannotRun` where there is no file.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise CannotRun(f"找不到文件 {path}。") from None
    tallies: dict[str, Tally] = {}
    with file, SealedReader(file, key) as opened:
        for record in bson.decode_file_iter(io.BufferedReader(opened)):
            if record["kind"] == "collection":
                tallies[record["name"]] = Tally(record["name"])
            elif record["kind"] == "documents":
                packed = record.pop("packed")
                record["data"] = zlib.decompress(record["data"]) if packed else record["data"]
                tallies[record["name"]].add(record["data"])
            elif (
                record["kind"] == "manifest"
                and [tally.contents() for tally in tallies.values()] != record["manifest"]["collections"]
            ):
                raise Damaged("备份文件的内容与它的清单不符。")
            yield record


def describe(manifest: Manifest) -> Iterator[str]:
    """Say what a backup holds, line by line."""
    created = readable(datetime.fromisoformat(manifest["created"]))
    yield f"备份时间 {created}（北京时间），程序版本 {manifest['program']}。"
    for contents in manifest["collections"]:
        yield f"  {contents['name']}  {contents['count']} 条"
    total = sum(contents["count"] for contents in manifest["collections"])
    yield f"共 {len(manifest['collections'])} 个集合、{total} 条，备份文件完好。"
