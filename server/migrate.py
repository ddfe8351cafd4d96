"""Bringing the database to this version: indexes and the default code tables."""

from typing import Any

from casework.account.model import STAFF_TAG, Answer
from casework.tables import defaults
from server.parts import Parts, parts_for
from server.settings import Settings

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


async def bring_up(parts: Parts) -> None:
    """Create what is missing; what a county has changed stays. Safe to repeat and to interrupt."""
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


async def migrate(settings: Settings) -> None:
    """Bring the database to this version."""
    async with parts_for(settings) as parts:
        await bring_up(parts)
