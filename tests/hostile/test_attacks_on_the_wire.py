"""The classical attacks below HTTP's own rules: framing, sizes, slowness, compression, paths as bytes."""

import asyncio
import contextlib
import gzip
import hashlib
import io
import re
import struct
import tracemalloc
import uuid
import zlib

import pytest
from PIL import Image

from server.app import BODY_BYTES, HEADER_BYTES
from server.parts import Parts
from tests.support import Client, Phones, Reply, count, fake_picture

MIB = 1024 * 1024
#: A second request inside the first one's body; whoever answers it has been told two things apart.
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


async def talk(port: int, *pieces: bytes, seconds: float = 10.0) -> bytes:
    """Send pieces one after the other until the service closes the connection; all that it said.

    Fails when it does not close.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(seconds):
            # Who refuses closes before all of it is there.
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
            with contextlib.suppress(ConnectionError):
                return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return b""


def head(*lines: str, request: str = "POST /api/session HTTP/1.1") -> bytes:
    """The head of a request."""
    return "\r\n".join([request, "Host: x", *lines, "", ""]).encode()


def statuses(said: bytes) -> list[int]:
    """The statuses of all answers in what was said."""
    return [int(part[2:5]) for part in said.split(b"HTTP/1.")[1:]]


async def is_well(phones: Phones) -> bool:
    """Whether the service answers as ever."""
    return (await Client(phones.http, phones.service).get("/healthz")).status == 200


async def test_two_ways_to_read_a_length_are_refused(phones: Phones, parts: Parts) -> None:
    chunked, length = "Transfer-Encoding: chunked", f"Content-Length: {len(HIDDEN)}"
    heads = [
        (chunked, length),
        (length, chunked),
        (length, f"Content-Length: {len(HIDDEN) + 1}"),
        (f"Content-Length: {len(HIDDEN)}, 0",),
        ("Content-Length: 0", length),
        *(
            (f"Content-Length: {value}",)
            for value in ("+5", "-5", "0x5", "5_0", "5.0", "1e1", "", "٥", "5 5")
        ),
        (f"Content-Length: {'9' * 30}",),
        *(
            (f"Transfer-Encoding: {value}",)
            for value in (
                *("chunked, identity", "identity", "gzip, chunked", "xchunked", "chunked;q=1", ""),
                *("chunked, chunked", '"chunked"', "chun\x0bked", "\x00chunked"),
            )
        ),
        (chunked, "Transfer-Encoding: identity"),
        ("Transfer-Encoding: identity", chunked),
        ("Transfer-Encoding : chunked", length),
        ("Content-Length : 5", length),
        (" Content-Length: 5", length),
        ("Transfer-Encoding\x00: chunked",),
        ("Transfer\u00adEncoding: chunked", length),
        ("Content-Length: 5\rX: y",),
        ("No colon here", length),
    ]
    for lines in heads:
        for body in (b"0\r\n\r\n" + HIDDEN, HIDDEN):
            said = await talk(parts.settings.port, head(*lines) + body)
            assert statuses(said) == [400], (lines, said)
    for chunk in (
        *(b"5;\r\nhello\r\n", b"+5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"-1\r\n\r\n", b"5\nhello\n"),
        *(b"5\r\nhelloX\r\n", b"\r\n", b"5 \r\nhello\r\n", b"F" * 20 + b"\r\n", b"1_0\r\n" + b"x" * 16),
        *(b"0\r\nX: y\r\n\r\n", b"0\r\nXX", b"z\r\n", b"5" * 70),
    ):
        said = await talk(parts.settings.port, head(chunked) + chunk + HIDDEN)
        assert statuses(said) in ([], [400]), (chunk, said)
    for line in ("GET /healthz HTTP/9.9", "GET /healthz", "GET  /healthz HTTP/1.1", "GET\t/healthz HTTP/1.1"):
        said = await talk(parts.settings.port, head(request=line))
        assert statuses(said) == [400], (line, said)
    assert await is_well(phones)
    # Twice the same is one length, and what follows the body is the next request.
    said = await talk(
        parts.settings.port,
        head("Content-Length: 2", "Content-Length: 2") + b"{}",
        head("Connection: close", request="GET /healthz HTTP/1.1"),
    )
    assert statuses(said) == [422, 200]


async def test_headers_have_a_size(phones: Phones, parts: Parts) -> None:
    port, get = parts.settings.port, "GET /healthz HTTP/1.1"

    def padded(size: int) -> bytes:
        bare = head("Connection: close", "X: ", request=get)
        return head("Connection: close", "X: " + "x" * (size - len(bare)), request=get)

    assert statuses(await talk(port, padded(HEADER_BYTES - 100))) == [200]
    for size in (HEADER_BYTES + 1, 10 * HEADER_BYTES):
        assert statuses(await talk(port, padded(size))) in ([], [400]), size
    line = ["GET /" + "a" * HEADER_BYTES + " HTTP/1.1", "G" * 2 * HEADER_BYTES + " / HTTP/1.1"]
    for request in line:
        assert statuses(await talk(port, head(request=request))) in ([], [400])
    # Never ended, the head is not waited for either.
    assert statuses(await talk(port, b"GET / HTTP/1.1\r\n", *[b"X: " + b"x" * 1000 + b"\r\n"] * 20)) in (
        [],
        [400],
    )
    for lines in (["a:b"] * 3000, [f"h{n}:" for n in range(1900)], ["Cookie: " + "a=b;" * 3900]):
        said = await talk(port, head("Connection: close", *lines, request=get))
        assert statuses(said) in ([200], [400]), lines[0]
    assert await is_well(phones)


async def test_bodies_have_a_size_whatever_is_announced(phones: Phones, parts: Parts) -> None:
    port, mib = parts.settings.port, b"x" * MIB
    for path in ("/api/session", "/wechat/callback", "/m/", f"/api/photos/{'0' * 64}"):
        request = f"PUT {path} HTTP/1.1"
        said = await talk(port, head(f"Content-Length: {BODY_BYTES + 1}", request=request))
        assert statuses(said) == [400], "refused before any of it is sent"
        chunks = [b"%x\r\n" % MIB + mib + b"\r\n"] * (BODY_BYTES // MIB + 2)
        said = await talk(port, head("Transfer-Encoding: chunked", request=request), *chunks)
        assert statuses(said) in ([], [400]), path
    assert await is_well(phones)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service whose minutes are fractions of a second."""
    monkeypatch.setattr("server.app.IDLE_SECONDS", 0.4)
    monkeypatch.setattr("server.http.BODY_SECONDS", 0.4)
    monkeypatch.setattr("server.http.SWEEP_SECONDS", 0.1)


