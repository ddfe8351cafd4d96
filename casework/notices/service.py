"""Writing messages into the outbox, and carrying them to phones."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from casework.access import Actor, reach
from casework.account.service import CLOSED_WINDOWS, Account, Contact
from casework.clock import Clock, readable
from casework.ids import new_id
from casework.notices import rules
from casework.notices.gates import Gate
from casework.notices.kinds import KINDS, page_of, text_of
from casework.notices.model import Delivery, Notice, NoticeState, Outcome, Try
from casework.notices.rules import LEASE, ORDER_PAUSE, Way
from casework.notices.store import NoticeStore
from casework.pages import Page, decode_cursor, encode_cursor
from casework.staff.service import StaffService
from casework.unit import Tx, Unit

ZERO = timedelta(0)


@dataclass(frozen=True)
class Parcel:
    """What a channel gets: everything it needs to carry one message to one phone."""

    channel: str
    app_id: str
    openid: str
    kind: str
    fields: dict[str, str]
    link: str
    client_msg_id: str
    possibly_repeated: bool


Carry = Callable[[Parcel], Awaitable[Delivery]]
"""The port to the platform. It never raises for the platform's troubles: they are outcomes."""

#: How often the sender looks for the receipt of a message, when another one to the same person waits.
RECEIPT_POLL_SECONDS = 0.04

#: The platform's words in receipts of template messages, without blanks, and ours.
RECEIPT_REASONS = {
    "failed:userblock": "用户拒收公众号消息",
    "failed:systemfailed": "微信系统发送失败",
    "failed:freqlimit": "发送过于频繁，被微信限制",
}
USER_BLOCK = "failed:userblock"


