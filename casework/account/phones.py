"""The telephone number that WeChat has verified, and what it joins."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from casework.access import Actor, reach
from casework.account.store import PHONE_PURPOSE, AccountStore
from casework.audit.service import entry
from casework.audit.store import AuditStore
from casework.clock import Clock
from casework.fields import BlindIndex, FieldCipher
from casework.staff.service import StaffService
from casework.unit import Tx, Unit

OwnsAny = Callable[[str], Awaitable[bool]]
"""Whether a person (id) owns anything that must not be left behind: a report of theirs."""


@dataclass(frozen=True)
class Verified:
    """A number was verified. `person_id` is whose the openid is from now on; `moved` says that this is
    another person than before."""

    person_id: str
    moved: bool


class VerifiedPhones:
    """Use cases about verified numbers."""

    def __init__(
        self,
        store: AccountStore,
        staff: StaffService,
        audit: AuditStore,
        unit: Unit,
        cipher: FieldCipher,
        index: BlindIndex,
        clock: Clock,
        owns_any: OwnsAny,
    ) -> None:
        self._store = store
        self._staff = staff
        self._audit = audit
        self._unit = unit
        self._cipher = cipher
        self._index = index
        self._clock = clock
        self._owns_any = owns_any

    async def verify(self, actor: Actor, phone: str) -> Verified:
        """Keep the number that WeChat says is the actor's.

        Where accounts share no unionid, one human being comes as two persons. When another person has the
        same number and the present one owns nothing, the openid moves over to the other one. Whoever owns
        something stays apart: joining two histories is nothing that a number may do, because numbers go
        from hand to hand. Nobody goes over to a member of staff: their powers come by a supervisor's code.
        """
        reach(actor, "phone.verify")
        me = actor.person_id
        free = await self._owns_nothing(me)

        async def work(tx: Tx) -> Verified:
            other = None
            if free:
                other = await self._store.other_with_phone(tx, me, self._index.all_of(PHONE_PURPOSE, phone))
            if other and await self._staff.of_person(other["_id"]):
                other = None
            person_id = other["_id"] if other else me
            if other:
                await self._store.move_fan(tx, actor.app_id, actor.openid, person_id)
            sealed = self._cipher.seal(phone, "persons", person_id, "phone")
            await self._store.set_phone(tx, person_id, sealed, self._index.of(PHONE_PURPOSE, phone))
            detail = {"joined_from": me} if other else {}
            made = entry(self._clock, actor, "phone.verify", f"person:{person_id}", [], **detail)
            await self._audit.add(tx, [made])
            return Verified(person_id, moved=other is not None)

        return await self._unit.run(work)

    async def _owns_nothing(self, person_id: str) -> bool:
        person = await self._store.person(person_id)
        if person is None or person.get("unionid"):
            return False
        return not (await self._staff.of_person(person_id) or await self._owns_any(person_id))

    async def of_person(self, person_id: str) -> str | None:
        """A person's verified number."""
        person = await self._store.person(person_id)
        if person is None or "phone" not in person:
            return None
        return self._cipher.open(person["phone"], "persons", person_id, "phone")
