"""Backup and restore: one moment of everything, while reports come in, and the same again elsewhere."""

import asyncio
import base64
import contextlib
import fcntl
import hashlib
import itertools
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

from casework.audit.service import verify
from server import CannotRun
from server import backup as backing_up
from server import restore as restoring
from server.app import Running
from server.backup import RESTORING, Manifest, backup, check, describe, raw_batches, records
from server.clock import SharedClock
from server.embedded import free_port
from server.migrate import refuse_unfit
from server.parts import Parts, parts_for
from server.restore import restore
from server.sealed_file import Damaged
from server.settings import Settings, SettingsError, load_settings
from server.worker import Worker, refresh_gauges
from tests.server.command import fangpin
from tests.support import Client, Phones, count, documents, fake_picture, fake_recording, report_form

KEY = base64.b64encode(b"k" * 32).decode()
BEFORE = 5


def with_changes(settings: Settings, **changes: str) -> Settings:
    """The settings with the backup's key and other values."""
    more = {f"FANGPIN_{name.upper()}": value for name, value in changes.items()}
    return load_settings(settings.environment() | {"FANGPIN_BACKUP_KEY": KEY} | more)


@pytest.fixture
def source(settings: Settings) -> Settings:
    """The settings of the service that is backed up."""
    return with_changes(settings)


@pytest.fixture
def target(settings: Settings, tmp_path: Path, mongo_uri: str) -> Iterator[Settings]:
    """The settings of an empty place to restore to."""
    ports = {name: str(free_port()) for name in ("port", "metrics_port")}
    data_dir = tmp_path / "restored"
    data_dir.mkdir()
    name = f"{settings.mongodb_database}_restored"
    yield with_changes(settings, mongodb_database=name, data_dir=str(data_dir), **ports)
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database(name)


