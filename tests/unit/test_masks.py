"""Masks show what they say they show, and nothing more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.masks import masked_id_no, masked_name, masked_phone
from tests.support import fake_id_no

TEXTS = st.text(st.characters(categories=["Lo", "Nd"]), max_size=24)


@pytest.mark.parametrize(
    ("name", "shown"), [("测", "测*"), ("测试", "测*"), ("测试甲", "测**"), ("测试甲乙丙丁", "测**")]
)
def test_a_name_shows_its_first_character(name: str, shown: str) -> None:
    assert masked_name(name) == shown


@given(TEXTS)
def test_of_a_name_only_the_first_character_ever_shows(name: str) -> None:
    assert masked_name(name).rstrip("*") == name[:1]


def test_an_id_number_hides_county_and_birth_date() -> None:
    id_no = fake_id_no(7, "19600131")
    assert masked_id_no(id_no) == "000***********" + id_no[-4:]
    assert "1960" not in masked_id_no(id_no)


def test_a_phone_hides_its_middle() -> None:
    assert masked_phone("13800001234") == "138****1234"


@pytest.mark.parametrize("mask", [masked_id_no, masked_phone])
@given(text=TEXTS)
def test_at_most_three_characters_in_front_and_four_behind_show(mask: object, text: str) -> None:
    shown = mask(text)  # type: ignore[operator]
    assert len(shown) == len(text)
    if len(text) < 11:
        assert set(shown) <= {"*"}
    else:
        assert (shown[:3], shown[-4:]) == (text[:3], text[-4:])
        assert set(shown[3:-4]) == {"*"}
