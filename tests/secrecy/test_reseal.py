"""Sealing anew under another key: in all collections, beside people at work, and whatever is cut off."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bson import ObjectId
from gridfs.errors import NoFile

from casework.access import Actor
from casework.fields import FieldCipher
from casework.files import SealedFiles
from casework.photos.store import PICTURE
from server.app import Running
from server.embedded import free_port
from server.parts import Parts, parts_for
from server.reseal import SEALINGS, reseal, resealing_of
from server.settings import Settings, load_settings
from tests.secrecy.rings import with_keys
from tests.secrecy.story import Story
from tests.support import Client, Phones, count, database, documents, fake_picture, report_form

SEALED = {sealing.collection for sealing in SEALINGS}
#: Their digests end by themselves.
FADING = {"commands", "binding_codes"}


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """One more web process's worth of service beside the test's own; its address."""
    ports = {"FANGPIN_PORT": str(free_port()), "FANGPIN_METRICS_PORT": str(free_port())}
    async with parts_for(load_settings({**settings.environment(), **ports})) as parts:
        running = Running(parts)
        yield parts.settings.local_url
        await running.close()


def key_ids(value: Any) -> Iterator[str]:
    """The ids of all keys that a document names: of sealed values, and of digests."""
    if isinstance(value, dict):
        if "kid" in value:
            yield value["kid"]
        for inner in value.values():
            yield from key_ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from key_ids(inner)
    elif isinstance(value, str) and value[:3] in ("i1:", "i2:"):
        yield value[:2]


async def named(parts: Parts) -> dict[str, set[str]]:
    """The ids of the keys that the documents of each collection name."""
    found = {}
    for name in await database(parts).list_collection_names():
        if kids := {kid for document in await documents(parts, name) for kid in key_ids(document)}:
            found[name] = kids
    return found


async def versions(parts: Parts) -> dict[str, Any]:
    """The versions of all documents by their id."""
    return {
        one["_id"]: one["version"]
        for name in SEALED
        for one in await documents(parts, name)
        if "version" in one
    }


async def run(settings: Settings, *, check: bool = False) -> tuple[int, str]:
    """`fangpin reseal`: its exit status and what it says."""
    said: list[str] = []
    status = await reseal(settings, said.append, check=check)
    return status, "\n".join(said)


async def test_everything_changes_its_key_and_reads_the_same(
    phones: Phones, parts: Parts, settings: Settings
) -> None:
    story = Story(phones)
    await story.happen()
    before = await named(parts)
    assert before.keys() - FADING == SEALED, "the story leaves out nothing that is declared, and it is all"
    assert set().union(*before.values()) == {"f1", "i1"}
    people = [await phones.sign_in(key) for key in ("villager_1", "villager_2", "grid_1", "supervisor_1")]
    asked = {path for method, path, reply in story.answers if method == "GET" and reply.status == 200}

    async def answers(base: str) -> list[Any]:
        clients = [Client(one.http, base, one.token) for one in people]
        replies = [(path, await one.get(path)) for one in clients for path in sorted(asked)]
        # A refusal has an id of its own each time.
        return [(path, one.status, one.body if one.status == 200 else one.code) for path, one in replies]

    shown, known = await answers(phones.service), await versions(parts)

    rotating, rotated = with_keys(settings, 2, 1), with_keys(settings, 2)
    status, said = await run(rotating, check=True)
    assert status == 1
    assert "现在用 f2" in said
    assert "f1 还有" in said
    assert await named(parts) == before, "a check changes nothing"
    status, said = await run(rotated, check=True)
    assert status == 1
    assert "没有这个密钥" in said
    assert (await run(rotated))[0] == 1, "what does not open stays as it is"
    assert await named(parts) == before

    status, said = await run(rotating)
    assert (status, "f1 已不再需要" in said, "i1 已不再需要" in said) == (0, True, True), said
    after = await named(parts)
    assert {kid for name in SEALED for kid in after[name]} == {"f2", "i2"}
    assert await versions(parts) == known, "nothing changed for anybody"
    assert await count(parts, "pictures.files", "sounds.files") == await count(parts, "photos", "recordings")
    [entry] = await documents(parts, "audit", verb="keys.reseal")
    assert entry["detail"]["documents"] > 20
    async with serving(rotated) as base:
        assert await answers(base) == shown
    status, said = await run(rotating)
    assert (status, "改用" in said) == (0, False), "a repeat finds nothing"


async def test_a_household_has_one_open_report_while_servers_disagree_on_the_key(
    phones: Phones, parts: Parts, settings: Settings, place: str
) -> None:
    people = [await phones.sign_in(key) for key in ("villager_1", "villager_2", "villager_3")]

    async def report(base: str, who: int, number: int) -> Any:
        client = Client(people[who].http, base, people[who].token)
        return (
            await client.command("/api/intakes", report_form(place, number, phone=f"1380000000{who}"))
        ).body

    async with serving(with_keys(settings, 1, 2)) as first, serving(with_keys(settings, 2, 1)) as second:
        for number in range(1, 9):
            told = await asyncio.gather(
                report(first, 0, number), report(second, 1, number), report(second, 2, number)
            )
            assert sorted(one["joined"] for one in told) == [False, True, True], told
        # Written by a version that knew a single digest, and by a server that has not heard of the new key.
        early = await report(phones.service, 0, 20)
        await database(parts)["intakes"].update_one(
            {"_id": early["id"]}, [{"$set": {"household_key": {"$first": "$household_key"}}}]
        )
        assert (await report(second, 1, 20))["joined"] is True
        assert (await report(first, 2, 20))["joined"] is True
    assert (await run(with_keys(settings, 2, 1)))[0] == 0
    kept = await documents(parts, "intakes")
    assert {kid for one in kept for kid in key_ids(one["household_key"])} == {"i2"}
    async with serving(with_keys(settings, 2)) as last:
        for number in (1, 20):
            assert (await report(last, 0, number))["joined"] is True
    assert await database(parts)["intakes"].count_documents({"open": True}) == 9


async def test_a_command_sent_again_after_its_key_has_gone_is_known(
    phones: Phones, settings: Settings, place: str
) -> None:
    villager, key = await phones.sign_in("villager_1"), str(uuid.uuid4())
    sent = await villager.command("/api/intakes", report_form(place), key=key)
    for keys in ((2, 1), (2,)):
        async with serving(with_keys(settings, *keys)) as base:
            client = Client(villager.http, base, villager.token)
            again = await client.command("/api/intakes", report_form(place), key=key)
            assert (again.status, again.body) == (sent.status, sent.body)


async def owned(parts: Parts, client: Client, number: int) -> list[str]:
    """The ids of so many new photos."""
    shas = [await client.upload(fake_picture(size=(40, 40 + n))) for n in range(number)]
    me = (await client.get("/api/session")).body["person"]
    actor = Actor(me, parts.settings.mp_app_id, "", None, ())
    return list((await parts.services.photos.ids_of(actor, shas, "photos")).values())


async def test_photos_are_read_and_erased_while_they_are_sealed_anew(
    phones: Phones, parts: Parts, settings: Settings
) -> None:
    ids = await owned(parts, await phones.sign_in("villager_1"), 24)
    photos = parts.services.photos
    seen = {id_: await photos.picture(id_, thumbnail=False) for id_ in ids}
    erased, kept = ids[:8], ids[8:]
    async with parts_for(with_keys(settings, 2, 1)) as rotating:
        done = asyncio.Event()
        wrong: list[str] = []

        async def read() -> int:
            reads = 0
            while not done.is_set():
                for id_ in kept:
                    for thumbnail in (True, False):
                        picture = await rotating.services.photos.picture(id_, thumbnail)
                        wrong.extend([id_] if not thumbnail and picture != seen[id_] else [])
                        reads += 1
            return reads

        async def work() -> None:
            # Two at once, as when an operator starts it twice.
            await asyncio.gather(run(rotating.settings), run(rotating.settings), *map(photos.erase, erased))
            done.set()

        reads, _ = await asyncio.gather(read(), work())
        assert (reads > 2 * len(kept), wrong) == (True, [])
        left = await resealing_of(rotating).left()
        assert not left.values
        assert {one["_id"] for one in await documents(parts, "photos")} == set(kept)
    assert (await run(with_keys(settings, 2, 1)))[0] == 0
    files = {str(one["_id"]) for one in await documents(parts, "pictures.files")}
    chunks = {str(one["files_id"]) for one in await documents(parts, "pictures.chunks")}
    assert files == chunks == {one["file"] for one in await documents(parts, "photos")}


async def test_what_was_cut_off_is_finished(phones: Phones, parts: Parts, settings: Settings) -> None:
    [before, after] = await owned(parts, await phones.sign_in("villager_1"), 2)
    collection, files = database(parts)["photos"], parts.stores.photos.pictures
    # The new file was being written; and the old one was still to be deleted.
    await collection.update_one({"_id": before}, {"$set": {"spare": [await files.put(before, b"half")]}})
    rotating = with_keys(settings, 2, 1)
    assert (await run(rotating))[0] == 0
    old = await files.put(after, b"old")
    await collection.update_one({"_id": after}, {"$set": {"spare": [old]}})
    assert (await run(rotating))[0] == 0
    kept = await documents(parts, "photos")
    assert not any("spare" in one for one in kept)
    assert {one["_id"] for one in await documents(parts, "pictures.files")} == {
        ObjectId(one["file"]) for one in kept
    }
    await parts.stores.photos.pictures.erase(after)
    await collection.update_one({"_id": before}, {"$set": {"spare": [await files.put(before, b"half")]}})
    await parts.stores.photos.pictures.erase(before)
    assert await count(parts, "photos", "pictures.files", "pictures.chunks") == [0, 0, 0]


class Interrupted(SealedFiles):
    """Something happens just before a file is read or deleted for the first time."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def _let_it_happen(self) -> None:
        if happen := self.meanwhile:
            self.meanwhile = None
            await happen()

    async def _sealed(self, document: Any) -> Any:
        await self._let_it_happen()
        return await super()._sealed(document)

    async def delete(self, file: str) -> None:
        await self._let_it_happen()
        await super().delete(file)


