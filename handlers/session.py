"""Signing in, and binding a phone to a member of staff."""

from typing import Annotated

from pydantic import StringConstraints

from casework.forms import Form
from casework.identity import normal_phone
from casework.masks import masked_phone
from casework.problems import Away, BadCode, NotAllowed
from handlers.answers import BindingCodeShape, SessionShape, VerifiedPhoneShape, WhoShape
from handlers.base import Handler, Routes, described, needs, public
from handlers.services import Session
from wechat.errors import WeChatError, WeChatFailure

SESSION_SECONDS = 7 * 24 * 3600


#: Where the telephone number comes from when WeChat cannot give it.
TYPE_IT = "也可以直接填写手机号。"


class CodeForm(Form):
    """The code of ``wx.login``, or of the button that gives the telephone number."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class BindingForm(Form):
    """A staff number and the code that the supervisor gave."""

    staff_no: Annotated[str, StringConstraints(min_length=2, max_length=20)]
    code: Annotated[str, StringConstraints(pattern=r"^\d{6}$")]


class BindingCodeForm(Form):
    """Whose phone is to be bound."""

    staff_no: Annotated[str, StringConstraints(min_length=2, max_length=20)]


async def who(handler: Handler, app_id: str, person_id: str, staff_id: str | None) -> dict[str, object]:
    """Who somebody is, as they may see it themselves."""
    staff = await handler.services.staff.get(staff_id) if staff_id else None
    phone = await handler.services.phones.of_person(person_id)
    return {
        "person": person_id,
        "phone_masked": masked_phone(phone) if phone else None,
        "staff": staff_id,
        "staff_name": staff["name"] if staff else None,
        "grants": await handler.services.staff.roles_of(staff) if staff else [],
        "notices": await _notices(handler, app_id, staff_id is not None),
    }


async def _notices(handler: Handler, app_id: str, is_staff: bool) -> list[str]:
    """Templates for whose notices this person's consent may be asked: the mini program asks at a press, and
    each consent is good for one notice."""
    if app_id != handler.services.mp_app_id:
        return []
    keys = ("progress", "task") if is_staff else ("progress",)
    found = [await handler.services.account.template(app_id, "subscription", key) for key in keys]
    return [template["template_id"] for template in found if template]


async def new_session(handler: Handler, session: Session) -> dict[str, object]:
    """A new session, as it is answered."""
    token = await handler.services.sessions.open(session)
    body = await who(handler, session.app_id, session.person_id, session.staff_id)
    return {**body, "token": token, "expires_in": SESSION_SECONDS}


async def sign_in(handler: Handler, session: Session) -> None:
    """Answer with a new session. A token that the client brought along is never taken over."""
    handler.answer(await new_session(handler, session), 201)


class SessionHandler(Handler):
    """/api/session"""

    @public
    @described("小程序登录", body=CodeForm, answers={201: SessionShape})
    async def post(self) -> None:
        """Exchange a log-in code for a session."""
        await self.services.sessions.count("login", self.request.remote_ip or "")
        form = self.form(CodeForm)
        try:
            found = await self.services.code_to_session(form.code)
        except WeChatError:
            raise BadCode("登录没有成功，请重新打开小程序。") from None
        except WeChatFailure:
            raise Away("微信暂时没有应答，请稍后再试。") from None
        app_id = self.services.mp_app_id
        person_id = await self.services.account.meet(app_id, found.openid, found.unionid)
        staff = await self.services.staff.of_person(person_id)
        await sign_in(self, Session(person_id, app_id, found.openid, staff["_id"] if staff else None))

    @needs("session.read")
    @described("我是谁", answers={200: WhoShape})
    async def get(self) -> None:
        """Who is signed in."""
        self.answer(await who(self, self.actor.app_id, self.actor.person_id, self.actor.staff_id))

    @needs("session.end")
    @described("退出登录", answers={204: "text/plain"})
    async def delete(self) -> None:
        """End this session."""
        await self.services.sessions.close(self.token)
        self.set_status(204)
        self.finish()


class VerifiedPhoneHandler(Handler):
    """/api/session/phone"""

    @needs("phone.verify", "bind")
    @described("用微信验证的手机号", body=CodeForm, answers={200: VerifiedPhoneShape})
    async def post(self) -> None:
        """Exchange the code of the phone button for the number, and keep it. Where it shows that we know
        the person already, the session goes over to them."""
        if self.actor.app_id != self.services.mp_app_id:
            raise NotAllowed(f"请在微信小程序里使用这个功能，{TYPE_IT}")
        form = self.form(CodeForm)
        try:
            found = await self.services.phone_number(form.code)
            phone = normal_phone(found.number) if found.country_code == "86" else None
        except WeChatError:
            raise BadCode(f"手机号没有取到，可能等得太久了。请再点一次按钮，{TYPE_IT}") from None
        except WeChatFailure:
            raise Away(f"微信暂时没有应答，请稍后再试，{TYPE_IT}") from None
        except ValueError:
            phone = None
        if phone is None:
            raise BadCode("微信里的号码不是内地手机号，请直接填写能联系到您的手机号。")
        verified = await self.services.phones.verify(self.actor, phone)
        session = None
        if verified.moved:
            await self.services.sessions.close_all(self.actor.person_id)
            # Nobody goes over to a member of staff.
            joined = Session(verified.person_id, self.actor.app_id, self.actor.openid, staff_id=None)
            session = await new_session(self, joined)
        self.answer({"phone": phone, "session": session})


class BindingHandler(Handler):
    """/api/staff-binding"""

    @needs("binding.use", "bind")
    @described("绑定工作人员身份", body=BindingForm, answers={201: SessionShape})
    async def post(self) -> None:
        """Bind the signed-in person; all their sessions end, and a new one begins."""
        form = self.form(BindingForm)
        tell_former = self.services.notices.binding_moved
        staff = await self.services.staff.bind(self.actor, form.staff_no, form.code, tell_former)
        await self.services.sessions.close_all(self.actor.person_id)
        await self.services.account.became_staff(self.actor.person_id)
        self.services.wake("outbox")
        self.services.wake("events")
        await sign_in(self, Session(self.actor.person_id, self.actor.app_id, self.actor.openid, staff["_id"]))


class BindingCodeHandler(Handler):
    """/api/staff-binding/codes"""

    @needs("binding.issue", "write")
    @described("发放绑定码", body=BindingCodeForm, answers={201: BindingCodeShape}, command=True)
    async def post(self) -> None:
        """Make the single-use code for a member of staff in reach."""
        form = self.form(BindingCodeForm)
        command = self.command("binding.issue")
        work = self.services.staff.issue_code(self.actor, command, form.staff_no)
        await self.answer_command(command, work)


routes: Routes = [
    (r"/api/session", SessionHandler),
    (r"/api/session/phone", VerifiedPhoneHandler),
    (r"/api/staff-binding", BindingHandler),
    (r"/api/staff-binding/codes", BindingCodeHandler),
]
