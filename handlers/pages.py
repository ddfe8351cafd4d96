"""What pages inside WeChat's browser need: signing in, signatures, and the proof that the domain is ours.

A page that has no session sends the browser to ``/wechat/login``. WeChat's authorisation page sends it back
with a code, and it returns to the page with a ticket in the address's fragment, which no server and no log
sees. The page exchanges the ticket for a session once, within a minute.
"""

import hmac
import re
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import StringConstraints

from casework.forms import Form
from casework.problems import Away, BadCode, InvalidForm, NotFound
from handlers.answers import PageSignatureShape, SessionShape
from handlers.base import Handler, Routes, described, public
from handlers.services import Pages, Session
from handlers.session import sign_in
from wechat.client import SnapshotUser, WeChatError, WeChatFailure

LOGIN_PATH = "/wechat/login"
COOKIE_SECONDS = 600
#: Pages of ours: under /m/, without anything that a browser could read as another host.
_PAGE = re.compile(r"/m/[A-Za-z0-9._~/?&=%+-]{0,500}")

TRY_AGAIN = "登录没有完成或已过期。请返回公众号，从菜单重新打开。"
SNAPSHOT = "您正在以快照方式浏览，看不到个人信息。请点页面上的“使用完整服务”，再从公众号菜单重新打开。"


def _cookie(state: str) -> str:
    # Each log-in has a cookie of its own, so that two that are under way do not end each other.
    return f"login-{state[:8]}"


class _PageHandler(Handler):
    def pages(self, app_id: str | None) -> Pages:
        """The pages of the named official account, or of the main one; raises `NotFound`."""
        try:
            return self.services.pages[app_id or self.services.account.oa_app_id]
        except KeyError:
            raise NotFound from None

    def tell(self, words: str, status: int) -> None:
        """Say something to a person whose browser stands here instead of on a page."""
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(words)


class LoginHandler(_PageHandler):
    """/wechat/login, for the main account; /wechat/login/<app id> for another one"""

    @public
    async def get(self, app_id: str | None = None) -> None:
        """Send the browser to WeChat's authorisation page."""
        await self.services.sessions.count("login", self.request.remote_ip or "")
        page = self.get_query_argument("next", "/m/")
        if not _PAGE.fullmatch(page) or "//" in page or ".." in page:
            raise InvalidForm(errors=[{"field": "next", "message": "只能返回本服务的页面"}])
        path = f"{LOGIN_PATH}/{app_id}/back" if app_id else f"{LOGIN_PATH}/back"
        url, state = await self.pages(app_id).leave(f"{self.services.public_url}{path}", {"next": page})
        self.set_cookie(
            _cookie(state),
            state,
            path=LOGIN_PATH,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=self.services.public_url.startswith("https://"),
        )
        self.redirect(url)


class LoginBackHandler(_PageHandler):
    """/wechat/login/back: where WeChat's authorisation page sends the browser"""

    @public
    async def get(self, app_id: str | None = None) -> None:
        """Sign the person in, and go on with the page that they wanted."""
        await self.services.sessions.count("login", self.request.remote_ip or "")
        state = self.get_query_argument("state", "")
        pages = self.pages(app_id)
        given = self.get_cookie(_cookie(state)) or ""
        # A state that another browser left with would sign this one in as somebody else.
        payload = (
            await pages.come_back(state) if hmac.compare_digest(given.encode(), state.encode()) else None
        )
        if payload is None:
            self.tell(TRY_AGAIN, 400)
            return
        self.clear_cookie(_cookie(state), path=LOGIN_PATH)
        code = self.get_query_argument("code", "")
        if not code:
            # The person said no. The page tells what can be done without knowing them.
            self.redirect(f"{payload['next']}#login=refused")
            return
        try:
            found = await pages.person(code)
        except SnapshotUser:
            self.tell(SNAPSHOT, 403)
            return
        except WeChatError:
            self.tell(TRY_AGAIN, 400)
            return
        except WeChatFailure:
            raise Away("微信暂时没有应答，请稍后再试。") from None
        app_id = app_id or self.services.account.oa_app_id
        person_id = await self.services.account.meet(app_id, found.openid, found.unionid)
        staff = await self.services.staff.of_person(person_id)
        session = Session(person_id, app_id, found.openid, staff["_id"] if staff else None)
        ticket = await self.services.sessions.offer(session)
        self.redirect(f"{payload['next']}#{urlencode({'ticket': ticket})}")


class TicketForm(Form):
    """The ticket in the address to which the browser came back."""

    ticket: Annotated[str, StringConstraints(min_length=20, max_length=128)]


class TicketHandler(Handler):
    """/api/session/ticket"""

    @public
    @described("公众号网页登录：用一次性凭据换取会话", body=TicketForm, answers={201: SessionShape})
    async def post(self) -> None:
        """Exchange a ticket for a session, once."""
        await self.services.sessions.count("login", self.request.remote_ip or "")
        session = await self.services.sessions.redeem(self.form(TicketForm).ticket)
        if session is None:
            raise BadCode(TRY_AGAIN)
        await sign_in(self, session)


class PageSignatureHandler(_PageHandler):
    """/api/wechat/page-signature"""

    @public
    @described(
        "公众号网页调用微信功能（扫码、定位等）的签名",
        answers={200: PageSignatureShape},
        query={"url": "当前网页的完整地址", "account": "公众号的 AppID，不填为主公众号"},
    )
    async def get(self) -> None:
        """Sign the address of a page of ours."""
        await self.services.sessions.count("login", self.request.remote_ip or "")
        url = self.get_query_argument("url", "")
        if not url.startswith(f"{self.services.public_url}/") or len(url) > 2048:
            raise InvalidForm(errors=[{"field": "url", "message": "只能为本服务的网页签名"}])
        try:
            signature: Any = await self.pages(self.get_query_argument("account", None)).sign(url)
        except WeChatFailure:
            raise Away("微信暂时没有应答，请稍后再试。") from None
        self.answer(signature)


class DomainProofHandler(Handler):
    """/MP_verify_….txt: WeChat asks for this file before pages of the domain may be used"""

    @public
    async def get(self, code: str) -> None:
        """The code in the file's name, when it is the one that the account was given."""
        if not self.services.domain_proof or code != self.services.domain_proof:
            raise NotFound
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(code)


_ACCOUNT = r"(?P<app_id>[A-Za-z0-9_-]{5,64})"
routes: Routes = [
    (LOGIN_PATH, LoginHandler),
    (f"{LOGIN_PATH}/back", LoginBackHandler),
    (f"{LOGIN_PATH}/{_ACCOUNT}", LoginHandler),
    (f"{LOGIN_PATH}/{_ACCOUNT}/back", LoginBackHandler),
    (r"/api/session/ticket", TicketHandler),
    (r"/api/wechat/page-signature", PageSignatureHandler),
    (r"/MP_verify_([A-Za-z0-9]{1,64})\.txt", DomainProofHandler),
]
