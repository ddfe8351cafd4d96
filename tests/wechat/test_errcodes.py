"""The table of error codes: whole, without a code twice, and in words that people here read."""

import inspect
import re

import pytest

from wechat import errcodes
from wechat.errcodes import ERRCODES, Disposition, Errcode, lookup

SOURCE = inspect.getsource(errcodes)


def test_no_code_stands_twice() -> None:
    codes = [int(code) for code in re.findall(r"Errcode\(\s*(-?\d+),", SOURCE)]
    assert sorted(codes) == sorted(ERRCODES)


def test_every_line_names_its_source() -> None:
    lines = re.findall(r"Errcode\(\s*-?\d+,[^#]*?# ([^\n]*)", SOURCE)
    named = re.findall(r"^\* ``(\w+)``", SOURCE, re.MULTILINE)
    assert len(lines) == len(ERRCODES)
    for sources in lines:
        assert set(sources.split("; ")) <= set(named), sources


@pytest.mark.parametrize("line", ERRCODES.values(), ids=str)
def test_every_reason_is_one_chinese_sentence(line: Errcode) -> None:
    assert re.search("[一-鿿]", line.reason)
    assert not line.reason.endswith("。")
    assert line.mark is None or line.disposition is Disposition.next_channel


@pytest.mark.parametrize(
    ("codes", "disposition"),
    [
        ((10003, 10005, 40002, 40066, 43002, 89503, 65306), Disposition.halt),
        (
            (40007, 40018, 40053, 40169, 41005, 45001, 45056, 45159, 61010, 65303, 65320, 87014),
            Disposition.dead_letter,
        ),
        ((40030, 40163, 41008, 42003), Disposition.dead_letter),
        ((10009, 45028, 45009), Disposition.wait),
        ((40165, 41030, 43107, 45168), Disposition.next_channel),
        ((43108,), Disposition.retry),
    ],
)
def test_dispositions(codes: tuple[int, ...], disposition: Disposition) -> None:
    assert {code: lookup(code).disposition for code in codes} == dict.fromkeys(codes, disposition)
