"""Uploads become plain JPEGs, or are refused."""

import io
from typing import Any

import pytest
from PIL import Image

from casework.photos.rules import PIXELS_MOST, SIDE_MOST, THUMBNAIL_SIDE, UPLOAD_BYTES, clean
from casework.problems import NotAPicture, TooLarge
from tests.support import fake_picture

SECRET = b"a secret of the phone"


def encoded(kind: str = "JPEG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **more)
    return out.getvalue()


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
    image.load()
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_phones_send_becomes_a_jpeg_and_a_thumbnail(kind: str) -> None:
    picture = clean(encoded(kind, (800, 600)))
    assert (picture.width, picture.height) == opened(picture.jpeg).size == (800, 600)
    assert opened(picture.thumbnail).size == (THUMBNAIL_SIDE, 240)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "CMYK"])
def test_any_colours_become_plain_ones(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    assert opened(clean(encoded(kind, mode=mode)).jpeg).mode == "RGB"


def test_a_large_photo_is_made_smaller_and_a_small_one_is_not_made_larger() -> None:
    picture = clean(encoded(size=(4000, 1000)))
    assert (picture.width, picture.height) == (SIDE_MOST, 640)
    assert opened(clean(encoded(size=(2, 1))).jpeg).size == (2, 1)


def test_a_photo_taken_on_its_side_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = clean(encoded(size=(40, 30), exif=exif.tobytes()))
    assert (picture.width, picture.height) == (30, 40)


def test_nothing_but_the_pixels_survives() -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[1] = "N"
    data = encoded(exif=exif.tobytes(), comment=SECRET, icc_profile=SECRET, xmp=SECRET) + SECRET
    assert data.count(SECRET) == 5
    picture = clean(data)
    for jpeg in (picture.jpeg, picture.thumbnail):
        assert SECRET not in jpeg
        assert not opened(jpeg).getexif()
        assert {"exif", "comment", "icc_profile", "xmp"}.isdisjoint(opened(jpeg).info)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        encoded("GIF"),
        encoded("BMP"),
        encoded("TIFF"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        encoded("PNG")[:-40],
        fake_picture()[: len(fake_picture()) // 2],
        fake_picture()[:20],
    ],
    ids=["empty", "text", "gif", "bmp", "tiff", "svg", "pdf", "cut png", "cut jpeg", "jpeg's head"],
)
def test_what_is_no_whole_photo_is_refused(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        clean(data)


def test_a_photo_of_the_strange_kind_gets_words_of_its_own() -> None:
    for brand in (b"heic", b"heix", b"mif1"):
        with pytest.raises(NotAPicture) as caught:
            clean(b"\0\0\0\x24ftyp" + brand + bytes(40))
        assert "兼容性最佳" in caught.value.title
    with pytest.raises(NotAPicture) as caught:
        clean(encoded("GIF"))
    assert "HEIC" not in caught.value.title


def test_too_many_bytes_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(TooLarge, match="too_large") as caught:
        clean(b"\0" * (UPLOAD_BYTES + 1))
    assert "10 MB" in caught.value.title


@pytest.mark.parametrize("side", [7072, 9600, 14000], ids=["ours", "Pillow warns", "Pillow refuses"])
def test_too_many_pixels_are_refused(side: int) -> None:
    assert side * side > PIXELS_MOST
    with pytest.raises(TooLarge) as caught:
        clean(encoded("PNG", (side, side), "1"))
    assert "像素太大" in caught.value.title
