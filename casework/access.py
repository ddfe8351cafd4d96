"""Who may do what: verb by role by reach, in one table.

A grant names a role at a node of the region tree and holds for everything below that node. What lies
outside a person's reach is answered as not found, so that its existence stays hidden.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from casework.problems import NotAllowed


class Role(StrEnum):
    """Roles of the domain; `VILLAGER` is everybody who is signed in."""

    VILLAGER = "villager"
    GRID_WORKER = "grid_worker"
    VILLAGE_CADRE = "village_cadre"
    HELPER = "helper"
    VILLAGE_HEAD = "village_head"
    TOWNSHIP_REVIEWER = "township_reviewer"
    COUNTY_APPROVER = "county_approver"
    SUPERVISOR = "supervisor"
    ACCOUNT_ADMIN = "account_admin"


class Scope(StrEnum):
    """How far a role reaches with a verb."""

    OWN = "own"
    """Records of the person themselves."""
    ASSIGNED = "assigned"
    """Records that this member of staff is responsible for."""
    AREA = "area"
    """Records at the granted node and below it."""


V, G, C, H, L, T, Y, S, A = Role  # The short names keep the table below readable as a table.
OWN, ASSIGNED, AREA = Scope

PERMISSIONS: Mapping[str, Mapping[Role, Scope]] = {
    "session.read": {V: OWN},
    "session.end": {V: OWN},
    "binding.use": {V: OWN},
    "binding.issue": {L: AREA, T: AREA, Y: AREA, S: AREA},
    "phone.verify": {V: OWN},
    "region.read": {V: OWN},
    "inbox.read": {V: OWN},
    "photo.upload": {V: OWN},
    "recording.upload": {V: OWN},
    "intake.submit": {V: OWN},
    "intake.file_for": {G: AREA, C: AREA, L: AREA, T: AREA},
    "intake.read": {V: OWN, G: ASSIGNED, C: AREA, L: AREA, T: AREA, Y: AREA, S: AREA},
    "intake.add": {V: OWN, G: ASSIGNED, C: AREA, L: AREA, T: AREA},
    "intake.withdraw": {V: OWN},
    "consent.withdraw": {V: OWN},
    "correction.ask": {V: OWN},
    "correction.answer": {G: ASSIGNED, C: ASSIGNED, H: ASSIGNED, L: AREA, T: AREA},
    "held.read": {V: OWN},
    "task.read": {G: ASSIGNED, C: ASSIGNED, H: ASSIGNED, L: AREA, T: AREA, Y: AREA, S: AREA},
    "task.accept": {G: ASSIGNED, C: ASSIGNED, H: ASSIGNED, L: ASSIGNED, T: ASSIGNED},
    "task.verify": {G: ASSIGNED, C: ASSIGNED, H: ASSIGNED, L: ASSIGNED, T: ASSIGNED},
    "task.reveal_phone": {G: ASSIGNED, C: ASSIGNED, H: ASSIGNED, L: ASSIGNED, T: ASSIGNED},
    "task.assign": {L: AREA, T: AREA, Y: AREA, S: AREA},
}
"""The permission table. A verb that is missing here does not exist: start-up fails on it."""

# Whoever reaches an area also reaches what is assigned to them, wherever it lies.
_STAFF_SCOPES = (ASSIGNED, AREA)


@dataclass(frozen=True)
class Grant:
    """`role` at the region `node` (a region's id) and everywhere below it."""

    role: Role
    node: str


@dataclass(frozen=True)
class Actor:
    """Who is asking: a person, and the member of staff they are bound to, if any."""

    person_id: str
    app_id: str
    openid: str
    staff_id: str | None = None
    grants: tuple[Grant, ...] = ()

    @property
    def id(self) -> str:
        """The name in audit entries and command keys: ``staff:…`` or ``person:…``."""
        return f"staff:{self.staff_id}" if self.staff_id else f"person:{self.person_id}"


@dataclass(frozen=True)
class Reach:
    """What one actor reaches with one verb; a record is reached if any part matches."""

    person_id: str | None
    staff_id: str | None
    areas: frozenset[str]

    def covers(
        self, *, owner: str | None = None, assignee: str | None = None, areas: Iterable[str] = ()
    ) -> bool:
        """Whether a record with this owner (person), assignee (staff) and areas is in reach."""
        return (
            (self.person_id is not None and owner == self.person_id)
            or (self.staff_id is not None and assignee == self.staff_id)
            or not self.areas.isdisjoint(areas)
        )


def reach(actor: Actor, verb: str) -> Reach:
    """How far `actor` reaches with `verb`; raises `NotAllowed` when no role of theirs has it."""
    roles = PERMISSIONS[verb]
    owns = roles.get(V) is OWN
    granted = [(roles[grant.role], grant.node) for grant in actor.grants if grant.role in roles]
    if not owns and not granted:
        raise NotAllowed
    return Reach(
        person_id=actor.person_id if owns else None,
        staff_id=actor.staff_id if any(scope in _STAFF_SCOPES for scope, _ in granted) else None,
        areas=frozenset(node for scope, node in granted if scope is AREA),
    )
