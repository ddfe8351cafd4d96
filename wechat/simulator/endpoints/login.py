"""登录: who somebody is, in the mini program and on the account's pages."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from wechat.simulator.endpoints.base import OK, Call, Endpoint, Json, reader, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.sessions import Grant
from wechat.simulator.state import Code, CodeKind, new_openid
from wechat.simulator.tokens import AppKind
from wechat.simulator.world import World


def _code(world: World, kind: CodeKind, app: AppKind, code_text: str) -> Code:
    """Return a code that can still be used.

    Raises:
        PlatformError: 41008 (missing), 40029 (unknown, expired or another application's), 40163 (used).
    """
    if not code_text:
        raise PlatformError(41008)
    code = world.codes.find(code_text)
    if code is None or code.kind != kind or code.app != app:
        raise PlatformError(40029)
    if code.used:
        raise PlatformError(40163)
    if world.clock.time() >= code.expires_at:
        raise PlatformError(40029)
    return code


def _use_code(world: World, kind: CodeKind, app: AppKind, code_text: str) -> Code:
    """Use up a code and return it; what is raised is `_code`'s."""
    code = _code(world, kind, app, code_text)
    world.codes.use(code_text)
    return code


# --- mini program ---------------------------------------------------------------------------------


def login(world: World, call: Call) -> Json:
    """小程序登录 code2Session."""
    app = world.tokens.app(call.query("appid"), call.query("secret"))
    if call.query("grant_type") != "authorization_code":
        raise PlatformError(40002)
    if app.kind != "mp":
        raise PlatformError(40013)
    code = _code(world, "login", app.kind, call.query("js_code"))
    person = code.person
    world.quotas.count(call.path, person.mp_openid)
    world.codes.use(call.query("js_code"))
    person.mp_seen_at = world.clock.time()
    world.note_person(person)
    return {
        "session_key": world.sessions.open(person.mp_openid),
        "openid": person.mp_openid,
        "unionid": person.unionid,
    }


def _check_session(world: World, call: Call) -> str:
    """Return the openid of the session that the call proves to know.

    Raises:
        PlatformError: 40003 (nobody's openid), 40097 (another method), 87009 (not the session's signature).
    """
    openid = reader(world, call, call.query("openid")).mp_openid
    if call.query("sig_method") != "hmac_sha256":
        raise PlatformError(40097)
    if not world.sessions.proves(openid, call.query("signature")):
        raise PlatformError(87009)
    return openid


def check_session(world: World, call: Call) -> Json:
    """检验登录态."""
    _check_session(world, call)
    return OK


def reset_session(world: World, call: Call) -> Json:
    """重置登录态."""
    openid = _check_session(world, call)
    return {**OK, "openid": openid, "session_key": world.sessions.open(openid)}


def phone_number(world: World, call: Call) -> Json:
    """获取手机号."""
    code = _use_code(world, "phone", call.caller.kind, text(call.json().get("code")))
    phone = code.person.phone or ""
    return {
        **OK,
        "phone_info": {
            "phoneNumber": phone,
            "purePhoneNumber": phone,
            "countryCode": "86",
            "watermark": {"timestamp": int(world.clock.time()), "appid": call.caller.app_id},
        },
    }


# --- pages of the official account ----------------------------------------------------------------


def oauth_token(world: World, call: Call) -> Json:
    """网页授权 通过code换取access_token."""
    app = world.tokens.app(call.query("appid"), call.query("secret"))
    if call.query("grant_type") != "authorization_code":
        raise PlatformError(40002)
    code = _use_code(world, "oauth", app.kind, call.query("code"))
    # On a snapshot page nobody has agreed to anything, so that WeChat makes somebody up.
    openid, unionid = (
        (new_openid("oSN"), new_openid("oUN"))
        if code.snapshot
        else (code.person.oa_openid, code.person.unionid)
    )
    grant = Grant(
        app=app,
        person=code.person,
        openid=openid,
        unionid=unionid,
        scope=code.scope or "snsapi_base",
        snapshot=code.snapshot,
        expires_at=world.clock.time() + PLATFORM.refresh_token_seconds,
    )
    return _granted(world, grant, world.sessions.grant(world.sessions.refresh, grant))


def _granted(world: World, grant: Grant, refresh_token: str) -> Json:
    lasting = replace(grant, expires_at=world.clock.time() + PLATFORM.token_seconds)
    snapshot = {"is_snapshotuser": 1} if grant.snapshot else {}
    return {
        "access_token": world.sessions.grant(world.sessions.access, lasting),
        "expires_in": PLATFORM.token_seconds,
        "refresh_token": refresh_token,
        "openid": grant.openid,
        "scope": grant.scope,
        **snapshot,
        "unionid": grant.unionid,
    }


def refresh(world: World, call: Call) -> Json:
    """网页授权 刷新access_token."""
    if call.query("grant_type") != "refresh_token":
        raise PlatformError(40002)
    if not call.query("appid"):
        raise PlatformError(41002)
    token = call.query("refresh_token")
    grant = _grant(world, world.sessions.refresh, token, missing=41003, unknown=40030, expired=42002)
    if grant.app.app_id != call.query("appid"):
        raise PlatformError(40013)
    return _granted(world, grant, token)


def _grant(
    world: World, kept: OrderedDict[str, Grant], token: str, *, missing: int, unknown: int, expired: int
) -> Grant:
    """Return what a token stands for; the codes are what a missing, unknown or expired one is answered."""
    if not token:
        raise PlatformError(missing)
    grant = kept.get(token)
    if grant is None:
        raise PlatformError(unknown)
    if grant.expires_at <= world.clock.time():
        raise PlatformError(expired)
    return grant


def _reading(world: World, call: Call) -> Grant:
    token = call.query("access_token")
    grant = _grant(world, world.sessions.access, token, missing=41001, unknown=40001, expired=42001)
    if call.query("openid") != grant.openid:
        raise PlatformError(40003)
    return grant


def page_user(world: World, call: Call) -> Json:
    """网页授权 获取用户信息."""
    grant = _reading(world, call)
    if grant.scope != "snsapi_userinfo":
        raise PlatformError(48001)
    shown = "微信用户" if grant.snapshot else grant.person.nickname
    return {
        "openid": grant.openid,
        "nickname": shown,
        # The platform has answered no gender and no place since 2021-10-20.
        "sex": 0,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
        "unionid": grant.unionid,
    }


def check_token(world: World, call: Call) -> Json:
    """网页授权 检验授权凭证."""
    _reading(world, call)
    return OK


_TEXT = "text/plain"
ENDPOINTS: dict[str, Endpoint] = {
    "/sns/jscode2session": Endpoint("GET", login, None, _TEXT),
    "/wxa/checksession": Endpoint("GET", check_session, "mp"),
    "/wxa/resetusersessionkey": Endpoint("GET", reset_session, "mp"),
    "/wxa/business/getuserphonenumber": Endpoint("POST", phone_number, "mp"),
    "/sns/oauth2/access_token": Endpoint("GET", oauth_token, None, _TEXT),
    "/sns/oauth2/refresh_token": Endpoint("GET", refresh, None, _TEXT),
    "/sns/userinfo": Endpoint("GET", page_user, None, _TEXT),
    "/sns/auth": Endpoint("GET", check_token, None, _TEXT),
}
