"""The tables a new installation starts with; a county changes them in the database.

Sources: the national codes of risk types and measure categories; the usual time limits of published
county rules (accept in 2 working days, visit in 5).
"""

from collections.abc import Iterator
from typing import Any

from casework.tables.model import Row

#: The official term, and the words in which somebody would say it themselves.
RISKS = {
    "illness": ("因病", "家里有人生病，看病花钱多"),
    "schooling": ("因学", "孩子上学负担重"),
    "disability": ("因残", "家里有人残疾"),
    "natural_disaster": ("因自然灾害", "遭了水灾、旱灾、冰雹等"),
    "accident": ("因意外事故", "出了意外，比如车祸、摔伤"),
    "industry_failure": ("因产业项目失败", "种地、养殖或做生意亏了"),
    "unstable_work": ("因务工就业不稳", "打工没活干，或丢了工作"),
    "lack_of_labour": ("缺劳动力", "家里没有人能干活挣钱"),
    "housing": ("住房安全", "房子不安全或漏雨"),
    "water": ("饮水安全", "吃水困难或水不干净"),
    "other": ("其他", "其他困难"),
}
RELATIONS = {"self": "本人", "spouse": "配偶", "child": "子女", "parent": "父母", "other": "其他"}
MEASURES = {
    "industry": ("产业", "帮着发展种养"),
    "employment": ("就业", "帮着找活干"),
    "finance": ("金融", "贷款周转"),
    "public_welfare_job": ("公益岗位", "村里的公益岗位"),
    "housing": ("住房安全", "修房子"),
    "water": ("饮水安全", "解决吃水"),
    "health": ("健康", "看病减免"),
    "compulsory_education": ("义务教育", "孩子上小学、初中"),
    "other_education": ("其他教育", "孩子上高中、大学"),
    "social_security": ("综合保障", "低保、养老等保障"),
    "social_help": ("社会帮扶", "爱心人士帮助"),
    "relocation": ("搬迁", "搬迁"),
    "living_conditions": ("生产生活条件改善", "改善家里的生活条件"),
    "infrastructure": ("基础设施", "修路、通电、通网"),
}
PHOTO_KINDS = {
    "medical": ("医疗", "病历、医药费单子"),
    "schooling": ("教育", "学费、上学的单子"),
    "housing": ("住房", "房子、受灾的地方"),
    "other": ("其他", "其他照片"),
}
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

#: What stays after a withdrawal of consent. Checked against the law's text: art. 13 (1) no. 3 (legal duties),
#: 15 (withdrawal leaves what was done before it valid), 44, 45 (to know, to see and to have a copy), 46 (to
#: have it corrected), 47 (deletion, and where it does not apply).
KEPT_BY_LAW = {
    "2026-01": {
        "title": "撤回授权后，哪些会删除，哪些会保留",
        "text": "您可以随时撤回授权（《中华人民共和国个人信息保护法》第十五条），"
        "撤回前已经办理的事项仍然有效。"
        "申报还没有核实的：停止办理，您填写的内容、照片、录音和补充的情况都会删除（第四十七条），"
        "只保留受理编号、打码的姓名、村组、时间和办理记录。"
        "申报已经核实的：核实记录是履行法定职责所必需的（第十三条第一款第三项），予以保留，不再收集新的内容。"
        "您有权知道、查看、复制和要求更正自己的信息（第四十四条至第四十六条）。",
    }
}

TABLES: dict[str, dict[str, dict[str, Any]]] = {
    **{
        name: {key: {"label": label, "plain": plain} for key, (label, plain) in table.items()}
        for name, table in (("risks", RISKS), ("measures", MEASURES), ("photo_kinds", PHOTO_KINDS))
    },
    "relations": {key: {"label": label} for key, label in RELATIONS.items()},
    "limits": LIMITS,
    "consent": CONSENT,
    "kept_by_law": KEPT_BY_LAW,
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
