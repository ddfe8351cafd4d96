"""The tables a new installation starts with; a county changes them in the database.

Sources: the national codes of risk types and measure categories; the usual time limits of published
county rules (accept in 2 working days, visit in 5).
"""

from collections.abc import Iterator
from typing import Any

from casework.tables.model import Row

RISKS = {
    "illness": "因病",
    "schooling": "因学",
    "disability": "因残",
    "natural_disaster": "因自然灾害",
    "accident": "因意外事故",
    "industry_failure": "因产业项目失败",
    "unstable_work": "因务工就业不稳",
    "lack_of_labour": "缺劳动力",
    "housing": "住房安全",
    "water": "饮水安全",
    "other": "其他",
}
RELATIONS = {"self": "本人", "spouse": "配偶", "child": "子女", "parent": "父母", "other": "其他"}
MEASURES = {
    "industry": "产业",
    "employment": "就业",
    "finance": "金融",
    "public_welfare_job": "公益岗位",
    "housing": "住房安全",
    "water": "饮水安全",
    "health": "健康",
    "compulsory_education": "义务教育",
    "other_education": "其他教育",
    "social_security": "综合保障",
    "social_help": "社会帮扶",
    "relocation": "搬迁",
    "living_conditions": "生产生活条件改善",
    "infrastructure": "基础设施",
}
PHOTO_KINDS = {"medical": "医疗", "schooling": "教育", "housing": "住房", "other": "其他"}
LIMITS: dict[str, dict[str, Any]] = {
    # `days` counted as `days_kind`; `remind_hours` before the end the person responsible is reminded.
    "accept": {"days": 2, "days_kind": "working", "remind_hours": 24},
    "visit": {"days": 5, "days_kind": "working", "remind_hours": 24},
    "revisit": {"days": 3, "days_kind": "working", "remind_hours": 24},
}
CONSENT = {
    "2026-01": {
        "title": "承诺授权书",
        "text": "本人代表全家成年成员承诺所报情况属实，并授权有关部门为防返贫监测核实家庭收入、支出、"
        "就医、就学、住房等信息。所报信息只用于监测帮扶；可以随时查看、更正或撤回授权。",
    }
}

TABLES: dict[str, dict[str, dict[str, Any]]] = {
    "risks": {key: {"label": label} for key, label in RISKS.items()},
    "relations": {key: {"label": label} for key, label in RELATIONS.items()},
    "measures": {key: {"label": label} for key, label in MEASURES.items()},
    "photo_kinds": {key: {"label": label} for key, label in PHOTO_KINDS.items()},
    "limits": LIMITS,
    "consent": CONSENT,
}


def rows() -> Iterator[Row]:
    """All default rows, with ids of their own so that seeding twice changes nothing."""
    for table, values in TABLES.items():
        for order, (key, value) in enumerate(values.items()):
            yield {
                "_id": f"default/{table}/{key}",
                "table": table,
                "key": key,
                "area": None,
                "since": "2021-01-01",
                "value": {**value, "order": order},
            }
