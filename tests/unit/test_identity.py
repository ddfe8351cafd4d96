"""ID numbers and telephone numbers: what is taken, and in which one form."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.identity import age_on, birth_date, normal_id_no, normal_phone
from tests.support import fake_id_no

ID_NOS = st.builds(
    fake_id_no, st.integers(1, 999), st.dates(date(1920, 1, 1), date(2026, 1, 1)).map(lambda d: f"{d:%Y%m%d}")
)
FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
WITH_X = next(fake_id_no(n) for n in range(1, 99) if fake_id_no(n).endswith("X"))


@given(ID_NOS)
def test_a_right_number_is_taken_as_it_is(id_no: str) -> None:
    assert normal_id_no(id_no) == id_no


@given(ID_NOS, st.integers(0, 17), st.sampled_from("0123456789"))
def test_one_wrong_digit_is_found(id_no: str, position: int, digit: str) -> None:
    wrong = id_no[:position] + digit + id_no[position + 1 :]
    if wrong != id_no:
        with pytest.raises(ValueError, match="核对"):
            normal_id_no(wrong)


@given(ID_NOS, st.integers(0, 16))
def test_two_digits_that_changed_places_are_found(id_no: str, position: int) -> None:
    swapped = id_no[:position] + id_no[position + 1] + id_no[position] + id_no[position + 2 :]
    if swapped != id_no:
        with pytest.raises(ValueError, match="核对"):
            normal_id_no(swapped)


@pytest.mark.parametrize(
    "typed",
    [
        WITH_X.lower(),
        f" {WITH_X[:6]} {WITH_X[6:14]} {WITH_X[14:]} ",
        WITH_X.translate(FULL_WIDTH),
        f"{WITH_X[:6]}\u3000{WITH_X[6:]}",
        WITH_X + "43",
        WITH_X + "4301",
    ],
    ids=["small x", "spaces", "full width", "wide space", "disability card", "disability card again"],
)
def test_however_it_is_typed_a_number_has_one_form(typed: str) -> None:
    assert normal_id_no(typed) == WITH_X


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "18 位"),
        (fake_id_no()[:17], "18 位"),
        (fake_id_no() + "1", "18 位"),
        ("X" + fake_id_no()[1:], "18 位"),
        ("٠" * 18, "18 位"),
        (fake_id_no(birth="19601301"), "出生日期"),
        (fake_id_no(birth="20260229"), "出生日期"),
    ],
    ids=["empty", "short", "long", "letter in front", "other digits", "month 13", "no leap year"],
)
def test_numbers_that_cannot_be_are_refused_with_the_reason(typed: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        normal_id_no(typed)


def test_the_birth_date_inside() -> None:
    assert birth_date(fake_id_no(birth="20240229")) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        ("2012-09-05", "2026-09-04", 13),
        ("2012-09-05", "2026-09-05", 14),
        ("2012-02-29", "2026-02-28", 13),
        ("2012-02-29", "2026-03-01", 14),
        ("2026-09-05", "2026-09-05", 0),
    ],
)
def test_a_year_of_age_is_full_on_the_birthday(birth: str, day: str, age: int) -> None:
    assert age_on(date.fromisoformat(birth), date.fromisoformat(day)) == age


@pytest.mark.parametrize(
    "typed",
    [
        "13800000001",
        "138 0000 0001",
        "138-0000-0001",
        "+86 138 0000 0001",
        "13800000001".translate(FULL_WIDTH),
        " 13800000001\n",
    ],
)
def test_however_it_is_typed_a_phone_has_one_form(typed: str) -> None:
    assert normal_phone(typed) == "13800000001"


@pytest.mark.parametrize(
    "typed", ["", "1380000000", "138000000011", "12800000001", "0735-2220000", "x3800000001"]
)
def test_what_is_no_mobile_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="11 位"):
        normal_phone(typed)
