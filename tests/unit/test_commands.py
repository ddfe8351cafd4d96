"""Which bodies of a repeated command count as the same."""

import pytest

from casework.commands.service import canonical_body


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}, True),
        (None, None, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": None}, {}, False),
        ({"a": " "}, {"a": ""}, False),
    ],
)
def test_only_the_order_of_names_does_not_matter(one: object, other: object, same: bool) -> None:
    assert (canonical_body(one) == canonical_body(other)) is same
