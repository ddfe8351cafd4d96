"""The audit trail: an entry for every effect, sealed, and nothing altered without being found."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
import pytest

from casework.audit.model import Entry
from casework.audit.service import LEASE, Verdict, entry
from casework.audit.service import verify as verify_trail
from server.audit import verify as verify_command
from server.clock import SharedClock
from server.parts import Parts, parts_for
from server.settings import Settings
from tests.support import Phones, fake_picture, report_form, verification_form
from tests.worker.helpers import collection, document

BATCHES = 3
EACH = 4


@pytest.fixture
async def bare(settings: Settings) -> AsyncIterator[Parts]:
    """The parts on an empty database: a trail needs no places and no people."""
    async with parts_for(settings) as built:
        await built.stores.audit.prepare()
        yield built


async def write(parts: Parts, made: Entry) -> None:
    """Write one entry, unsealed."""
    await parts.unit.run(lambda tx: parts.stores.audit.add(tx, [made]))


async def record(parts: Parts, count: int = EACH) -> None:
    """Write entries, unsealed."""
    for number in range(count):
        made = entry(parts.clock, "system", "task.alarm", f"task:{number}", ["a"], number=number)
        await write(parts, made)


async def fill(parts: Parts) -> None:
    """A trail of three batches."""
    for _ in range(BATCHES):
        await record(parts)
        assert await parts.sealer.seal() == EACH


async def verdict(parts: Parts) -> Verdict:
    """The result of a check of the whole trail."""
    kept = parts.checkpoints
    return await verify_trail(parts.stores.audit, parts.clock, kept.read, kept.signature_ok)


async def test_every_effect_of_the_thread_has_its_entry(parts: Parts, phones: Phones, place: str) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    township = await phones.sign_in("township_1")
    first = (await villager.command("/api/intakes", report_form(place))).body
    joined = (await villager.command("/api/intakes", report_form(place, statement="还有一件事"))).body
    path = f"/api/tasks/{first['task']}"
    await township.command(f"{path}/assignment", {"staff_no": "GB0005"}, base=1)
    await cadre.command(f"{path}/acceptance")
    await cadre.command(f"{path}/phone")
    photo = await cadre.upload(fake_picture())
    await cadre.command(f"{path}/verification", verification_form(photo), base=3)
    other = (await villager.command("/api/intakes", report_form(place, 2))).body
    await villager.command(f"/api/intakes/{other['id']}/withdrawal")

    found = [
        (e["verb"], e["object"])
        async for e in collection(parts, "audit").find().sort("_id", 1)
        if e["actor"] != "system"
    ]
    task, report = f"task:{first['task']}", f"intake:{first['id']}"
    assert found == [
        ("intake.submit", report),
        ("intake.join", f"intake:{joined['id']}"),
        ("task.assign", task),
        ("task.accept", task),
        ("task.reveal_phone", report),
        ("task.verify", task),
        ("intake.submit", f"intake:{other['id']}"),
        ("intake.withdraw", f"intake:{other['id']}"),
    ]
    texts = orjson.dumps(await collection(parts, "audit").find({}, {"at": 0}).to_list(None)).decode()
    assert not any(personal in texts for personal in ("测试", "13800000000", "000000196001010"))


async def test_a_whole_trail_is_found_whole_and_tells_the_age_of_what_is_unsealed(
    bare: Parts, clock: SharedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(bare)
    await record(bare, 2)
    clock.move(90)
    found = await verdict(bare)
    assert (found.batches, found.sealed, found.unsealed, found.faults) == (BATCHES, BATCHES * EACH, 2, [])
    assert 90 <= found.unsealed_age < 100
    assert await verify_command(bare.settings) == 0
    assert "没有发现删改" in capsys.readouterr().out


# --- what somebody with the database's password may try -------------------------------------------


async def an_entry_is_altered(parts: Parts) -> None:
    await collection(parts, "audit").update_one({"batch": 2}, {"$set": {"actor": "somebody else"}})


async def an_entry_is_removed(parts: Parts) -> None:
    await collection(parts, "audit").delete_one({"batch": 2})


async def a_batch_is_removed(parts: Parts) -> None:
    await collection(parts, "audit_batches").delete_one({"_id": 2})


async def a_batch_is_altered(parts: Parts) -> None:
    await collection(parts, "audit_batches").update_one({"_id": 2}, {"$set": {"hash": "0" * 64}})


async def a_batch_and_its_entry_are_altered_alike(parts: Parts) -> None:
    batch = await document(parts, "audit_batches", _id=2)
    await collection(parts, "audit").delete_one({"_id": batch["entries"][-1]})
    await collection(parts, "audit_batches").update_one({"_id": 2}, {"$pop": {"entries": 1}})


async def an_entry_claims_to_be_sealed(parts: Parts) -> None:
    made = entry(parts.clock, "system", "task.alarm", "task:x", ["a"])
    await collection(parts, "audit").insert_one({**made, "batch": 2})


async def an_entry_claims_a_batch_that_never_was(parts: Parts) -> None:
    made = entry(parts.clock, "system", "task.alarm", "task:x", ["a"])
    await collection(parts, "audit").insert_one({**made, "batch": 99})


async def an_entry_takes_the_place_of_one_that_is_sealed_twice(parts: Parts) -> None:
    await collection(parts, "audit").update_one({"batch": 1}, {"$unset": {"batch": ""}})
    await parts.sealer.seal()
    await an_entry_claims_to_be_sealed(parts)


async def a_mark_is_taken_off(parts: Parts) -> None:
    await collection(parts, "audit").update_one({"batch": 2}, {"$unset": {"batch": ""}})


async def a_mark_is_moved(parts: Parts) -> None:
    await collection(parts, "audit").update_one({"batch": 2}, {"$set": {"batch": 1}})


async def the_last_batch_is_cut_off(parts: Parts) -> None:
    await collection(parts, "audit_batches").delete_one({"_id": BATCHES})
    await collection(parts, "audit").delete_many({"batch": BATCHES})


async def the_last_batch_is_cut_off_and_sealed_anew(parts: Parts) -> None:
    await collection(parts, "audit_batches").delete_one({"_id": BATCHES})
    forged = {"$unset": {"batch": ""}, "$set": {"actor": "somebody else"}}
    await collection(parts, "audit").update_many({"batch": BATCHES}, forged)
    await parts.sealer.seal()


async def a_checkpoint_is_forged(parts: Parts) -> None:
    path = parts.settings.data_dir / "audit" / "checkpoints.jsonl"
    lines = path.read_bytes().splitlines()
    forged = {**orjson.loads(lines[-1]), "hash": "0" * 64}
    path.write_bytes(b"\n".join([*lines[:-1], orjson.dumps(forged), b""]))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (an_entry_is_altered, "batch 2: an entry was altered"),
        (an_entry_is_removed, "of batch 2: removed"),
        (a_batch_is_removed, "batch 2: missing"),
        (a_batch_is_altered, "batch 2: differs from its signed checkpoint"),
        (a_batch_and_its_entry_are_altered_alike, "batch 2: differs from its signed checkpoint"),
        (an_entry_claims_to_be_sealed, "claims to be in batch 2 and is not"),
        (an_entry_claims_a_batch_that_never_was, "1 entries claim to be in a batch that is not there"),
        (an_entry_takes_the_place_of_one_that_is_sealed_twice, "claims to be in batch 2 and is not"),
        (a_mark_is_taken_off, "its mark of batch 2 was taken off"),
        (a_mark_is_moved, "of batch 2: claims to be in another one"),
        (the_last_batch_is_cut_off, "batch 3: has a signed checkpoint and is gone"),
        (the_last_batch_is_cut_off_and_sealed_anew, "batch 3: differs from its signed checkpoint"),
        (a_checkpoint_is_forged, "signature is wrong"),
    ],
)
async def test_it_is_found_when(
    bare: Parts,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Parts], Awaitable[None]],
    words: str,
) -> None:
    await fill(bare)
    await tamper(bare)
    assert any(words in fault for fault in (await verdict(bare)).faults)
    assert await verify_command(bare.settings) == 1
    assert "有异常" in capsys.readouterr().out


# --- sealers --------------------------------------------------------------------------------------


async def test_two_sealers_at_once_make_one_chain(bare: Parts) -> None:
    async with parts_for(bare.settings) as others:
        for _ in range(10):
            await record(bare)
            await asyncio.gather(*(p.sealer.seal() for p in (bare, others, bare, others)))
    await bare.sealer.seal()
    found = await verdict(bare)
    assert (found.sealed, found.unsealed, found.faults) == (10 * EACH, 0, [])


async def test_a_sealer_keeps_its_place_until_its_lease_is_over(bare: Parts, clock: SharedClock) -> None:
    async with parts_for(bare.settings) as others:
        await record(bare)
        assert await bare.sealer.seal() == EACH
        await record(bare)
        assert await others.sealer.seal() == 0
        clock.move(LEASE.total_seconds() + 1)
        assert await others.sealer.seal() == EACH
        await record(bare)
        assert await bare.sealer.seal() == 0


async def test_a_sealer_that_dies_half_way_leaves_a_whole_chain(
    bare: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise OSError("gone")

    for owner, step in ((bare.stores.audit, "mark"), (bare.sealer, "_write_checkpoint")):
        await record(bare)
        with monkeypatch.context() as dying:
            dying.setattr(owner, step, die)
            with pytest.raises(OSError, match="gone"):
                await bare.sealer.seal()
        assert await collection(bare, "audit").count_documents({"batch": None}) == EACH
        await record(bare, 1)
        # What is in a batch is sealed, whether its entries say so or not.
        half_way = await verdict(bare)
        assert half_way.sealed + 1 == await collection(bare, "audit").count_documents({})
        assert (half_way.unsealed, half_way.unsigned, half_way.faults) == (1, 0, [])
        assert await bare.sealer.seal() == 1
    found = await verdict(bare)
    assert (found.sealed, found.unsealed, found.unsigned, found.faults) == (2 * (EACH + 1), 0, 0, [])


async def test_a_check_is_right_while_a_sealer_works(bare: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read is followed by another batch before the next is read."""
    await fill(bare)
    for step in ("unmarked", "entries_of", "marked_ids", "orphan_count", "unsealed_count"):
        read = getattr(bare.stores.audit, step)

        async def read_while_sealing(
            *args: object, read: Callable[..., Awaitable[object]] = read, step: str = step
        ) -> object:
            found = await read(*args)
            # The sealer asks its store as well.
            with monkeypatch.context() as undisturbed:
                undisturbed.setattr(bare.stores.audit, step, read)
                await record(bare)
                assert await bare.sealer.seal() == EACH
            return found

        with monkeypatch.context() as sealing:
            sealing.setattr(bare.stores.audit, step, read_while_sealing)
            found = await verdict(bare)
        assert (found.unsigned, found.faults) == (0, [])


async def test_batches_without_a_checkpoint_are_counted(
    bare: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(bare)
    path = bare.settings.data_dir / "audit" / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    found = await verdict(bare)
    assert (found.unsigned, found.faults) == (1, [])
    assert await verify_command(bare.settings) == 0
    assert "有 1 批没有检查点" in capsys.readouterr().out
    with path.open("ab") as file:
        file.write(b'{"batch": [1]}\n')
    assert (await verdict(bare)).faults == [f"checkpoint {BATCHES}: signature is wrong"]