async def trickle(port: int, data: bytes, piece: bytes, seconds: float = 10.0) -> bytes:
    """Send `data`, then `piece` again and again without haste, until the service has closed; what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        async with asyncio.timeout(seconds):
            writer.write(data)
            while not reader.at_eof():
                with contextlib.suppress(TimeoutError, ConnectionError):
                    said += await asyncio.wait_for(reader.read(1000), 0.05)
                    continue
                writer.write(piece)
    finally:
        writer.transport.abort()
    return said


@pytest.mark.usefixtures("hasty")
async def test_who_sends_slowly_is_not_waited_for(parts: Parts, phones: Phones) -> None:
    chunk = b"1\r\nx\r\n"
    slow = {
        "nothing": (b"", b""),
        "the first line": (b"GET /", b"a"),
        "headers": (b"GET /healthz HTTP/1.1\r\n", b"X: y\r\n"),
        "empty lines": (b"\r\n", b"\r"),
        "a body": (head("Content-Length: 60000"), b"x"),
        "chunks": (head("Transfer-Encoding: chunked"), chunk),
        "a chunk's length": (head("Transfer-Encoding: chunked"), b"0"),
        "a photo": (head("Content-Length: 60000", request=f"PUT /api/photos/{'0' * 64} HTTP/1.1"), b"x"),
        "a callback": (head("Content-Length: 60000", request="POST /wechat/callback HTTP/1.1"), b"x"),
        "asked to go on": (head("Content-Length: 60000", "Expect: 100-continue"), b""),
        "after an answer": (head(request="GET /healthz HTTP/1.1"), b""),
        "the next headers": (head(request="GET /healthz HTTP/1.1") + b"GET ", b"x"),
    }
    said = await asyncio.gather(*(trickle(parts.settings.port, *one) for one in slow.values()))
    answered = {why for why, words in zip(slow, said, strict=True) if 200 in statuses(words)}
    assert answered == {"after an answer", "the next headers"}
    assert await is_well(phones)


def png(*chunks: tuple[bytes, bytes], width: int = 60, height: int = 30) -> bytes:
    """A PNG with these chunks between its head and its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\x00" + bytes(width)) * height)
    first = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    between = b"".join(chunk(*one) for one in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", first) + between + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_of(side: int) -> bytes:
    """A small JPEG that says that it has `side` × `side` pixels."""
    data = bytearray(fake_picture())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", side, side)
    return bytes(data)


def webp_of(side: int) -> bytes:
    """A small lossless WebP that says the same."""
    out = io.BytesIO()
    Image.new("RGB", (60, 30)).save(out, "WEBP", lossless=True)
    data = bytearray(out.getvalue())
    at = data.index(b"VP8L") + 9
    bits = struct.unpack("<I", data[at : at + 4])[0] & ~0xFFFFFFF | (side - 1) | (side - 1) << 14
    data[at : at + 4] = struct.pack("<I", bits)
    return bytes(data)


def progressive(scans: int) -> bytes:
    """A JPEG one of whose scans is there again and again."""
    out = io.BytesIO()
    Image.new("L", (60, 30)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    first, second, third = [found.start() for found in re.finditer(b"\xff\xda", data)][:3]
    assert first < second < third
    return data[:third] + data[second:third] * scans + data[third:]


BIG = zlib.compress(bytes(200 * MIB), 9)


async def test_small_uploads_that_are_huge_inside(phones: Phones, parts: Parts) -> None:
    villager = await phones.sign_in("villager_1")
    bombs = {
        "a JPEG of 4,000 million pixels": (jpeg_of(65_000), (413, "too_large")),
        "a WebP of 268 million": (webp_of(16_384), (413, "too_large")),
        "a PNG's compressed words": (png((b"zTXt", b"Comment\x00\x00" + BIG)), None),
        "its international words": (png((b"iTXt", b"Comment\x00\x01\x00\x00\x00" + BIG)), None),
        "its colour profile": (png((b"iCCP", b"sRGB\x00\x00" + BIG)), None),
        "a JPEG of 200 scans": (progressive(200), (415, "not_a_picture")),
        "a gzip file": (gzip.compress(bytes(50 * MIB)), (415, "not_a_picture")),
    }
    tracemalloc.start()
    for why, (data, problem) in bombs.items():
        assert len(data) < MIB, why
        reply = await villager.put("photos", data)
        if problem:
            assert reply.problem == problem, why
        else:
            assert reply.status in (201, 413, 415), why
    assert (await villager.put("photos", progressive(0))).status == 201
    # What Pillow keeps outside of Python's memory is not seen here; its limits are those asserted above.
    assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    tracemalloc.stop()


async def test_compressed_bodies_are_taken_as_they_are(phones: Phones, parts: Parts) -> None:
    villager = await phones.sign_in("villager_1")
    picture = fake_picture()
    body = gzip.compress(b'{"statement": "' + b"x" * 50 * MIB + b'"}')
    assert len(body) < 60_000
    tracemalloc.start()

    async def post(path: str, data: bytes, coding: str, type_: str) -> Reply:
        headers = {"Content-Encoding": coding, "Content-Type": type_, "Idempotency-Key": str(uuid.uuid4())}
        return await villager.call("POST", path, raw=data, headers=headers)

    form = "application/x-www-form-urlencoded"
    for coding in ("gzip", "x-gzip", "deflate", "br", "zstd"):
        for type_ in ("application/json", form, "multipart/form-data; boundary=x"):
            reply = await post("/api/intakes", body, coding, type_)
            assert reply.problem == (400, "malformed"), (coding, type_)
        assert (await post("/wechat/callback", body, coding, "text/xml")).status in (400, 403), coding
    packed = gzip.compress(picture)
    reply = await villager.call(
        "PUT",
        f"/api/photos/{hashlib.sha256(picture).hexdigest()}",
        raw=packed,
        headers={"Content-Encoding": "gzip"},
    )
    assert reply.problem == (400, "malformed"), "the hash is that of what was sent"
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()
    assert await count(parts, "intakes", "photos") == [0, 0]


#: As bytes: what HTTP clients would tidy up before they send it.
PATHS = (
    *("/m/../../etc/passwd", "/m/../pyproject.toml", "/m/..%2f..%2fpyproject.toml", "/m/%2e%2e/app.py"),
    *(
        "/m/assets/../../app.py",
        "/m/assets/..%5c..%5capp.py",
        "/m/.../app.py",
        "/m/./../app.py",
        "/m//etc/passwd",
    ),
    *("/m/index.html%00.js", "/m/index.html\x00", "/m/%c0%ae%c0%ae/app.py", "/m/..;/app.py", "/m/~root"),
    *("/demo/../app.py", "/demo/..%2fapp.py", "/demo/%2e%2e%2fapp.py", "/demo//etc/passwd", "/demo/app.py"),
    *(
        "/demo/index.html/../../app.py",
        "/demo/....css",
        "/demo/..%00.css",
        "/demo/%2e%2e.css",
        "/demo/a.css/",
    ),
    *("//etc/passwd", "/..", "..", "etc/passwd", "*", "/%2e%2e/%2e%2e/etc/passwd", "\\..\\etc", "/\\/etc"),
    *("http://evil.example/healthz", "http://evil.example/m/../app.py", "file:///etc/passwd", "//evil/m/"),
    *("/api/../m/app.py", "/wechat/callback/../../healthz", "/wechat/callback%2f..", "/wechat/callbackx"),
    *("/healthz%20", "/healthz/", "/healthz%00", "/HEALTHZ", "/healthz;x", "/%68ealthz/x", "/m/%", "/m/%zz"),
)


async def test_paths_as_they_come_read_no_file(phones: Phones, parts: Parts) -> None:
    for path in PATHS:
        said = await talk(parts.settings.port, head("Connection: close", request=f"GET {path} HTTP/1.1"))
        [status] = statuses(said)
        assert status in (301, 302, 400, 403, 404, 405), (path, said[:300])
        for secret in (b"root:", b"import ", b"[project]", b"Traceback", b"/work", b'.py"'):
            assert secret not in said, (path, secret)
    assert await is_well(phones)


async def test_a_line_break_in_what_is_asked_makes_no_header(phones: Phones, parts: Parts) -> None:
    port = parts.settings.port
    breaks = ("\r\nSet-Cookie: a=b", "\nSet-Cookie: a=b", "\rSet-Cookie: a=b", "%0d%0aSet-Cookie:%20a=b")
    for evil in breaks:
        for line in (f"GET /m/x?{evil} HTTP/1.1", f"GET /wechat/login?next=/m/{evil} HTTP/1.1"):
            said = await talk(port, head("Connection: close", request=line))
            assert b"\r\nSet-Cookie: a=b" not in said, (line, said)
            assert b"\nSet-Cookie: a=b" not in said
            assert set(statuses(said)) <= {302, 400, 422}, (line, said)
        for name in ("Fangpin-Client", "X-Request-Id", "Origin", "Idempotency-Key", "Host"):
            said = await talk(
                port,
                head(f"{name}: x{evil}", "Content-Length: 2", "Connection: close") + b"{}",
            )
            assert b"a=b" not in said, (name, said)
    assert await is_well(phones)
