"""Files that go up in parts over a bad line, and voice notes."""

import asyncio
import hashlib
import io
import random

import hypothesis
from hypothesis import strategies as st
from PIL import Image
from tornado.ioloop import IOLoop

from casework.recordings.rules import UPLOAD_BYTES
from casework.uploads.model import PART_BYTES
from casework.uploads.rules import PART_LEAST, UNFINISHED_MOST
from server.parts import Parts
from tests.support import Client, Phones, Reply, count, database, documents, fake_recording, report_form

K = 1024


def noise(side: int = 300, seed: int = 1) -> bytes:
    """A JPEG of noise, which does not compress: 150 KB at 300 pixels a side."""
    out = io.BytesIO()
    pixels = random.Random(seed).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(out, "JPEG", quality=92)
    return out.getvalue()


def sha(data: bytes) -> str:
    """The hash under which a file goes up."""
    return hashlib.sha256(data).hexdigest()


async def progress(client: Client, data: bytes, kind: str = "photos") -> tuple[int, bool]:
    """How far the service says that a file is."""
    body = (await client.get(f"/api/{kind}/{sha(data)}")).body
    return body["received"], body["complete"]


async def test_a_photo_goes_on_where_the_signal_was_lost(phones: Phones, parts: Parts) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    data = noise(800)
    end = len(data)
    assert end > 3 * PART_BYTES
    assert await progress(villager, data) == (0, False)
    first = await villager.put("photos", data, (0, PART_BYTES))
    assert (first.status, first.body) == (202, {"received": PART_BYTES, "complete": False})
    second = (PART_BYTES, 2 * PART_BYTES)
    for reply in await asyncio.gather(*(villager.put("photos", data, second) for _ in range(4))):
        assert (reply.status, reply.body["received"]) == (202, 2 * PART_BYTES), "the same part at once"
    again = await villager.put("photos", data, (0, PART_BYTES))
    assert (again.status, again.body["received"]) == (202, 2 * PART_BYTES), "the same part later"
    assert await progress(villager, data) == (2 * PART_BYTES, False)
    assert await progress(other, data) == (0, False), "known to its owner only"
    assert (await villager.call("HEAD", f"/api/photos/{sha(data)}")).status == 404
    gap = await villager.put("photos", data, (3 * PART_BYTES, end))
    assert gap.problem == (409, "wrong_offset")
    assert gap.body["received"] == 2 * PART_BYTES

    kept = await documents(parts, "upload_parts")
    assert len(kept) == 2
    for document in kept:
        assert document["sealed"]["ciphertext"][:64] not in data
        assert data[document["first"] : document["first"] + 64] not in document["sealed"]["ciphertext"]

    last = (2 * PART_BYTES, end)
    replies = await asyncio.gather(*(villager.put("photos", data, last) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 201], "the last part at once"
    done = replies[0]
    assert (done.body["sha256"], done.body["width"]) == (sha(data), 800)
    assert await progress(villager, data) == (0, True)
    for span in ((0, PART_BYTES), last, None):
        repeat = await villager.put("photos", data, span)
        assert (repeat.status, repeat.body) == (200, done.body)
    assert await count(parts, "photos", "upload_parts") == [1, 0]


async def test_what_does_not_fit_is_refused_and_keeps_what_is_there(phones: Phones, parts: Parts) -> None:
    villager, data = await phones.sign_in("villager_1"), noise()
    path, end = f"/api/photos/{sha(data)}", len(data)
    assert (await villager.put("photos", data, (0, 64 * K))).status == 202

    async def put(header: str, body: bytes) -> Reply:
        return await villager.call("PUT", path, raw=body, headers={"Content-Range": header})

    for header in (
        "",
        "bytes",
        "bytes */500",
        f"bytes 0-9/{10**30}",
        "bytes -5-9/10",
        "items 0-9/10",
        "bytes ٣-9/10",
    ):
        assert (await put(header, data[:10])).wrong_fields == {"Content-Range"}, header
    for header in ("bytes 9-0/100", "bytes 0-100/100", f"bytes {64 * K}-{64 * K + 9}/{end}"):
        reply = await put(header, data[:10])
        assert reply.problem == (422, "invalid_form"), header
    short = await put(f"bytes {64 * K}-{end - 1}/{end}", data[64 * K : -1])
    assert short.problem == (400, "malformed")
    huge = await put(f"bytes 0-{64 * K - 1}/{11 * K * K}", data[: 64 * K])
    assert huge.problem == (413, "too_large")
    assert await progress(villager, data) == (64 * K, False)

    other_length = await put(f"bytes {64 * K}-{end}/{end + 1}", data[64 * K :] + b"x")
    assert other_length.problem == (400, "malformed")
    assert await progress(villager, data) == (0, False), "begun anew: one of the lengths was wrong"


async def test_a_file_that_is_not_what_it_claims_is_forgotten(phones: Phones, parts: Parts) -> None:
    villager = await phones.sign_in("villager_1")
    data, text = noise(), bytes(40 * K)
    claimed = sha(noise(seed=2))
    for file, hash_, problem in (
        (data, claimed, (400, "malformed")),
        (text, sha(text), (415, "not_a_picture")),
    ):
        assert (await villager.put("photos", file, (0, 32 * K), hash_)).status == 202
        assert (await villager.put("photos", file, (32 * K, len(file)), hash_)).problem == problem
        reply = await villager.get(f"/api/photos/{hash_}")
        assert reply.body == {"received": 0, "complete": False}
    assert await count(parts, "photos", "upload_parts") == [0, 0]


async def test_unfinished_files_are_limited_and_forgotten(phones: Phones, parts: Parts) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    data = bytes(40 * K)
    for number in range(UNFINISHED_MOST):
        reply = await villager.put("photos", data, (0, PART_LEAST), f"{number:064x}")
        assert reply.status == 202
    for kind in ("photos", "recordings"):
        reply = await villager.put(kind, data, (0, PART_LEAST), "f" * 64)
        assert reply.problem == (429, "too_often"), kind
    goes_on = await villager.put("photos", data, (PART_LEAST, 2 * PART_LEAST), f"{3:064x}")
    assert goes_on.status == 202, "what was begun goes on"
    assert (await other.put("photos", data, (0, PART_LEAST), "f" * 64)).status == 202
    assert (await villager.put("photos", noise())).status == 201, "a whole file needs no room"
    indexes = await database(parts)["upload_parts"].index_information()
    assert indexes["at_1"]["expireAfterSeconds"] == 7 * 24 * 3600


def test_any_way_to_cut_a_photo_gives_the_same_photo(io_loop: IOLoop, phones: Phones) -> None:
    villager = io_loop.run_sync(lambda: phones.sign_in("villager_1"))
    picture = noise()
    whole = io_loop.run_sync(lambda: villager.put("photos", picture)).body
    numbers = iter(range(1000))

    @hypothesis.settings(max_examples=12, deadline=None, database=None, derandomize=True)
    @hypothesis.given(st.lists(st.integers(PART_LEAST, 3 * PART_LEAST), max_size=6), st.data())
    def send(sizes: list[int], draw: st.DataObject) -> None:
        # What stands behind the end of a JPEG makes another file of the same picture.
        data = picture + next(numbers).to_bytes(4)
        cuts = [0]
        for size in sizes:
            if cuts[-1] + size < len(data):
                cuts.append(cuts[-1] + size)
        spans = list(zip(cuts, [*cuts[1:], len(data)], strict=True))
        for number, span in enumerate(spans):
            reply = io_loop.run_sync(lambda span=span: villager.put("photos", data, span))
            assert reply.status == (201 if span is spans[-1] else 202)
            before = spans[draw.draw(st.integers(0, number))]
            repeat = io_loop.run_sync(lambda span=before: villager.put("photos", data, span))
            assert repeat.status == (200 if span is spans[-1] else 202)
        same = {"width", "height", "size"}
        assert {name: reply.body[name] for name in same} == {name: whole[name] for name in same}

    send()


async def test_voice_notes_are_taken_as_photos_are(phones: Phones, parts: Parts) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    data = fake_recording(50 * K)
    assert (await villager.put("recordings", data, (0, 32 * K))).status == 202
    assert await progress(villager, data, "recordings") == (32 * K, False)
    done = await villager.put("recordings", data, (32 * K, len(data)))
    assert done.status == 201
    assert {**done.body, "id": ""} == {"id": "", "sha256": sha(data), "size": 50 * K, "type": "audio/mpeg"}
    replies = await asyncio.gather(*(other.put("recordings", data) for _ in range(4)))
    assert len({reply.body["id"] for reply in replies} | {done.body["id"]}) == 2
    assert (await villager.call("HEAD", f"/api/recordings/{sha(data)}")).status == 204
    assert (await villager.call("HEAD", f"/api/recordings/{'0' * 64}")).status == 404
    for chunk in await documents(parts, "sounds.chunks"):
        assert data[100:200] not in chunk["data"], "sealed"

    assert (await villager.put("recordings", noise())).problem == (415, "not_a_recording")
    too_long = await villager.put("recordings", fake_recording(UPLOAD_BYTES + 1))
    assert too_long.problem == (413, "too_large")
    assert "语音" in too_long.body["title"]
    assert (await villager.put("recordings", fake_recording(UPLOAD_BYTES))).status == 201
    assert await count(parts, "recordings", "sounds.files", "upload_parts") == [3, 3, 0]


async def test_a_voice_note_is_heard_by_those_who_work_on_the_report(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    stranger = await phones.sign_in("villager_2")
    data = fake_recording()
    form = report_form(place, statement="", voice=sha(data))
    early = await villager.command("/api/intakes", form)
    assert (early.problem, early.wrong_fields) == ((422, "invalid_form"), {"voice"})
    assert "语音还没有传完" in early.body["errors"][0]["message"]
    assert (await stranger.put("recordings", data)).status == 201
    assert (await villager.command("/api/intakes", form)).wrong_fields == {"voice"}, "somebody else's"
    assert (await villager.put("recordings", data)).status == 201
    sent = (await villager.command("/api/intakes", form)).body

    path = f"/api/intakes/{sent['id']}/voice"
    for client in (villager, cadre):
        reply = await client.get(path)
        assert (reply.body, reply.headers["Content-Type"]) == (data, "audio/mpeg")
    assert (await stranger.get(path)).problem == (404, "not_found")
    assert (await villager.get(f"/api/intakes/{sent['id']}")).body["voice"] is True
    assert (await cadre.get(f"/api/tasks/{sent['task']}")).body["voice"] is True

    [kept] = await documents(parts, "intakes")
    [own] = await documents(parts, "recordings", _id=kept["voice"])
    assert own["sha256"] == sha(data)
    silent = (await villager.command("/api/intakes", report_form(place, 2))).body
    assert (await villager.get(f"/api/intakes/{silent['id']}")).body["voice"] is False
    assert (await villager.get(f"/api/intakes/{silent['id']}/voice")).problem == (404, "not_found")
