"""What is wrong with a menu, told in Chinese; and the simulator takes whatever we accept."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wechat.menus import BUTTON_FIELDS, problems_of
from wechat.simulator.config import SimulatorConfig
from wechat.simulator.endpoints import menus
from wechat.simulator.errors import PlatformError
from wechat.simulator.world import World

MINI = "wxtest0000000000mp"
VALUES = {
    "key": "report",
    "url": "https://h/m/",
    "appid": MINI,
    "pagepath": "pages/home",
    "media_id": "m",
    "article_id": "a",
}
CLICK = {"type": "click", "name": "上报", "key": "report"}
RULE = {"matchrule": {"tag_id": 100}}


def button(kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "name": kind[:16],
        **{name: VALUES[name] for name in BUTTON_FIELDS[kind]},
        **changes,
    }


def without(given: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name}


@pytest.mark.parametrize("kind", BUTTON_FIELDS)
def test_every_type_and_every_field_it_must_have(kind: str) -> None:
    good = button(kind)
    assert problems_of({"button": [good]}) == []
    assert problems_of({"button": [{"name": "更多", "sub_button": [good]}]}) == []
    for name in ("name", "type", *BUTTON_FIELDS[kind]):
        (problem,) = problems_of({"button": [without(good, name)]})
        assert problem.startswith("第 1 个菜单")
        if name != "type":
            assert len(problems_of({"button": [{**good, name: 1}]})) == 1


@pytest.mark.parametrize(
    ("menu", "problems"),
    [
        ({}, ["菜单缺少一级菜单（button），请至少添加一个"]),
        ({"button": []}, ["一级菜单至少 1 个，现为 0 个，请增加"]),
        ({"button": [CLICK] * 4}, ["一级菜单最多 3 个，现为 4 个，请减少"]),
        ({"button": ["上报"]}, ["第 1 个菜单格式不正确，请重新填写"]),
        (
            {"button": [CLICK, {**CLICK, "name": "六个汉字太长"}]},
            ["第 2 个菜单的名称最多 16 字节，现为 18 字节，请减少"],
        ),
        ({"button": [{**CLICK, "name": "五个汉字行"}]}, []),
        ({"button": [{**CLICK, "key": "k" * 129}]}, ["第 1 个菜单的KEY最多 128 字节，现为 129 字节，请减少"]),
        (
            {"button": [{"name": "更多", "sub_button": [CLICK] * 6}]},
            ["第 1 个菜单的二级菜单最多 5 个，现为 6 个，请减少"],
        ),
        (
            {"button": [{"name": "更多", "sub_button": [{**CLICK, "name": "二" * 21}]}]},
            ["第 1 个菜单的第 1 个二级菜单的名称最多 60 字节，现为 63 字节，请减少"],
        ),
        ({"button": [{"name": "更多", "sub_button": [{**CLICK, "name": "二" * 20}]}]}, []),
        (
            {"button": [{"name": "更多", "sub_button": [{"name": "再多", "sub_button": [CLICK]}]}]},
            ["第 1 个菜单的第 1 个二级菜单不能再有下级菜单，请去掉"],
        ),
        (
            {"button": [{"name": "更多", "sub_button": {"0": CLICK}}]},
            ["第 1 个菜单的二级菜单格式不正确，请重新填写"],
        ),
        ({"button": [button("view", url="h/m")]}, ["第 1 个菜单的链接须以 http:// 或 https:// 开头"]),
        (
            {"button": [button("view", url="https://h/" + "x" * 1024)]},
            ["第 1 个菜单的链接最多 1024 字节，现为 1034 字节，请减少"],
        ),
        ({"button": [CLICK], "matchrule": {}}, ["个性化菜单缺少匹配条件，请选择一个标签（tag_id）"]),
        ({"button": [CLICK], "matchrule": "100"}, ["个性化菜单缺少匹配条件，请选择一个标签（tag_id）"]),
        ({"button": [CLICK], **RULE}, []),
        ({"button": [CLICK], "matchrule": {"tag_id": 100, "sex": ""}}, []),
        (
            {"button": [CLICK], "matchrule": {"tag_id": 100, "sex": "1", "country": "中国"}},
            ["个性化菜单只能按标签匹配，请去掉其他条件：country、sex"],
        ),
    ],
)
def test_what_is_told(menu: dict[str, Any], problems: list[str]) -> None:
    assert problems_of(menu) == problems


def test_conditional_menus_lead_to_three_hosts() -> None:
    links = [button("view", url=f"https://h{number}/m/") for number in range(4)]
    three, four = ({"button": [{"name": "更多", "sub_button": links[:count]}]} for count in (3, 4))
    assert problems_of(four) == []
    assert problems_of({**three, **RULE}) == []
    assert problems_of({**four, **RULE}) == ["链接指向的域名最多 3 个，现为 4 个，请减少"]


class StillClock:
    def time(self) -> float:
        return 1_800_000_000.0

    def move(self, seconds: float) -> None:
        raise AssertionError("nobody moves it")


@pytest.fixture(scope="module")
def world() -> World:
    config = SimulatorConfig(
        port=0,
        oa_app_id="wxtest0000000000oa",
        oa_secret="s",
        oa_token="t",
        oa_aes_key="a" * 43,
        mp_app_id=MINI,
    )
    return World(config, StillClock(), random.Random(1))


WORDS = st.text(alphabet="上报核实ab1 ", max_size=24)
FIELDS = {
    "key": WORDS,
    "url": st.one_of(WORDS, st.builds("https://h/{}".format, WORDS), st.just("https://h/" + "x" * 1100)),
    "appid": st.sampled_from(["", MINI]),
    "pagepath": WORDS,
    "media_id": WORDS,
    "article_id": WORDS,
}
NAME = st.one_of(WORDS, st.none())
LEAF = st.sampled_from([*BUTTON_FIELDS, "unknown"]).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"type": st.just(kind), "name": NAME},
        optional={name: FIELDS[name] for name in BUTTON_FIELDS.get(kind, ())},
    )
)
HOLDER = st.fixed_dictionaries(
    {"name": NAME, "sub_button": st.lists(st.one_of(LEAF, st.just(CLICK)), max_size=6)}
)
MENU = st.fixed_dictionaries({"button": st.lists(st.one_of(LEAF, HOLDER, st.just(CLICK)), max_size=4)})


@given(MENU)
def test_the_platform_takes_what_we_accept(world: World, menu: dict[str, Any]) -> None:
    problems = problems_of(menu)
    try:
        menus.create(world, SimpleNamespace(json=lambda: menu))
        refused = None
    except PlatformError as error:
        refused = error.errcode
    assert refused is None or problems, (refused, menu)
    # We are stricter in one point only: an address with blanks in it cannot be opened.
    if problems and refused is None:
        assert all("链接须以" in problem for problem in problems)