@pytest.fixture
def database(source: Settings, mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """A small database to be backed up, without a service."""
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        made = client[source.mongodb_database]
        made.things.insert_many({"_id": n, "text": "x" * 50} for n in range(3000))
        made.things.create_index("text", partialFilterExpression={"text": {"$gt": ""}})
        made.things.create_index("number", unique=True, sparse=True)
        made.gone.insert_one({"_id": 1, "at": bson.datetime.datetime(2020, 1, 1)})
        made.gone.create_index("at", expireAfterSeconds=2_000_000_000)
        made.create_collection("empty", collation={"locale": "zh"})
        # Every installation has it, and a backup writes into it when it is done.
        made.create_collection("installation")
        yield made


def whole(settings: Settings, name: str) -> list[bytes]:
    """A collection's documents as the database keeps them."""
    with MongoClient[dict[str, Any]](settings.mongodb_uri.get_secret_value()) as client:
        return list(backing_up.each(b"".join(raw_batches(client[settings.mongodb_database][name]))))


def shape(settings: Settings) -> dict[str, Any]:
    """Every collection's options and indexes."""
    with MongoClient[dict[str, Any]](settings.mongodb_uri.get_secret_value()) as client:
        database = client[settings.mongodb_database]
        return {
            info["name"]: (info["options"], backing_up.indexes_of(database[info["name"]]))
            for info in database.list_collections()
        }


def backed_up(settings: Settings, folder: Path) -> Path:
    """A backup of it."""
    file = folder / "backup"
    backup(settings, file, lambda _: None)
    return file


def meanwhile(monkeypatch: pytest.MonkeyPatch, work: Callable[[str], object]) -> None:
    """Let something happen each time that a collection is about to be read; `work` is told its name."""

    def reading(collection: Any, session: Any = None) -> Iterator[bytes]:
        work(collection.name)
        return raw_batches(collection, session)

    monkeypatch.setattr(backing_up, "raw_batches", reading)


# --- the service goes on while it is backed up, and goes on elsewhere -----------------------------------


async def file_report(villager: Client, place: str, number: int) -> str:
    """A report with photos and a voice note; its id, once it has been accepted."""
    photo = await villager.upload(fake_picture((number % 256, number // 256, 90)))
    voice = await villager.put("recordings", fake_recording(2000 + number))
    assert voice.status in (200, 201), voice
    form = report_form(place, number, photos=[{"sha256": photo, "kind": "housing"}])
    reply = await villager.command("/api/intakes", form)
    assert reply.status == 201, reply
    return str(reply.body["id"])


async def test_reports_come_in_while_a_backup_is_made_and_the_restored_service_has_the_moment_whole(
    parts: Parts,
    phones: Phones,
    worker: Worker,
    place: str,
    source: Settings,
    target: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    villager = await phones.sign_in("villager_1")
    answered = [await file_report(villager, place, number) for number in range(1, BEFORE + 1)]
    before = list(answered)
    file = tmp_path / "backup"
    told = asyncio.Event()

    async def go_on() -> None:
        for number in itertools.count(BEFORE + 1):
            if told.is_set():
                return
            answered.append(await file_report(villager, place, number))

    def wait_for_another(collection: str) -> None:
        """Let a report come in between the collections that belong together."""
        enough = len(answered) + (collection in ("audit", "intakes", "tasks"))
        while len(answered) < enough:
            time.sleep(0.005)

    meanwhile(monkeypatch, wait_for_another)
    load = asyncio.ensure_future(go_on())
    said: list[str] = []
    await asyncio.to_thread(backup, source, file, said.append)
    told.set()
    await load
    assert len(answered) >= BEFORE + 3
    assert "已备份" in said[-1]

    status = await asyncio.to_thread(restore, target, file, said.append)
    assert status == 0, said
    manifest = await asyncio.to_thread(check, source, file)
    compare_with_manifest(target, manifest)
    assert shape(target) == {name: of for name, of in shape(source).items() if name in shape(target)}

    async with parts_for(target) as restored:
        await refuse_unfit(target)
        await check_moment(restored, parts, before, answered)
        verdict = await verify(
            restored.stores.audit,
            restored.clock,
            restored.checkpoints.read,
            restored.checkpoints.signature_ok,
        )
        assert verdict.faults == []
        assert verdict.sealed + verdict.unsealed == (await count(restored, "audit"))[0]
        await goes_on(restored, villager, phones, place, before)


def compare_with_manifest(settings: Settings, manifest: Manifest) -> None:
    """Every document of the backup's moment is there as it was, and no other."""
    assert {contents["name"] for contents in manifest["collections"]} == set(shape(settings))
    for contents in manifest["collections"]:
        found = whole(settings, contents["name"])
        digest = hashlib.sha256(b"".join(found)).hexdigest()
        assert (len(found), digest) == (contents["count"], contents["sha256"]), contents


async def check_moment(restored: Parts, parts: Parts, before: list[str], answered: list[str]) -> None:
    """No report without its task, audit entry and stored answer; none that was accepted before is missing."""
    reports = {intake["_id"]: intake for intake in await documents(restored, "intakes")}
    assert set(before) <= set(reports) <= set(answered)
    tasks = {task["subject"]: task for task in await documents(restored, "tasks")}
    entries = await documents(restored, "audit", verb="intake.submit")
    assert {entry["object"] for entry in entries} == {f"intake:{id_}" for id_ in reports}
    for id_, intake in reports.items():
        assert tasks[id_]["_id"] == intake["task"], id_
        assert await documents(restored, "photos", _id=intake["photos"][0]["id"])
    assert len(tasks) == len(reports)
    assert (await count(restored, "commands"))[0] == len(reports)
    assert (await count(restored, "notices"))[0] >= len(reports)
    for name, bucket in (("photos", "pictures"), ("recordings", "sounds")):
        files = {str(file["_id"]): file["length"] for file in await documents(restored, f"{bucket}.files")}
        kept = dict.fromkeys(files, 0)
        for chunk in await documents(restored, f"{bucket}.chunks"):
            kept[str(chunk["files_id"])] += len(chunk["data"])
        # A file may have been written whose document was still to come; the other way round it would be lost.
        for document in await documents(restored, name):
            assert 0 < files[document["file"]] == kept[document["file"]]


async def goes_on(restored: Parts, villager: Client, phones: Phones, place: str, before: list[str]) -> None:
    """A service on the restored database reads the old reports and takes new ones."""
    running = Running(restored)
    try:
        there = Phones(phones.http, phones.base, restored.settings.local_url)
        client = await there.sign_in("villager_1")
        seen = await client.get(f"/api/intakes/{before[0]}")
        assert (seen.status, seen.body["fields"]["applicant_name"]) == (200, "测试甲")
        assert await file_report(client, place, 900)
    finally:
        await running.close()


# --- what a restore brings back, and what it refuses -----------------------------------------------------


@pytest.mark.usefixtures("database")
def test_documents_options_and_indexes_come_back_as_they_were(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    said: list[str] = []
    before = {name: whole(source, name) for name in shape(source)}
    file = backed_up(source, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.glob("backup*")) == [file]
    assert restore(target, file, said.append) == 0
    assert shape(target) == shape(source)
    assert shape(target)["empty"][0]["collation"]["locale"] == "zh"
    assert [index.get("expireAfterSeconds") for index in shape(target)["gone"][1]] == [None, 2_000_000_000]
    assert {name: whole(target, name) for name in shape(target)} == before
    lines = list(describe(check(source, file)))
    assert lines[1:] == [
        "  empty  0 条",
        "  gone  1 条",
        "  installation  0 条",
        "  things  3000 条",
        "共 4 个集合、3001 条，备份文件完好。",
    ]


@pytest.mark.usefixtures("database")
def test_a_restore_touches_only_an_empty_database(source: Settings, tmp_path: Path) -> None:
    file = backed_up(source, tmp_path)
    before = shape(source)
    for drop_partial in (False, True):
        with pytest.raises(CannotRun, match="不是空的"):
            restore(source, file, lambda _: None, drop_partial=drop_partial)
    assert shape(source) == before


@pytest.mark.usefixtures("database")
async def test_a_restore_that_broke_off_is_known_and_can_be_begun_anew(
    source: Settings, target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await asyncio.to_thread(backed_up, source, tmp_path)

    def breaking(path: Path, key: bytes) -> Iterator[dict[str, Any]]:
        for record in records(path, key):
            yield record
            if record["kind"] == "documents":
                raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(restoring, "records", breaking)
        restore(target, file, lambda _: None)
    assert RESTORING in shape(target)
    with pytest.raises(CannotRun, match="--drop-partial"):
        restore(target, file, lambda _: None)
    with pytest.raises(CannotRun, match="没有恢复完整"):
        backup(target, tmp_path / "half", lambda _: None)
    with pytest.raises(CannotRun, match="恢复完整"):
        await refuse_unfit(target)
    assert restore(target, file, lambda _: None, drop_partial=True) == 0
    assert shape(target) == shape(source)


@pytest.mark.usefixtures("database")
def test_a_difference_is_told_and_leaves_the_database_marked(
    source: Settings, target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backed_up(source, tmp_path)

    def with_an_error(path: Path, key: bytes) -> Iterator[dict[str, Any]]:
        for record in records(path, key):
            if record["kind"] == "documents" and record["name"] == "gone":
                record["data"] = bson.encode({**bson.decode(record["data"]), "more": True})
            yield record

    said: list[str] = []
    monkeypatch.setattr(restoring, "records", with_an_error)
    assert restore(target, file, said.append) == 1
    assert next(line for line in said if "不一致" in line).startswith("不一致：gone")
    assert RESTORING in shape(target)


@pytest.mark.usefixtures("database")
def test_a_damaged_file_restores_nothing(source: Settings, target: Settings, tmp_path: Path) -> None:
    file = backed_up(source, tmp_path)
    whole_file = file.read_bytes()
    draw = random.Random(7)
    for _ in range(20):
        altered = bytearray(whole_file)
        altered[draw.randrange(len(altered))] ^= 1 << draw.randrange(8)
        file.write_bytes(altered)
        with pytest.raises(Damaged):
            check(source, file)
    file.write_bytes(whole_file[:-1])
    with pytest.raises(Damaged, match="损坏"):
        restore(target, file, lambda _: None)
    file.write_bytes(whole_file)
    other = with_changes(target, backup_key=base64.b64encode(b"o" * 32).decode())
    with pytest.raises(Damaged, match="另一个密钥"):
        restore(other, file, lambda _: None)
    with pytest.raises(CannotRun, match="找不到"):
        restore(target, tmp_path / "none", lambda _: None)
    assert shape(target) == {}


@pytest.mark.gen_test(timeout=90)
@pytest.mark.usefixtures("database")
async def test_the_commands_tell_by_their_status(source: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    status, said = await fangpin(source, "backup", str(file))
    assert (status, said.startswith("已备份 4 个集合、3001 条")) == (0, True), said
    checked, refused = await asyncio.gather(
        fangpin(source, "restore", "--check", str(file)), fangpin(source, "restore", str(file))
    )
    assert (checked[0], checked[1].splitlines()[-1]) == (0, "共 4 个集合、3001 条，备份文件完好。")
    assert (refused[0], "不是空的" in refused[1]) == (2, True), refused


async def test_the_metrics_tell_when_the_last_backup_was_made(
    parts: Parts, source: Settings, clock: SharedClock, tmp_path: Path
) -> None:
    async def told() -> float | None:
        await refresh_gauges(parts)
        return parts.metrics.registry.get_sample_value("fangpin_backup_timestamp_seconds")

    assert await told() == 0, "there was none"
    for name in ("first", "second"):
        file = tmp_path / name
        await asyncio.to_thread(backup, source, file, lambda _: None)
        manifest = await asyncio.to_thread(check, source, file)
        moment = datetime.fromisoformat(manifest["created"]).timestamp()
        assert await told() == pytest.approx(moment, abs=0.001)
        clock.move(3600)


@pytest.mark.usefixtures("database")
def test_a_backup_that_cannot_be_noted_is_one_all_the_same(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(*_: object) -> None:
        raise AutoReconnect("away")

    monkeypatch.setattr(backing_up, "_note", be_away)
    said: list[str] = []
    backup(source, tmp_path / "backup", said.append)
    assert "已备份" in said[0]
    assert "没能记下备份时间" in said[1]
    assert check(source, tmp_path / "backup")


def test_without_a_key_there_is_no_backup(settings: Settings, tmp_path: Path) -> None:
    for work in (backup, restore):
        with pytest.raises(SettingsError, match="FANGPIN_BACKUP_KEY"):
            work(settings, tmp_path / "backup", lambda _: None)
    with pytest.raises(SettingsError, match="FANGPIN_BACKUP_KEY"):
        with_changes(settings, backup_key="too short")


# --- what a backup refuses ---------------------------------------------------------------------------


@pytest.mark.usefixtures("database")
def test_a_backup_overwrites_nothing_and_goes_on_after_one_that_was_killed(
    source: Settings, tmp_path: Path
) -> None:
    part = tmp_path / "backup.part"
    part.write_bytes(b"what a killed backup has left" * 100_000)
    with part.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CannotRun, match="另一个备份"):
            backed_up(source, tmp_path)
    assert part.exists()
    file = backed_up(source, tmp_path)
    assert not part.exists()
    kept = file.read_bytes()
    with pytest.raises(CannotRun, match="不会覆盖"):
        backed_up(source, tmp_path)
    assert file.read_bytes() == kept
    assert not part.exists()
    with pytest.raises(CannotRun, match="找不到目录"):
        backed_up(source, tmp_path / "none")
    assert check(source, file)


def test_an_empty_database_is_not_backed_up(source: Settings, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="没有数据"):
        backed_up(source, tmp_path)
    assert list(tmp_path.glob("backup*")) == []


def test_a_backup_begins_anew_when_collections_come_and_go_under_it(
    source: Settings, tmp_path: Path, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(_name: str) -> None:
        database.things.drop()
        database.things.insert_one({"_id": 1})

    changes = [another, lambda _name: database.gone.drop()]
    meanwhile(monkeypatch, lambda name: changes and changes.pop()(name))
    file = backed_up(source, tmp_path)
    assert changes == []
    assert [(c["name"], c["count"]) for c in check(source, file)["collections"]] == [
        ("empty", 0),
        ("installation", 0),
        ("things", 1),
    ]
    meanwhile(monkeypatch, another)
    with pytest.raises(CannotRun, match="结构在变动"):
        backup(source, tmp_path / "second", lambda _: None)
    assert list(tmp_path.glob("second*")) == []


def test_writes_after_the_moment_are_not_in_the_backup(
    source: Settings, tmp_path: Path, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_name: str) -> None:
        database.things.update_many({}, {"$set": {"text": "later"}})
        database.things.insert_one({})
        database.gone.delete_many({})

    before = whole(source, "things"), whole(source, "gone")
    meanwhile(monkeypatch, write)
    file = backed_up(source, tmp_path)
    found: dict[str, bytes] = {}
    for record in records(file, source.backup_key):
        if record["kind"] == "documents":
            found[record["name"]] = found.get(record["name"], b"") + record["data"]
    assert found == {"things": b"".join(before[0]), "gone": b"".join(before[1])}


def test_a_moment_that_the_database_has_forgotten_is_explained(
    source: Settings, tmp_path: Path, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = database.client.admin
    window = "minSnapshotHistoryWindowInSeconds"
    before = admin.command("getParameter", 1, **{window: 1})[window]

    def forget(_name: str) -> None:
        admin.command("setParameter", 1, **{window: 0})
        moment = database.client.start_session(snapshot=True)
        with moment, contextlib.suppress(OperationFailure):
            database.gone.find_one(session=moment)
            while True:
                database.things.update_one({"_id": 1}, {"$inc": {"n": 1}})
                database.gone.find_one(session=moment)

    meanwhile(monkeypatch, forget)
    try:
        with pytest.raises(CannotRun, match=window):
            backed_up(source, tmp_path)
    finally:
        admin.command("setParameter", 1, **{window: before})
    assert list(tmp_path.glob("backup*")) == []


@pytest.mark.usefixtures("database")
def test_other_checkpoints_than_those_of_the_backup_are_never_touched(
    source: Settings, target: Settings, tmp_path: Path
) -> None:
    before, sealed = (tmp_path / name for name in ("before", "sealed"))
    backup(source, before, lambda _: None)
    for settings, text in ((source, "backed up"), (target, "evidence")):
        (settings.data_dir / "audit").mkdir()
        (settings.data_dir / "audit" / "checkpoints.jsonl").write_text(text)
    backup(source, sealed, lambda _: None)
    for file in (before, sealed):
        with pytest.raises(CannotRun, match="不同的审计签名"):
            restore(target, file, lambda _: None)
    assert shape(target) == {}
    folder = (target.data_dir / "audit").rename(target.data_dir / "audit.kept")
    assert restore(target, sealed, lambda _: None) == 0
    assert (target.data_dir / "audit" / "checkpoints.jsonl").read_text() == "backed up"
    assert (folder / "checkpoints.jsonl").read_text() == "evidence"
