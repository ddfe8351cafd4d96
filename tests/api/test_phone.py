"""The phone's pages as a browser gets them (`make phone` builds them)."""

import re

import aiohttp
import pytest

from server.app import PHONE_PAGES

ID = "0192f000-0000-7000-8000-000000000000"


async def test_the_document_and_its_files(http: aiohttp.ClientSession, service: str) -> None:
    async with http.get(f"{service}/m/") as answer:
        text = await answer.text()
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache"), text
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        tag = answer.headers["ETag"]
    async with http.get(f"{service}/m/", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    async with http.get(f"{service}/m/pages/tasks/one?id={ID}") as answer:
        assert await answer.text() == text, "every page is the one document"
    script = re.findall(r'src="(/m/assets/[^"]+\.js)"', text)[0]
    for coding in ("gzip", "identity"):
        async with http.get(f"{service}{script}", headers={"Accept-Encoding": coding}) as answer:
            assert answer.status == 200
            assert answer.headers.get("Content-Encoding", "identity") == coding
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["Content-Type"].startswith("text/javascript")
            assert await answer.read() == (PHONE_PAGES / script.removeprefix("/m/")).read_bytes()


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("/m", "/m/"),
        (f"/m/tasks/{ID}", f"/m/pages/tasks/one?id={ID}"),
        (f"/m/reports/{ID}?account=wx1", f"/m/pages/reports/one?id={ID}&account=wx1"),
        ("/m/report?for=other", "/m/pages/report/report?for=other"),
        ("/m/was-there-once", "/m/"),
    ],
)
async def test_a_link_is_sent_on_to_its_page(
    http: aiohttp.ClientSession, service: str, link: str, page: str
) -> None:
    async with http.get(f"{service}{link}", allow_redirects=False) as answer:
        assert (answer.status // 100, answer.headers["Location"]) == (3, page)


@pytest.mark.parametrize("path", ["/m/assets/none.js", "/m/..%2f..%2fpyproject.toml", "/m/a.b/../../x"])
async def test_what_is_not_of_the_build_is_not_there(
    http: aiohttp.ClientSession, service: str, path: str
) -> None:
    async with http.get(f"{service}{path}", allow_redirects=False) as answer:
        assert answer.status == 404
