"""Photos: taken as they come from phones, kept without what they tell besides, shown to few."""

import asyncio
import hashlib
import io
import struct
import zlib
from typing import Any

from PIL import Image, PngImagePlugin

from casework.photos.rules import THUMBNAIL_SIDE, UPLOAD_BYTES
from server.parts import Parts
from tests.support import Client, Phones, Reply, documents, fake_picture, report_form, verification_form

GPS = 0x8825
ORIENTATION = 0x0112
SECRET = b"taken at home, 25.7 N 112.7 E"


def picture(format_: str, mode: str = "RGB", size: tuple[int, int] = (60, 30), **more: Any) -> bytes:
    """A picture in a format and colour mode."""
    out = io.BytesIO()
    Image.new(mode, size).save(out, format_, **more)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A small PNG of `side` × `side` black pixels, one bit each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(1), bytes(1 + side // 8)
    rows = b"".join(packer.compress(row * 1000) for _ in range(side // 1000)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def put(client: Client, data: bytes, sha256: str | None = None) -> Reply:
    """Upload bytes under their hash, or under another."""
    return await client.call("PUT", f"/api/photos/{sha256 or hashlib.sha256(data).hexdigest()}", raw=data)


async def shown(client: Client, place: str, sha256: str, number: int = 1) -> tuple[str, bytes]:
    """File a report with this photo; the photo's path, and the picture as it is given back."""
    form = report_form(place, number, photos=[{"sha256": sha256, "kind": "medical"}])
    sent = (await client.command("/api/intakes", form)).body
    [photo] = (await client.get(f"/api/intakes/{sent['id']}")).body["photos"]
    path = f"/api/intakes/{sent['id']}/photos/{photo['id']}"
    reply = await client.get(path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "image/jpeg")
    assert reply.headers["Cache-Control"] == "no-store"
    return path, reply.body


async def test_common_pictures_are_taken_once_and_known_by_their_hash(phones: Phones, parts: Parts) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    animated = {"save_all": True, "append_images": [Image.new("RGB", (60, 30), "red")]}
    taken = [
        picture("JPEG"),
        picture("JPEG", "L"),
        picture("JPEG", "CMYK"),
        picture("PNG"),
        picture("PNG", "RGBA"),
        picture("PNG", "P"),
        picture("PNG", "I;16"),
        picture("WEBP"),
        picture("WEBP", **animated),
        picture("MPO", **animated),
    ]
    for data in taken:
        sha256 = hashlib.sha256(data).hexdigest()
        assert (await villager.call("HEAD", f"/api/photos/{sha256}")).status == 404
        first = await put(villager, data)
        assert (first.status, first.body["sha256"]) == (201, sha256)
        assert (first.body["width"], first.body["height"]) == (60, 30)
        again = await put(villager, data)
        assert (again.status, again.body) == (200, first.body)
        assert (await villager.call("HEAD", f"/api/photos/{sha256}")).status == 204
        assert (await other.call("HEAD", f"/api/photos/{sha256}")).status == 404, "known to its owner only"
    replies = await asyncio.gather(*(put(other, taken[0]) for _ in range(5)))
    assert len({r.body["id"] for r in replies}) == 1
    assert len(await documents(parts, "photos")) == len(taken) + 1
    assert len(await documents(parts, "pictures.files")) == len(taken) + 1


async def test_only_the_pixels_of_a_picture_are_kept(phones: Phones, parts: Parts, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(GPS).update({1: "N", 2: (25.0, 42.0, 0.0), 3: "E", 4: (112.0, 42.0, 0.0)})
    sideways = picture("JPEG", exif=exif, comment=SECRET, xmp=SECRET, icc_profile=SECRET)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    uploads = [
        (sideways, (30, 60)),
        (picture("PNG", pnginfo=text, exif=exif), (30, 60)),
        (picture("WEBP", exif=exif, xmp=SECRET), (30, 60)),
        (picture("JPEG") + b"PK\x03\x04<script>alert(1)</script>" + SECRET, (60, 30)),
    ]
    for number, (data, size) in enumerate(uploads):
        assert SECRET in data or b"Comment" in data
        reply = await put(villager, data)
        assert (reply.body["width"], reply.body["height"]) == size, "turned upright"
        path, full = await shown(villager, place, reply.body["sha256"], number)
        small = (await villager.get(f"{path}?size=thumbnail")).body
        for jpeg in (full, small):
            with Image.open(io.BytesIO(jpeg)) as opened:
                assert (opened.format, opened.size) == ("JPEG", size)
                assert not opened.getexif()
                assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            assert SECRET not in jpeg
            assert b"<script>" not in jpeg
            assert b"Exif" not in jpeg
    stored = await documents(parts, "pictures.chunks") + await documents(parts, "photos")
    assert len(stored) == 2 * len(uploads)
    for document in stored:
        assert b"JFIF" not in (flat := flatten(document))
        assert b"\xff\xd8\xff" not in flat, "what lies in the database is no picture"


def flatten(value: Any) -> bytes:
    """All bytes and texts of a document."""
    if isinstance(value, dict):
        return b"|".join(flatten(item) for item in value.values())
    return value if isinstance(value, bytes) else str(value).encode()


async def test_what_is_no_picture_is_refused(phones: Phones, parts: Parts) -> None:
    villager = await phones.sign_in("villager_1")
    good = fake_picture()
    not_a_picture = {
        "nothing": b"",
        "text": "照片".encode(),
        "a Linux program": b"\x7fELF" + bytes(200),
        "a Windows program": b"MZ" + bytes(200),
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "HTML before a picture": b"<script>alert(1)</script>" + good,
        "PDF": b"%PDF-1.7\n",
        "ZIP": b"PK\x03\x04" + bytes(100),
        "a JPEG cut off": good[: len(good) // 2],
        "a JPEG's first bytes": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
        "a PNG cut off": picture("PNG", size=(300, 300))[:60],
        "a WebP cut off": picture("WEBP", size=(300, 300))[:40],
        "GIF": picture("GIF"),
        "BMP": picture("BMP"),
        "TIFF": picture("TIFF"),
        "ICO": picture("ICO", size=(32, 32)),
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }
    for why, data in not_a_picture.items():
        assert (await put(villager, data)).problem == (415, "not_a_picture"), why
    assert (await put(villager, bomb(30_000))).problem == (413, "too_large"), "small to send, huge to open"
    for size in (UPLOAD_BYTES + 1, UPLOAD_BYTES + 100_000):
        assert (await put(villager, good + bytes(size - len(good)))).problem == (413, "too_large"), size
    assert (await put(villager, good, "0" * 64)).problem == (400, "malformed"), "not what was announced"
    assert (await put(villager, good[:-1], hashlib.sha256(good).hexdigest())).problem == (400, "malformed")
    for path in ("x", "0" * 63, "A" * 64, "..%2f"):
        assert (await villager.call("PUT", f"/api/photos/{path}", raw=good)).problem == (404, "not_found")
    assert await documents(parts, "photos") == []
    assert await documents(parts, "pictures.files") == []
    limit = good + bytes(UPLOAD_BYTES - len(good))
    assert (await put(villager, limit)).status == 201, "exactly 10 MiB"


async def test_pictures_are_shown_to_the_applicant_and_those_who_work_on_it(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    large = await villager.upload(fake_picture(size=(3000, 1000)))
    path, full = await shown(villager, place, large)
    with Image.open(io.BytesIO(full)) as opened:
        assert opened.size == (2560, 853)
    small = (await cadre.get(f"{path}?size=thumbnail")).body
    with Image.open(io.BytesIO(small)) as opened:
        assert max(opened.size) <= THUMBNAIL_SIDE
    for key in ("grid_1", "head_1", "township_1", "supervisor_1"):
        assert (await (await phones.sign_in(key)).get(path)).body == full, key
    for key in ("villager_2", "grid_2", "supervisor_2"):
        assert (await (await phones.sign_in(key)).get(path)).problem == (404, "not_found"), key

    intake, own_photo = path.removeprefix("/api/intakes/").split("/photos/")
    task = (await cadre.get("/api/tasks")).body["items"][0]["id"]
    proof = await cadre.upload(fake_picture("red"))
    done = await cadre.command(f"/api/tasks/{task}/verification", verification_form(proof), base=1)
    assert done.status == 200
    [verification] = await documents(parts, "verifications")
    of_cadre = verification["photos"][0]["id"]
    assert (await villager.get(f"/api/intakes/{intake}/photos/{of_cadre}")).status == 200
    other = (await villager.command("/api/intakes", report_form(place, 2))).body["id"]
    for photo in (own_photo, of_cadre):
        reply = await villager.get(f"/api/intakes/{other}/photos/{photo}")
        assert reply.problem == (404, "not_found"), "a picture is seen in its own report only"
