"""Typed calls for signing in and for checks against the simulator."""

from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from server.settings import Settings
from tests.support import Phones
from wechat.client import (
    CallRefused,
    MiniProgramSession,
    OAuthPerson,
    PhoneNumber,
    SnapshotUser,
    Suggestion,
    WeChatApi,
    WeChatError,
)
from wechat.errcodes import Disposition
from wechat.oauth import authorize_url

WHO, MINI, UNION = "oDemo_extra_1", "mDemo_extra_1", "uDemo_extra_1"


@pytest.fixture
async def villager(people: Phones) -> str:
    return await people.add_villager(1)


async def code(people: Phones, kind: str) -> str:
    return str((await people.control("GET", f"login-code?openid={WHO}&kind={kind}"))["code"])


async def test_session(mini: WeChatApi, people: Phones, villager: str) -> None:
    once = await code(people, "login")
    assert await mini.code_to_session(once) == MiniProgramSession(MINI, UNION)
    with pytest.raises(WeChatError) as again:
        await mini.code_to_session(once)
    assert (again.value.errcode, again.value.disposition) == (40163, Disposition.dead_letter)


async def test_phone_number(mini: WeChatApi, people: Phones) -> None:
    person = {"nickname": "甲", "openid": WHO, "mp_openid": MINI, "phone": "13800000000"}
    await people.control("POST", "users", person)
    found = await mini.phone_number(await code(people, "phone"))
    assert found == PhoneNumber("13800000000", "86")
    assert "138" not in repr(found)


@pytest.mark.parametrize("scope", ["snsapi_base", "snsapi_userinfo"])
async def test_a_page_finds_out_who_is_there(
    oa: WeChatApi, people: Phones, http: aiohttp.ClientSession, settings: Settings, villager: str, scope: str
) -> None:
    address = authorize_url(people.base, settings.oa_app_id, "https://h/m/?a=1&b=2", "a b&c=d", scope)
    at_once = address.replace("#wechat_redirect", f"&_sim_openid={WHO}")
    async with http.get(at_once, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert (back["a"], back["b"], back["state"]) == (["1"], ["2"], ["a b&c=d"])
    person = await oa.oauth_person(back["code"][0])
    assert (person.openid, person.scope) == (WHO, scope)
    assert isinstance(person, OAuthPerson)
    with pytest.raises(WeChatError) as again:
        await oa.oauth_person(back["code"][0])
    assert again.value.errcode == 40163


async def test_snapshot_users_are_refused(oa: WeChatApi, people: Phones, villager: str) -> None:
    await people.control("POST", "config", {"snapshot_users": True})
    with pytest.raises(SnapshotUser, match="使用完整服务"):
        await oa.oauth_person(await code(people, "oauth"))


async def test_text_check(mini: WeChatApi, people: Phones, villager: str) -> None:
    with pytest.raises(WeChatError) as absent:
        await mini.check_text(MINI, "家里漏雨")
    assert absent.value.errcode == 61010
    await mini.code_to_session(await code(people, "login"))
    verdict = await mini.check_text(MINI, "家里漏雨")
    assert (verdict.suggestion, verdict.label) == (Suggestion.safe, 100)
    assert verdict.trace_id
    for words in ("", "长" * 2501):
        with pytest.raises(CallRefused, match="待检查的文本"):
            await mini.check_text(MINI, words)


async def test_media_check(mini: WeChatApi, people: Phones, villager: str) -> None:
    await mini.code_to_session(await code(people, "login"))
    assert await mini.check_media(MINI, "https://h/photo.jpg")


async def test_addresses(oa: WeChatApi) -> None:
    for addresses in (await oa.callback_ips(), await oa.api_ips()):
        assert addresses
        assert all(address.count(".") == 3 or ":" in address for address in addresses)
