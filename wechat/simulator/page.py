"""The page with the two phones, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.simple_httpclient import HTTPTimeoutError
from tornado.web import RequestHandler, StaticFileHandler

STATIC = Path(__file__).parent / "static"
LOOK_SECONDS = 3
LOCAL_HOSTS = ("127.0.0.1", "localhost")
_LOCAL_ORIGINS = " ".join(f"http://{host}:*" for host in LOCAL_HOSTS)
# Nothing from another machine and nothing inline. The phones show pages and pictures of the service that is
# being tried, which runs on this machine, and only pages on this machine may show the phones in a frame.
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"img-src 'self' {_LOCAL_ORIGINS}",
        "media-src 'self'",
        "connect-src 'self'",
        f"frame-src {_LOCAL_ORIGINS}",
        "base-uri 'none'",
        "form-action 'none'",
        f"frame-ancestors 'self' {_LOCAL_ORIGINS}",
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


def refuses_frame(headers: HTTPHeaders, url: str, ancestors: Sequence[str]) -> bool:
    """Return whether a browser leaves the frame of a page empty.

    Arguments:
        headers: the page's.
        url: the page's address.
        ancestors: the origins of the pages around it.

    Source: CSP Level 3, 6.4.2 frame-ancestors; RFC 7034, which the former replaces where both are given.
    """
    parts = urlsplit(url)
    own = f"{parts.scheme}://{parts.netloc}"
    policies = [
        directive.split()[1:]
        for policy in headers.get_list("Content-Security-Policy")
        for directive in policy.split(";")
        if directive.split()[:1] == ["frame-ancestors"]
    ]
    if policies:
        return not all(
            any(_allows(source, ancestor, own) for source in sources)
            for sources in policies
            for ancestor in ancestors
        )
    option = headers.get("X-Frame-Options", "").strip().upper()
    return option == "DENY" or (option == "SAMEORIGIN" and any(ancestor != own for ancestor in ancestors))


def _allows(source: str, origin: str, own: str) -> bool:
    """Return whether one source of `frame-ancestors` stands for an origin."""
    if source in ("*", "'self'"):
        return source == "*" or origin == own
    scheme, _, rest = origin.partition("://")
    if source == f"{scheme}:":
        return True
    wanted = source.removeprefix(f"{scheme}://")
    return wanted == rest or (wanted.endswith(":*") and wanted[:-2] == rest.partition(":")[0])


class LookHandler(RequestHandler):
    """Whether a page may be shown in a phone: a browser does not tell the page around an empty frame."""

    async def get(self) -> None:
        """Answer {"reason"}: null where `url` may be shown, else "far", "refused" or "unreachable".

        The page is asked for its headers only. One that leads on to another page, or is slow, is taken to
        allow it.
        `ancestors` are the origins of the pages around the frame, with spaces between them.
        """
        url = self.get_query_argument("url")
        ancestors = self.get_query_argument("ancestors", "").split()
        self.set_header("Cache-Control", "no-store")
        self.finish({"reason": await self._looked(url, ancestors)})

    async def _looked(self, url: str, ancestors: list[str]) -> str | None:
        if urlsplit(url).hostname not in LOCAL_HOSTS:
            return "far"
        request = HTTPRequest(url, method="HEAD", follow_redirects=False, request_timeout=LOOK_SECONDS)
        try:
            answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        except HTTPTimeoutError:
            return None
        except (HTTPClientError, OSError, ValueError):
            return "unreachable"
        return "refused" if refuses_frame(answer.headers, url, ancestors) else None


routes = [
    (r"/", FrontPage, {"path": str(STATIC)}),
    (r"/_page/look", LookHandler, {}),
    (r"/_page/(.*)", PageFile, {"path": str(STATIC)}),
]
