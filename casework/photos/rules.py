"""Turning whatever a phone uploads into a plain JPEG, or refusing it."""

import io
import re
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from casework.problems import NotAPicture, TooLarge
from casework.uploads.model import Kind

UPLOAD_BYTES = 10 * 1024 * 1024
#: More pixels than any phone camera of our users; decoding them would take memory like a bomb.
PIXELS_MOST = 50_000_000
#: A progressive JPEG has about ten. Each costs as much as the whole picture, and one can be had for a hundred
#: bytes, so that a small file could keep a processor busy for minutes.
SCANS_MOST = 100
#: Profile and metadata come in a few hundred pieces at most.
MARKERS_MOST = 1000
SIDE_MOST = 2560
THUMBNAIL_SIDE = 320
QUALITY = 82
FORMATS = ("JPEG", "PNG", "WEBP")
KIND = Kind(
    name="photos",
    limit=UPLOAD_BYTES,
    too_large="照片超过 10 MB，请压缩后再上传。",
    broken="照片没有传完整，请重新上传。",
)
#: Major brands of HEIF files (ISO/IEC 23008-12), which some phones make unless told otherwise.
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
HEIF_WORDS = (
    "这张照片是 HEIC 格式，暂时打不开。请在这个页面里直接拍照，"
    "或在手机的相机设置里把格式选为“兼容性最佳”（JPG）后重拍。"
)


#: A JPEG's marker with its length behind it, or the end (ITU-T T.81, B.1.1); stuffed bytes and restarts,
#: which stand inside of a scan, are none.
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
_EOI, _SOS = b"\xd9", b"\xda"


class Picture(NamedTuple):
    """A clean JPEG, its thumbnail (JPEG), and its size in pixels."""

    jpeg: bytes
    thumbnail: bytes
    width: int
    height: int


def clean(data: bytes) -> Picture:
    """Re-encode an upload. Nothing of the original file survives but its pixels: no position, no
    camera, no trailing bytes. CPU-bound: call it in a thread.

    Raises `TooLarge` for more than 10 MiB or 50 million pixels, `NotAPicture` for anything that is
    not a whole JPEG, PNG or WebP, whatever its name or type says, and for a JPEG of more than 100 scans.
    """
    if len(data) > UPLOAD_BYTES:
        raise TooLarge(KIND.too_large)
    if data.startswith(b"\xff\xd8") and _has_too_many_scans(data):
        raise NotAPicture
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > PIXELS_MOST:
                raise TooLarge("照片像素太大，请用较低的清晰度重新拍照。")
            opened.draft("RGB", (SIDE_MOST, SIDE_MOST))
            upright = ImageOps.exif_transpose(opened)
            image = upright.convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        # Pillow raises or warns only far above our own limit.
        raise TooLarge("照片像素太大，请用较低的清晰度重新拍照。") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError):
        # Pillow's decoders raise all of these on broken files.
        raise NotAPicture(HEIF_WORDS if _is_heif(data) else None) from None
    # Pillow would write the comment of a JPEG into the new file as well.
    image.info.clear()
    image.thumbnail((SIDE_MOST, SIDE_MOST))
    jpeg = _jpeg(image)
    width, height = image.size
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return Picture(jpeg, _jpeg(image), width, height)


def _has_too_many_scans(data: bytes) -> bool:
    """Whether a JPEG's decoder would be kept busy; its markers are found as the decoder finds them."""
    scans = at = 0
    for _ in range(MARKERS_MOST):
        match = _MARKER.search(data, at)
        if match is None or match[1] == _EOI:
            return scans > SCANS_MOST
        at = match.end()
        at += int.from_bytes(data[at : at + 2])
        scans += match[1] == _SOS
    return True


def _is_heif(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
