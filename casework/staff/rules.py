"""Who is responsible for a place."""

from collections.abc import Iterable

from casework.access import Role
from casework.regions.model import Region
from casework.staff.model import Staff

#: The way up: who takes a place's tasks, nearest first. Each step names the level and the role there.
RESPONSIBLE: tuple[Role, ...] = (
    Role.GRID_WORKER,
    Role.VILLAGE_CADRE,
    Role.VILLAGE_HEAD,
    Role.TOWNSHIP_REVIEWER,
)
#: Who is told when a task is late or falls to nobody: level by level, village → township → county.
ESCALATION: tuple[tuple[Role, ...], ...] = (
    (Role.VILLAGE_HEAD,),
    (Role.TOWNSHIP_REVIEWER,),
    (Role.SUPERVISOR, Role.COUNTY_APPROVER),
)


def holders(staff: Iterable[Staff], roles: Iterable[Role], areas: list[str]) -> list[Staff]:
    """Active staff with one of `roles` at one of `areas`, the nearest node first."""
    wanted, depth = set(roles), {area: index for index, area in enumerate(areas)}
    found = [
        (max(depth[g["node"]] for g in s["grants"] if g["role"] in wanted and g["node"] in depth), s)
        for s in staff
        if s["active"] and any(g["role"] in wanted and g["node"] in depth for g in s["grants"])
    ]
    return [s for _, s in sorted(found, key=lambda item: (-item[0], item[1]["staff_no"]))]


def responsible(staff: Iterable[Staff], place: Region) -> Staff | None:
    """The person responsible for `place`: grid worker, village cadre or head, township; else None."""
    people = list(staff)
    for role in RESPONSIBLE:
        if found := holders(people, [role], place["areas"]):
            return found[0]
    return None


def supervisors(staff: Iterable[Staff], areas: list[str], level: int) -> list[Staff]:
    """Who is told at escalation `level` (0 village, 1 township, 2 county); the next level up where
    nobody holds the role."""
    people = list(staff)
    for roles in ESCALATION[min(level, len(ESCALATION) - 1) :]:
        if found := holders(people, roles, areas):
            return found
    return []
