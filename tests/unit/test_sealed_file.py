"""The sealed file: read as it was written, or not at all."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.sealed_file import Damaged, SealedReader, SealedWriter

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
CHUNK = 32
SEALED = CHUNK + 16
ABOUT = {"created": "2026-01-01T00:00:00+00:00"}


def sealed(pieces: list[bytes], key: bytes = KEY) -> bytes:
    """A file with these pieces, written one after the other, in small chunks."""
    file = io.BytesIO()
    writer = SealedWriter(file, key, ABOUT, CHUNK)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return file.getvalue()


def opened(data: bytes, key: bytes = KEY) -> bytes:
    """What a file holds, read to its end."""
    return io.BufferedReader(SealedReader(io.BytesIO(data), key)).read()


def parts_of(data: bytes) -> tuple[bytes, list[bytes]]:
    """The header, and the chunks."""
    start = data.index(b"\n", data.index(b"\n") + 1) + 1
    return data[:start], [data[i : i + SEALED] for i in range(start, len(data), SEALED)]


@given(st.lists(st.binary(max_size=3 * CHUNK), max_size=5))
def test_what_was_written_is_read(pieces: list[bytes]) -> None:
    assert opened(sealed(pieces)) == b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK])
def test_sizes_at_the_borders_of_chunks(size: int) -> None:
    data = random.Random(size).randbytes(size)
    file = sealed([data])
    assert opened(file) == data
    assert len(parts_of(file)[1]) == max(1, -(-size // CHUNK))
    reader = SealedReader(io.BytesIO(file), KEY)
    assert reader.about["created"] == ABOUT["created"]
    assert size < CHUNK or data not in file


def test_two_files_of_the_same_contents_have_nothing_in_common() -> None:
    first, second = (parts_of(sealed([b"x" * 200]))[1] for _ in range(2))
    assert not set(first) & set(second)


@given(st.binary(max_size=6 * CHUNK), st.data())
def test_no_altered_bit_goes_unnoticed(data: bytes, draw: st.DataObject) -> None:
    file = bytearray(sealed([data]))
    place = draw.draw(st.integers(0, len(file) * 8 - 1))
    file[place // 8] ^= 1 << place % 8
    with pytest.raises(Damaged):
        opened(bytes(file))


@given(st.binary(max_size=6 * CHUNK), st.data())
def test_no_missing_end_goes_unnoticed(data: bytes, draw: st.DataObject) -> None:
    file = sealed([data])
    with pytest.raises(Damaged):
        opened(file[: draw.draw(st.integers(0, len(file) - 1))])


@given(st.binary(max_size=6 * CHUNK), st.binary(min_size=1, max_size=2 * SEALED))
def test_nothing_can_be_put_behind(data: bytes, more: bytes) -> None:
    with pytest.raises(Damaged):
        opened(sealed([data]) + more)


@given(st.data())
def test_chunks_stay_where_they_are_and_all_of_them(draw: st.DataObject) -> None:
    """Every other row of a file's chunks, with some left out, twice or elsewhere, is refused."""
    header, chunks = parts_of(sealed([random.Random(1).randbytes(5 * CHUNK + 7)]))
    row = draw.draw(st.lists(st.sampled_from(range(len(chunks))), max_size=8))
    if row == list(range(len(chunks))):
        return
    with pytest.raises(Damaged):
        opened(header + b"".join(chunks[i] for i in row))


def test_a_file_cut_off_at_any_border_of_a_chunk_is_refused() -> None:
    header, chunks = parts_of(sealed([bytes(4 * CHUNK)]))
    for kept in range(len(chunks)):
        with pytest.raises(Damaged):
            opened(header + b"".join(chunks[:kept]))


def test_chunks_of_another_file_under_the_same_key_are_refused() -> None:
    header, chunks = parts_of(sealed([bytes(3 * CHUNK)]))
    _, others = parts_of(sealed([bytes(3 * CHUNK)]))
    with pytest.raises(Damaged):
        opened(header + chunks[0] + others[1] + chunks[2])


def test_another_key_is_named_as_the_reason() -> None:
    with pytest.raises(Damaged, match="另一个密钥"):
        opened(sealed([b"x"]), OTHER_KEY)


def test_a_file_that_is_none_and_one_of_a_later_format_are_named() -> None:
    with pytest.raises(Damaged, match="不是本系统的备份文件"):
        opened(b"PK\x03\x04" + bytes(100))
    with pytest.raises(Damaged, match="先升级程序"):
        opened(sealed([b"x"]).replace(b'"format":1', b'"format":2'))


def test_an_unfinished_file_is_refused() -> None:
    file = io.BytesIO()
    SealedWriter(file, KEY, ABOUT, CHUNK).write(bytes(10 * CHUNK))
    with pytest.raises(Damaged):
        opened(file.getvalue())
