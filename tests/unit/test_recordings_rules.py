"""Voice notes are known by their first bytes."""

import pytest

from casework.problems import NotARecording
from casework.recordings.rules import type_of
from tests.support import fake_picture, fake_recording

EBML = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + bytes(30)
OGG = b"OggS\x00\x02" + bytes(20) + b"\x01\x13"


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        (b"ID3\x04" + bytes(20), "audio/mpeg"),
        (fake_recording(), "audio/mpeg"),
        (b"\xff\xf3\x48\xc4" + bytes(20), "audio/mpeg"),  # MPEG 2, as WeChat's recorder at 16 kHz.
        (b"\xff\xf1\x50\x80" + bytes(20), "audio/aac"),
        (b"\xff\xf9\x60\x40" + bytes(20), "audio/aac"),
        (b"\0\0\0\x1cftypM4A " + bytes(20), "audio/mp4"),
        (b"\0\0\0\x18ftypmp42" + bytes(20), "audio/mp4"),
        (b"\0\0\0\x18ftypiso5" + bytes(20), "audio/mp4"),
        (b"\0\0\0\x18ftyp3gp4" + bytes(20), "audio/mp4"),
        (b"#!AMR\n" + bytes(20), "audio/amr"),
        (b"#!AMR-WB\n" + bytes(20), "audio/amr-wb"),
        (EBML + b"\x86\x86A_OPUS", "audio/webm"),
        (OGG + b"OpusHead", "audio/ogg"),
    ],
)
def test_what_phones_record(data: bytes, type_: str) -> None:
    assert type_of(data) == type_


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xfb",
        "语音".encode(),
        "语音".encode("utf-16"),
        fake_picture(),
        b"\0\0\0\x18ftypheic" + bytes(20),
        b"\0\0\0\x18ftypqt  " + bytes(20),
        b"RIFF\x24\0\0\0WAVEfmt ",
        EBML + b"\x85\x85V_VP8",
        OGG + b"\x80theora",
        b"<script>alert(1)</script>ID3",
        b"\xff\xff\xff\xff" * 9,
    ],
)
def test_what_they_do_not(data: bytes) -> None:
    with pytest.raises(NotARecording):
        type_of(data)
