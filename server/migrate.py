"""Bringing the database to this version: documents, indexes, and the default code tables.

What has been done is known by the documents themselves: each has the number of its schema, and a step takes
those that have one number to the next. So a migration may break off anywhere and be begun again, and two at
once do the same things once. The database as a whole has a number as well, in the collection `installation`:
how far all of its documents have been brought.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pymongo.errors import ConnectionFailure

from casework.account.model import STAFF_TAG, Answer
from casework.tables import defaults
from server import CannotRun
from server.backup import RESTORING
from server.parts import Parts, mongo_client, parts_for, version
from server.settings import Settings

#: How many documents one update takes; between two of them the servers have their turn.
BATCH = 2000

Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """What takes the documents of one collection from one schema to the next.

    Attributes:
        collection: its name.
        schema: of the documents before; one more afterwards. A document without a number has schema 1.
        words: what is done, in Chinese, as the operator reads it.
        update: the update as an aggregation pipeline. MongoDB applies it to a document in one piece, so
            that nothing is lost which a running server writes at the same time.
    """

    collection: str
    schema: int
    words: str
    update: Sequence[Mapping[str, Any]]

    @property
    def waiting(self) -> dict[str, Any]:
        """The filter for documents that still have to take this step."""
        return {"schema": {"$in": [1, None]} if self.schema == 1 else self.schema}


#: Every step since the first release, the oldest first. New ones are appended, none is ever changed. Servers
#: of the version before go on working while and after it runs, so a step adds what the new version needs and
#: leaves what the old one reads; a later version removes that.
STEPS: tuple[Step, ...] = ()

#: What the account answers by itself until its administrators change it: name, keys, kind, text. Keys that
#: begin with @ are occasions; see `casework.account.model.Answer`.
ANSWERS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    (
        "report",
        ("report", "申报", "求助", "我要申报"),
        "text",
        "请点下方“我要申报”，勾选几项就能提交。",
    ),
    ("progress", ("progress", "进度", "我的申报", "办理进度"), "my_reports", ""),
    ("tasks", ("tasks", "任务", "待办"), "my_tasks", ""),
    (
        "policy",
        ("policy", "政策", "帮扶政策"),
        "text",
        "因病、因学、因灾、因意外等造成基本生活严重困难的农户都可以申报，干部会上门核实，不收任何费用。",
    ),
    (
        "subscribe",
        ("@subscribe",),
        "text",
        "您好，这里是防贫监测帮扶服务。\n家里遇到看病、上学、受灾、住房、饮水等困难，点下方“我要申报”，"
        "勾选几项就能提交，负责您村的干部会马上收到并上门核实。\n回复“进度”可查看办理进展。",
    ),
    (
        "subscribe_staff",
        ("@subscribe_staff",),
        "text",
        "{name}，您好。核实任务会推送到这里，请保持关注。\n回复“任务”可查看待办。",
    ),
    ("default", ("@default",), "text", "已收到。申报困难请点“我要申报”；回复“进度”查看办理进展。"),
    (
        "media",
        ("@image", "@video", "@shortvideo"),
        "text",
        "照片已看到。要让干部看到它，请点“我要申报”，在申报里添加照片。",
    ),
    (
        "voice",
        ("@voice",),
        "text",
        "已收到语音。要找人帮忙，请点“我要申报”，勾选几项就能提交；也可以请村干部代您申报。",
    ),
    ("location", ("@location",), "text", "位置已收到。申报时请点“我要申报”，选择您所在的村组。"),
    (
        "scan",
        ("@scan",),
        "text",
        "这个码不是本服务的码。请扫描村里张贴的防贫服务码，或点“我要申报”自己选择村组。",
    ),
)


def _click(name: str, key: str) -> dict[str, str]:
    return {"type": "click", "name": name, "key": key}


def _view(name: str, link: str) -> dict[str, str]:
    # The service's own address is added when the menu is published.
    return {"type": "view", "name": name, "url": link}


#: The menus of an account until its administrators change them: everybody's, and those by tag.
BUTTONS: list[dict[str, Any]] = [
    _view("我要申报", "/m/report"),
    _view("办理进度", "/m/reports"),
    _click("帮扶政策", "policy"),
]
BUTTONS_BY_TAG: dict[str, list[dict[str, Any]]] = {
    STAFF_TAG: [
        _view("待办任务", "/m/tasks"),
        {"type": "scancode_waitmsg", "name": "扫服务码", "key": "scan"},
        {
            "name": "群众服务",
            "sub_button": [
                _view("代为申报", "/m/report?for=other"),
                _view("我的申报进度", "/m/reports"),
                _view("我的消息", "/m/inbox"),
                _click("帮扶政策", "policy"),
            ],
        },
    ]
}


def default_answers(app_id: str) -> list[Answer]:
    """The default answers of an account."""
    return [
        {"_id": f"{app_id}/{name}", "app_id": app_id, "keys": list(keys), "kind": kind, "text": text}
        for name, keys, kind, text in ANSWERS
    ]


async def bring_up(
    parts: Parts, steps: Sequence[Step] = STEPS, say: Say = lambda _: None, batch: int = BATCH
) -> None:
    """Change what is old and create what is missing; what a county has changed stays.

    Safe to repeat and to interrupt. Raises `CannotRun` where the database belongs to a later version.
    """
    database = parts.mongo[parts.settings.mongodb_database]
    await _refuse_later(database, steps)
    # The indexes come afterwards, because a unique one may be on what a step writes.
    for step in steps:
        await _take(database[step.collection], step, say, batch)
    await parts.stores.prepare()
    await parts.stores.tables.add_missing(defaults.rows())
    for account in parts.settings.accounts:
        await parts.stores.account.add_missing_answers(default_answers(account.app_id))
        if account.kind == "oa":
            await parts.stores.account.add_missing_menu(
                {
                    "_id": account.app_id,
                    "buttons": BUTTONS,
                    "by_tag": BUTTONS_BY_TAG,
                    "version": 1,
                    "schema": 1,
                }
            )
    await database["installation"].update_one(
        {"_id": "database"},
        {"$max": {"schema": _latest(steps)}, "$set": {"program": version()}},
        upsert=True,
    )


async def _take(collection: Any, step: Step, say: Say, batch: int) -> None:
    """Let all documents that wait for a step take it."""
    total = await collection.count_documents(step.waiting)
    done = 0
    cursor = collection.find(step.waiting, {"_id": 1}).sort("_id", 1)
    while ids := [document["_id"] for document in await cursor.to_list(batch)]:
        # The filter is asked again: another migration may have been here since.
        await collection.update_many(
            {"_id": {"$in": ids}, **step.waiting}, [*step.update, {"$set": {"schema": step.schema + 1}}]
        )
        done += len(ids)
        say(f"{step.words}：{done}/{max(done, total)}")


def _latest(steps: Sequence[Step]) -> int:
    return 1 + len(steps)


async def _installation(database: Any) -> dict[str, Any]:
    """What the database says of itself; its schema is 0 before the first migration."""
    return await database["installation"].find_one({"_id": "database"}) or {"schema": 0, "program": ""}


async def _refuse_later(database: Any, steps: Sequence[Step]) -> None:
    if await database[RESTORING].find_one():
        raise CannotRun(
            f"数据库 {database.name} 正在恢复，或者上次恢复没有完成，请先用 fangpin restore 恢复完整。"
        )
    if (await _installation(database))["schema"] > _latest(steps):
        raise CannotRun(f"数据库 {database.name} 已由更新的版本升级过，请使用更新的程序版本。")


async def refuse_unfit(settings: Settings, steps: Sequence[Step] = STEPS) -> None:
    """Refuse to work on a database that is not at the schema of this program.

    A database that does not answer is no reason: a process that starts without it waits for it.

    Raises:
        CannotRun: the database is older or newer than this program, or only half restored.
        SettingsError: there is no address of a database.
    """
    settings.need("mongodb_uri")
    client = mongo_client(settings.mongodb_uri.get_secret_value())
    database = client[settings.mongodb_database]
    try:
        await _refuse_later(database, steps)
        if (await _installation(database))["schema"] < _latest(steps):
            raise CannotRun(f"数据库 {database.name} 还没有升级到本版本，请先执行 fangpin migrate。")
    except ConnectionFailure as error:
        structlog.get_logger().warning("database away at start", error=type(error).__name__)
    finally:
        client.close()


async def migrate(
    settings: Settings, say: Say = lambda _: None, steps: Sequence[Step] = STEPS, batch: int = BATCH
) -> None:
    """Bring the database to this version, telling how far it is; see `bring_up`."""
    async with parts_for(settings) as parts:
        await bring_up(parts, steps, say, batch)
    say("数据库已是本版本。")


async def what_waits(settings: Settings, steps: Sequence[Step] = STEPS) -> list[str]:
    """What `migrate` would do, a sentence each; nothing is changed.

    Raises `CannotRun` where the database belongs to a later version.
    """
    async with parts_for(settings) as parts:
        database = parts.mongo[settings.mongodb_database]
        await _refuse_later(database, steps)
        sentences = [
            f"{step.words}：{count} 条"
            for step in steps
            if (count := await database[step.collection].count_documents(step.waiting))
        ]
        installation = await _installation(database)
        if (installation["schema"], installation["program"]) != (_latest(steps), version()):
            before = installation["program"] or "（无）"
            sentences.append(f"建立本版本的索引和默认代码表：{before} → {version()}")
    return sentences
