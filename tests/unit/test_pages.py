"""Pages by cursor."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.clock import CHINA
from casework.pages import decode_cursor, encode_cursor, page_limit
from casework.problems import Malformed

EARLIEST = datetime(2000, 1, 1)  # noqa: DTZ001 (the strategy adds the zone)
INSTANTS = st.datetimes(EARLIEST, timezones=st.sampled_from([UTC, CHINA]))
TEXTS = st.text(st.characters(codec="utf-8"))


def forged(json: str) -> str:
    return base64.urlsafe_b64encode(json.encode()).decode()


@given(INSTANTS, TEXTS)
def test_a_cursor_gives_back_the_key_it_was_made_of(at: datetime, id_: str) -> None:
    cursor = encode_cursor(at, id_)
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?# ")
    assert decode_cursor(cursor, datetime, str) == [at, id_]


@given(TEXTS)
def test_any_text_is_a_cursor_or_a_plain_refusal(text: str) -> None:
    try:
        values = decode_cursor(text, str)
    except Malformed:
        return
    assert [type(value) for value in values] == [str]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "%%%",
        "中文",
        forged("1"),
        forged("null"),
        forged("{}"),
        forged("[]"),
        forged('["2026-09-07T00:00:00+00:00"]'),
        forged('["2026-09-07T00:00:00+00:00", "a", "b"]'),
        forged('["soon", "a"]'),
        forged('["0001-01-01T00:00:00+14:00", "a"]'),
        forged('[1e300, "a"]'),
        forged('["2026-09-07T00:00:00+00:00", {"$gt": ""}]'),
        forged('["2026-09-07T00:00:00+00:00", null]'),
    ],
)
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Malformed, match="malformed"):
        decode_cursor(cursor, datetime, str)


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        (None, 20),
        ("1", 1),
        ("100", 100),
        ("0", 1),
        ("000", 1),
        ("101", 100),
        ("0000000050", 50),
        ("9" * 9999, 100),
    ],
)
def test_a_page_has_between_one_and_a_hundred_items(asked: str | None, given_: int) -> None:
    assert page_limit(asked) == given_


@pytest.mark.parametrize("asked", ["", "-1", "+1", "1.5", "ten", "１", "²", " 1"])
def test_a_size_that_is_no_number_is_refused(asked: str) -> None:
    with pytest.raises(Malformed):
        page_limit(asked)
