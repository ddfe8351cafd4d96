"""Signing in, knowing people's phones, and the account's automatic answers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from casework.access import Actor
from casework.account.model import (
    ALWAYS,
    TAG_NAMES,
    Answer,
    App,
    AppKind,
    Fan,
    MenuRecord,
    PlatformEvent,
    TagRecord,
    TemplateRecord,
)
from casework.account.store import AccountStore
from casework.audit.service import entry
from casework.audit.store import AuditStore
from casework.clock import Clock
from casework.fields import FieldCipher
from casework.recent import Recent
from casework.regions.service import Regions
from casework.staff.service import StaffService
from casework.unit import Tx, Unit

CACHE_SECONDS = 30.0
FLUSH_MOST = 5000
Button = dict[str, Any]
OCCASION = "@"
#: What leaves no room for customer messages.
CLOSED_WINDOWS: Mapping[str, Any] = {"interacted_at": None, "touched_at": None}


@dataclass(frozen=True)
class Contact:
    """How somebody can be reached through one of our accounts just now; see `Fan` for the fields."""

    app_id: str
    kind: AppKind
    openid: str
    following: bool = False
    blocked: bool = False
    interacted_at: datetime | None = None
    customer_sent: int = 0
    touched_at: datetime | None = None
    consents: Mapping[str, int] = field(default_factory=dict)


class _Answers:
    """An account's answers, by key, and the keys that count inside a longer text."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        pairs = [(key.lower(), answer) for answer in answers for key in answer["keys"]]
        # Of two answers with the same key the first one holds.
        self.by_key = dict(reversed(pairs))
        # Occasions are no words that anybody says.
        self.keywords = [(key, a) for key, a in pairs if len(key) > 1 and not key.startswith(OCCASION)]


