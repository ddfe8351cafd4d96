"""Who may do what: the permission table, and how far each role reaches."""

import pytest

from casework.access import PERMISSIONS, Actor, Grant, Reach, Role, Scope, reach
from casework.problems import NotAllowed
from tests.unit.examples import COUNTY, GROUP, TOWNSHIP, VILLAGE

STAFF_ROLES = [role for role in Role if role is not Role.VILLAGER]
OTHER_VILLAGE_AREAS = [*TOWNSHIP["areas"], "another-village"]


def villager() -> Actor:
    return Actor(person_id="p1", app_id="wx-test", openid="o1")


def cadre(*grants: tuple[Role, str]) -> Actor:
    held = tuple(Grant(role, node) for role, node in grants)
    return Actor(person_id="p1", app_id="wx-test", openid="o1", staff_id="s1", grants=held)


def test_the_name_in_the_audit_trail_is_that_of_the_office() -> None:
    assert villager().id == "person:p1"
    assert cadre().id == "staff:s1"


@pytest.mark.parametrize("verb", PERMISSIONS)
def test_villagers_reach_their_own_and_nothing_else(verb: str) -> None:
    if Role.VILLAGER in PERMISSIONS[verb]:
        assert PERMISSIONS[verb][Role.VILLAGER] is Scope.OWN
        assert reach(villager(), verb) == Reach("p1", None, frozenset())
    else:
        with pytest.raises(NotAllowed):
            reach(villager(), verb)


@pytest.mark.parametrize("verb", PERMISSIONS)
@pytest.mark.parametrize("role", STAFF_ROLES)
def test_each_role_reaches_what_the_table_says(verb: str, role: Role) -> None:
    actor = cadre((role, VILLAGE["_id"]))
    scope = PERMISSIONS[verb].get(role)
    if scope is None and Role.VILLAGER not in PERMISSIONS[verb]:
        with pytest.raises(NotAllowed):
            reach(actor, verb)
        return
    allowed = reach(actor, verb)
    assert allowed.covers(owner="p1") == (Role.VILLAGER in PERMISSIONS[verb])
    assert allowed.covers(assignee="s1", areas=OTHER_VILLAGE_AREAS) == (scope is not None)
    assert allowed.covers(areas=GROUP["areas"]) == (scope is Scope.AREA)
    assert not allowed.covers(owner="p2", assignee="s2", areas=OTHER_VILLAGE_AREAS)
    assert not allowed.covers(areas=TOWNSHIP["areas"]), "what lies above the granted node"


def roles_with(verb: str, scope: Scope) -> set[Role]:
    return {role for role, held in PERMISSIONS[verb].items() if held is scope}


@pytest.mark.parametrize("verb", ["task.accept", "task.verify", "task.reveal_phone"])
def test_only_the_person_responsible_works_on_a_task(verb: str) -> None:
    assert set(PERMISSIONS[verb].values()) == {Scope.ASSIGNED}


@pytest.mark.parametrize("verb", ["task.assign", "binding.issue"])
def test_only_leaders_hand_out_tasks_and_binding_codes(verb: str) -> None:
    leaders = {Role.VILLAGE_HEAD, Role.TOWNSHIP_REVIEWER, Role.COUNTY_APPROVER, Role.SUPERVISOR}
    assert dict(PERMISSIONS[verb]) == dict.fromkeys(leaders, Scope.AREA)


def test_only_the_applicant_withdraws_and_only_those_on_the_spot_file_for_others() -> None:
    assert dict(PERMISSIONS["intake.withdraw"]) == {Role.VILLAGER: Scope.OWN}
    on_the_spot = {Role.GRID_WORKER, Role.VILLAGE_CADRE, Role.VILLAGE_HEAD, Role.TOWNSHIP_REVIEWER}
    assert roles_with("intake.file_for", Scope.AREA) == on_the_spot


def test_grid_workers_read_what_is_assigned_to_them_and_account_admins_read_no_case() -> None:
    assert Role.GRID_WORKER in roles_with("intake.read", Scope.ASSIGNED)
    assert Role.GRID_WORKER in roles_with("task.read", Scope.ASSIGNED)
    assert not [verb for verb, roles in PERMISSIONS.items() if Role.ACCOUNT_ADMIN in roles]


def test_an_unknown_verb_does_not_exist() -> None:
    with pytest.raises(KeyError):
        reach(villager(), "task.destroy")


def test_grants_add_up_each_with_its_own_scope() -> None:
    actor = cadre((Role.GRID_WORKER, "grid-9"), (Role.VILLAGE_HEAD, VILLAGE["_id"]))
    assert reach(actor, "task.read") == Reach(None, "s1", frozenset({VILLAGE["_id"]}))


@pytest.mark.parametrize(("node", "reached"), [(COUNTY, True), (VILLAGE, True), (GROUP, False)])
def test_a_grant_holds_for_everything_below_its_node(node: dict[str, str], reached: bool) -> None:
    allowed = reach(cadre((Role.SUPERVISOR, node["_id"])), "task.read")
    assert allowed.covers(areas=VILLAGE["areas"]) is reached


def test_nobody_reaches_a_record_without_owner_assignee_and_area() -> None:
    assert not Reach(None, None, frozenset()).covers()
    assert not Reach("p1", "s1", frozenset({"a"})).covers(owner=None, assignee=None, areas=[])
