"""Restoring a backup into an empty database."""

import contextlib
from pathlib import Path
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from server import CannotRun
from server.backup import (
    RESTORING,
    Manifest,
    Say,
    Tally,
    check,
    checkpoints_folder,
    connected,
    each,
    indexes_of,
    raw_batches,
    records,
)
from server.settings import Settings


def restore(settings: Settings, path: Path, say: Say, *, drop_partial: bool = False) -> int:
    """Restore a backup, and compare what the database holds then with the backup's manifest.

    Until it has succeeded the collection `RESTORING` stands in the database: no process works on it, and only
    `drop_partial` lets a restore begin anew.

    Args:
        settings: with an empty database, and with the backup's key.
        path: the backup.
        say: tells the person at the console one Chinese sentence.
        drop_partial: first drop the database where an earlier restore of it has broken off.

    Returns:
        0, or 1 when anything differs from the backup.

    Raises:
        CannotRun: the database is not empty, there are other audit checkpoints, or there is no such file.
        Damaged: the file is not what was written; the database has not been touched.
        SettingsError: the settings lack something.
    """
    settings.need("mongodb_uri", "backup_key_text")
    say("正在检查备份文件……")
    manifest = check(settings, path)
    with (
        connected(settings) as database,
        contextlib.closing(records(path, settings.backup_key)) as found,
    ):
        files: dict[str, bytes] = next(found)["files"]
        _refuse_other_checkpoints(checkpoints_folder(settings), files)
        _claim(database, manifest, drop_partial)
        say(f"备份文件完好，正在恢复到数据库 {database.name}……")
        indexes: dict[str, list[dict[str, Any]]] = {}
        for record in found:
            if record["kind"] == "collection":
                database.command({"create": record["name"], **record["options"]})
                indexes[record["name"]] = record["indexes"]
            elif record["kind"] == "documents":
                documents = [RawBSONDocument(document) for document in each(record["data"])]
                database[record["name"]].insert_many(documents, ordered=False)
        # The documents are compared before the indexes are made: an index with a time to live begins at once
        # to delete what has become too old since the backup.
        differing = _documents_that_differ(database, manifest, say)
        differing += _indexes_that_differ(database, indexes)
        if differing:
            for words in differing:
                say(f"不一致：{words}")
            say("恢复的数据与备份不一致，请不要使用；排除原因后加 --drop-partial 重新恢复。")
            return 1
        _put_back(checkpoints_folder(settings), files)
        database.drop_collection(RESTORING)
    say("恢复完成，数据和索引与备份完全一致。请清空 Redis 后再启动服务，大家需要重新登录。")
    return 0


def _claim(database: Database[Any], manifest: Manifest, drop_partial: bool) -> None:
    """Make sure that the database is empty, and that nobody else restores into it."""
    names = database.list_collection_names()
    if RESTORING in names and drop_partial:
        database.client.drop_database(database.name)
        names = []
    if RESTORING in names:
        raise CannotRun(
            f"数据库 {database.name} 正在恢复，或者上次恢复没有完成。"
            "如果没有别的恢复在进行，请加 --drop-partial 清除后重新恢复。"
        )
    if names:
        raise CannotRun(
            f"数据库 {database.name} 不是空的。恢复只写入空的数据库，请换一个库名或另一个 MongoDB。"
        )
    try:
        database[RESTORING].insert_one({"_id": "restore", "backup": manifest["created"]})
    except DuplicateKeyError:
        raise CannotRun(f"另一个恢复刚刚开始写入数据库 {database.name}。") from None


def _documents_that_differ(database: Database[Any], manifest: Manifest, say: Say) -> list[str]:
    differing = []
    for promised in manifest["collections"]:
        tally = Tally(promised["name"])
        for batch in raw_batches(database[promised["name"]]):
            tally.add(batch)
        if tally.contents() != promised:
            differing.append(
                f"{promised['name']} 应有 {promised['count']} 条，实有 {tally.count} 条或内容不同"
            )
        say(f"  {promised['name']}  {tally.count} 条")
    return differing


def _indexes_that_differ(database: Database[Any], indexes: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Make the indexes; the collections that now have others than in the backup."""
    for name, wanted in indexes.items():
        # The index on the id comes with the collection.
        if further := [index for index in wanted if index["key"] != {"_id": 1}]:
            database.command({"createIndexes": name, "indexes": further})
    # Compared as bytes, because the order of an index's keys counts.
    return [
        f"{name} 的索引"
        for name, wanted in indexes.items()
        if list(map(bson.encode, indexes_of(database[name]))) != list(map(bson.encode, wanted))
    ]


def _refuse_other_checkpoints(folder: Path, files: dict[str, bytes]) -> None:
    """Other checkpoints than the backup's are evidence, perhaps of the database that runs: they stay."""
    if any(file.read_bytes() != files.get(file.name) for file in folder.glob("*.jsonl")):
        raise CannotRun(
            f"{folder} 里已有与备份不同的审计签名。请把这个目录改名保存，"
            "或者用 FANGPIN_DATA_DIR 换一个目录，然后再恢复。"
        )


def _put_back(folder: Path, files: dict[str, bytes]) -> None:
    """Write the audit checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