class Account:
    """Use cases of our accounts on the platform; `apps` are all of them, the main official account first."""

    def __init__(
        self,
        store: AccountStore,
        staff: StaffService,
        regions: Regions,
        audit: AuditStore,
        unit: Unit,
        cipher: FieldCipher,
        clock: Clock,
        apps: Sequence[App],
    ) -> None:
        self._audit = audit
        self._unit = unit
        self._store = store
        self._staff = staff
        self._regions = regions
        self._cipher = cipher
        self._clock = clock
        self._apps = {app.app_id: app for app in apps}
        self.oa_app_id = apps[0].app_id
        self.official_app_ids = [app.app_id for app in apps if app.kind is AppKind.OFFICIAL]
        self._wrote: dict[tuple[str, str], float] = {}
        self._touched: dict[tuple[str, str], float] = {}
        self._flushing = asyncio.Lock()
        self._answers: Recent[str, _Answers] = Recent(clock, CACHE_SECONDS, len(apps))
        self._templates: Recent[str, list[TemplateRecord]] = Recent(clock, CACHE_SECONDS, len(apps))
        self._speakers: Recent[None, dict[str, str]] = Recent(clock, CACHE_SECONDS, 1)

    async def meet(self, app_id: str, openid: str, unionid: str | None) -> str:
        """The id of the person behind an openid; openids of several apps meet by unionid.

        A phone number that somebody typed joins nothing; for one that WeChat has verified see `phones`.
        """
        fan = await self._store.fan(app_id, openid)
        if fan and fan.get("person_id"):
            return str(fan["person_id"])
        if unionid:
            person = await self._store.person_by_unionid(unionid)
        else:
            person = await self._store.add_person()
        return await self._store.adopt_fan(app_id, openid, person["_id"])

    async def fans_of(self, person_id: str) -> list[Fan]:
        """A person in each of our accounts that they use."""
        return await self._store.fans_of([person_id])

    def kind_of(self, app_id: str) -> AppKind | None:
        """What sort of account an app id belongs to; None when it is none of ours any more."""
        app = self._apps.get(app_id)
        return app.kind if app else None

    async def fan(self, app_id: str, openid: str) -> Fan | None:
        """Somebody in one of our accounts."""
        return await self._store.fan(app_id, openid)

    async def set_fan(self, app_id: str, openid: str, **changes: Any) -> Fan:
        """Change what is known of somebody in one of our accounts."""
        return await self._store.update_fan(app_id, openid, changes)

    async def told(self, app_id: str, openid: str, at: datetime, **changes: Any) -> Fan:
        """Change what the platform said of a fan at the instant `at`; the fan afterwards.

        An event that is applied late, after its worker died or its follow-up failed, does not undo what a
        later one said.
        """
        return await self._store.update_fan_as_told(app_id, openid, at, changes)

    async def forget(self, app_id: str, openid: str) -> None:
        """Nobody is behind an openid any more.

        What the law keeps of a household does not hang on this.
        """
        nothing: dict[str, Any] = {"person_id": None, "scene": None, "consents": {}, **CLOSED_WINDOWS}
        await self._store.update_fan(app_id, openid, nothing)

    # --- reaching people --------------------------------------------------------------------------

    async def speaker(self, areas: Sequence[str]) -> str:
        """The official account that speaks for a place first, given the ids of its ancestors: the one of
        the nearest area that has an account of its own, else the main one."""
        speakers = await self._speakers.find(None, self._find_speakers)
        # The ancestors of a document begin with the province and end with the place itself.
        return next((speakers[area] for area in reversed(areas) if area in speakers), self.oa_app_id)

    async def _find_speakers(self) -> dict[str, str]:
        speakers = {}
        for app in self._apps.values():
            for code in app.areas:
                region = await self._regions.find_by_code(code)
                if region is not None:
                    speakers[region["_id"]] = app.app_id
        return speakers

    async def contact(self, to: str) -> list[Contact]:
        """How to reach one recipient; see `contacts`."""
        return (await self.contacts([to])).get(to, [])

    async def contacts(self, recipients: Sequence[str]) -> dict[str, list[Contact]]:
        """How to reach recipients (``staff:id`` or ``person:id``) through each of our accounts that knows
        them; one whom none knows is missing from the result."""
        people: dict[str, list[str]] = {}
        for to in recipients:
            kind, _, id_ = to.partition(":")
            if kind == "staff":
                staff = await self._staff.get(id_)
                if not staff["active"] or "person_id" not in staff:
                    continue
                id_ = staff["person_id"]
            people.setdefault(id_, []).append(to)
        found: dict[str, list[Contact]] = {}
        for fan in await self._store.fans_of(list(people)) if people else ():
            app = self._apps.get(fan["app_id"])
            if app is None:
                continue
            interacted, touched = fan.get("interacted_at"), fan.get("touched_at")
            refused = fan.get("blocked_at")
            # Whoever turns to us again has taken us back, and one call finds out if not.
            taken_back = refused and any(at > refused for at in (interacted, touched) if at)
            contact = Contact(
                app_id=fan["app_id"],
                kind=app.kind,
                openid=fan["openid"],
                following=fan.get("following", False),
                blocked=fan.get("blocked", False) and not taken_back,
                interacted_at=interacted,
                customer_sent=fan.get("customer_sent", 0),
                touched_at=touched,
                consents=fan.get("consents") or {},
            )
            for to in people[str(fan["person_id"])]:
                found.setdefault(to, []).append(contact)
        return found

    async def consented(
        self, app_id: str, openid: str, event_id: str, template_id: str, *, accepted: bool
    ) -> None:
        """Somebody agreed to a subscription notice of a template of ours, or took their agreement back.

        `event_id` names the platform's event, so that one that is applied twice is counted once.
        """
        record = await self._template(app_id, "subscription", "template_id", template_id)
        if record is None:
            return
        key = record["key"]
        if not accepted:
            await self._store.set_credit(app_id, openid, key, 0)
        elif record.get("long_term"):
            await self._store.set_credit(app_id, openid, key, ALWAYS)
        else:
            await self._store.add_credit(app_id, openid, key, f"{event_id}/{key}")

    async def consent_used(self, app_id: str, openid: str, key: str) -> None:
        """A subscription notice went out under somebody's consent."""
        await self._store.use_credit(app_id, openid, key)

    async def consent_gone(self, app_id: str, openid: str, key: str) -> None:
        """The platform says that no consent is left."""
        await self._store.set_credit(app_id, openid, key, 0)

    async def customer_message_sent(self, app_id: str, openid: str) -> None:
        """One of the few customer messages of the present window went out."""
        await self._store.count_customer_message(app_id, openid)

    async def refused(self, app_id: str, openid: str, at: datetime) -> None:
        """Somebody refused our messages at the instant `at`; nothing is sent to them until they turn to us
        after that."""
        await self._store.update_fan(app_id, openid, {"blocked": True, "blocked_at": at})

    def wrote(self, app_id: str, openid: str) -> None:
        """Note that somebody sent a message. Written in bulk by `flush`, off the callback's path."""
        self._note(self._wrote, app_id, openid)

    def touched(self, app_id: str, openid: str) -> None:
        """Note that somebody pressed a menu or scanned a code; see `wrote`."""
        self._note(self._touched, app_id, openid)

    def _note(self, times: dict[tuple[str, str], float], app_id: str, openid: str) -> None:
        if len(times) < FLUSH_MOST:
            times[app_id, openid] = self._clock.time()

    async def flush(self) -> None:
        """Write the interactions that were noted before; when this returns they are written."""
        async with self._flushing:
            wrote, self._wrote = self._wrote, {}
            touched, self._touched = self._touched, {}
            await self._store.note_interactions(wrote, touched)

    # --- events of the platform -------------------------------------------------------------------

    async def keep_event(
        self, app_id: str, key: str, openid: str, event: str, body: Mapping[str, Any]
    ) -> bool:
        """Keep an event that has an effect before it is acknowledged; False when it came before."""
        id_, now = f"{app_id}:{key}", self._clock.now()
        kept: PlatformEvent = {
            "_id": id_,
            "app_id": app_id,
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

    async def judged(self, app_id: str, trace_id: str, suggest: str, label: int) -> None:
        """The platform has looked at a picture or a recording: ``pass``, ``review`` or ``risky``."""
        await self._store.put_verdict(app_id, trace_id, suggest, label, self._clock.now())

    async def verdict(self, app_id: str, trace_id: str) -> str | None:
        """What the platform said of a picture or a recording, once it has."""
        return await self._store.verdict(app_id, trace_id)

    # --- menus and tags ---------------------------------------------------------------------------

    async def menu(self, app_id: str) -> MenuRecord | None:
        """The menus that an account is to have."""
        return await self._store.menu(app_id)

    async def change_menu(
        self, actor: Actor | str, app_id: str, buttons: list[Button], by_tag: dict[str, list[Button]]
    ) -> MenuRecord:
        """Change the menus that an account is to have; the caller has checked the platform's limits."""
        old = await self._store.menu(app_id)
        menu: MenuRecord = {
            "_id": app_id,
            "buttons": buttons,
            "by_tag": by_tag,
            "version": old["version"] + 1 if old else 1,
            "schema": 1,
        }
        made = entry(self._clock, actor, "account.change_menu", f"menu:{app_id}", [], version=menu["version"])

        async def work(tx: Tx) -> MenuRecord:
            await self._store.put_menu(tx, menu)
            await self._audit.add(tx, [made])
            return menu

        return await self._unit.run(work)

    async def tag(self, app_id: str, key: str) -> TagRecord | None:
        """One of our tags of an account, once the platform knows it."""
        return await self._store.tag(app_id, key)

    async def know_tag(self, app_id: str, key: str, platform_id: int) -> None:
        """The platform has a tag of ours under this number."""
        await self._store.put_tag(
            {
                "_id": f"{app_id}:{key}",
                "app_id": app_id,
                "key": key,
                "name": TAG_NAMES[key],
                "platform_id": platform_id,
            }
        )

    async def staff_who_follow(self, app_id: str) -> list[str]:
        """The openids of the members of staff who follow an account."""
        return await self._store.followers_of(app_id, await self._staff.bound_persons())

    async def became_staff(self, person_id: str) -> None:
        """Somebody's phone was bound to a member of staff: their menus change."""
        for fan in await self._store.fans_of([person_id]):
            app = self._apps.get(fan["app_id"])
            if app and app.kind is AppKind.OFFICIAL:
                key = f"tag:{fan['openid']}:{self._clock.time()}"
                await self.keep_event(app.app_id, key, fan["openid"], "tag_staff", {})

    # --- answers and templates --------------------------------------------------------------------

    async def answer_to(self, app_id: str, text: str) -> Answer | None:
        """The automatic answer to a menu key or to a text that contains one of its keywords."""
        answers = await self._all_answers(app_id)
        wanted = text.strip().lstrip(OCCASION).lower()
        found = answers.by_key.get(wanted)
        if found is None:
            return next((answer for key, answer in answers.keywords if key in wanted), None)
        return found

    async def words_on(self, app_id: str, occasion: str) -> str | None:
        """What the account says on an occasion (see `Answer`), in plain words."""
        answer = (await self._all_answers(app_id)).by_key.get(OCCASION + occasion)
        return answer["text"] if answer else None

    async def _all_answers(self, app_id: str) -> _Answers:
        async def look() -> _Answers:
            return _Answers(await self._store.answers(app_id))

        return await self._answers.find(app_id, look)

    async def template(self, app_id: str, use: str, key: str) -> TemplateRecord | None:
        """The account's template that we call `key`, for ``template`` messages or ``subscription``
        notices."""
        return await self._template(app_id, use, "key", key)

    async def key_of(self, app_id: str, template_id: str) -> str | None:
        """Our key of a subscription template."""
        record = await self._template(app_id, "subscription", "template_id", template_id)
        return record["key"] if record else None

    async def _template(
        self, app_id: str, use: str, by: Literal["key", "template_id"], wanted: str
    ) -> TemplateRecord | None:
        records = await self._templates.find(app_id, lambda: self._store.templates(app_id))
        return next((r for r in records if r["use"] == use and r[by] == wanted), None)
