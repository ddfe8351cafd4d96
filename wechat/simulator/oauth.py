"""网页授权: the pages that lead a person's browser back to the service with a code.

Source: 网页授权 · 第一步：用户同意授权，获取code, with its error codes, in the platform's documentation.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from wechat.simulator.base import WorldHandler
from wechat.simulator.limits import PLATFORM
from wechat.simulator.page import PAGE_POLICY
from wechat.simulator.state import Person

# Set by static/phone.js when a link on a phone is opened.
HOLDER_COOKIE = "sim_holder"
SCOPES = ("snsapi_base", "snsapi_userinfo")


class Refusal(Exception):
    """The authorisation is refused; `code` is WeChat's, None where it shows only words."""

    def __init__(self, words: str, code: int | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.code = code


class AuthorizeHandler(WorldHandler):
    """Sends a browser back with a code, silently (`snsapi_base`) or after asking (`snsapi_userinfo`).

    On a real phone WeChat knows whose it is. Here the query says so: `_sim_openid` is somebody who has
    agreed already, `_sim_holder` somebody who is still to be asked. Without either, a page in a frame asks
    its frame, whose name the phones set to `sim:<openid>`; else it is whom the cookie of the phones' page
    names, and else the first person.
    """

    def get(self) -> None:
        """Redirect to `redirect_uri` with `code` and `state` added, or show what comes before that."""
        self.set_header("Content-Security-Policy", PAGE_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        try:
            target = self._checked()
        except Refusal as refusal:
            self._refuse(refusal)
            return
        named = {"_sim_openid", "_sim_holder"} & self.request.query_arguments.keys()
        if not named and self.request.headers.get("Sec-Fetch-Dest") == "iframe":
            self.render("frame.html")
            return
        person = self._holder()
        if person is None:
            self._refuse(Refusal("模拟器里没有这个人"))
            return
        scope = self.get_query_argument("scope")
        state = self.get_query_argument("state", "")
        agreed = bool(self.get_query_argument("_sim_openid", ""))
        if scope == "snsapi_userinfo" and not agreed:
            self.render(
                "authorize.html",
                account=self.world.config.account_name,
                nickname=person.nickname,
                allow=f"?{urlencode({**self._query(), '_sim_openid': person.oa_openid})}",
                # Whoever refuses comes back without a code.
                refuse=added(target, {"state": state}),
            )
            return
        code = self.world.issue_code("oauth", "oa", person, scope)
        self.redirect(added(target, {"code": code, "state": state}))

    def _checked(self) -> str:
        """Choose the account, check the request as the platform does, and return where it leads back to.

        Raises:
            Refusal: something is missing or wrong.
        """
        app_id = self.get_query_argument("appid", "")
        target = self.get_query_argument("redirect_uri", "")
        scope = self.get_query_argument("scope", "")
        world = self.worlds.by_app_id.get(app_id)
        parts = urlsplit(target)
        wrong: tuple[tuple[bool, str, int | None], ...] = (
            (not app_id, "appid 不能为空", 10012),
            (self.worlds.of_app(app_id) is not world, "请使用公众号的 appid", 10016),
            (world is None, "appid 参数错误", None),
            (not target, "redirect_uri 不能为空", 10011),
            (parts.scheme not in ("http", "https") or not parts.netloc, "redirect_uri 参数错误", None),
            (
                world is not None and world.oauth_domain not in (None, parts.netloc, parts.hostname),
                "redirect_uri 域名与后台配置不一致",
                10003,
            ),
            (not scope, "scope 不能为空", 10010),
            (scope not in SCOPES, "scope 参数错误", 10005),
            (self.get_query_argument("response_type", "code") != "code", "response_type 参数错误", None),
            (
                len(self.get_query_argument("state", "").encode()) > PLATFORM.oauth_state_bytes,
                f"state 参数错误，最多 {PLATFORM.oauth_state_bytes} 字节",
                None,
            ),
        )
        for happened, words, code in wrong:
            if happened:
                raise Refusal(words, code)
        if world is not None:
            self.world = world
        return target

    def _holder(self) -> Person | None:
        people = self.world.people
        names = (
            self.get_query_argument("_sim_openid", ""),
            self.get_query_argument("_sim_holder", ""),
            unquote(self.get_cookie(HOLDER_COOKIE) or ""),
        )
        openid = next(filter(None, names), None)
        return people.find(openid) if openid else next(iter(people), None)

    def _query(self) -> dict[str, Any]:
        return {name: self.get_query_argument(name) for name in self.request.query_arguments}

    def _refuse(self, refusal: Refusal) -> None:
        self.set_status(400)
        self.render("refusal.html", words=refusal.words, code=refusal.code)


def added(address: str, values: dict[str, str]) -> str:
    """Return an address with parameters added to its query."""
    address, _, fragment = address.partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode(values)}" + (f"#{fragment}" if fragment else "")


routes = [(r"/connect/oauth2/authorize", AuthorizeHandler)]
