"""Signing in, knowing people's phones, and the account's automatic answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from casework.account.model import Answer, Fan, PlatformEvent, TemplateRecord
from casework.account.store import AccountStore
from casework.clock import Clock
from casework.fields import FieldCipher
from casework.staff.service import StaffService

CACHE_SECONDS = 30.0
FLUSH_MOST = 5000


@dataclass(frozen=True)
class Contact:
    """How somebody can be reached through the official account just now."""

    app_id: str
    openid: str
    following: bool
    blocked: bool
    interacted_at: datetime | None


class Account:
    """Use cases of the official account `oa_app_id` (the demo has one; documents carry theirs)."""

    def __init__(
        self, store: AccountStore, staff: StaffService, cipher: FieldCipher, clock: Clock, oa_app_id: str
    ) -> None:
        self._store = store
        self._staff = staff
        self._cipher = cipher
        self._clock = clock
        self.oa_app_id = oa_app_id
        self._touched: dict[str, datetime] = {}
        self._answers: tuple[float, list[Answer]] | None = None
        self._templates: tuple[float, dict[str, TemplateRecord]] | None = None

    async def meet(self, app_id: str, openid: str, unionid: str | None) -> str:
        """The id of the person behind an openid; openids of several apps meet by unionid.

        A phone number that somebody typed joins nothing.
        """
        fan = await self._store.fan(app_id, openid)
        if fan and fan.get("person_id"):
            return str(fan["person_id"])
        if unionid:
            person = await self._store.person_by_unionid(unionid)
        else:
            person = await self._store.add_person()
        return await self._store.adopt_fan(app_id, openid, person["_id"])

    async def fan(self, openid: str) -> Fan | None:
        """A fan of the official account."""
        return await self._store.fan(self.oa_app_id, openid)

    async def set_fan(self, openid: str, **changes: Any) -> Fan:
        """Change what is known of a fan of the official account."""
        return await self._store.update_fan(self.oa_app_id, openid, changes)

    async def told(self, openid: str, at: datetime, **changes: Any) -> Fan:
        """Change what the platform said of a fan at the instant `at`; the fan afterwards.

        An event that is applied late, after its worker died or its follow-up failed, does not undo what a
        later one said.
        """
        return await self._store.update_fan_as_told(self.oa_app_id, openid, at, changes)

    async def contact(self, to: str) -> Contact | None:
        """How to reach one recipient; see `contacts`."""
        return (await self.contacts([to])).get(to)

    async def contacts(self, recipients: Sequence[str]) -> dict[str, Contact]:
        """How to reach recipients (``staff:id`` or ``person:id``); one without a bound follower is
        missing from the result."""
        people: dict[str, list[str]] = {}
        for to in recipients:
            kind, _, id_ = to.partition(":")
            if kind == "staff":
                staff = await self._staff.get(id_)
                if not staff["active"] or "person_id" not in staff:
                    continue
                id_ = staff["person_id"]
            people.setdefault(id_, []).append(to)
        found: dict[str, Contact] = {}
        for fan in await self._store.fans_of(list(people)) if people else ():
            if fan["app_id"] != self.oa_app_id:
                continue
            contact = Contact(
                app_id=fan["app_id"],
                openid=fan["openid"],
                following=fan.get("following", False),
                blocked=fan.get("blocked", False),
                interacted_at=fan.get("interacted_at"),
            )
            found |= dict.fromkeys(people[str(fan["person_id"])], contact)
        return found

    def touch(self, openid: str) -> None:
        """Note that somebody wrote or clicked. Written in bulk by `flush`, off the callback's path."""
        if len(self._touched) < FLUSH_MOST:
            self._touched[openid] = self._clock.now()

    async def flush(self) -> None:
        """Write the noted interactions."""
        touched, self._touched = self._touched, {}
        await self._store.touch(self.oa_app_id, touched)

    async def keep_event(self, key: str, openid: str, event: str, body: Mapping[str, Any]) -> bool:
        """Keep an event that has an effect before it is acknowledged; False when it came before."""
        id_, now = f"{self.oa_app_id}:{key}", self._clock.now()
        kept: PlatformEvent = {
            "_id": id_,
            "app_id": self.oa_app_id,
            "openid": openid,
            "event": event,
            "body": self._cipher.seal_json(dict(body), "platform_events", id_, "body"),
            "state": "new",
            "due_at": now,
            "tries": 0,
            "received_at": now,
        }
        return await self._store.add_event(kept)

    async def claim_events(self, lease: timedelta, limit: int) -> list[tuple[PlatformEvent, dict[str, Any]]]:
        """The oldest events that wait for their effect, each with its body."""
        events = await self._store.claim_events(self._clock.now(), lease, limit)
        return [
            (event, self._cipher.open_json(event["body"], "platform_events", event["_id"], "body"))
            for event in events
        ]

    async def end_events(self, events: Sequence[PlatformEvent], state: str) -> None:
        """Mark events ``applied`` or ``given_up``."""
        if events:
            await self._store.end_events([event["_id"] for event in events], state)

    async def delay_event(self, event: PlatformEvent, seconds: float) -> None:
        """Try an event again later."""
        await self._store.delay_event(event["_id"], self._clock.now() + timedelta(seconds=seconds))

    async def answer_to(self, text: str) -> Answer | None:
        """The automatic answer to a menu key or to a text that contains one of its keywords."""
        now = self._clock.time()
        if self._answers is None or not 0 <= now - self._answers[0] < CACHE_SECONDS:
            self._answers = (now, await self._store.answers(self.oa_app_id))
        wanted = text.strip().lower()
        exact = [a for a in self._answers[1] if wanted in a["keys"]]
        within = [a for a in self._answers[1] if any(len(k) > 1 and k in wanted for k in a["keys"])]
        return next(iter(exact or within), None)

    async def template(self, key: str) -> TemplateRecord | None:
        """The account's template that we call `key`."""
        now = self._clock.time()
        if self._templates is None or not 0 <= now - self._templates[0] < CACHE_SECONDS:
            self._templates = (now, await self._store.templates(self.oa_app_id))
        return self._templates[1].get(key)
