"""The page with the two phones, and its files."""

from __future__ import annotations

from pathlib import Path

from tornado.web import StaticFileHandler

STATIC = Path(__file__).parent / "static"
# Nothing from another host and nothing inline; only pages on this machine may show the phones in a frame.
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*",
    )
)


class PageFile(StaticFileHandler):
    """One file of the page, with the headers that keep it to itself."""

    def set_extra_headers(self, path: str) -> None:
        """Add the content security policy; have browsers ask again, since the files carry no version."""
        self.set_header("Content-Security-Policy", PAGE_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-cache")


class FrontPage(PageFile):
    """The page itself, at `/`."""

    async def get(self, path: str = "index.html", include_body: bool = True) -> None:
        """Answer the page whatever the query says; the page reads it."""
        await super().get("index.html", include_body)


routes = [
    (r"/", FrontPage),
    (r"/_page/(.*)", PageFile),
]
