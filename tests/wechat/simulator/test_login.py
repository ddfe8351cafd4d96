"""Log-ins of the simulated platform: the mini program's, and those of the account's pages."""

import hashlib
import hmac
from typing import Any

import pytest

from tests.wechat.simulator.caller import CONFIG, SECRETS, Caller, Json, MemoryClock

CHECK, RESET = "/wxa/checksession", "/wxa/resetusersessionkey"
PHONE = "/wxa/business/getuserphonenumber"


# --- mini program ---------------------------------------------------------------------------------


async def test_login_codes_are_single_use_and_live_five_minutes(
    caller: Caller, still_clock: MemoryClock
) -> None:
    person = await caller.user()
    code = await caller.login_code(person)
    answer = await caller.log_in(code)
    assert answer == {
        "session_key": answer["session_key"],
        "openid": person["mp_openid"],
        "unionid": person["unionid"],
    }
    assert (await caller.log_in(code))["errcode"] == 40163
    assert (await caller.log_in("never issued"))["errcode"] == 40029
    assert (await caller.log_in(""))["errcode"] == 41008
    assert (await caller.log_in(await caller.login_code(person, "oauth")))["errcode"] == 40029
    late = await caller.login_code(person)
    still_clock.move(300)
    assert (await caller.log_in(late))["errcode"] == 40029


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"grant_type": "x"}, 40002),
        ({"appid": CONFIG.oa_app_id, "secret": CONFIG.oa_secret}, 40013),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"secret": "wrong"}, 40125),
    ],
)
async def test_a_login_needs_the_mini_programs_credentials(
    caller: Caller, change: Json, errcode: int
) -> None:
    asked = {
        "appid": CONFIG.mp_app_id,
        "secret": CONFIG.mp_secret,
        "js_code": await caller.login_code(await caller.user()),
        "grant_type": "authorization_code",
    }
    assert (await caller.get("/sns/jscode2session", **asked | change))["errcode"] == errcode


async def test_a_hundred_logins_a_minute_for_each_person(caller: Caller, still_clock: MemoryClock) -> None:
    person, other = await caller.user(), await caller.user()
    for _ in range(100):
        assert "openid" in await caller.log_in(await caller.login_code(person))
    code = await caller.login_code(person)
    assert (await caller.log_in(code))["errcode"] == 45011
    assert "openid" in await caller.log_in(await caller.login_code(other))
    still_clock.move(60)
    # The code was not used up by being refused.
    assert "openid" in await caller.log_in(code)


def sign(session_key: str) -> str:
    return hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()


async def test_a_session_is_checked_and_begun_anew(caller: Caller) -> None:
    person = await caller.user()
    key = (await caller.log_in(await caller.login_code(person)))["session_key"]

    async def ask(path: str, **change: Any) -> Json:
        query = {"openid": person["mp_openid"], "signature": sign(key), "sig_method": "hmac_sha256"}
        return await caller.mp(path, **query | change)

    assert await ask(CHECK) == {"errcode": 0, "errmsg": "ok"}
    for path in (CHECK, RESET):
        assert (await ask(path, signature=sign("other")))["errcode"] == 87009
        assert (await ask(path, signature="签名"))["errcode"] == 87009
        assert (await ask(path, sig_method="md5"))["errcode"] == 40097
        assert (await ask(path, openid=person["oa_openid"]))["errcode"] == 40003
    answer = await ask(RESET)
    assert answer["openid"] == person["mp_openid"]
    assert (await ask(CHECK))["errcode"] == 87009
    assert (await ask(CHECK, signature=sign(answer["session_key"])))["errcode"] == 0
    stranger = await caller.user()
    assert (await ask(CHECK, openid=stranger["mp_openid"]))["errcode"] == 87009


async def test_a_phone_number_is_told_once(caller: Caller, still_clock: MemoryClock) -> None:
    person = await caller.user(phone="13800000000")
    code = await caller.login_code(person, "phone")
    answer = await caller.mp(PHONE, {"code": code})
    assert answer["phone_info"] == {
        "phoneNumber": "13800000000",
        "purePhoneNumber": "13800000000",
        "countryCode": "86",
        "watermark": {"timestamp": int(still_clock.time()), "appid": CONFIG.mp_app_id},
    }
    assert (await caller.mp(PHONE, {"code": code}))["errcode"] == 40163
    assert (await caller.mp(PHONE, {"code": await caller.login_code(person)}))["errcode"] == 40029
    late = await caller.login_code(person, "phone")
    still_clock.move(300)
    assert (await caller.mp(PHONE, {"code": late}))["errcode"] == 40029


# --- pages of the official account ----------------------------------------------------------------