class Quotas(Protocol):
    """How many messages each account may still send by each channel."""

    async def take(self, app_id: str, channel: str) -> datetime | None:
        """Count one message; None, or when there is room again if there is none now."""


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
        due = now + KINDS[kind].delay
        return {
            "_id": new_id(),
            "to": to,
            "kind": kind,
            "fields": {"at": readable(now), **fields},
            "link": link,
            "ref": ref,
            "areas": areas,
            "state": NoticeState.PENDING.value,
            "first_due_at": due,
            "due_at": due,
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
        await self._unit.run(lambda tx: self.say(tx, to, kind, ref=ref))

    async def say(self, tx: Tx, to: str, kind: str, *, ref: str) -> None:
        """Put one message without fields into the outbox, inside the transaction of its cause."""
        await self._store.add(tx, [self.compose(to, kind, {}, ref=ref, areas=[])])

    async def binding_moved(self, tx: Tx, person_id: str, staff_id: str) -> None:
        """Tell a person that another phone is now that of the member of staff they were."""
        await self.say(tx, f"person:{person_id}", "binding_moved", ref=f"staff:{staff_id}")

    async def count(self, actor: Actor) -> int:
        """How many messages to the actor are kept."""
        return await self._store.count(self._people(actor))

    @staticmethod
    def _people(actor: Actor) -> list[str]:
        return [f"person:{actor.person_id}"] + ([f"staff:{actor.staff_id}"] if actor.staff_id else [])

    async def inbox(self, actor: Actor, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
        """The actor's messages, newest first: the list of last resort, never empty-handed."""
        reach(actor, "inbox.read")
        before = decode_cursor(cursor, str)[0] if cursor else None
        found = await self._store.inbox(self._people(actor), before, limit + 1)
        items = [
            {
                "id": n["_id"],
                "kind": n["kind"],
                "title": KINDS[n["kind"]].title,
                "text": text_of(n["kind"], n["fields"]),
                "ref": n["ref"],
                "page": page_of(n["kind"], n["ref"]),
                "state": n["state"],
                "at": n["created_at"],
            }
            for n in found[:limit]
        ]
        more = len(found) > limit
        return Page(items, encode_cursor(found[limit - 1]["_id"]) if more else None)

    async def receipts(self, receipts: Mapping[str, str]) -> set[str]:
        """Apply the platform's receipts: its status (``success`` or why not) by message id.

        The ids that are known; a receipt can be here before the sender has recorded the message's id,
        and the caller then comes again a little later.
        """
        arrived = [id_ for id_, status in receipts.items() if status == "success"]
        known = await self._store.delivered(arrived) if arrived else set()
        for id_ in receipts.keys() - set(arrived):
            status = receipts[id_].replace(" ", "")
            reason = RECEIPT_REASONS.get(status, f"微信回执：{receipts[id_]}")
            if await self._store.refused(id_, reason, self._clock.now()):
                known.add(id_)
        return known


@dataclass(frozen=True)
class Bundle:
    """Messages to one recipient, in order, and how to reach them."""

    to: str
    notices: list[Notice]
    contacts: Sequence[Contact]


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
        quotas: Quotas,
        observe: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._notices = notices
        self._account = account
        self._staff = staff
        self._unit = unit
        self._clock = clock
        self._carry = carry
        self._quotas = quotas
        self._observe = observe
        self._gates: dict[tuple[str, str], Gate] = defaultdict(Gate)
        self._waiting = 0
        self._handed_back = False

    @property
    def hurries(self) -> bool:
        """Whether somebody's next message waits for the receipt of the one before it."""
        return self._waiting > 0 or self._handed_back

    def room(self) -> int | None:
        """How many messages may be claimed now; None: any number.

        While no account's first channel works, messages stay in the outbox in their order, and one at a
        time finds out whether it works again.
        """
        first, now = next(iter(rules.CHANNELS)), self._clock.now()
        rooms = [self._gates[app_id, first].room(now) for app_id in self._account.official_app_ids]
        closed = [room for room in rooms if room is not None]
        return max(closed) if len(closed) == len(rooms) else None

    def closed(self) -> dict[tuple[str, str], str]:
        """Why channels are closed: (account, channel) → ``unreachable``, ``quota`` or ``refused``."""
        return {key: gate.reason for key, gate in self._gates.items() if gate.closed_until}

    async def claim(self, limit: int, busy: Collection[str] = ()) -> list[Bundle]:
        """Claim due messages, bundled by recipient, each bundle in order; none to those in `busy`, whose
        older messages the caller is carrying already."""
        room = self.room()
        limit = limit if room is None else min(limit, room)
        if not limit:
            return []
        claimed, self._handed_back = await self._store.claim(self._clock.now(), limit, LEASE, busy)
        groups: dict[str, list[Notice]] = {}
        for notice in claimed:
            groups.setdefault(notice["to"], []).append(notice)
        contacts = await self._account.contacts(list(groups)) if groups else {}
        return [Bundle(to, group, contacts.get(to, ())) for to, group in groups.items()]

    async def carry_bundle(self, bundle: Bundle) -> None:
        """Carry one recipient's messages one after the other; when one has to wait, so do the rest."""
        group, contacts = bundle.notices, bundle.contacts
        for index, notice in enumerate(group):
            if index:
                # What one message taught (that this person blocks us, say) counts for the next.
                await self._receipt_of(group[index - 1])
                contacts = await self._account.contact(notice["to"])
            if not await self._carry_one(notice, contacts):
                rest = [n["_id"] for n in group[index + 1 :]]
                if rest and notice["lease"]:
                    due = self._clock.now() + ORDER_PAUSE
                    await self._store.release(rest, notice["lease"], due)
                return

    async def _receipt_of(self, notice: Notice) -> None:
        """Wait until a message has its receipt, has none to come, or took too long to get it."""
        self._waiting += 1
        try:
            async with asyncio.timeout(rules.RECEIPT_PATIENCE.total_seconds()):
                while await self._store.awaits(notice["_id"]):  # noqa: ASYNC110 - others write the receipt.
                    await asyncio.sleep(RECEIPT_POLL_SECONDS)
        except TimeoutError:
            return
        finally:
            self._waiting -= 1

    async def _carry_one(self, notice: Notice, contacts: Sequence[Contact]) -> bool:
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
        key = KINDS[notice["kind"]].template
        home = await self._account.speaker(notice["areas"])
        while True:
            now = self._clock.now()
            ways = rules.ways_left(rules.ways_to(contacts, key, home, now), tries)
            if not ways:
                return await self._leave_in_inbox(notice)
            way = await self._open_way(ways, now)
            if isinstance(way, datetime):
                return await self._pause(notice, way)
            try:
                ended = await self._try(notice, tries, way, key, now)
            except BaseException:
                self._gate(way).leave(None, now, now)
                raise
            if ended is not None:
                return ended
            contacts = await self._account.contact(notice["to"])

    def _gate(self, way: Way) -> Gate:
        return self._gates[way.contact.app_id, way.channel]

    async def _open_way(self, ways: Sequence[Way], now: datetime) -> Way | datetime:
        """The best way that is open, entered; or when to come again.

        A way that is in trouble is waited for, since trouble passes. One whose quota is used up is passed
        over, since that may take until tomorrow.
        """
        later = []
        for way in ways:
            gate = self._gate(way)
            closed_until = gate.enter(now)
            if closed_until:
                return closed_until
            spent_until = await self._quotas.take(way.contact.app_id, way.channel)
            if spent_until is None:
                return way
            gate.leave(None, now, now)
            later.append(spent_until)
        return min(later)

    async def _try(
        self, notice: Notice, tries: list[Try], way: Way, key: str | None, now: datetime
    ) -> bool | None:
        """One attempt; True: ended, False: pauses, None: try the next way."""
        contact = way.contact
        attempt: Try = {"channel": way.channel, "app_id": contact.app_id, "at": now, "result": "started"}
        if way.channel in ("subscription", "mini_program"):
            attempt["message_id"] = rules.receipt_id(contact.app_id, contact.openid, key)
        if not await self._store.start_try(notice, attempt, now + LEASE):
            self._gate(way).leave(None, now, now)
            return False
        delivery = await self._carry(
            Parcel(
                channel=way.channel,
                app_id=contact.app_id,
                openid=contact.openid,
                kind=notice["kind"],
                fields=notice["fields"],
                link=notice["link"],
                # One id a message, so that whatever made us send it again, it arrives once.
                client_msg_id=notice["_id"].replace("-", ""),
                possibly_repeated=any(t["result"] == "unknown" for t in tries),
            )
        )
        # Where nothing could be sent (the account has no such template), nothing was learnt of the platform.
        asked = delivery["outcome"] is not Outcome.NEXT or delivery["errcode"] is not None
        self._gate(way).leave(delivery["outcome"] if asked else None, now, self._clock.now())
        await self._learn(way, key, delivery)
        return await self._record(notice, tries, attempt, delivery)

    async def _record(
        self, notice: Notice, tries: list[Try], attempt: Try, delivery: Delivery
    ) -> bool | None:
        """Write an attempt's outcome; True: ended, False: pauses, None: try the next way."""
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
        elif outcome not in (Outcome.SENT, Outcome.UNCERTAIN):
            # What the platform refused gets no receipt; one that comes is another attempt's.
            done.pop("message_id", None)
        tries.append(done)
        index = len(tries) - 1
        if outcome is Outcome.SENT:
            changes: dict[str, Any] = {"state": NoticeState.SENT.value, "lease": None}
            if attempt["channel"] in rules.RECEIPTED:
                changes |= {"awaits": True, "due_at": self._clock.now() + rules.RECEIPT_PATIENCE}
            await self._store.end_try(notice, index, done, changes)
            return True
        if outcome is Outcome.UNCERTAIN:
            await self._store.end_try(notice, index, done, {})
            return await self._pause(notice, attempt["at"] + rules.RECEIPT_WAIT)
        now = self._clock.now()
        closed_until = self._gates[attempt["app_id"], attempt["channel"]].closed_until
        pause = rules.pause_after(outcome, tries, max(closed_until - now, ZERO) if closed_until else None)
        if pause is None and outcome is Outcome.RETRY:
            done["result"] = "exhausted"
        await self._store.end_try(notice, index, done, {})
        return None if pause is None else await self._pause(notice, now + pause)

    async def _pause(self, notice: Notice, due_at: datetime) -> bool:
        await self._store.change(
            notice, {"state": NoticeState.PENDING.value, "due_at": due_at, "lease": None}
        )
        return False

    async def _learn(self, way: Way, key: str | None, delivery: Delivery) -> None:
        """Keep what an attempt taught about a person, so that the next message does not ask again."""
        account, app_id, openid = self._account, way.contact.app_id, way.contact.openid
        # A message whose answer was lost may have used a consent or a place in the window as well.
        if delivery["outcome"] in (Outcome.SENT, Outcome.UNCERTAIN):
            if way.channel == "customer":
                await account.customer_message_sent(app_id, openid)
            elif key and way.channel in ("subscription", "mini_program"):
                await account.consent_used(app_id, openid, key)
        match delivery["mark"]:
            case "not_following":
                await account.set_fan(app_id, openid, following=False)
            case "blocked":
                await account.refused(app_id, openid, self._clock.now())
            case "unbind":
                await account.set_fan(app_id, openid, following=False, person_id=None)
            case "no_consent" if key:
                await account.consent_gone(app_id, openid, key)
            case "window_closed":
                await account.set_fan(app_id, openid, **CLOSED_WINDOWS)

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
