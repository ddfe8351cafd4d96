"""The phone's pages at /m/: the web build of `miniprogram/`, and the addresses that messages link to."""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode

from casework.problems import NotFound
from handlers.base import Handler, Routes, public

ROOT = "/m/"
#: The links that messages and menus carry, which outlive any layout of the client, and its pages.
LINKS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), page)
    for pattern, page in (
        (r"/m/", "pages/home/home"),
        (r"/m/report", "pages/report/report"),
        (r"/m/reports", "pages/reports/reports"),
        (r"/m/reports/(?P<id>[0-9a-f-]{36})", "pages/reports/one"),
        (r"/m/tasks", "pages/tasks/tasks"),
        (r"/m/tasks/(?P<id>[0-9a-f-]{36})", "pages/tasks/one"),
        (r"/m/inbox", "pages/inbox/inbox"),
        (r"/m/held", "pages/held/held"),
        (r"/m/bind", "pages/bind/bind"),
    )
)
#: Names with a hash of their content, which never change.
_HASHED = re.compile(r"assets/.+-[\w-]{8,}\.\w+")
_TEXT = ("text/", "application/json", "application/javascript", "image/svg+xml")
_SMALL = 1024
_ASK_AGAIN = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"


def page_of(link: str) -> str | None:
    """The client's page for a link: ``pages/tasks/one?id=…`` for ``/m/tasks/…``; None for none of ours."""
    for pattern, page in LINKS:
        if match := pattern.fullmatch(link):
            query = urlencode(match.groupdict())
            return f"{page}?{query}" if query else page
    return None


def address_of(link: str, public_url: str, account: str = "") -> str:
    """The whole address of a link. `account` is the official account through which its reader comes, where
    it is not the main one: they are signed in as that account's fan."""
    query = f"{'&' if '?' in link else '?'}{urlencode({'account': account})}" if account else ""
    return f"{public_url}{link}{query}"


@dataclass(frozen=True)
class File:
    """A file of the build as it travels."""

    plain: bytes
    type: str
    tag: str
    keep: str

    @cached_property
    def packed(self) -> bytes:
        """It in gzip, made when somebody asks for it first; empty where gzip gains nothing."""
        gains = self.type.startswith(_TEXT) and len(self.plain) > _SMALL
        return gzip.compress(self.plain, 9, mtime=0) if gains else b""


@dataclass(frozen=True)
class PhonePages:
    """The build, read once. `framed_by` are the origins whose pages may show it in a frame."""

    files: dict[str, File]
    framed_by: Sequence[str] = ()

    @property
    def policy(self) -> str:
        """The content policy: its own files and this service; nothing inline, nobody else's."""
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                # What people have photographed or recorded is shown from the phone's memory.
                "img-src 'self' blob: data:",
                "media-src blob: data:",
                "connect-src 'self'",
                "worker-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                f"frame-ancestors {' '.join(self.framed_by) or chr(39) + 'none' + chr(39)}",
            )
        )


def read_pages(folder: Path, framed_by: Sequence[str] = ()) -> PhonePages:
    """The build in a folder; without files where there is none."""
    files = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            files[name] = _read(path, name)
    return PhonePages(files, framed_by)


def _read(path: Path, name: str) -> File:
    plain = path.read_bytes()
    type_ = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return File(
        plain,
        f"{type_}; charset=utf-8" if type_.startswith(_TEXT) else type_,
        f'"{hashlib.sha256(plain).hexdigest()[:32]}"',
        _FOR_EVER if _HASHED.fullmatch(name) else _ASK_AGAIN,
    )


class PhoneHandler(Handler):
    """/m/<a file, a page, or what a message links to>"""

    @property
    def pages(self) -> PhonePages:
        """The build."""
        pages: PhonePages = self.application.settings["phone"]
        return pages

    def set_default_headers(self) -> None:
        """The pages' own policy, on what leads to them as well."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", self.pages.policy)

    @public
    async def get(self, path: str) -> None:
        """A file of the build; a link is sent on to its page; every page is the one document."""
        file = self.pages.files.get(path)
        if file is None and path and not path.startswith("pages/"):
            if "." in path:
                raise NotFound
            # An old or mistyped address still leads somewhere.
            page = page_of(f"{ROOT}{path}") or ""
            given = f"{'&' if '?' in page else '?'}{self.request.query}" if self.request.query else ""
            self.redirect(f"{ROOT}{page}{given}")
            return
        file = file or self.pages.files.get("index.html")
        if file is None:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.set_status(503)
            self.finish("手机页面还没有构建。请在项目目录执行 make phone，再重新启动服务。")
            return
        self._send(file)

    head = get

    def _send(self, file: File) -> None:
        self.set_header("Content-Type", file.type)
        self.set_header("Cache-Control", file.keep)
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("ETag", file.tag)
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
        elif "gzip" in self.request.headers.get("Accept-Encoding", "") and file.packed:
            self.set_header("Content-Encoding", "gzip")
            self.finish(file.packed)
        else:
            self.finish(file.plain)


class PhoneRootHandler(Handler):
    """/m"""

    @public
    async def get(self) -> None:
        """The pages begin below."""
        self.redirect(ROOT, permanent=True)


routes: Routes = [(r"/m", PhoneRootHandler), (r"/m/(?P<path>[A-Za-z0-9._/-]{0,200})", PhoneHandler)]
