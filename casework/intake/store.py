"""Reports and verifications in MongoDB."""

from collections.abc import Mapping, Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from casework.access import Reach
from casework.intake.model import AdditionRecord, Intake, IntakeState, Step
from casework.resealing import Indexed, Sealing
from casework.unit import Tx, session_in

#: Fields of the form that are sealed each on its own, because they are read each on its own.
SEALED_ALONE = ("applicant_name", "phone", "id_no", "head_id_no", "statement")
SEALED = (
    Sealing(
        "intakes",
        {f"secrets.{name}": name for name in (*SEALED_ALONE, "details", "signed_name")}
        | {"additions.text": "additions.{id}"},
        indexes={"household_key": Indexed("household", ("secrets.head_id_no", "secrets.id_no"))},
        # It knows a finger that taps twice.
        passing=("digest",),
    ),
    Sealing("verifications", {"form": "form"}),
    Sealing("corrections", {"text": "text", "answer": "answer"}),
)


class IntakeStore:
    """Collections ``intakes``, ``verifications`` and ``corrections``."""

    def __init__(self, database: AsyncIOMotorDatabase[Any]) -> None:
        self._intakes = database["intakes"]
        self._verifications = database["verifications"]
        self._corrections = database["corrections"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._intakes.create_index(
            "household_key", unique=True, partialFilterExpression={"open": True}, name="one_open_a_household"
        )
        await self._intakes.create_index("number", unique=True)
        await self._intakes.create_index("joined_to", partialFilterExpression={"joined_to": {"$gt": ""}})
        await self._intakes.create_index([("owner", ASCENDING), ("_id", DESCENDING)])
        await self._intakes.create_index(
            [("filer", ASCENDING), ("_id", DESCENDING)], partialFilterExpression={"filer": {"$gt": ""}}
        )
        await self._intakes.create_index([("areas", ASCENDING), ("_id", DESCENDING)])
        await self._intakes.create_index("erasing", sparse=True)
        await self._verifications.create_index([("intake", ASCENDING), ("_id", ASCENDING)])
        # Whether a picture may be deleted is asked for its id, whoever uses it.
        for collection in (self._intakes, self._verifications):
            some = {"photos.id": {"$gt": ""}}
            await collection.create_index("photos.id", partialFilterExpression=some)
        await self._corrections.create_index([("intake", ASCENDING), ("_id", ASCENDING)])
        await self._corrections.create_index([("areas", ASCENDING), ("state", ASCENDING), ("_id", ASCENDING)])
        await self._corrections.create_index(
            [("assignee", ASCENDING), ("state", ASCENDING), ("_id", ASCENDING)]
        )

    async def add(self, tx: Tx, intake: Intake) -> None:
        """Insert a report."""
        tx.insert(self._intakes, intake)

    async def get(self, id_: str, tx: Tx | None = None) -> Intake | None:
        """One report."""
        return await self._intakes.find_one({"_id": id_}, session=await session_in(tx))

    async def by_number(self, number: str) -> Intake | None:
        """One report by the number that people read out."""
        return await self._intakes.find_one({"number": number})

    async def open_of(self, household_keys: Sequence[str]) -> Intake | None:
        """The open report of a household, whichever key it was indexed under."""
        return await self._intakes.find_one({"household_key": {"$in": list(household_keys)}, "open": True})

    async def same(self, tx: Tx, intake: Intake, digests: Sequence[str], joined_to: str) -> Intake | None:
        """What the person behind `intake` sent before with the very same content, into the open report
        `joined_to`."""
        return await self._intakes.find_one(
            {
                "owner": intake["owner"],
                "filer": intake["filer"],
                "digest": {"$in": list(digests)},
                "$or": [{"_id": joined_to}, {"joined_to": joined_to}],
            },
            session=await session_in(tx),
        )

    async def change(
        self,
        tx: Tx,
        id_: str,
        states: Sequence[str],
        changes: Mapping[str, Any],
        steps: Sequence[Step],
        addition: AdditionRecord | None = None,
    ) -> Intake | None:
        """Set fields and add steps to a report in one of these states; None when it is in another."""
        update: dict[str, Any] = {"$push": {"history": {"$each": list(steps)}}, "$inc": {"version": 1}}
        if addition:
            update["$push"]["additions"] = addition
        if changes:
            update["$set"] = dict(changes)
        return await self._intakes.find_one_and_update(
            {"_id": id_, "state": {"$in": list(states)}},
            update,
            return_document=ReturnDocument.AFTER,
            session=await session_in(tx),
        )

    async def joined_to(self, id_: str, tx: Tx | None = None) -> list[Intake]:
        """The reports that were added to this one, oldest first."""
        found = self._intakes.find(
            {"joined_to": id_, "state": IntakeState.JOINED.value}, session=await session_in(tx)
        )
        return await found.sort("_id", ASCENDING).to_list(100)

    async def page(self, query: Mapping[str, Any], before: str | None, limit: int) -> list[Intake]:
        """Reports that match, newest first, older than the id `before`."""
        wanted = {**query, **({"_id": {"$lt": before}} if before else {})}
        return await self._intakes.find(wanted).sort("_id", DESCENDING).to_list(limit)

    @staticmethod
    def reached(allowed: Reach) -> dict[str, Any]:
        """The query for everything in reach by ownership or area."""
        parts: list[dict[str, Any]] = []
        if allowed.person_id:
            parts.append({"owner": allowed.person_id})
        if allowed.staff_id:
            parts.append({"filer": allowed.staff_id})
        if allowed.areas:
            parts.append({"areas": {"$in": list(allowed.areas)}})
        return {"$or": parts}

    @staticmethod
    def own(person_id: str, staff_id: str | None) -> dict[str, Any]:
        """The query for what somebody reported themselves, for their own household or in another's stead."""
        parts: list[dict[str, Any]] = [{"owner": person_id}]
        if staff_id:
            parts.append({"filer": staff_id})
        return {"$or": parts}

    async def add_verification(self, tx: Tx, verification: Mapping[str, Any]) -> None:
        """Insert a verification."""
        tx.insert(self._verifications, verification)

    async def verifications_of(self, intake_id: str) -> list[dict[str, Any]]:
        """The verifications of a report, oldest first."""
        return await self._verifications.find({"intake": intake_id}).sort("_id", ASCENDING).to_list(50)

    async def add_correction(self, tx: Tx, correction: Mapping[str, Any]) -> None:
        """Insert a wish for a correction."""
        tx.insert(self._corrections, correction)

    async def correction(self, id_: str) -> Any:
        """One wish for a correction."""
        return await self._corrections.find_one({"_id": id_})

    async def corrections_of(self, intake_id: str) -> list[Any]:
        """The corrections of a report, oldest first."""
        return await self._corrections.find({"intake": intake_id}).sort("_id", ASCENDING).to_list(100)

    async def open_corrections(self, tx: Tx, intake_id: str) -> int:
        """How many wishes about a report wait for an answer."""
        wanted = {"intake": intake_id, "state": "open"}
        return await self._corrections.count_documents(wanted, session=await tx.session())

    async def answer_correction(self, tx: Tx, id_: str, changes: Mapping[str, Any]) -> Any:
        """Set the answer of an open wish; None when it has one."""
        return await self._corrections.find_one_and_update(
            {"_id": id_, "state": "open"},
            {"$set": dict(changes), "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=await tx.session(),
        )

    async def corrections_in_reach(self, allowed: Reach, after: str | None, limit: int) -> list[Any]:
        """Wishes in reach that wait for an answer, oldest first, newer than the id `after`."""
        wanted: dict[str, Any] = {"state": "open", "$or": []}
        if allowed.staff_id:
            wanted["$or"].append({"assignee": allowed.staff_id})
        if allowed.areas:
            wanted["$or"].append({"areas": {"$in": list(allowed.areas)}})
        if after:
            wanted["_id"] = {"$gt": after}
        return await self._corrections.find(wanted).sort("_id", ASCENDING).to_list(limit)

    async def delete_corrections(self, tx: Tx, intake_id: str) -> None:
        """Delete all corrections of a report."""
        await self._corrections.delete_many({"intake": intake_id}, session=await tx.session())

    async def erasing(self, limit: int) -> list[Intake]:
        """Reports whose pictures and voice notes are still to be deleted."""
        return await self._intakes.find({"erasing": {"$exists": True}}).to_list(limit)

    async def erased(self, id_: str) -> None:
        """The pictures and voice notes of a report are gone."""
        await self._intakes.update_one({"_id": id_}, {"$unset": {"erasing": ""}})

    async def files_in_use(self, ids: Sequence[str], owner: str | None) -> set[str]:
        """Those of these pictures and voice notes that a report or a verification still shows; `owner` sent
        them."""
        among = {"$in": list(ids)}
        places = ("photos.id", "additions.photos.id", "consent.signature", "voice", "additions.voice")
        shown: list[Any] = await self._intakes.find({"photos.id": among}).to_list(None)
        shown += await self._intakes.find({"owner": owner, "$or": [{p: among} for p in places]}).to_list(None)
        shown += await self._verifications.find({"photos.id": among}).to_list(None)
        return {id_ for document in shown for id_ in files_of(document)}.intersection(ids)


def pictures_of(document: Mapping[str, Any]) -> list[str]:
    """The ids of all pictures of a report or a verification."""
    found = [p["id"] for p in document["photos"]]
    found += [p["id"] for addition in document.get("additions", ()) for p in addition["photos"]]
    consent = document.get("consent", {})
    return found + [
        id_ for id_ in (consent.get("signature"), consent.get("evidence"), document.get("signature")) if id_
    ]


def files_of(document: Mapping[str, Any]) -> list[str]:
    """The ids of all pictures and voice notes of a report or a verification."""
    spoken = [document.get("voice"), *(addition.get("voice") for addition in document.get("additions", ()))]
    return pictures_of(document) + [id_ for id_ in spoken if id_]
