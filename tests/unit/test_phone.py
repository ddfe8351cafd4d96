"""The phone's pages: links that outlive the client's layout, and files as they travel."""

import gzip
from pathlib import Path

import orjson
import pytest

from handlers.phone import LINKS, address_of, page_of, read_pages

ID = "0192f000-0000-7000-8000-000000000000"
CLIENT = Path(__file__).parents[2] / "miniprogram/src/pages.json"


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("/m/", "pages/home/home"),
        ("/m/report", "pages/report/report"),
        (f"/m/reports/{ID}", f"pages/reports/one?id={ID}"),
        (f"/m/tasks/{ID}", f"pages/tasks/one?id={ID}"),
        ("/m/tasks/", None),
        (f"/m/tasks/{ID}/x", None),
        ("/api/tasks", None),
    ],
)
def test_a_link_leads_to_a_page(link: str, page: str | None) -> None:
    assert page_of(link) == page


def test_every_link_leads_to_a_page_that_the_client_has() -> None:
    known = {page["path"] for page in orjson.loads(CLIENT.read_bytes())["pages"]}
    assert {page for _, page in LINKS} <= known


def test_an_address_names_the_account_unless_it_is_the_main_one() -> None:
    assert address_of("/m/tasks", "https://h") == "https://h/m/tasks"
    assert address_of("/m/tasks", "https://h", "wx1") == "https://h/m/tasks?account=wx1"
    assert address_of("/m/report?for=other", "https://h", "wx1") == "https://h/m/report?for=other&account=wx1"


def test_files_are_packed_once_and_kept_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    script = b"const words = '\xe9\x98\xb2\xe8\xb4\xab';" * 200
    (tmp_path / "assets/index-AbCdEf12.js").write_bytes(script)
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "icon.png").write_bytes(b"\x89PNG" * 1000)
    files = read_pages(tmp_path).files
    assert set(files) == {"assets/index-AbCdEf12.js", "index.html", "icon.png"}
    packed = files["assets/index-AbCdEf12.js"]
    assert gzip.decompress(packed.packed) == packed.plain == script
    assert "immutable" in packed.keep
    assert files["index.html"].keep == "no-cache", "the document names the others, so it is asked for anew"
    assert files["index.html"].packed == files["icon.png"].packed == b"", "nothing to gain"
    assert files["icon.png"].type == "image/png"


def test_only_named_pages_may_frame_it(tmp_path: Path) -> None:
    assert "frame-ancestors 'none'" in read_pages(tmp_path).policy
    framed = read_pages(tmp_path, ["'self'", "http://127.0.0.1:8100"]).policy
    assert framed.endswith("frame-ancestors 'self' http://127.0.0.1:8100")
    assert read_pages(tmp_path / "nothing").files == {}
