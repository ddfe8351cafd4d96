"""The audit chain: any alteration shows, and nothing else does."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from casework.audit.rules import GENESIS, canonical, chain, checkpoint_bytes

AS_STORED = CodecOptions(tz_aware=True, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
KEYS = TEXTS.filter(lambda key: not key.startswith("$"))
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the strategy adds the zone)
INSTANTS = st.datetimes(EPOCH, timezones=st.just(UTC))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS | INSTANTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.fixed_dictionaries(
    {
        "_id": TEXTS,
        "at": INSTANTS,
        "actor": TEXTS,
        "verb": TEXTS,
        "object": TEXTS,
        "areas": st.lists(TEXTS, max_size=3),
        "detail": st.dictionaries(KEYS, VALUES, max_size=3),
    }
)


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "_id": f"id-{number}",
        "at": datetime(2026, 9, 4, 2, 0, number, tzinfo=UTC),
        "actor": "staff:s1",
        "verb": "task.accept",
        "object": f"task:{number}",
        "areas": ["county", "village"],
        "detail": {"from": None, "to": "s2", "alarms": ["task_late/0", "task_late/1"]},
        **changes,
    }


ENTRY, TRAIL = entry(1), [entry(n) for n in range(1, 5)]


def stored(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as MongoDB gives it back."""
    return bson.decode(bson.encode(document), AS_STORED)


@given(ENTRIES)
def test_the_canonical_form_survives_storing(made: dict[str, Any]) -> None:
    assert canonical(stored(made)) == canonical(made)


@pytest.mark.parametrize("microsecond", [0, 1, 499, 500, 501, 999, 1000, 999_499, 999_500, 999_999])
def test_instants_are_cut_to_milliseconds_as_mongodb_cuts_them(microsecond: int) -> None:
    made = entry(1, at=datetime(2026, 9, 4, 2, 0, 59, microsecond, tzinfo=UTC))
    assert canonical(stored(made)) == canonical(made)


def test_the_order_of_names_and_the_mark_of_the_sealer_do_not_matter() -> None:
    turned = dict(reversed(ENTRY.items())) | {"detail": dict(reversed(ENTRY["detail"].items()))}
    assert canonical(turned) == canonical(ENTRY)
    assert canonical({**ENTRY, "batch": 7}) == canonical(ENTRY)


def test_what_cannot_be_stored_alike_is_refused() -> None:
    with pytest.raises(TypeError):
        canonical(entry(1, detail={"photo": b"1"}))


@pytest.mark.parametrize(
    "change",
    [
        {"_id": "id-9"},
        {"at": datetime(2026, 9, 4, 2, 0, 1, 1000, tzinfo=UTC)},
        {"actor": "staff:s9"},
        {"verb": "task.verify"},
        {"object": "task:9"},
        {"areas": ["village", "county"]},
        {"areas": []},
        {"detail": {}},
        {"detail": {**ENTRY["detail"], "from": "s1"}},
        {"detail": {**ENTRY["detail"], "alarms": ["task_late/1", "task_late/0"]}},
        {"added": None},
    ],
)
def test_any_alteration_changes_the_hash(change: dict[str, Any]) -> None:
    assert chain(GENESIS, [{**ENTRY, **change}]) != chain(GENESIS, [ENTRY])


@pytest.mark.parametrize("name", ENTRY)
def test_any_member_that_is_taken_away_changes_the_hash(name: str) -> None:
    assert chain(GENESIS, [{k: v for k, v in ENTRY.items() if k != name}]) != chain(GENESIS, [ENTRY])


@given(st.lists(st.integers(0, 3), max_size=6))
def test_only_the_same_entries_in_the_same_order_give_the_hash(kept: list[int]) -> None:
    same = chain(GENESIS, [TRAIL[n] for n in kept]) == chain(GENESIS, TRAIL)
    assert same == (kept == [0, 1, 2, 3])


def test_where_the_trail_is_cut_into_batches_does_not_matter() -> None:
    whole = chain(GENESIS, TRAIL)
    for cut in range(len(TRAIL) + 1):
        assert chain(chain(GENESIS, TRAIL[:cut]), TRAIL[cut:]) == whole
    assert chain("1" * 64, TRAIL) != whole
    assert chain(GENESIS, []) == GENESIS


def test_a_checkpoint_signs_number_count_and_hash_apart() -> None:
    signed = {checkpoint_bytes(*each) for each in [(1, 23, "a"), (12, 3, "a"), (1, 23, "b")]}
    assert len(signed) == 3
