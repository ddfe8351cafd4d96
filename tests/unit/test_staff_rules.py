"""Who is responsible for a place, and who is told when work is late."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.access import Role
from casework.staff.model import Staff
from casework.staff.rules import ESCALATION, holders, responsible, supervisors
from tests.unit.examples import (
    CITY,
    COUNTY,
    GRID,
    GROUP,
    OTHER_GRID,
    TOWNSHIP,
    VILLAGE,
    staff,
)

GRID_WORKER = staff("s1", (Role.GRID_WORKER, GRID))
NEIGHBOUR = staff("s2", (Role.GRID_WORKER, OTHER_GRID))
CADRE = staff("s3", (Role.VILLAGE_CADRE, VILLAGE))
HEAD = staff("s4", (Role.VILLAGE_HEAD, VILLAGE))
REVIEWER = staff("s5", (Role.TOWNSHIP_REVIEWER, TOWNSHIP))
SUPERVISOR = staff("s6", (Role.SUPERVISOR, COUNTY))
APPROVER = staff("s7", (Role.COUNTY_APPROVER, COUNTY))
HELPER = staff("s8", (Role.HELPER, GRID))
EVERYBODY = [GRID_WORKER, NEIGHBOUR, CADRE, HEAD, REVIEWER, SUPERVISOR, APPROVER, HELPER]


def without(*people: Staff) -> list[Staff]:
    return [each for each in EVERYBODY if each not in people]


def away(person: Staff) -> Staff:
    return {**person, "active": False}


@pytest.mark.parametrize(
    ("people", "found"),
    [
        (EVERYBODY, GRID_WORKER),
        (without(GRID_WORKER), CADRE),
        ([away(GRID_WORKER), *without(GRID_WORKER)], CADRE),
        (without(GRID_WORKER, CADRE), HEAD),
        (without(GRID_WORKER, CADRE, HEAD), REVIEWER),
        (without(GRID_WORKER, CADRE, HEAD, REVIEWER), None),
        ([NEIGHBOUR, HELPER], None),
        ([], None),
    ],
)
def test_the_nearest_on_the_way_up_is_responsible(people: list[Staff], found: Staff | None) -> None:
    assert responsible(people, GROUP) == found


def test_a_group_without_a_grid_falls_to_the_village() -> None:
    place = {**GROUP, "grid": None, "areas": [*VILLAGE["areas"], GROUP["_id"]]}
    assert responsible(EVERYBODY, place) == CADRE  # type: ignore[arg-type]


@given(st.randoms(use_true_random=False))
def test_of_several_the_nearest_and_then_the_lowest_number(shuffle: random.Random) -> None:
    whole_village = staff("a0", (Role.GRID_WORKER, VILLAGE))
    second = staff("s9", (Role.GRID_WORKER, VILLAGE), (Role.GRID_WORKER, GRID))
    people = [second, whole_village, GRID_WORKER]
    shuffle.shuffle(people)
    assert holders(people, [Role.GRID_WORKER], GROUP["areas"]) == [GRID_WORKER, second, whole_village]


def test_only_the_wanted_role_counts_for_being_near() -> None:
    both = staff("s9", (Role.VILLAGE_CADRE, COUNTY), (Role.HELPER, GRID))
    assert holders([both, CADRE], [Role.VILLAGE_CADRE], GROUP["areas"]) == [CADRE, both]
    assert holders([HELPER], [Role.GRID_WORKER], GROUP["areas"]) == []


@pytest.mark.parametrize(
    ("level", "people", "told"),
    [
        (0, EVERYBODY, [HEAD]),
        (1, EVERYBODY, [REVIEWER]),
        (2, EVERYBODY, [SUPERVISOR, APPROVER]),
        (3, EVERYBODY, [SUPERVISOR, APPROVER]),
        (0, without(HEAD), [REVIEWER]),
        (0, without(HEAD, REVIEWER), [SUPERVISOR, APPROVER]),
        (1, without(REVIEWER), [SUPERVISOR, APPROVER]),
        (2, without(SUPERVISOR, APPROVER), []),
        (0, [away(HEAD), REVIEWER], [REVIEWER]),
    ],
)
def test_late_work_goes_up_and_skips_levels_that_nobody_holds(
    level: int, people: list[Staff], told: list[Staff]
) -> None:
    assert supervisors(people, GROUP["areas"], level) == told


def test_at_the_top_the_county_is_told_before_the_city() -> None:
    city = staff("a0", (Role.SUPERVISOR, CITY))
    assert supervisors([city, SUPERVISOR], GROUP["areas"], len(ESCALATION) - 1) == [SUPERVISOR, city]
