"""Persons, fans, platform events and automatic answers in MongoDB."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, ReturnDocument, UpdateOne, WriteConcern
from pymongo.errors import DuplicateKeyError

from casework.account.model import (
    Answer,
    Fan,
    MenuRecord,
    Person,
    PlatformEvent,
    TagRecord,
    TemplateRecord,
)
from casework.ids import new_id
from casework.resealing import Indexed, Sealing
from casework.unit import Tx, hop

PHONE_PURPOSE = "verified_phone"
SEALED = (
    Sealing("persons", {"phone": "phone"}, indexes={"phone_key": Indexed(PHONE_PURPOSE, ("phone",))}),
    Sealing("platform_events", {"body": "body"}),
)
EVENT_KEEP_SECONDS = 7 * 24 * 3600
#: How many counted consents a fan remembers; far more than can wait to be applied again.
CREDITED_KEPT = 50


def fan_id(app_id: str, openid: str) -> str:
    """The key of a fan."""
    return f"{app_id}:{openid}"


class AccountStore:
    """Collections ``persons``, ``fans``, ``platform_events``, ``answers``, ``templates``,
    ``content_checks``, ``menus``, ``tags``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._persons = database["persons"]
        self._fans = database["fans"]
        self._events = database["platform_events"]
        # Leases and ends of events do not wait for the disk: an effect can be had twice without harm.
        self._quick_events = self._events.with_options(write_concern=WriteConcern(1))
        self._answers = database["answers"]
        self._templates = database["templates"]
        self._verdicts = database["content_checks"]
        self._menus = database["menus"]
        self._tags = database["tags"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._persons.create_index("unionid", unique=True, sparse=True)
        await self._persons.create_index("phone_key", sparse=True)
        await self._fans.create_index("person_id")
        await self._events.create_index([("state", ASCENDING), ("due_at", ASCENDING)])
        await self._events.create_index("received_at", expireAfterSeconds=EVENT_KEEP_SECONDS)

    async def person(self, id_: str) -> Person | None:
        """One person."""
        return await self._persons.find_one({"_id": id_})

    async def set_phone(self, tx: Tx, id_: str, phone: Mapping[str, Any], key: str) -> None:
        """Keep a person's verified number."""
        await self._persons.update_one(
            {"_id": id_},
            {"$set": {"phone": dict(phone), "phone_key": key}, "$inc": {"version": 1}},
            session=await tx.session(),
        )

    async def other_with_phone(self, tx: Tx, id_: str, keys: Sequence[str]) -> Person | None:
        """The oldest other person who has verified the same number."""
        return await self._persons.find_one(
            {"phone_key": {"$in": list(keys)}, "_id": {"$ne": id_}},
            sort=[("_id", ASCENDING)],
            session=await tx.session(),
        )

    async def move_fan(self, tx: Tx, app_id: str, openid: str, person_id: str) -> None:
        """Give a fan to another person."""
        await self._fans.update_one(
            {"_id": fan_id(app_id, openid)},
            {"$set": {"person_id": person_id}, "$inc": {"version": 1}},
            session=await tx.session(),
        )

    async def person_by_unionid(self, unionid: str) -> Person:
        """The person with this unionid, made when new."""
        try:
            return await self._persons.find_one_and_update(
                {"unionid": unionid},
                {"$setOnInsert": {"_id": new_id(), "version": 1, "schema": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            # Two first sights of one person at once: the other one won, so it is there now.
            found = await self._persons.find_one({"unionid": unionid})
            if found is None:
                raise
            return found

    async def add_person(self) -> Person:
        """A person without a unionid."""
        person: Person = {"_id": new_id(), "version": 1, "schema": 1}
        await self._persons.insert_one(person)
        return person

    async def fan(self, app_id: str, openid: str) -> Fan | None:
        """One fan."""
        return await self._fans.find_one({"_id": fan_id(app_id, openid)})

    async def update_fan(self, app_id: str, openid: str, changes: Mapping[str, Any]) -> Fan:
        """Set fields of a fan, made when new; the fan afterwards."""
        return await self._fans.find_one_and_update(
            {"_id": fan_id(app_id, openid)},
            {
                "$set": dict(changes),
                "$setOnInsert": {"app_id": app_id, "openid": openid, "schema": 1},
                "$inc": {"version": 1},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )

    async def update_fan_as_told(
        self, app_id: str, openid: str, at: datetime, changes: Mapping[str, Any]
    ) -> Fan:
        """Like `update_fan`, unless something later than `at` was told of the fan already."""
        fan = await self.update_fan(app_id, openid, {})
        changed: Fan | None = await self._fans.find_one_and_update(
            {"_id": fan["_id"], "told_at": {"$not": {"$gt": at}}},
            {"$set": {**changes, "told_at": at}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
        )
        return changed or fan

    async def adopt_fan(self, app_id: str, openid: str, person_id: str) -> str:
        """Give a fan its person unless it has one; the person it has afterwards."""
        await self.update_fan(app_id, openid, {})
        await self._fans.update_one(
            {"_id": fan_id(app_id, openid), "person_id": None}, {"$set": {"person_id": person_id}}
        )
        fan = await self.fan(app_id, openid)
        return fan["person_id"] or person_id if fan else person_id

    async def fans_of(self, person_ids: Sequence[str]) -> list[Fan]:
        """All fans of these persons."""
        return await self._fans.find({"person_id": {"$in": list(person_ids)}}).to_list(None)

    async def set_credit(self, app_id: str, openid: str, key: str, credit: int) -> None:
        """Set how many notices of our template `key` somebody agreed to."""
        await self.update_fan(app_id, openid, {f"consents.{key}": credit})

    async def add_credit(self, app_id: str, openid: str, key: str, event_id: str) -> None:
        """Count one more consent, once for each event; an endless one stays endless."""
        fan = await self.update_fan(app_id, openid, {})
        await self._fans.update_one(
            {"_id": fan["_id"], "credited": {"$ne": event_id}, f"consents.{key}": {"$not": {"$lt": 0}}},
            {
                "$inc": {f"consents.{key}": 1, "version": 1},
                "$push": {"credited": {"$each": [event_id], "$slice": -CREDITED_KEPT}},
            },
        )

    async def count_customer_message(self, app_id: str, openid: str) -> None:
        """Count one more customer message in the present window."""
        await self._fans.update_one({"_id": fan_id(app_id, openid)}, {"$inc": {"customer_sent": 1}})

    async def use_credit(self, app_id: str, openid: str, key: str) -> None:
        """Use one consent up."""
        await self._fans.update_one(
            {"_id": fan_id(app_id, openid), f"consents.{key}": {"$gt": 0}},
            {"$inc": {f"consents.{key}": -1, "version": 1}},
        )

    async def note_interactions(
        self,
        wrote: Mapping[tuple[str, str], float],
        touched: Mapping[tuple[str, str], float],
    ) -> None:
        """Note when people last wrote, and last pressed or scanned ((app id, openid) → seconds since 1970).
        A message opens a new window for customer messages. Whoever is new is made: the event that they follow
        may not have been applied yet, or they followed before we were here."""
        changes = [
            _interaction(who, at, "interacted_at", {"$set": {"customer_sent": 0}})
            for who, at in wrote.items()
        ] + [_interaction(who, at, "touched_at", {}) for who, at in touched.items()]
        if changes:
            await self._fans.bulk_write(changes, ordered=False)

    async def put_verdict(self, app_id: str, trace_id: str, suggest: str, label: int, at: datetime) -> None:
        """Keep what the platform said of a medium."""
        id_ = fan_id(app_id, trace_id)
        verdict = {"app_id": app_id, "suggest": suggest, "label": label, "at": at}
        await self._verdicts.update_one({"_id": id_}, {"$set": verdict}, upsert=True)

    async def verdict(self, app_id: str, trace_id: str) -> str | None:
        """What the platform said of a medium."""
        found = await self._verdicts.find_one({"_id": fan_id(app_id, trace_id)})
        return found["suggest"] if found else None

    async def add_event(self, event: PlatformEvent) -> bool:
        """Keep an event; False when it was kept before."""
        try:
            await self._events.insert_one(event)
        except DuplicateKeyError:
            return False
        return True

    async def claim_events(self, now: datetime, lease: timedelta, limit: int) -> list[PlatformEvent]:
        """The oldest due events, leased to the caller: they come back when the lease runs out."""
        return await hop(lambda: self._claim_events(now, lease, limit))

    def _claim_events(self, now: datetime, lease: timedelta, limit: int) -> list[PlatformEvent]:
        events = self._events.delegate
        due = {"state": "new", "due_at": {"$lte": now}}
        ids = [e["_id"] for e in events.find(due, {"_id": 1}).sort("due_at", ASCENDING).limit(limit)]
        if not ids:
            return []
        claim = new_id()
        self._quick_events.delegate.update_many(
            {**due, "_id": {"$in": ids}},
            {"$set": {"due_at": now + lease, "claim": claim}, "$inc": {"tries": 1}},
        )
        return list(events.find({"_id": {"$in": ids}, "claim": claim}).sort("received_at", ASCENDING))

    async def end_events(self, ids: Sequence[str], state: str) -> None:
        """Mark events as applied or given up."""
        await self._quick_events.update_many({"_id": {"$in": list(ids)}}, {"$set": {"state": state}})

    async def delay_event(self, id_: str, until: datetime) -> None:
        """Let an event wait."""
        await self._quick_events.update_one({"_id": id_}, {"$set": {"due_at": until}})

    async def answers(self, app_id: str) -> list[Answer]:
        """All automatic answers of an account."""
        return await self._answers.find({"app_id": app_id}).to_list(None)

    async def add_missing_answers(self, answers: Iterable[Answer]) -> None:
        """Insert answers whose id is not there yet."""
        await self._answers.bulk_write(
            [UpdateOne({"_id": a["_id"]}, {"$setOnInsert": a}, upsert=True) for a in answers], ordered=False
        )

    async def templates(self, app_id: str) -> list[TemplateRecord]:
        """The templates of an account."""
        return await self._templates.find({"app_id": app_id}).to_list(None)

    async def put_template(self, template: TemplateRecord) -> None:
        """Set a template of an account."""
        await self._templates.replace_one({"_id": template["_id"]}, template, upsert=True)

    async def menu(self, app_id: str) -> MenuRecord | None:
        """The menus of an account."""
        return await self._menus.find_one({"_id": app_id})

    async def put_menu(self, tx: Tx, menu: MenuRecord) -> None:
        """Set the menus of an account."""
        await self._menus.replace_one({"_id": menu["_id"]}, menu, upsert=True, session=await tx.session())

    async def add_missing_menu(self, menu: MenuRecord) -> None:
        """Insert an account's menus unless it has some."""
        await self._menus.update_one({"_id": menu["_id"]}, {"$setOnInsert": menu}, upsert=True)

    async def tag(self, app_id: str, key: str) -> TagRecord | None:
        """One of our tags of an account, once the platform knows it."""
        return await self._tags.find_one({"_id": fan_id(app_id, key)})

    async def put_tag(self, tag: TagRecord) -> None:
        """Set a tag of an account."""
        await self._tags.replace_one({"_id": tag["_id"]}, tag, upsert=True)

    async def followers_of(self, app_id: str, person_ids: Sequence[str]) -> list[str]:
        """The openids of these persons who follow an account."""
        wanted = {"person_id": {"$in": list(person_ids)}, "app_id": app_id, "following": True}
        return [fan["openid"] async for fan in self._fans.find(wanted, {"openid": 1})]


def _interaction(who: tuple[str, str], at: float, field: str, more: Mapping[str, Any]) -> UpdateOne:
    app_id, openid = who
    new = {"app_id": app_id, "openid": openid, "schema": 1, "version": 1}
    change = {"$max": {field: datetime.fromtimestamp(at, UTC)}, "$setOnInsert": new, **more}
    return UpdateOne({"_id": fan_id(app_id, openid)}, change, upsert=True)
