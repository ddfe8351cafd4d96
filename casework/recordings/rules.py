"""What a voice note is: told by its first bytes alone, because names and types can say anything."""

from collections.abc import Callable, Mapping

from casework.problems import NotARecording
from casework.uploads.model import Kind

#: A minute of what phones record has a quarter of this. The length in seconds is not looked at.
UPLOAD_BYTES = 2 * 1024 * 1024
KIND = Kind(
    name="recordings",
    limit=UPLOAD_BYTES,
    too_large="语音太长，请录短一些（1 分钟以内）。",
    broken="语音没有传完整，请重新上传。",
)
#: Where Matroska names the codec of a track: within the headers, long before the sound.
HEADERS_BYTES = 4096


def _mp3(data: bytes) -> bool:
    """An ID3 tag, or the header of an MPEG frame of layer III (ISO/IEC 11172-3, 2.4.2.3)."""
    if data[:3] == b"ID3":
        return True
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return False
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    bitrate, rate = data[2] >> 4, data[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3


def _adts(data: bytes) -> bool:
    """The header of an ADTS frame (ISO/IEC 13818-7, 6.2): sync word, layer 0, a known sampling rate."""
    return len(data) >= 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0 and data[2] >> 2 & 15 < 13


def _mp4(data: bytes) -> bool:
    """A file of the ISO base media family of a brand that recorders write; pictures have other brands."""
    brand = data[8:12]
    return data[4:8] == b"ftyp" and (
        brand[:3] in (b"M4A", b"M4B", b"iso", b"mp4", b"3gp") or brand in (b"dash", b"MSNV")
    )


def _amr(data: bytes) -> bool:
    return data.startswith(b"#!AMR\n")


def _amr_wide(data: bytes) -> bool:
    return data.startswith(b"#!AMR-WB\n")


def _webm(data: bytes) -> bool:
    head = data[:HEADERS_BYTES]
    return head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head[:64] and b"A_OPUS" in head


def _ogg(data: bytes) -> bool:
    return data[:4] == b"OggS" and b"OpusHead" in data[:64]


#: WeChat's recorder makes MP3 or AAC, phones' own AAC, M4A or AMR, browsers WebM, Ogg or MP4.
TYPES: Mapping[str, Callable[[bytes], bool]] = {
    "audio/mpeg": _mp3,
    "audio/aac": _adts,
    "audio/mp4": _mp4,
    "audio/amr": _amr,
    "audio/amr-wb": _amr_wide,
    "audio/webm": _webm,
    "audio/ogg": _ogg,
}


def type_of(data: bytes) -> str:
    """The media type of a voice note; raises `NotARecording` for anything that phones do not record."""
    for name, fits in TYPES.items():
        if fits(data):
            return name
    raise NotARecording
