"""Everything that is held about one person, for that person (《个人信息保护法》第四十四条、第四十五条)."""

from typing import Any

from casework.access import Actor, reach
from casework.account.phones import VerifiedPhones
from casework.account.service import Account
from casework.clock import Clock, legal_date
from casework.intake.model import Intake
from casework.intake.service import Intakes
from casework.masks import masked_phone
from casework.notices.service import Notices
from casework.staff.service import StaffService
from casework.tables.service import Snapshot, Tables


class Held:
    """One reading over all capabilities. It leaves no audit entry, because it is one's own."""

    def __init__(
        self,
        account: Account,
        phones: VerifiedPhones,
        staff: StaffService,
        intakes: Intakes,
        notices: Notices,
        tables: Tables,
        clock: Clock,
    ) -> None:
        self._account = account
        self._phones = phones
        self._staff = staff
        self._intakes = intakes
        self._notices = notices
        self._tables = tables
        self._clock = clock

    async def about(self, actor: Actor) -> dict[str, Any]:
        """What is held about the actor. ID numbers and telephones are masked, because a phone is looked at
        by others too."""
        reach(actor, "held.read")
        tables = await self._tables.now()
        phone = await self._phones.of_person(actor.person_id)
        reports = await self._intakes.all_of(actor.person_id)
        return {
            "accounts": await self._accounts(actor.person_id),
            "phone_masked": masked_phone(phone) if phone else None,
            "staff": await self._staff_binding(actor.person_id),
            "reports": [await self._report(report, tables) for report in reports],
            "messages": await self._notices.count(actor),
            "kept_by_law": self._kept_by_law(tables),
        }

    async def _accounts(self, person_id: str) -> list[dict[str, Any]]:
        found = []
        for fan in await self._account.fans_of(person_id):
            kind, following = self._account.kind_of(fan["app_id"]), bool(fan.get("following"))
            since = fan.get("told_at") if following else None
            if kind:
                found.append({"kind": kind.value, "following": following, "following_since": since})
        return found

    async def _staff_binding(self, person_id: str) -> dict[str, Any] | None:
        staff = await self._staff.of_person(person_id)
        if staff is None:
            return None
        roles = await self._staff.roles_of(staff)
        return {"staff_no": staff["staff_no"], "name": staff["name"], "roles": roles}

    async def _report(self, intake: Intake, tables: Snapshot) -> dict[str, Any]:
        content = await self._intakes.content(intake)
        consent = intake["consent"]
        signed_on = legal_date(intake["created_at"])
        text = tables.get("consent", consent["version"], intake["areas"], signed_on) or {}
        return {
            "id": intake["_id"],
            "number": intake["number"],
            "created_at": intake["created_at"],
            "state": intake["state"],
            "village": intake["village"],
            "risks": intake["risks"],
            **vars(content),
            "photos": len(intake["photos"]),
            "consent": {
                "version": consent["version"],
                "title": text.get("title", ""),
                "signed_at": consent["signed_at"],
                "signed_by": consent["signed_by"],
                "withdrawn_at": consent.get("withdrawn_at"),
            },
        }

    def _kept_by_law(self, tables: Snapshot) -> dict[str, Any]:
        known = tables.table("kept_by_law", [], legal_date(self._clock.now()))
        since, row = list(known.items())[-1]
        return {"version": since, "title": row["title"], "text": row["text"]}
