"""Secrets in fields: sealed to their place, found by blind indexes, readable while keys rotate."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.fields import BlindIndex, FieldCipher, UnreadableField

OLD, NEW = {"k1": b"1" * 32}, {"k2": b"2" * 32}
PLACE = ("intakes", "id-1", "phone")
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1, max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(st.text(st.characters(codec="utf-8")), NAMES, NAMES, NAMES)
def test_a_sealed_text_opens_in_its_place(value: str, collection: str, id_: str, field: str) -> None:
    cipher = FieldCipher(OLD)
    sealed = cipher.seal(value, collection, id_, field)
    assert cipher.open(sealed, collection, id_, field) == value
    assert (sealed["alg"], sealed["kid"], len(sealed["nonce"])) == ("AES-256-GCM", "k1", 12)


@given(st.binary(max_size=64))
def test_sealed_bytes_open_as_they_were(value: bytes) -> None:
    cipher = FieldCipher(OLD)
    assert cipher.open_bytes(cipher.seal(value, *PLACE), *PLACE) == value


@given(JSON)
def test_sealed_json_opens_as_it_was(value: Any) -> None:
    cipher = FieldCipher(OLD)
    assert cipher.open_json(cipher.seal_json(value, *PLACE), *PLACE) == value


def test_the_same_value_never_looks_the_same_twice() -> None:
    cipher = FieldCipher(OLD)
    first, second = cipher.seal("13800000001", *PLACE), cipher.seal("13800000001", *PLACE)
    assert first["nonce"] != second["nonce"]
    assert first["ciphertext"] != second["ciphertext"]


@pytest.mark.parametrize(
    "place",
    [("cases", "id-1", "phone"), ("intakes", "id-2", "phone"), ("intakes", "id-1", "id_no")],
    ids=["collection", "document", "field"],
)
def test_a_value_that_was_moved_does_not_open(place: tuple[str, str, str]) -> None:
    cipher = FieldCipher(OLD)
    with pytest.raises(UnreadableField, match="altered or moved"):
        cipher.open(cipher.seal("13800000001", *PLACE), *place)


@given(st.data())
def test_a_value_with_any_bit_altered_does_not_open(data: st.DataObject) -> None:
    cipher = FieldCipher(OLD)
    sealed = cipher.seal("测试甲", *PLACE)
    part = data.draw(st.sampled_from(["nonce", "ciphertext"]))
    index, bit = data.draw(st.integers(0, len(sealed[part]) - 1)), data.draw(st.integers(0, 7))
    altered = bytearray(sealed[part])
    altered[index] ^= 1 << bit
    with pytest.raises(UnreadableField, match="altered"):
        cipher.open({**sealed, part: bytes(altered)}, *PLACE)


def test_a_cut_value_does_not_open() -> None:
    cipher = FieldCipher(OLD)
    sealed = cipher.seal("测试甲", *PLACE)
    for length in range(len(sealed["ciphertext"])):
        with pytest.raises(UnreadableField):
            cipher.open({**sealed, "ciphertext": sealed["ciphertext"][:length]}, *PLACE)


def test_another_key_under_the_same_name_opens_nothing() -> None:
    sealed = FieldCipher(OLD).seal("13800000001", *PLACE)
    with pytest.raises(UnreadableField, match="altered"):
        FieldCipher({"k1": b"9" * 32}).open(sealed, *PLACE)


@pytest.mark.parametrize("change", [{"kid": "k9"}, {"alg": "ROT13"}], ids=["key", "algorithm"])
def test_an_unknown_key_or_algorithm_is_named_and_the_value_is_not(change: dict[str, str]) -> None:
    cipher = FieldCipher(OLD)
    sealed = {**cipher.seal("13800000001", *PLACE), **change}
    with pytest.raises(UnreadableField, match=r"no key .* for intakes\.phone") as caught:
        cipher.open(sealed, *PLACE)
    assert "13800000001" not in str(caught.value)


def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key() -> None:
    old, rotated = FieldCipher(OLD), FieldCipher(NEW | OLD)
    before, after = old.seal("13800000001", *PLACE), rotated.seal("13800000001", *PLACE)
    assert rotated.open(before, *PLACE) == "13800000001"
    assert (before["kid"], after["kid"]) == ("k1", "k2")
    with pytest.raises(UnreadableField, match="no key"):
        FieldCipher(NEW).open(before, *PLACE)


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_a_digest_is_the_same_for_the_same_value_only(one: str, other: str) -> None:
    index = BlindIndex(OLD)
    assert (index.of("phone", one) == index.of("phone", other)) == (one == other)
    assert index.of("phone", one) == index.of("phone", one.encode())


def test_a_digest_depends_on_purpose_and_key_and_shows_no_value() -> None:
    value = "13800000001"
    digests = {
        BlindIndex(OLD).of("phone", value),
        BlindIndex(OLD).of("household", value),
        BlindIndex({"k1": b"9" * 32}).of("phone", value),
    }
    assert len(digests) == 3
    assert all(d.startswith("k1:") and value not in d for d in digests)


def test_after_a_rotation_what_was_indexed_before_is_found() -> None:
    before, rotated = BlindIndex(OLD).of("phone", "1"), BlindIndex(NEW | OLD)
    assert rotated.all_of("phone", "1") == [rotated.of("phone", "1"), before]
    assert rotated.of("phone", "1").startswith("k2:")
