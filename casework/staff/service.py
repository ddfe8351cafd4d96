"""Who works where, who is responsible for a place, and how a phone is bound to a member of staff."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from casework.access import Actor, Grant, Reach, Role, reach
from casework.audit.service import entry
from casework.audit.store import AuditStore
from casework.clock import Clock, iso
from casework.commands.service import Answer, Command, Commands
from casework.fields import BlindIndex
from casework.problems import BadCode, NotFound
from casework.recent import Recent
from casework.regions.model import Region
from casework.regions.service import Regions
from casework.staff import rules
from casework.staff.model import Staff
from casework.staff.store import StaffStore
from casework.unit import Tx, Unit

CACHE_SECONDS = 5.0
CACHE_MOST = 20_000
CODE_MINUTES = 10
CODE_TRIES = 5

TellFormer = Callable[[Tx, str, str], Awaitable[None]]
"""Tells a person (id), in a transaction, that another phone has become that of a member of staff (id)."""


class StaffService:
    """Use cases about staff. Look-ups are kept in memory for five seconds at most."""

    def __init__(
        self,
        store: StaffStore,
        regions: Regions,
        audit: AuditStore,
        commands: Commands,
        unit: Unit,
        index: BlindIndex,
        clock: Clock,
    ) -> None:
        self._store = store
        self._regions = regions
        self._audit = audit
        self._commands = commands
        self._unit = unit
        self._index = index
        self._clock = clock
        self._at: Recent[tuple[str, ...], list[Staff]] = Recent(clock, CACHE_SECONDS, CACHE_MOST)
        self._by_id: Recent[str, Staff | None] = Recent(clock, CACHE_SECONDS, CACHE_MOST)
        self._responsible: Recent[str, Staff | None] = Recent(clock, CACHE_SECONDS, CACHE_MOST)

    def forget(self) -> None:
        """Drop what is kept in memory, after a change made by this process."""
        self._at.forget()
        self._by_id.forget()
        self._responsible.forget()

    async def get(self, id_: str) -> Staff:
        """One member of staff; raises `NotFound`."""
        staff = await self._cached(id_)
        if staff is None:
            raise NotFound
        return staff

    async def _cached(self, id_: str) -> Staff | None:
        return await self._by_id.find(id_, lambda: self._store.get(id_))

    async def roles_of(self, staff: Staff) -> list[dict[str, str]]:
        """What somebody is and where, in words: role, the region's id and its name."""
        regions = [await self._regions.get(grant["node"]) for grant in staff["grants"]]
        return [
            {"role": grant["role"], "region": region["_id"], "region_name": region["name"]}
            for grant, region in zip(staff["grants"], regions, strict=True)
        ]

    async def of_person(self, person_id: str) -> Staff | None:
        """The active member of staff whom this person is bound to, read afresh."""
        return await self._store.by_person(person_id)

    async def bound_persons(self) -> list[str]:
        """The persons whose phones are bound to a member of staff who is still in office."""
        return await self._store.bound_persons()

    async def grants_of(self, staff_id: str, person_id: str) -> tuple[Grant, ...] | None:
        """The grants of an active member of staff who is (still) bound to this person, else None."""
        staff = await self._cached(staff_id)
        if staff is None or not staff["active"] or staff.get("person_id") != person_id:
            return None
        return tuple(Grant(Role(g["role"]), g["node"]) for g in staff["grants"])

    async def at(self, areas: list[str]) -> list[Staff]:
        """Active staff with a grant at any of these regions."""
        return await self._at.find(tuple(areas), lambda: self._store.at(areas))

    async def responsible_for(self, place: Region) -> Staff | None:
        """Who takes the tasks of a place; None when it falls to nobody."""

        async def look() -> Staff | None:
            return rules.responsible(await self._store.at(place["areas"]), place)

        return await self._responsible.find(place["_id"], look)

    async def fit_for(
        self, staff_no: str, roles: Collection[Role], allowed: Reach, areas: list[str]
    ) -> Staff | None:
        """The active member of staff with this number and one of `roles`, who works at or above a place
        (`areas`) or anywhere in reach: where nobody is left, a supervisor sends a neighbouring cadre."""
        staff = (await self._store.by_no([staff_no])).get(staff_no)
        if staff is None or not staff["active"]:
            return None
        for grant in staff["grants"]:
            if grant["role"] not in roles:
                continue
            node = await self._regions.get(grant["node"])
            if node["_id"] in areas or allowed.covers(areas=node["areas"]):
                return staff
        return None

    async def supervisors_of(self, areas: list[str], level: int) -> list[Staff]:
        """Who is told about late work at `level` (0 village, 1 township, 2 county)."""
        return rules.supervisors(await self.at(areas), areas, level)

    async def issue_code(self, actor: Actor, command: Command, staff_no: str) -> Answer:
        """Make the single-use code by which `staff_no` binds a phone: 10 minutes, 5 tries.

        The code itself is not kept in the stored answer, so a repeat of the command cannot show it
        again. Raises `NotFound` for staff outside the actor's reach.
        """
        allowed = reach(actor, "binding.issue")
        staff = (await self._store.by_no([staff_no])).get(staff_no)
        if staff is None or not staff["active"]:
            raise NotFound("没有找到这个工号，请核对后再试。")
        nodes = [await self._regions.get(g["node"]) for g in staff["grants"]]
        if not nodes or not all(allowed.covers(areas=node["areas"]) for node in nodes):
            raise NotFound("没有找到这个工号，请核对后再试。")
        code = f"{secrets.randbelow(1_000_000):06d}"
        expires = self._clock.now() + timedelta(minutes=CODE_MINUTES)

        async def work(tx: Tx) -> Answer:
            await self._store.put_code(
                tx,
                {
                    "_id": staff["_id"],
                    "digest": self._index.of("binding", f"{staff['_id']}|{code}"),
                    "expires_at": expires,
                    "tries": 0,
                    "issued_by": actor.id,
                },
            )
            made = entry(self._clock, actor, "binding.issue", f"staff:{staff['_id']}", nodes[0]["areas"])
            await self._audit.add(tx, [made])
            return Answer({"staff_no": staff_no, "expires_at": iso(expires)}, created=True)

        answer = await self._commands.once(actor, command, work)
        if answer.repeated:
            return answer
        return Answer({**answer.body, "code": code}, created=True)

    async def bind(self, actor: Actor, staff_no: str, code: str, tell_former: TellFormer) -> Staff:
        """Bind the signed-in person to the member of staff whose code they hold; whoever was bound to it
        before is told by `tell_former`.

        Every try counts, before it is known whether it is right; after five the code is dead. Wrong,
        used and expired codes and unknown numbers all give the same `BadCode`.
        """
        reach(actor, "binding.use")
        staff = (await self._store.by_no([staff_no])).get(staff_no)
        live = await self._store.try_code(staff["_id"], self._clock.now(), CODE_TRIES) if staff else None
        if staff is None or live is None:
            raise BadCode
        digests = self._index.all_of("binding", f"{staff['_id']}|{code}")
        if not any(hmac.compare_digest(live["digest"], digest) for digest in digests):
            raise BadCode

        async def work(tx: Tx) -> Staff:
            if not await self._store.use_code(tx, staff["_id"], live["digest"]):
                raise BadCode
            await self._store.unbind_person(tx, actor.person_id)
            former = await self._store.get(staff["_id"], tx)
            if former and former.get("person_id"):
                await tell_former(tx, former["person_id"], staff["_id"])
            bound = await self._store.bind(tx, staff["_id"], actor.person_id)
            if bound is None:
                raise BadCode
            node = await self._regions.get(bound["grants"][0]["node"])
            made = entry(
                self._clock,
                f"person:{actor.person_id}",
                "binding.use",
                f"staff:{staff['_id']}",
                node["areas"],
            )
            await self._audit.add(tx, [made])
            return bound

        bound = await self._unit.run(work)
        self.forget()
        return bound
