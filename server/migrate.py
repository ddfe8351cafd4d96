"""Bringing the database to this version: indexes and the default code tables."""

from casework.account.model import Answer
from casework.tables import defaults
from server.parts import Parts, parts_for
from server.settings import Settings

#: What the account answers by itself until its administrators change it.
ANSWERS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    (
        "report",
        ("report", "申报", "求助", "我要申报"),
        "text",
        "请在小程序中点“我要申报”，勾选几项就能提交。",
    ),
    ("progress", ("progress", "进度", "我的申报", "办理进度"), "my_reports", ""),
    ("tasks", ("tasks", "任务", "待办"), "my_tasks", ""),
    (
        "policy",
        ("policy", "政策", "帮扶政策"),
        "text",
        "因病、因学、因灾、因意外等造成基本生活严重困难的农户都可以申报，干部会上门核实，不收任何费用。",
    ),
)


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
    await parts.stores.account.add_missing_answers(default_answers(parts.settings.oa_app_id))


async def migrate(settings: Settings) -> None:
    """Bring the database to this version."""
    async with parts_for(settings) as parts:
        await bring_up(parts)
