"""Writing messages into the outbox, and carrying them to phones."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from casework.access import Actor, reach
from casework.account.service import Account, Contact
from casework.clock import Clock, readable
from casework.ids import new_id
from casework.notices import rules
from casework.notices.kinds import KINDS, text_of
from casework.notices.model import Delivery, Notice, NoticeState, Outcome, Try
from casework.notices.store import ORDER_PAUSE, NoticeStore
from casework.pages import Page, decode_cursor, encode_cursor
from casework.staff.service import StaffService
from casework.unit import Tx, Unit

LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class Parcel:
    """What a channel gets: everything it needs to carry one message to one phone."""

    channel: str
    openid: str
    kind: str
    fields: dict[str, str]
    link: str
    client_msg_id: str
    possibly_repeated: bool


#: What is kept about a fan when a channel says one of these.
LESSONS: dict[str | None, dict[str, Any]] = {
    "not_following": {"following": False},
    "blocked": {"blocked": True},
    "unbind": {"following": False, "person_id": None},
}

Carry = Callable[[Parcel], Awaitable[Delivery]]
"""The port to the platform. It never raises for the platform's troubles: they are outcomes."""


class Notices:
    """The outbox. Nothing is sent inside a request: `compose` only writes the message down."""

    def __init__(
        self, store: NoticeStore, account: Account, staff: StaffService, unit: Unit, clock: Clock
    ) -> None:
        self._store = store
        self._account = account
        self._staff = staff
        self._unit = unit
        self._clock = clock

    def compose(
        self, to: str, kind: str, fields: dict[str, str], *, ref: str, areas: list[str], link: str = ""
    ) -> Notice:
        """A new message; the caller adds it to the transaction with `add`.

        `to` is ``staff:id`` or ``person:id``, `ref` the thing it is about (``task:id``), `link` the
        path of the page that it opens.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind of notice: {kind}")
        now = self._clock.now()
        return {
            "_id": new_id(),
            "app_id": self._account.oa_app_id,
            "to": to,
            "kind": kind,
            "fields": {"at": readable(now), **fields},
            "link": link,
            "ref": ref,
            "areas": areas,
            "state": NoticeState.PENDING.value,
            "due_at": now + KINDS[kind].delay,
            "created_at": now,
            "tries": [],
            "lease": None,
            "version": 1,
            "schema": 1,
        }

    async def add(self, tx: Tx, notices: Sequence[Notice]) -> None:
        """Put messages into the outbox inside the transaction of their cause."""
        await self._store.add(tx, notices)

    async def send(self, to: str, kind: str, *, ref: str) -> None:
        """Put one message that belongs to no other change into the outbox."""
        notice = self.compose(to, kind, {}, ref=ref, areas=[])
        await self._unit.run(lambda tx: self._store.add(tx, [notice]))

    async def inbox(self, actor: Actor, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
        """The actor's messages, newest first: the list of last resort, never empty-handed."""
        reach(actor, "inbox.read")
        people = [f"person:{actor.person_id}"] + ([f"staff:{actor.staff_id}"] if actor.staff_id else [])
        before = decode_cursor(cursor, str)[0] if cursor else None
        found = await self._store.inbox(people, before, limit + 1)
        items = [
            {
                "id": n["_id"],
                "kind": n["kind"],
                "title": KINDS[n["kind"]].title,
                "text": text_of(n["kind"], n["fields"]),
                "ref": n["ref"],
                "state": n["state"],
                "at": n["created_at"],
            }
            for n in found[:limit]
        ]
        more = len(found) > limit
        return Page(items, encode_cursor(found[limit - 1]["_id"]) if more else None)

    async def receipts(self, receipts: Mapping[str, str]) -> set[str]:
        """Apply the platform's receipts for template messages: status by message id.

        The ids that are known; a receipt can be here before the sender has recorded the message's id,
        and the caller then comes again a little later.
        """
        arrived = [id_ for id_, status in receipts.items() if status == "success"]
        known = await self._store.delivered(arrived) if arrived else set()
        for id_ in receipts.keys() - set(arrived):
            if await self._store.refused(id_, self._clock.now()):
                known.add(id_)
        return known


@dataclass(frozen=True)
class Bundle:
    """Messages to one recipient, in order, and how to reach them (None: not at all)."""

    to: str
    notices: list[Notice]
    contact: Contact | None


