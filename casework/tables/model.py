"""A row of a code table."""

from typing import Any, TypedDict


class Row(TypedDict):
    """`value` of `key` in `table`, from the legal date `since` on, at `area` (None: everywhere)."""

    _id: str
    table: str
    key: str
    area: str | None
    since: str
    value: dict[str, Any]
