"""The region tree from a file: what goes in, what is refused and why, and what stays the same."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.regions.importing import HEADER, ImportReport, read_rows
from casework.regions.model import Region

Row = dict[str, str]
Tree = dict[str, Region]


def row(code: str, parent_code: str, kind: str, name: str = "", **more: str) -> Row:
    return {"code": code, "parent_code": parent_code, "kind": kind, "name": name or f"测试{code}", **more}


FILE = [
    row("43", "", "province"),
    row("4310", "43", "city"),
    row("431021", "4310", "county"),
    row("431021101", "431021", "township", since="2021-01-01"),
    row("431021102", "431021", "township"),
    row("431021101201", "431021101", "village", since="2021-01-01"),
    row("431021101201W1", "431021101201", "grid"),
    row("431021101201W2", "431021101201", "grid"),
    row("431021101201001", "431021101201", "group", grid_code="431021101201W1"),
    row("431021101201002", "431021101201", "group"),
    row("431021102201", "431021102", "village"),
    row("431021102201W1", "431021102201", "grid"),
]
TOWNSHIP, VILLAGE = "431021101", "431021101201"
GRID, OTHER_GRID, GROUP = "431021101201W1", "431021101201W2", "431021101201001"


def read(rows: Sequence[Row], known: Tree | None = None) -> tuple[Tree, ImportReport]:
    """The tree after an import, by code, and the report."""
    known = known or {}
    changed, report = read_rows(rows, known)
    by_id = {place["_id"]: place for place in [*known.values(), *changed]}
    assert len(changed) == report.accepted
    assert report.accepted + report.unchanged + len(report.refused) == len(rows)
    return {place["code"]: place for place in by_id.values()}, report


@pytest.fixture
def tree() -> Tree:
    tree, report = read(FILE)
    assert report.refused == []
    return tree


def refusals(rows: Sequence[Row], known: Tree | None = None) -> dict[int, str]:
    return dict(read(rows, known)[1].refused)


def parents_of(place: Region, tree: Tree) -> list[str]:
    """The codes of all that contains a place, as its `areas` say it."""
    codes = {each["_id"]: code for code, each in tree.items()}
    return [codes[id_] for id_ in place["areas"]]


def test_a_new_tree(tree: Tree) -> None:
    assert set(tree) == {r["code"] for r in FILE}
    village = tree[VILLAGE]
    assert (village["kind"], village["name"], village["version"]) == ("village", f"测试{VILLAGE}", 1)
    assert village["parent"] == tree[TOWNSHIP]["_id"]
    assert village["codes"] == [{"code": VILLAGE, "since": "2021-01-01"}]
    assert tree["43"]["parent"] is None
    assert tree["43"]["codes"] == [{"code": "43", "since": "1949-10-01"}]


def test_areas_name_all_that_contains_a_place_from_above_and_a_group_its_grid_too(tree: Tree) -> None:
    above = ["43", "4310", "431021", TOWNSHIP, VILLAGE]
    assert parents_of(tree[VILLAGE], tree) == above
    assert parents_of(tree[GRID], tree) == [*above, GRID]
    assert parents_of(tree[GROUP], tree) == [*above, GRID, GROUP]
    assert parents_of(tree["431021101201002"], tree) == [*above, "431021101201002"]
    assert tree[GROUP]["parent"] == tree[VILLAGE]["_id"]
    assert tree[GROUP]["grid"] == tree[GRID]["_id"]


@given(st.randoms(use_true_random=False))
def test_rows_come_in_any_order(shuffle: random.Random) -> None:
    rows = FILE[:]
    shuffle.shuffle(rows)
    tree, report = read(rows)
    assert report.refused == []
    straight, _ = read(FILE)
    assert {c: parents_of(p, tree) for c, p in tree.items()} == {
        c: parents_of(p, straight) for c, p in straight.items()
    }


def test_kinds_may_be_given_in_chinese_and_values_with_spaces_around(tree: Tree) -> None:
    again = [{k: f" {v} " for k, v in r.items()} for r in FILE]
    again[0]["kind"] = "省"
    assert read(again, tree)[1].unchanged == len(FILE)


def test_the_same_file_again_changes_nothing(tree: Tree) -> None:
    after, report = read(FILE, tree)
    assert (report.accepted, report.unchanged, report.refused) == (0, len(FILE), [])
    assert after == tree


def test_a_part_of_the_tree_can_be_added_below_what_is_known(tree: Tree) -> None:
    after, report = read([row("431021101202", TOWNSHIP, "village")], tree)
    assert report.accepted == 1
    assert parents_of(after["431021101202"], after)[:-1] == parents_of(tree[TOWNSHIP], tree)


def test_another_name_moves_the_version_and_keeps_the_rest(tree: Tree) -> None:
    after, report = read([{**FILE[5], "name": "测试新村"}], tree)
    assert report.accepted == 1
    assert after[VILLAGE] == {**tree[VILLAGE], "name": "测试新村", "version": 2}


def test_a_centre_is_taken_over_and_stays_where_a_later_file_says_nothing(tree: Tree) -> None:
    here = {"longitude": "113.01", "latitude": "25.80"}
    after, report = read([{**FILE[5], **here}], tree)
    assert report.accepted == 1
    assert after[VILLAGE]["centre"] == {"type": "Point", "coordinates": [113.01, 25.8]}
    assert read([{**FILE[5], **here}], after)[1].unchanged == 1
    assert read(FILE, after)[1].unchanged == len(FILE)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (row("", "43", "city"), "缺少 code"),
        (row("4311", "43", "city", longitude="113.0"), "longitude 和 latitude 应同时填写"),
        (row("4311", "43", "city", longitude="东经", latitude="25"), "longitude 和 latitude 应同时填写"),
        (row("4311", "43", "city", longitude="25.8", latitude="113"), "请检查是否填反"),
        (row("4311", "43", "city", longitude="nan", latitude="nan"), "不在中国境内"),
        (row("4311", "43", ""), "缺少 kind"),
        (row("4311", "43", "city", name=" "), "缺少 name"),
        (row("4311", "43", "town"), "kind「town」不认识"),
        (row("4", "43", "city"), "应为 2 到 24 位数字或大写字母"),
        (row("4" * 25, "43", "city"), "应为 2 到 24 位数字或大写字母"),
        (row("４３１１", "43", "city"), "应为 2 到 24 位数字或大写字母"),
        (row("43-11", "43", "city"), "应为 2 到 24 位数字或大写字母"),
        (row("4311", "43", "city", name="长" * 41), "name 超过 40 个字"),
        (row("4311", "43", "city", since="2026-1-1"), "应为 YYYY-MM-DD"),
        (row("4311", "43", "city", since="20260101"), "应为 YYYY-MM-DD"),
        (row("4311", "43", "city", since="2026-02-30"), "不是有效的日期"),
        (row("4310", "43", "city"), "在文件中重复"),
        (row("4311", "", "city"), "上级 parent_code「」不存在"),
        (row("4311", "99", "city"), "上级 parent_code「99」不存在"),
        (row("44", "43", "province"), "省不能有上级"),
        (row("4311", "4310", "city"), "市不能直接放在市下"),
        (row("431021103", "4310", "township"), "乡镇不能直接放在市下"),
        (row("431021101201003", GRID, "group"), "村民小组不能直接放在网格下"),
        (row("431021101202", TOWNSHIP, "village", grid_code=GRID), "只有村民小组可以填写 grid_code"),
        (row("431021101201003", VILLAGE, "group", grid_code="W9"), "「W9」不在本村"),
        (row("431021101201003", VILLAGE, "group", grid_code="431021102201W1"), "不在本村"),
        (row("431021101201003", VILLAGE, "group", grid_code=GROUP), "不在本村"),
        (row("4311", "43", "city", former_code="4399"), "former_code「4399」不存在"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line_and_reason_and_the_others_go_in(
    wrong: Row, reason: str
) -> None:
    _, report = read([*FILE, wrong])
    ((line, told),) = report.refused
    assert line == len(FILE) + 2, "the header is the first line"
    assert reason in told
    assert report.accepted == len(FILE)


def test_a_missing_column_is_an_empty_value() -> None:
    tree, _ = read([{"code": "43", "kind": "province", "name": "测试省"}])
    assert tree["43"]["grid"] is None
    assert set(FILE[0]) < set(HEADER)


@pytest.mark.parametrize("in_the_tree", [False, True], ids=["new", "known"])
def test_a_refused_row_takes_all_below_it_along(tree: Tree, in_the_tree: bool) -> None:
    rows = [{**r, "name": ""} if r["code"] == TOWNSHIP else r for r in FILE]
    told = refusals(rows, tree if in_the_tree else None)
    below = [r["code"] for r in FILE if r["code"].startswith(TOWNSHIP)]
    assert [rows[line - 2]["code"] for line in told] == below
    assert told[5] == "缺少 name"
    assert all("不存在或未通过" in reason for line, reason in told.items() if line != 5)


def test_the_first_of_two_rows_with_one_code_counts() -> None:
    tree, report = read([row("43", "", "province", "测试一"), row("43", "", "province", "测试二"), *FILE[1:]])
    assert tree["43"]["name"] == "测试一"
    assert [line for line, _ in report.refused] == [3]


def test_refusals_are_listed_by_line() -> None:
    told = refusals([row("431021101", "431021", "township"), row("x", "", "city"), row("4310", "", "city")])
    assert list(told) == [2, 3, 4]


# --- codes and names change -------------------------------------------------------------------


def recoded(code: str, new: str, **more: str) -> Row:
    old = next(r for r in FILE if r["code"] == code)
    return {**old, "code": new, "former_code": code, "since": "2026-01-01", **more}


def test_a_new_code_keeps_the_id_and_remembers_every_code(tree: Tree) -> None:
    once, _ = read([recoded(VILLAGE, "431021101301", name="测试新村")], tree)
    twice, report = read(
        [recoded(VILLAGE, "431021101401", former_code="431021101301", since="2026-07-01")], once
    )
    village = twice["431021101401"]
    assert report.refused == []
    assert village["_id"] == tree[VILLAGE]["_id"]
    assert village["areas"] == tree[VILLAGE]["areas"]
    assert village["version"] == 3
    assert village["codes"] == [
        {"code": VILLAGE, "since": "2021-01-01"},
        {"code": "431021101301", "since": "2026-01-01"},
        {"code": "431021101401", "since": "2026-07-01"},
    ]
    assert VILLAGE not in twice
    assert once["431021101301"]["name"] == "测试新村"


def test_places_below_a_recoded_one_follow_its_new_code_in_the_same_file(tree: Tree) -> None:
    rows = [
        row("431021101202", "431021109", "village"),
        {**FILE[5], "parent_code": "431021109"},
        recoded(TOWNSHIP, "431021109"),
    ]
    after, report = read(rows, tree)
    assert (report.accepted, report.unchanged, report.refused) == (2, 1, [])
    assert after[VILLAGE] == tree[VILLAGE]
    assert after["431021101202"]["parent"] == tree[TOWNSHIP]["_id"]


def test_village_and_township_may_get_new_codes_together(tree: Tree) -> None:
    rows = [recoded(VILLAGE, "431021109201", parent_code="431021109"), recoded(TOWNSHIP, "431021109")]
    after, report = read(rows, tree)
    assert report.refused == []
    assert after["431021109201"]["_id"] == tree[VILLAGE]["_id"]
    assert after["431021109201"]["areas"] == tree[VILLAGE]["areas"]


def test_a_code_that_is_given_up_holds_nothing_in_the_same_file(tree: Tree) -> None:
    rows = [recoded(TOWNSHIP, "431021109"), row("431021101202", TOWNSHIP, "village")]
    assert refusals(rows, tree) == {3: f"上级 parent_code「{TOWNSHIP}」不存在或未通过"}


def test_a_grid_that_gets_a_new_code_keeps_its_groups(tree: Tree) -> None:
    rows = [{**FILE[8], "grid_code": "431021101201W8"}, recoded(GRID, "431021101201W8")]
    after, report = read(rows, tree)
    assert (report.accepted, report.unchanged) == (1, 1)
    assert after[GROUP] == tree[GROUP]


def test_the_file_that_gave_a_new_code_changes_nothing_when_it_comes_again(tree: Tree) -> None:
    rows = [recoded(TOWNSHIP, "431021109"), {**FILE[5], "parent_code": "431021109"}]
    once, _ = read(rows, tree)
    again, report = read(rows, once)
    assert (report.unchanged, report.refused) == (2, [])
    assert again == once


def test_a_former_code_that_is_the_present_one_says_nothing(tree: Tree) -> None:
    assert read([{**FILE[5], "former_code": VILLAGE}], tree)[1].unchanged == 1


@pytest.mark.parametrize("since", ["", "2021-01-01", "2020-12-31"])
def test_a_new_code_needs_a_later_date(tree: Tree, since: str) -> None:
    told = refusals([recoded(VILLAGE, "431021101301", since=since)], tree)
    assert told == {2: "更换代码须填写 since，且晚于 2021-01-01"}


def test_the_code_of_another_place_cannot_be_taken(tree: Tree) -> None:
    assert "已是另一个地方的代码" in refusals([recoded(TOWNSHIP, "431021102")], tree)[2]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_code_that_is_given_up_cannot_be_used_again_in_the_same_file(tree: Tree, reverse: bool) -> None:
    rows = [recoded(TOWNSHIP, "431021109"), row(TOWNSHIP, "431021", "township", "测试另一乡")]
    after, report = read(rows[::-1] if reverse else rows, tree)
    assert [reason for _, reason in report.refused] == [
        f"code「{TOWNSHIP}」在文件中另有一行要更换，请分两次导入"
    ]
    assert after["431021109"]["_id"] == tree[TOWNSHIP]["_id"]


def test_one_place_cannot_get_two_new_codes(tree: Tree) -> None:
    rows = [recoded(VILLAGE, "431021101301"), recoded(VILLAGE, "431021101302")]
    after, report = read(rows, tree)
    assert report.refused == [(3, f"former_code「{VILLAGE}」在文件中重复")]
    assert "431021101302" not in after


@pytest.mark.parametrize(
    "moved",
    [
        row(VILLAGE, "431021102", "village"),
        row("431021102301", "431021102", "village", former_code=VILLAGE, since="2026-01-01"),
        row(GROUP, VILLAGE, "grid"),
    ],
    ids=["below another parent", "with a new code", "of another kind"],
)
def test_a_place_cannot_move_in_the_tree(tree: Tree, moved: Row) -> None:
    assert "不能移动" in refusals([moved], tree)[2]


# --- grids ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("grid_code", "areas"), [(OTHER_GRID, [OTHER_GRID, GROUP]), ("", [GROUP])])
def test_a_group_that_gets_another_grid_lies_in_that_grid(
    tree: Tree, grid_code: str, areas: list[str]
) -> None:
    after, report = read([{**FILE[8], "grid_code": grid_code}], tree)
    assert report.accepted == 1
    group = after[GROUP]
    assert parents_of(group, after) == [*parents_of(tree[VILLAGE], tree), *areas]
    assert (group["_id"], group["version"]) == (tree[GROUP]["_id"], 2)
    assert group["grid"] == (tree[grid_code]["_id"] if grid_code else None)