async def exchange(caller: Caller, code: str, kind: str = "oa", **change: str) -> Json:
    app_id, secret = SECRETS[kind]
    query = {"appid": app_id, "secret": secret, "code": code, "grant_type": "authorization_code"}
    return await caller.get("/sns/oauth2/access_token", **query | change)


def code_for(caller: Caller, person: Json, scope: str = "snsapi_userinfo") -> str:
    world = caller.simulator.world
    found = world.people.find(person["openid"])
    assert found is not None
    return world.issue_code("oauth", "oa", found, scope)


async def test_a_code_is_exchanged_once(caller: Caller, still_clock: MemoryClock) -> None:
    person = await caller.user()
    code = code_for(caller, person)
    answer = await exchange(caller, code)
    assert answer == {
        "access_token": answer["access_token"],
        "expires_in": 7200,
        "refresh_token": answer["refresh_token"],
        "openid": person["oa_openid"],
        "scope": "snsapi_userinfo",
        "unionid": person["unionid"],
    }
    assert (await exchange(caller, code))["errcode"] == 40163
    assert (await exchange(caller, code_for(caller, person), "mp"))["errcode"] == 40029
    assert (await exchange(caller, code_for(caller, person), grant_type="x"))["errcode"] == 40002
    assert (await exchange(caller, ""))["errcode"] == 41008
    late = code_for(caller, person)
    still_clock.move(300)
    assert (await exchange(caller, late))["errcode"] == 40029


async def test_page_tokens_are_used_refreshed_and_end(caller: Caller, still_clock: MemoryClock) -> None:
    person = await caller.user(nickname="李四")
    granted = await exchange(caller, code_for(caller, person))

    async def ask(path: str, token: str, openid: str = person["oa_openid"]) -> Json:
        return await caller.get(path, access_token=token, openid=openid)

    async def refresh(token: str, **change: str) -> Json:
        query = {"appid": CONFIG.oa_app_id, "grant_type": "refresh_token", "refresh_token": token}
        return await caller.get("/sns/oauth2/refresh_token", **query | change)

    token = granted["access_token"]
    assert await ask("/sns/auth", token) == {"errcode": 0, "errmsg": "ok"}
    info = await ask("/sns/userinfo", token)
    assert (info["openid"], info["nickname"], info["unionid"]) == (
        person["oa_openid"],
        "李四",
        person["unionid"],
    )
    for path in ("/sns/auth", "/sns/userinfo"):
        assert (await ask(path, ""))["errcode"] == 41001
        assert (await ask(path, "never"))["errcode"] == 40001
        assert (await ask(path, token, "o-nobody"))["errcode"] == 40003
        # The account's own token is another thing.
        assert (await ask(path, await caller.token()))["errcode"] == 40001
    still_clock.move(7200)
    assert (await ask("/sns/auth", token))["errcode"] == 42001
    renewed = await refresh(granted["refresh_token"])
    assert renewed["refresh_token"] == granted["refresh_token"]
    assert (await ask("/sns/auth", renewed["access_token"]))["errcode"] == 0
    assert (await refresh(""))["errcode"] == 41003
    assert (await refresh("never"))["errcode"] == 40030
    assert (await refresh(granted["refresh_token"], grant_type="x"))["errcode"] == 40002
    assert (await refresh(granted["refresh_token"], appid=""))["errcode"] == 41002
    assert (await refresh(granted["refresh_token"], appid="wx-other"))["errcode"] == 40013
    still_clock.move(30 * 86_400 - 7200)
    assert (await refresh(granted["refresh_token"]))["errcode"] == 42002


async def test_a_silent_authorisation_tells_no_name(caller: Caller) -> None:
    granted = await exchange(caller, code_for(caller, await caller.user(), "snsapi_base"))
    query = {"access_token": granted["access_token"], "openid": granted["openid"]}
    assert (await caller.get("/sns/userinfo", **query))["errcode"] == 48001
    assert (await caller.get("/sns/auth", **query))["errcode"] == 0


async def test_on_a_snapshot_page_somebody_is_made_up(caller: Caller) -> None:
    person = await caller.user(nickname="李四")
    await caller.post("/_sim/config", {"snapshot_users": True})
    granted = await exchange(caller, code_for(caller, person))
    assert granted["is_snapshotuser"] == 1
    assert granted["openid"] != person["oa_openid"]
    assert granted["unionid"] != person["unionid"]
    info = await caller.get("/sns/userinfo", access_token=granted["access_token"], openid=granted["openid"])
    assert (info["openid"], info["nickname"]) == (granted["openid"], "微信用户")
    assert (await caller.oa("/cgi-bin/user/info", openid=granted["openid"]))["errcode"] == 40003
    await caller.post("/_sim/config", {"snapshot_users": False})
    assert "is_snapshotuser" not in await exchange(caller, code_for(caller, person))
