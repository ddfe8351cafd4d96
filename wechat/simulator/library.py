"""The part of the platform's template library that is known here, and the industries of accounts.

The real library holds thousands of titles and is not public. These few are shaped as its entries are: a
title, and keywords whose rule says what a value may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Keyword:
    """One line that a template may have; `rule` is its value's type, `values` the only ones of an enum."""

    kid: int
    name: str
    rule: str
    example: str
    values: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What the value is called in a message's data."""
        return f"{self.rule}{self.kid}"

    @property
    def line(self) -> str:
        """The line of the template's content."""
        return f"{self.name}:{{{{{self.key}.DATA}}}}"


@dataclass(frozen=True)
class Title:
    """A title of the library. `type` is 2 for consent each time, 3 for lasting consent."""

    tid: int
    title: str
    type: Literal[2, 3]
    category: int
    keywords: tuple[Keyword, ...]


CATEGORIES = {616: "政务民生", 617: "公益慈善"}
TITLES: dict[int, Title] = {
    one.tid: one
    for one in (
        Title(
            43216,
            "任务待办提醒",
            3,
            616,
            (
                Keyword(1, "任务编号", "character_string", "R-260130-7"),
                Keyword(2, "任务名称", "thing", "入户核实"),
                Keyword(3, "所在村组", "thing", "白石乡枫木村一组"),
                Keyword(4, "截止时间", "time", "2026年1月30日 18:00"),
                Keyword(5, "申请人", "name", "张**"),
                Keyword(6, "任务状态", "phrase", "待核实"),
            ),
        ),
        Title(
            43217,
            "申请进度通知",
            2,
            616,
            (
                Keyword(1, "申请编号", "character_string", "R-260130-7"),
                Keyword(2, "办理进度", "phrase", "已受理"),
                Keyword(3, "办理时间", "date", "2026年1月30日"),
                Keyword(4, "办理人", "name", "李**"),
                Keyword(5, "联系电话", "phone_number", "0731-00000000"),
                Keyword(6, "温馨提示", "thing", "请留意后续消息"),
            ),
        ),
        Title(
            43218,
            "救助金发放通知",
            2,
            617,
            (
                Keyword(1, "发放金额", "amount", "¥500.00元"),
                Keyword(2, "发放时间", "time", "2026年1月30日 09:00"),
                Keyword(3, "发放方式", "enum", "银行转账", ("银行转账", "现金", "实物")),
                Keyword(4, "户数", "number", "1"),
            ),
        ),
    )
}

# Id → (first class, second class). Source: 设置所属行业 (setIndustry), 行业代码查询.
INDUSTRIES: dict[int, tuple[str, str]] = {
    1: ("IT科技", "互联网|电子商务"),
    2: ("IT科技", "IT软件与服务"),
    3: ("IT科技", "IT硬件与设备"),
    4: ("IT科技", "电子技术"),
    5: ("IT科技", "通信与运营商"),
    6: ("IT科技", "网络游戏"),
    7: ("金融业", "银行"),
    8: ("金融业", "基金|理财|信托"),
    9: ("金融业", "保险"),
    10: ("餐饮", "餐饮"),
    11: ("酒店旅游", "酒店"),
    12: ("酒店旅游", "旅游"),
    13: ("运输与仓储", "快递"),
    14: ("运输与仓储", "物流"),
    15: ("运输与仓储", "仓储"),
    16: ("教育", "培训"),
    17: ("教育", "院校"),
    18: ("政府与公共事业", "学术科研"),
    19: ("政府与公共事业", "交警"),
    20: ("政府与公共事业", "博物馆"),
    21: ("政府与公共事业", "公共事业|非盈利机构"),
    22: ("医药护理", "医药医疗"),
    23: ("医药护理", "护理美容"),
    24: ("医药护理", "保健与卫生"),
    25: ("交通工具", "汽车相关"),
    26: ("交通工具", "摩托车相关"),
    27: ("交通工具", "火车相关"),
    28: ("交通工具", "飞机相关"),
    29: ("房地产", "建筑"),
    30: ("房地产", "物业"),
    31: ("消费品", "消费品"),
    32: ("商业服务", "法律"),
    33: ("商业服务", "会展"),
    34: ("商业服务", "中介服务"),
    35: ("商业服务", "认证"),
    36: ("商业服务", "审计"),
    37: ("文体娱乐", "传媒"),
    38: ("文体娱乐", "体育"),
    39: ("文体娱乐", "娱乐休闲"),
    40: ("印刷", "印刷"),
    41: ("其它", "其它"),
}
