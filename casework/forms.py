"""Reading a form: every wrong field at once, in words that say what to do."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from casework.problems import InvalidForm, Malformed

F = TypeVar("F", bound="Form")


class Form(BaseModel):
    """Base of all forms that come from a client: unknown fields are refused, text is trimmed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)


class WrongTogether(ValueError):
    """Fields that are each right and do not fit together; raised by a form's model validator.

    `messages` says by field, in Chinese, what to do. Pydantic names no field for such an error.
    """

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.messages = messages
        super().__init__("; ".join(messages.values()))


#: Pydantic's error types and what people read. The braces take the error's own context.
MESSAGES: Mapping[str, str] = {
    "missing": "请填写这一项",
    "extra_forbidden": "不认识这一项，请更新后再试",
    "string_type": "应为文字",
    "string_too_short": "请填写这一项",
    "string_too_long": "最多 {max_length} 个字",
    "string_pattern_mismatch": "格式不对",
    "too_short": "至少选 {min_length} 项",
    "too_long": "最多选 {max_length} 项",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "bool_type": "请选择是或否",
    "bool_parsing": "请选择是或否",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为数字",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "literal_error": "请从给出的选项中选择",
    "enum": "请从给出的选项中选择",
    "list_type": "应为列表",
    "dict_type": "格式不对",
    "model_type": "格式不对",
    "model_attributes_type": "格式不对",
    "datetime_type": "时间格式不对",
    "datetime_parsing": "时间格式不对",
    "datetime_from_date_parsing": "时间格式不对",
    "timezone_aware": "时间要带时区",
}
DEFAULT_MESSAGE = "填写不对，请检查"


def problem_of(error: ValidationError) -> InvalidForm:
    """All errors of a validation as one problem; what the person typed is not repeated in it."""
    errors = []
    for item in error.errors(include_url=False, include_input=False):
        context = item.get("ctx", {})
        cause = context.get("error")
        if isinstance(cause, WrongTogether):
            found = [((*item["loc"], field), message) for field, message in cause.messages.items()]
        elif item["type"] == "value_error":
            found = [(item["loc"], str(cause or DEFAULT_MESSAGE))]
        else:
            found = [(item["loc"], MESSAGES.get(item["type"], DEFAULT_MESSAGE).format(**context))]
        errors += [{"field": ".".join(map(str, where)), "message": message} for where, message in found]
    return InvalidForm(errors=errors)


def parse(form: type[F], data: Any) -> F:
    """`data` (parsed JSON) as a form; raises `Malformed` or `InvalidForm`."""
    if not isinstance(data, dict):
        raise Malformed
    try:
        return form.model_validate(data)
    except ValidationError as error:
        raise problem_of(error) from None