async def test_a_file_that_is_replaced_or_erased_meanwhile(
    phones: Phones, parts: Parts, settings: Settings
) -> None:
    ids = await owned(parts, await phones.sign_in("villager_1"), 4)
    files, cut = parts.stores.photos.pictures, Interrupted(database(parts), "photos", PICTURE)
    new = FieldCipher(with_keys(settings, 2, 1).field_keys)

    async def document(id_: str) -> Any:
        [found] = await documents(parts, "photos", _id=id_)
        return found

    async def replace(id_: str) -> None:
        assert await files.reseal(await document(id_), new)

    replaced, erased, erased_while_replaced, replaced_while_erased = ids
    cut.meanwhile = lambda: replace(replaced)
    found = await cut.read(replaced)
    assert found
    assert new.open_bytes(found[1], "photos", replaced, "picture")[:2] == b"\xff\xd8"
    assert found[1]["kid"] == "f2"

    cut.meanwhile = lambda: files.erase(erased)
    assert await cut.read(erased) is None

    cut.meanwhile = lambda: files.erase(erased_while_replaced)
    assert not await cut.reseal(await document(erased_while_replaced), new)

    cut.meanwhile = lambda: replace(replaced_while_erased)
    await cut.erase(replaced_while_erased)
    assert [one["_id"] for one in await documents(parts, "photos")] == [replaced]
    assert await count(parts, "pictures.files") == [1]

    # Two at once: what one has seen of the other's work may long be over when it acts on it.
    [twice] = await owned(parts, await phones.sign_in("villager_1"), 1)
    seen: list[Any] = []

    async def look() -> None:
        seen.append(await document(twice))

    cut.meanwhile = look
    assert await cut.reseal(await document(twice), new)
    assert "spare" in seen[0]
    assert not await files.reseal(seen[0], new)
    assert await files.read(twice)

    await files.delete((await document(replaced))["file"])
    with pytest.raises(NoFile):
        await files.read(replaced)


async def test_a_value_that_changes_meanwhile_is_not_overwritten(
    phones: Phones, parts: Parts, settings: Settings, place: str
) -> None:
    villager = await phones.sign_in("villager_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    async with parts_for(with_keys(settings, 2, 1)) as rotating:
        work, intakes = resealing_of(rotating), database(parts)["intakes"]
        [sealing] = [one for one in SEALINGS if one.collection == "intakes"]
        batch = await work._next(sealing, None)
        wish = {"intake": sent["id"], "field": "phone", "value": "13800000099"}
        assert (await villager.command("/api/corrections", wish)).status == 201
        assert await work._values(sealing, batch) == 0
        assert (await work.left()).values["f1"] > 0
        assert await work.reseal(sealing) == 1
        [kept] = await intakes.find().to_list(None)
        phone = rotating.cipher.open(kept["secrets"]["phone"], "intakes", sent["id"], "phone")
        assert phone == "13800000099"
