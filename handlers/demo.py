"""The demo's own page, on which somebody walks through the main job; production does not mount it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tornado.web import StaticFileHandler

from handlers.base import Handler, Routes, public


@dataclass(frozen=True)
class DemoScene:
    """What the page needs to know: its files, where the two phones are, and whose phones there are.

    `people` are ``{"key", "openid", "nickname", "role"}`` with `role` ``villager`` or ``cadre``.
    """

    folder: Path
    simulator_url: str
    people: Sequence[dict[str, str]]

    @property
    def policy(self) -> str:
        """The page's content policy: its own files, this service, and the simulator; nothing inline."""
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self' blob: data:",
                f"connect-src 'self' {self.simulator_url}",
                f"frame-src {self.simulator_url}",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )


class DemoFileHandler(Handler, StaticFileHandler):
    """/demo/<a file of the page>"""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Serve the page's folder and nothing outside it."""
        super().initialize(str(self.scene.folder))

    @property
    def scene(self) -> DemoScene:
        """What the page shows."""
        scene: DemoScene = self.application.settings["demo"]
        return scene

    def set_extra_headers(self, path: str) -> None:
        """Have browsers ask again, since the files carry no version."""
        self.set_header("Content-Security-Policy", self.scene.policy)
        self.set_header("Cache-Control", "no-cache")

    def get_content_type(self) -> str:
        """The file's type; all of them are text in one encoding."""
        return f"{super().get_content_type()}; charset=utf-8"

    @public
    async def get(self, path: str, include_body: bool = True) -> None:
        """One file."""
        await StaticFileHandler.get(self, path, include_body)

    @public
    async def head(self, path: str) -> None:
        """One file's headers."""
        await self.get(path, include_body=False)


class DemoPageHandler(DemoFileHandler):
    """/demo"""

    @public
    async def get(self, path: str = "index.html", include_body: bool = True) -> None:
        """The page itself."""
        await super().get("index.html", include_body)

    @public
    async def head(self, path: str = "index.html") -> None:
        """The page's headers."""
        await self.get(path, include_body=False)


class DemoPeopleHandler(Handler):
    """/demo/people.json"""

    @public
    async def get(self) -> None:
        """Where the phones are, and whose they are."""
        scene: DemoScene = self.application.settings["demo"]
        self.answer({"simulator": scene.simulator_url, "people": list(scene.people)})


routes: Routes = [
    (r"/demo/?", DemoPageHandler),
    (r"/demo/people\.json", DemoPeopleHandler),
    (r"/demo/(?P<path>[a-z]+\.(?:css|js|svg))", DemoFileHandler),
]
