"""Identifiers for machines, and numbers that people read out."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from casework.ids import NUMBER_LENGTH, Id, new_id, new_number, number_in, spoken

NUMBERS = st.builds(new_number)
ID = TypeAdapter(Id)


def test_ids_made_later_sort_later() -> None:
    made = [new_id() for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
    assert uuid.UUID(made[0]).version == 7


def test_an_id_from_outside_is_brought_to_one_form() -> None:
    id_ = new_id()
    assert ID.validate_python(id_.upper()) == id_
    assert ID.validate_python(id_.replace("-", "")) == id_
    with pytest.raises(ValidationError, match="UUID"):
        ID.validate_python("1")


@given(NUMBERS)
def test_numbers_are_twelve_digits_and_begin_with_none_that_is_lost(number: str) -> None:
    assert len(number) == NUMBER_LENGTH
    assert number.isdigit()
    assert number[0] != "0"
    assert number_in(number) == number


@given(NUMBERS, st.integers(0, NUMBER_LENGTH - 1), st.sampled_from("0123456789"))
def test_the_check_digit_catches_one_misheard_digit(number: str, position: int, digit: str) -> None:
    heard = number[:position] + digit + number[position + 1 :]
    assert (number_in(heard) is not None) == (heard == number)


@given(NUMBERS, st.integers(0, NUMBER_LENGTH - 2))
def test_the_check_digit_catches_neighbours_that_changed_places(number: str, position: int) -> None:
    heard = number[:position] + number[position + 1] + number[position] + number[position + 2 :]
    assert (number_in(heard) is not None) == (heard == number)


@given(NUMBERS)
def test_a_number_is_shown_in_groups_and_read_back(number: str) -> None:
    shown = spoken(number)
    assert [len(group) for group in shown.split(" ")] == [4, 4, 4]
    assert number_in(shown)
    assert number_in(shown.replace(" ", "-")) == number_in(shown)


@pytest.mark.parametrize(
    "text", ["", "1234", "abcdefghijkl", "０" * NUMBER_LENGTH, "0" * (NUMBER_LENGTH + 1)]
)
def test_what_is_no_number(text: str) -> None:
    assert not number_in(text)
