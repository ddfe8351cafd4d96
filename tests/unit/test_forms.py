"""Reading forms: all wrong fields at once, in Chinese, without repeating what was typed."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from casework.forms import DEFAULT_MESSAGE, Form, WrongTogether, parse
from casework.problems import InvalidForm, Malformed


class Child(Form):
    name: Annotated[str, StringConstraints(min_length=1, max_length=4)]
    first: int | None = None
    last: int | None = None

    @model_validator(mode="after")
    def _together(self) -> "Child":
        if self.first is not None and self.last is not None and self.first > self.last:
            raise WrongTogether({"first": "不能大于后一项", "last": "不能小于前一项"})
        return self


class Example(Form):
    number: Annotated[int, Field(strict=True, ge=1, le=30)] = 1
    share: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    sure: bool = True
    choice: Literal["a", "b"] = "a"
    code: Annotated[str, StringConstraints(pattern="^[a-z]+$")] = "a"
    several: Annotated[list[int], Field(min_length=1, max_length=2)] = Field(default_factory=lambda: [1])
    at: AwareDatetime | None = None
    pair: tuple[int, int] = (0, 0)
    children: list[Child] = Field(default_factory=list)


def errors(data: Any, form: type[Form] = Example) -> dict[str, str]:
    with pytest.raises(InvalidForm) as caught:
        parse(form, data)
    return {error["field"]: error["message"] for error in caught.value.errors}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("unknown", 1, "不认识这一项，请更新后再试"),
        ("number", 0, "不能小于 1"),
        ("number", 31, "不能大于 30"),
        ("number", "3", "应为整数"),
        ("number", 1.5, "应为整数"),
        ("number", True, "应为整数"),
        ("share", "x", "应为数字"),
        ("share", [], "应为数字"),
        ("share", float("inf"), "应为数字"),
        ("sure", "perhaps", "请选择是或否"),
        ("sure", {}, "请选择是或否"),
        ("choice", "c", "请从给出的选项中选择"),
        ("code", "A1", "格式不对"),
        ("code", 1, "应为文字"),
        ("several", [], "至少选 1 项"),
        ("several", [1, 2, 3], "最多选 2 项"),
        ("several", "1", "应为列表"),
        ("at", {}, "时间格式不对"),
        ("at", "soon", "时间格式不对"),
        ("at", "2026-09-07T10:00:00", "时间要带时区"),
        ("children", [{"name": ""}], "请填写这一项"),
    ],
)
def test_each_wrong_field_says_what_to_do(field: str, value: Any, message: str) -> None:
    found = errors({field: value})
    assert [*found.values()] == [message]
    assert next(iter(found)).split(".", maxsplit=1)[0] == field


def test_all_wrong_fields_come_at_once_with_their_place() -> None:
    found = errors({"number": 0, "choice": "c", "children": [{"name": "测"}, {"name": "测试甲乙丙"}, {}]})
    assert found == {
        "number": "不能小于 1",
        "choice": "请从给出的选项中选择",
        "children.1.name": "最多 4 个字",
        "children.2.name": "请填写这一项",
    }


def test_fields_that_do_not_fit_together_are_each_named() -> None:
    wrong = {"name": "测", "first": 2, "last": 1}
    assert errors(wrong, Child) == {"first": "不能大于后一项", "last": "不能小于前一项"}
    assert set(errors({"children": [wrong]})) == {"children.0.first", "children.0.last"}


def test_what_was_typed_is_not_repeated() -> None:
    with pytest.raises(InvalidForm) as caught:
        parse(Example, {"code": "SECRET-1", "number": "SECRET-2", "SECRET": 3, "at": "SECRET-4"})
    shown = str([e["message"] for e in caught.value.errors]) + str(caught.value)
    assert "SECRET" not in shown
    assert caught.value.__cause__ is None


def test_an_error_without_words_of_its_own_is_a_sentence_too() -> None:
    assert errors({"pair": 1}) == {"pair": DEFAULT_MESSAGE}


def test_text_is_trimmed_and_a_form_does_not_change() -> None:
    child = parse(Child, {"name": "  测试  "})
    assert child.name == "测试"
    with pytest.raises(ValueError, match="frozen"):
        child.name = "测"  # type: ignore[misc]


@pytest.mark.parametrize("data", [None, [], "x", 1, [{"name": "测"}]])
def test_what_is_no_object_cannot_be_read(data: Any) -> None:
    with pytest.raises(Malformed):
        parse(Child, data)
