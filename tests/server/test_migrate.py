"""Bringing the database to another version: from anywhere, more than once, and never by half."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo import MongoClient

from casework.audit.service import verify
from server import CannotRun
from server.app import Running
from server.migrate import STEPS, Step, migrate, refuse_unfit, what_waits
from server.parts import Parts, parts_for, version
from server.seed import seed
from server.settings import Settings, load_settings
from tests.server.command import fangpin
from tests.server.releases import CHECKPOINTS, FIXED, load
from tests.support import CHINESE, Phones, count, documents, place_of, report_form
from wechat.simulator import RunningSimulator

RELEASES = sorted(Path(__file__).parent.glob("release_*"))
PLACE = "431021101201001"
COUNT = 25
BATCH = 10
#: What a later version might want: a field that is made of another, then one more, then its index.
TABLE = (
    Step("things", 1, "计算总数", [{"$set": {"total": {"$add": ["$a", "$b"]}}}]),
    Step("others", 1, "补充状态", [{"$set": {"state": {"$ifNull": ["$state", "open"]}}}]),
    Step("things", 2, "总数加倍", [{"$set": {"total": {"$multiply": ["$total", 2]}}}]),
)


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
async def bare(settings: Settings) -> AsyncIterator[Parts]:
    """A database as the first release leaves it, with documents of two kinds that are to change."""
    await migrate(settings)
    async with parts_for(settings) as parts:
        database = parts.mongo[settings.mongodb_database]
        await fill(database)
        yield parts


async def fill(database: Any) -> None:
    """Documents of two collections, some without a number, as the first release writes some."""
    numbered: list[dict[str, int]] = [{}, {"schema": 1}]
    await database.things.insert_many(
        {"_id": f"{n:03d}", "a": n, "b": 1, **numbered[n % 2]} for n in range(COUNT)
    )
    await database.others.insert_many([{"_id": 1, "schema": 1}, {"_id": "2", "state": "done"}])


async def check_migrated(parts: Parts) -> None:
    """Every document has taken every step, once."""
    things = await documents(parts, "things")
    assert [(thing["total"], thing["schema"]) for thing in things] == [((n + 1) * 2, 3) for n in range(COUNT)]
    assert [(other["state"], other["schema"]) for other in await documents(parts, "others")] == [
        ("open", 2),
        ("done", 2),
    ]
    assert (await documents(parts, "installation"))[0]["schema"] == 1 + len(TABLE)
    assert await what_waits(parts.settings, TABLE) == []


async def test_every_document_takes_every_step_once_and_its_progress_is_told(bare: Parts) -> None:
    assert await what_waits(bare.settings, TABLE) == [
        f"计算总数：{COUNT} 条",
        "补充状态：2 条",
        f"建立本版本的索引和默认代码表：{version()} → {version()}",
    ]
    said: list[str] = []
    await migrate(bare.settings, said.append, TABLE, BATCH)
    await check_migrated(bare)
    assert said == [
        "计算总数：10/25",
        "计算总数：20/25",
        "计算总数：25/25",
        "补充状态：2/2",
        "总数加倍：10/25",
        "总数加倍：20/25",
        "总数加倍：25/25",
        "数据库已是本版本。",
    ]
    await migrate(bare.settings, said.append, TABLE, BATCH)
    assert said[8:] == ["数据库已是本版本。"]
    await check_migrated(bare)


async def test_killed_after_any_batch_it_goes_on_where_it_was(bare: Parts) -> None:
    database = bare.mongo[bare.settings.mongodb_database]
    for batches in range(1, 8):
        await database.installation.delete_many({})
        for name in ("things", "others"):
            await database[name].delete_many({})
        await fill(database)
        left = batches

        def until_killed(_sentence: str) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed

        with pytest.raises(Killed):
            await migrate(bare.settings, until_killed, TABLE, BATCH)
        assert await what_waits(bare.settings, TABLE) != []
        with pytest.raises(CannotRun, match="fangpin migrate"):
            await refuse_unfit(bare.settings, TABLE)
        await migrate(bare.settings, steps=TABLE, batch=BATCH)
        await check_migrated(bare)


async def test_several_at_once_do_the_same_things_once(bare: Parts) -> None:
    await asyncio.gather(*(migrate(bare.settings, steps=TABLE, batch=3) for _ in range(3)))
    await check_migrated(bare)


async def test_what_an_older_server_writes_meanwhile_is_kept_and_brought_up_by_the_next_run(
    bare: Parts,
) -> None:
    database = bare.mongo[bare.settings.mongodb_database]
    with MongoClient[dict[str, Any]](bare.settings.mongodb_uri.get_secret_value()) as client:
        behind = client[bare.settings.mongodb_database]

        def write(_sentence: str) -> None:
            behind.things.update_many({}, {"$inc": {"seen": 1}})
            behind.things.replace_one({"_id": "older"}, {"_id": "older", "a": 7, "b": 1, "schema": 1}, True)

        await migrate(bare.settings, write, TABLE, BATCH)
    older = await database.things.find_one({"_id": "older"})
    assert older
    assert older["schema"] == 1
    assert [thing["seen"] >= 7 for thing in await documents(bare, "things", schema=3)] == [True] * COUNT
    assert await what_waits(bare.settings, TABLE) == ["计算总数：1 条"]
    await migrate(bare.settings, steps=TABLE)
    assert [thing["total"] for thing in await documents(bare, "things", _id="older")] == [16]


async def test_nothing_works_on_a_database_of_a_later_version_or_of_none(
    bare: Parts, settings: Settings
) -> None:
    await migrate(settings, steps=TABLE)
    for refused in (refuse_unfit(settings), migrate(settings), what_waits(settings)):
        with pytest.raises(CannotRun, match="更新的"):
            await refused
    await refuse_unfit(settings, TABLE)
    await bare.mongo.drop_database(settings.mongodb_database)
    with pytest.raises(CannotRun, match="fangpin migrate"):
        await refuse_unfit(settings)


async def test_a_database_that_is_away_is_no_reason_not_to_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.parts.DATABASE_WAIT_MS", 100)
    away = settings.model_copy(update={"mongodb_uri": type(settings.mongodb_uri)("mongodb://127.0.0.1:9/")})
    await refuse_unfit(away)


def test_the_steps_of_this_version_follow_each_other_and_speak_chinese() -> None:
    reached: dict[str, int] = {}
    for step in STEPS:
        assert step.schema == reached.get(step.collection, 1)
        reached[step.collection] = step.schema + 1
        assert CHINESE.search(step.words)


@pytest.mark.gen_test(timeout=90)
async def test_the_commands_say_what_to_do_before_they_do_it(settings: Settings) -> None:
    """`serve` and `worker` refuse; `migrate --check` ends with 1, then with 0."""
    unfit = f"数据库 {settings.mongodb_database} 还没有升级到本版本，请先执行 fangpin migrate。\n"
    assert await asyncio.gather(
        fangpin(settings, "serve"), fangpin(settings, "worker"), fangpin(settings, "migrate", "--check")
    ) == [(2, unfit), (2, unfit), (1, f"建立本版本的索引和默认代码表：（无） → {version()}\n")]
    await migrate(settings)
    assert await fangpin(settings, "migrate", "--check") == (0, "数据库已是本版本，不需要升级。\n")


# --- from the releases that there were ------------------------------------------------------------------


def test_there_is_a_database_of_a_release() -> None:
    assert RELEASES


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.name)
async def test_the_database_of_a_release_is_brought_up_and_served(
    folder: Path, settings: Settings, simulator: RunningSimulator, http: aiohttp.ClientSession
) -> None:
    settings = load_settings(settings.environment() | FIXED)
    name = settings.mongodb_database
    with MongoClient[Any](settings.mongodb_uri.get_secret_value()) as client:
        load(client[name], folder)
    (settings.data_dir / "audit").mkdir()
    shutil.copy(folder / CHECKPOINTS, settings.data_dir / "audit")
    await migrate(settings)
    assert await what_waits(settings) == []
    await refuse_unfit(settings)
    # The simulator meets its people anew; the database knows them.
    await seed(settings)
    async with parts_for(settings) as parts:
        verdict = await verify(
            parts.stores.audit, parts.clock, parts.checkpoints.read, parts.checkpoints.signature_ok
        )
        assert (verdict.faults, verdict.batches > 0, verdict.sealed > 0) == ([], True, True)
        running = Running(parts)
        try:
            await serves(Phones(http, settings.local_simulator_url, settings.local_url), parts)
        finally:
            await running.close()


async def serves(phones: Phones, parts: Parts) -> None:
    """The people of the release read what is theirs, with its photos, and go on with their work."""
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    listed = (await villager.get("/api/intakes")).body["items"]
    assert sorted(report["state"] for report in listed) == ["submitted", "verified"]
    reports = {report["state"]: report for report in listed}
    seen = (await villager.get(f"/api/intakes/{reports['verified']['id']}")).body
    assert (seen["fields"]["applicant_name"], seen["fields"]["statement"]) == ("测试甲", "测试用情况说明")
    photo = await villager.get(f"/api/intakes/{seen['id']}/photos/{seen['photos'][0]['id']}")
    assert photo.status == 200, photo
    open_tasks = (await cadre.get("/api/tasks")).body["items"]
    assert [task["state"] for task in open_tasks] == ["open"]
    accepted = await cadre.command(f"/api/tasks/{open_tasks[0]['id']}/acceptance")
    assert accepted.status == 200, accepted
    # The same household again joins its open report; another one gets a report of its own.
    before = await count(parts, "tasks")
    again = await villager.command("/api/intakes", report_form(await place_of(parts, PLACE), 2))
    assert (again.status, await count(parts, "tasks")) == (200, before)
    other = await villager.command("/api/intakes", report_form(await place_of(parts, PLACE), 3))
    assert (other.status, await count(parts, "tasks")) == (201, [before[0] + 1])
