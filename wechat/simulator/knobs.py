"""`/_sim/`: what the platform's paths keep, for whoever draws the phones, and how tests set its limits."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import Field, field_validator

from wechat.simulator.base import ControlHandler, Refused, bad_request
from wechat.simulator.bodies import Path, Strict
from wechat.simulator.endpoints import ENDPOINTS
from wechat.simulator.media import TEMPORARY, file_type
from wechat.simulator.words import LABELS

# The part of a path that names a medium.
MEDIA_ID = re.compile(r"([\w-]+)")
PAGE_OF_CODES = 50


class QuotaBody(Strict):
    """How often a path may be called: `POST /_sim/quotas`."""

    path: Path = Field(description="微信接口的路径")
    daily: int | None = Field(None, ge=0, description="每天几次（按北京时间）；null 则不限")
    minute: int | None = Field(None, ge=0, description="每分钟几次；null 则不限")

    @field_validator("path")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ENDPOINTS:
            raise ValueError("no such path of the platform")
        return value


class TokensBody(Strict):
    """What becomes of the access tokens in use: `POST /_sim/tokens`."""

    revoke: bool = Field(False, description="true 则已发出的 access_token 立即失效（40001）")


class WordsBody(Strict):
    """What content checks find: `POST /_sim/words`."""

    words: dict[str, int] = Field(
        description=f"敏感词和它的标签，代替原有的。标签：{'、'.join(map(str, LABELS[1:]))}"
    )

    @field_validator("words")
    @classmethod
    def _labelled(cls, value: dict[str, int]) -> dict[str, int]:
        if not all(word and label in LABELS[1:] for word, label in value.items()):
            raise ValueError(f"words must not be empty, and labels must be one of {LABELS[1:]}")
        return value


class PagesBody(Strict):
    """Which pages the published mini program has: `POST /_sim/pages`."""

    pages: list[str] | None = Field(None, description="小程序已发布的页面；null 则任何页面都算有")


class MenuHandler(ControlHandler):
    """What menu somebody sees."""

    says: ClassVar = {"GET": "某人看到的菜单（含个性化菜单）"}
    queries: ClassVar = {"openid": "谁；不给则是默认菜单"}

    def get(self) -> None:
        """Return {menu} of the person with this openid, or the default one."""
        openid = self.get_query_argument("openid", None)
        world = self.world
        self.answer({"menu": world.menu_for(self.person(openid)) if openid else world.shown_menu()})


class MediaHandler(ControlHandler):
    """What was uploaded."""

    says: ClassVar = {"GET": "取得上传的图片、语音、视频"}

    def get(self, media_id: str) -> None:
        """Answer the file itself."""
        now = self.world.clock.time()
        # Ids are drawn at random, so that whoever shows one need not say whose account it is.
        found = (world.media.find(media_id, now) for world in self.worlds)
        medium = next((medium for medium in found if medium is not None), None)
        if medium is None:
            raise Refused(404, "no such medium, or it has expired")
        self.set_header("Content-Type", medium.content_type)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(medium.body)


class QrCodesHandler(ControlHandler):
    """The parametric codes that a phone can scan."""

    says: ClassVar = {"GET": "列出还能扫的参数二维码，新的在前"}
    queries: ClassVar = {"limit": "最多几个，默认 50"}

    def get(self) -> None:
        """Return {items}: the newest codes that have not expired, as {ticket, url, scene, expires_at}."""
        limit = int(self.number("limit", PAGE_OF_CODES, 1, 1_000))
        found = self.world.qr.newest(limit, self.world.clock.time())
        self.answer({"items": [vars(code) for code in found]})


class UploadsHandler(ControlHandler):
    """Pictures that people send."""

    says: ClassVar = {"POST": "存一张此人要发的图片（请求体就是图片），答复 media_id"}

    def post(self) -> None:
        """Keep the picture in the body as a temporary medium of the account, which can then download it."""
        world, body = self.world, self.request.body
        if file_type(body) not in TEMPORARY["image"].types:
            raise bad_request("the body is no picture (jpg, png, gif)")
        medium = world.media.add(world.config.oa_app_id, "image", body, world.clock.time())
        self.answer({"media_id": medium.media_id}, 201)


class QuotasHandler(ControlHandler):
    """How often paths may be called."""

    says: ClassVar = {"GET": "各接口的调用上限", "POST": "改变一个接口的上限，其余不变"}
    bodies: ClassVar = {"POST": QuotaBody}

    def get(self) -> None:
        """Return the limits by path."""
        self.answer({"quotas": {path: asdict(limit) for path, limit in self.world.quotas.limits().items()}})

    def post(self) -> None:
        """Change the given limits of a path and leave the other."""
        given = self.body(QuotaBody).model_dump(exclude_unset=True)
        path = given.pop("path")
        if not given:
            raise bad_request("give daily, minute or both")
        self.answer({"path": path, **asdict(self.world.quotas.set(path, **given))})


class TokensHandler(ControlHandler):
    """The access tokens in use."""

    says: ClassVar = {"POST": "让已发出的 access_token 失效；app_id 只影响这一个应用"}
    bodies: ClassVar = {"POST": TokensBody}
    queries: ClassVar = {"app_id": "公众号或小程序的 appid；不给则两者都失效"}

    def post(self) -> None:
        """Revoke the tokens of `?app_id=`, or of both applications."""
        if not self.body(TokensBody).revoke:
            raise bad_request("nothing to do: give revoke: true")
        self.world.tokens.revoke(self.get_query_argument("app_id", None))
        self.answer({"ok": True})


class WordsHandler(ControlHandler):
    """What content checks find."""

    says: ClassVar = {"GET": "内容安全接口认为违规的词", "POST": "换一份违规词"}
    bodies: ClassVar = {"POST": WordsBody}

    def get(self) -> None:
        """Return the words with their labels."""
        self.answer({"words": self.world.words.labels})

    def post(self) -> None:
        """Put another list in the place of the present one."""
        self.world.words.labels = self.body(WordsBody).words
        self.get()


class PagesHandler(ControlHandler):
    """The mini program's pages."""

    says: ClassVar = {"GET": "小程序已发布的页面", "POST": "设定小程序已发布的页面"}
    bodies: ClassVar = {"POST": PagesBody}

    def get(self) -> None:
        """Return the pages; null takes any."""
        pages = self.world.pages
        self.answer({"pages": None if pages is None else sorted(pages)})

    def post(self) -> None:
        """Set the pages."""
        pages = self.body(PagesBody).pages
        self.world.pages = None if pages is None else frozenset(pages)
        self.get()


routes: list[tuple[str, Any]] = [
    (r"/_sim/menu", MenuHandler),
    (rf"/_sim/media/{MEDIA_ID.pattern}", MediaHandler),
    (r"/_sim/media", UploadsHandler),
    (r"/_sim/qrcodes", QrCodesHandler),
    (r"/_sim/quotas", QuotasHandler),
    (r"/_sim/tokens", TokensHandler),
    (r"/_sim/words", WordsHandler),
    (r"/_sim/pages", PagesHandler),
]
