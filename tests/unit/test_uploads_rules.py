"""Parts of a file: what may follow what."""

import hypothesis
import pytest
from hypothesis import strategies as st

from casework.problems import InvalidForm, Malformed, Problem, TooLarge, TooOften, WrongOffset
from casework.uploads.model import ByteRange, Kind
from casework.uploads.rules import (
    PART_LEAST,
    UNFINISHED_BYTES,
    UNFINISHED_MOST,
    check_part,
    check_unfinished,
    is_next,
)

KIND = Kind("photos", 1_000_000, "太大了", "没有传完整")


@pytest.mark.parametrize(
    ("part", "length", "problem"),
    [
        (ByteRange(0, PART_LEAST - 1, 50_000), PART_LEAST, None),
        (ByteRange(49_999, 49_999, 50_000), 1, None),
        (ByteRange(0, 0, 1), 1, None),
        (ByteRange(0, 999_999, 1_000_000), 1_000_000, None),
        (ByteRange(0, PART_LEAST - 2, 50_000), PART_LEAST - 1, InvalidForm),
        (ByteRange(0, 1_000_000, 1_000_001), 1_000_001, TooLarge),
        (ByteRange(0, 49_999, 50_000), 49_999, Malformed),
        (ByteRange(0, 49_999, 50_000), 50_001, Malformed),
        (ByteRange(20_000, 19_999, 50_000), 0, InvalidForm),
        (ByteRange(0, 50_000, 50_000), 50_001, InvalidForm),
        (ByteRange(0, 0, 0), 1, InvalidForm),
    ],
)
def test_what_a_part_is(part: ByteRange, length: int, problem: type[Problem] | None) -> None:
    if problem is None:
        check_part(part, length, KIND)
        return
    with pytest.raises(problem):
        check_part(part, length, KIND)


@hypothesis.given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.data())
def test_parts_are_taken_in_order_and_once(sizes: list[int], data: st.DataObject) -> None:
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    parts = [ByteRange(end - size, end - 1, ends[-1]) for size, end in zip(sizes, ends, strict=True)]
    latest: ByteRange | None = None
    taken = 0
    while taken < len(parts):
        number = data.draw(st.one_of(st.just(taken), st.integers(0, len(parts) - 1)))
        part = parts[number]
        if number > taken:
            with pytest.raises(WrongOffset) as caught:
                is_next(part, latest)
            assert caught.value.extra == {"received": parts[taken].first}
        elif is_next(part, latest):
            assert number == taken
            latest, taken = part, taken + 1
        else:
            assert number < taken


def test_a_part_that_reaches_beyond_what_is_there_goes_on_from_there() -> None:
    with pytest.raises(WrongOffset) as caught:
        is_next(ByteRange(50, 149, 200), ByteRange(0, 99, 200))
    assert caught.value.extra == {"received": 100}


def test_somebody_has_a_limited_number_of_unfinished_files() -> None:
    one = ByteRange(0, 9, 10)
    check_unfinished(one, [10] * (UNFINISHED_MOST - 1))
    check_unfinished(one, [UNFINISHED_BYTES - 10])
    for totals in ([10] * UNFINISHED_MOST, [UNFINISHED_BYTES - 9]):
        with pytest.raises(TooOften):
            check_unfinished(one, totals)
