"""Members of staff, the units behind them, and their binding codes."""

from datetime import datetime
from typing import Any, NotRequired, TypedDict


class GrantRecord(TypedDict):
    """A role at a region's id."""

    role: str
    node: str


class Staff(TypedDict):
    """A member of staff. `staff_no` is the number they know; `person_id` is there once bound."""

    _id: str
    staff_no: str
    name: str
    phone: dict[str, Any] | None
    unit: str | None
    grants: list[GrantRecord]
    active: bool
    person_id: NotRequired[str]
    version: int
    schema: int


class Unit(TypedDict):
    """A department or helping unit; units are a tree of their own."""

    _id: str
    name: str
    parent: str | None
    version: int
    schema: int


class BindingCode(TypedDict):
    """The one live code of a member of staff (`_id` is theirs)."""

    _id: str
    digest: str
    expires_at: datetime
    tries: int
    issued_by: str
