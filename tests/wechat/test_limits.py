"""The platform's limits and the words about them."""

import re
from typing import Any

import pytest

from wechat import limits
from wechat.limits import Limit, Unit

LINES = {name: line for name, line in vars(limits).items() if isinstance(line, Limit)} | limits.MEDIA


@pytest.mark.parametrize(("name", "line"), LINES.items())
def test_every_line_is_whole(name: str, line: Limit) -> None:
    assert 0 <= line.least <= line.most
    assert line.most > 0
    assert re.search("[一-鿿A-Z]", line.what)
    assert (line.allowed is None) == (line.advice == "")


@pytest.mark.parametrize(
    ("line", "good", "bad", "problem"),
    [
        (limits.MENU_NAME, "村" * 5 + "a", "村" * 6, "名称最多 16 字节，现为 18 字节，请减少"),
        (limits.QR_SCENE, "村" * 64, "村" * 65, "二维码场景值最多 64 个字，现为 65 个字，请减少"),
        (limits.PEOPLE_TAGGED, ["o"] * 50, [], "一次处理的用户至少 1 个，现为 0 个，请增加"),
        (
            limits.QR_SECONDS,
            2_592_000,
            2_592_001,
            "临时二维码有效时间最多 2592000 秒，现为 2592001 秒，请减少",
        ),
        (limits.MINI_WIDTH, 280, 279, "小程序码宽度（像素）至少 280，现为 279，请增加"),
        (limits.TAG_NAME, "干部", "", "标签名不能为空，请填写"),
        (
            limits.MINI_SCENE,
            "aZ9!#$&'()*+,/:;=?@-._~",
            "100%",
            "小程序码场景值只能用数字、英文字母和 !#$&'()*+,/:;=?@-._~",
        ),
        (
            limits.MEDIA["thumb"],
            bytes(65_536),
            bytes(65_537),
            "缩略图最多 65536 字节，现为 65537 字节，请减少",
        ),
        (limits.CHECKED_TEXT, "长" * 2500, "长" * 2501, "待检查的文本最多 2500 个字，现为 2501 个字，请减少"),
    ],
)
def test_what_is_told(line: Limit, good: Any, bad: Any, problem: str) -> None:
    assert line.problems(good) == []
    assert line.problems(bad) == [problem]
    assert line.problems(bad, "这里的") == ["这里的" + problem]


def test_two_things_wrong_are_told_together() -> None:
    assert len(limits.MINI_SCENE.problems("户" * 33)) == 2


def test_every_unit_can_be_measured() -> None:
    assert {line.unit for line in LINES.values()} == set(Unit)