class Postman:
    """Carries messages from the outbox to phones; any number of them may run at once."""

    def __init__(
        self,
        store: NoticeStore,
        notices: Notices,
        account: Account,
        staff: StaffService,
        unit: Unit,
        clock: Clock,
        carry: Carry,
        observe: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._notices = notices
        self._account = account
        self._staff = staff
        self._unit = unit
        self._clock = clock
        self._carry = carry
        self._observe = observe

    async def claim(self, limit: int, busy: Collection[str] = ()) -> list[Bundle]:
        """Claim due messages, bundled by recipient, each bundle in order; none to those in `busy`, whose
        older messages the caller is carrying already."""
        groups: dict[str, list[Notice]] = {}
        for notice in await self._store.claim(self._clock.now(), limit, LEASE, busy):
            groups.setdefault(notice["to"], []).append(notice)
        contacts = await self._account.contacts(list(groups)) if groups else {}
        return [Bundle(to, group, contacts.get(to)) for to, group in groups.items()]

    async def carry_bundle(self, bundle: Bundle) -> None:
        """Carry one recipient's messages one after the other; when one has to wait, so do the rest."""
        group = bundle.notices
        for index, notice in enumerate(group):
            # What one message taught (that this person blocks us, say) counts for the next.
            contact = bundle.contact if index == 0 else await self._account.contact(notice["to"])
            if not await self._carry_one(notice, contact):
                rest = [n["_id"] for n in group[index + 1 :]]
                if rest and notice["lease"]:
                    due = self._clock.now() + ORDER_PAUSE
                    await self._store.release(rest, notice["lease"], due)
                return

    async def _carry_one(self, notice: Notice, contact: Contact | None) -> bool:
        """Bring one message to an end, or to a pause (False)."""
        tries = rules.settled(notice["tries"], self._clock.now())
        if tries and tries[-1]["result"] in ("started", Outcome.UNCERTAIN):
            match rules.after_crash(tries[-1], self._clock.now()):
                case "again":
                    tries[-1] = {**tries[-1], "result": "repeated"}
                case "wait":
                    due = tries[-1]["at"] + rules.RECEIPT_WAIT
                    return await self._pause(notice, due)
                case _:
                    tries[-1] = {**tries[-1], "result": "unknown"}
        if tries != notice["tries"]:
            await self._store.change(notice, {"tries": tries})
        while True:
            now = self._clock.now()
            channel = rules.next_channel(contact, tries, now)
            if channel is None or contact is None:
                return await self._leave_in_inbox(notice)
            attempt: Try = {
                "channel": channel,
                "at": now,
                "result": "started",
            }
            if not await self._store.start_try(notice, attempt, now + LEASE):
                return False
            delivery = await self._carry(
                Parcel(
                    channel=channel,
                    openid=contact.openid,
                    kind=notice["kind"],
                    fields=notice["fields"],
                    link=notice["link"],
                    # One id a message, so that whatever made us send it again, it arrives once.
                    client_msg_id=notice["_id"].replace("-", ""),
                    possibly_repeated=any(t["result"] == "unknown" for t in tries),
                )
            )
            ended = await self._record(notice, tries, attempt, contact, delivery)
            if ended is not None:
                return ended
            contact = await self._account.contact(notice["to"])

    async def _record(
        self, notice: Notice, tries: list[Try], attempt: Try, contact: Contact, delivery: Delivery
    ) -> bool | None:
        """Write an attempt's outcome; True: ended, False: pauses, None: try the next channel."""
        outcome = delivery["outcome"]
        self._observe(attempt["channel"], outcome.value)
        done: Try = {
            **attempt,
            "result": outcome.value,
            "errcode": delivery["errcode"],
            "reason": delivery["reason"],
        }
        if delivery["message_id"]:
            done["message_id"] = delivery["message_id"]
        tries.append(done)
        index = len(tries) - 1
        await self._learn(contact, delivery["mark"])
        if outcome is Outcome.SENT:
            # Only template messages get a receipt; for the others being accepted is the end.
            await self._store.end_try(notice, index, done, {"state": NoticeState.SENT.value, "lease": None})
            return True
        if outcome in (Outcome.NEXT, Outcome.DEAD):
            await self._store.end_try(notice, index, done, {})
            return None
        if outcome is Outcome.UNCERTAIN:
            await self._store.end_try(notice, index, done, {})
            return await self._pause(notice, attempt["at"] + rules.RECEIPT_WAIT)
        pause = rules.pause_after(outcome, tries)
        if pause is None:
            done["result"] = "exhausted"
            await self._store.end_try(notice, index, done, {})
            return None
        await self._store.end_try(notice, index, done, {})
        return await self._pause(notice, self._clock.now() + pause)

    async def _pause(self, notice: Notice, due_at: datetime) -> bool:
        await self._store.change(
            notice, {"state": NoticeState.PENDING.value, "due_at": due_at, "lease": None}
        )
        return False

    async def _learn(self, contact: Contact, mark: str | None) -> None:
        """Keep what an attempt taught about a person, so that the next message does not ask again."""
        if mark in LESSONS:
            await self._account.set_fan(contact.openid, **LESSONS[mark])

    async def _superiors(self, staff_id: str, areas: list[str]) -> list[str]:
        """Who is told about something at `areas` in the place of this member of staff: the nearest level
        above their own, so that nothing for the township comes back to the village."""
        levels = [[s["_id"] for s in await self._staff.supervisors_of(areas, level)] for level in range(3)]
        own = max((level for level, people in enumerate(levels) if staff_id in people), default=-1)
        return next((people for people in levels[own + 1 :] if people), [])

    async def _leave_in_inbox(self, notice: Notice) -> bool:
        """No channel is left: the message stays in the inbox, and for staff it goes up a level."""
        self._observe("inbox", "inbox")
        kind, _, id_ = notice["to"].partition(":")
        upwards: list[Notice] = []
        if kind == "staff" and notice["kind"] != "staff_unreachable":
            upwards = [
                self._notices.compose(
                    f"staff:{superior}",
                    "staff_unreachable",
                    notice["fields"],
                    ref=notice["ref"],
                    areas=notice["areas"],
                    link=notice["link"],
                )
                for superior in await self._superiors(id_, notice["areas"])
            ]

        async def work(tx: Tx) -> bool:
            changes = {"state": NoticeState.INBOX.value, "lease": None}
            if await self._store.change(notice, changes, tx):
                await self._store.add(tx, upwards)
            return True

        return await self._unit.run(work)
