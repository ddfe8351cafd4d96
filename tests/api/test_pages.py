"""Pages inside WeChat: signing in by the authorisation page, signatures, and the proof of the domain."""

import hashlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
import pytest

from server.app import Running
from server.parts import Parts, parts_for
from server.sessions import TICKET_SECONDS
from tests.support import Client, Phones

LOGIN = "/wechat/login"


class Browser:
    """WeChat's browser on one person's phone: cookies, and no redirect followed unasked."""

    def __init__(self, base: str, openid: str) -> None:
        self.base = base
        self._as = f"&_sim_openid={openid}"
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def open(self, url: str) -> tuple[int, str, str]:
        """The status, the address that it leads on to, and the text."""
        url = url if url.startswith("http") else self.base + url
        async with self._http.get(url, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def authorize(self, url: str) -> str:
        """Open WeChat's authorisation page, and return where it leads back to."""
        status, back, _ = await self.open(url.partition("#")[0] + self._as)
        assert status == 302
        return back

    async def sign_in(self, page: str = "/m/") -> str:
        """Go the whole way; the address at which the person arrives."""
        _, away, _ = await self.open(f"{LOGIN}?next={page}")
        _, there, _ = await self.open(await self.authorize(away))
        return there

    async def close(self) -> None:
        await self._http.close()


@pytest.fixture
async def browser(service: str) -> AsyncIterator[Browser]:
    """The first villager's browser."""
    made = Browser(service, "oDemo_villager_1")
    yield made
    await made.close()


@pytest.fixture
def api(http: aiohttp.ClientSession, service: str) -> Client:
    """A page that is not signed in."""
    return Client(http, service)


def ticket_in(address: str) -> str:
    """The ticket in an address's fragment."""
    return parse_qs(urlsplit(address).fragment)["ticket"][0]


async def test_a_page_is_signed_in_as_the_person_whose_phone_it_is(
    browser: Browser, api: Client, phones: Phones
) -> None:
    there = await browser.sign_in("/m/reports/7?from=menu")
    assert urlsplit(there).path + "?" + urlsplit(there).query == "/m/reports/7?from=menu"
    reply = await api.call("POST", "/api/session/ticket", {"ticket": ticket_in(there)})
    assert reply.status == 201
    me = await Client(api.http, api.base, reply.body["token"]).call("GET", "/api/session")
    # The same person as in the mini program, whose openid is another one: they meet by unionid.
    in_mini_program = await (await phones.sign_in("villager_1")).call("GET", "/api/session")
    assert me.body["person"] == in_mini_program.body["person"]


async def test_a_cadre_is_a_cadre_in_pages_too(service: str, api: Client) -> None:
    cadre = Browser(service, "oDemo_grid_1")
    reply = await api.call("POST", "/api/session/ticket", {"ticket": ticket_in(await cadre.sign_in())})
    await cadre.close()
    assert reply.body["staff"]
    assert reply.body["grants"]


async def test_a_ticket_works_once_and_for_a_minute(browser: Browser, api: Client, parts: Parts) -> None:
    ticket = ticket_in(await browser.sign_in())
    assert (await api.call("POST", "/api/session/ticket", {"ticket": ticket})).status == 201
    assert (await api.call("POST", "/api/session/ticket", {"ticket": ticket})).problem == (403, "bad_code")
    ticket_in(await browser.sign_in())
    [key] = await parts.redis.keys("ticket:*")
    assert 0 < await parts.redis.ttl(key) <= TICKET_SECONDS


async def test_what_the_browser_sees_and_what_the_server_keeps_hold_no_ticket_in_clear(
    browser: Browser, parts: Parts
) -> None:
    there = await browser.sign_in()
    assert not urlsplit(there).query, "a query would stand in logs"
    [key] = await parts.redis.keys("ticket:*")
    assert ticket_in(there) not in key.decode()


async def test_a_state_is_quoted_and_works_once_and_only_for_the_browser_that_left(
    browser: Browser, service: str
) -> None:
    status, away, _ = await browser.open(f"{LOGIN}?next=/m/")
    assert status == 302
    asked = parse_qs(urlsplit(away).query)
    assert asked["redirect_uri"] == [f"{service}{LOGIN}/back"]
    assert asked["scope"] == ["snsapi_base"], "nobody has to read and allow anything"
    back = await browser.authorize(away)
    stranger = Browser(service, "oDemo_villager_2")
    status, _, words = await stranger.open(back)
    await stranger.close()
    assert (status, "重新打开" in words) == (400, True)
    assert (await browser.open(back))[0] == 302
    status, _, words = await browser.open(back)
    assert (status, "重新打开" in words) == (400, True)


@pytest.mark.parametrize(
    "page",
    ["https://example.org/", "//example.org", "/m//example.org", "/m/../api", "/api/session", "/m/\\x", ""],
)
async def test_a_page_of_somebody_else_is_refused(browser: Browser, page: str) -> None:
    status, _, text = await browser.open(f"{LOGIN}?next={page}")
    assert status == 422
    assert "只能返回本服务的页面" in text


async def test_somebody_who_says_no_gets_to_the_page_without_being_known(browser: Browser) -> None:
    _, away, _ = await browser.open(f"{LOGIN}?next=/m/help")
    back = urlsplit(await browser.authorize(away))
    state = parse_qs(back.query)["state"][0]
    status, there, _ = await browser.open(f"{LOGIN}/back?state={state}")
    assert (status, there) == (302, "/m/help#login=refused")


async def test_a_used_code_and_a_silent_platform_are_told_in_words(browser: Browser, phones: Phones) -> None:
    for fault, status, words in (
        ({"errcode": 40163}, 400, "重新打开"),
        ({"errcode": 40029}, 400, "重新打开"),
        ({"drop": True}, 503, "稍后再试"),
    ):
        _, away, _ = await browser.open(f"{LOGIN}?next=/m/")
        back = await browser.authorize(away)
        await phones.control("POST", "faults", {"path": "/sns/oauth2/access_token", **fault})
        answer = await browser.open(back)
        await phones.control("DELETE", "faults")
        assert (answer[0], words in answer[2]) == (status, True), fault


async def test_a_snapshot_shows_nobodys_data(browser: Browser, phones: Phones) -> None:
    await phones.control("POST", "config", {"snapshot_users": True})
    _, away, _ = await browser.open(f"{LOGIN}?next=/m/")
    status, _, words = await browser.open(await browser.authorize(away))
    assert (status, "使用完整服务" in words) == (403, True)


async def test_an_unknown_account_has_no_pages(browser: Browser) -> None:
    assert (await browser.open(f"{LOGIN}/wx-not-ours?next=/m/"))[0] == 404
    assert (await browser.open(f"{LOGIN}/wx-not-ours/back?state=x"))[0] == 404


async def test_a_page_of_ours_is_signed(api: Client, parts: Parts, phones: Phones) -> None:
    page = f"{parts.settings.public_url}/m/reports?id=7"
    signed = (await api.call("GET", f"/api/wechat/page-signature?url={page}%23top")).body
    ticket = orjson.loads(await parts.redis.get(f"wechat:ticket:{parts.settings.oa_app_id}"))["value"]
    text = f"jsapi_ticket={ticket}&noncestr={signed['nonceStr']}&timestamp={signed['timestamp']}&url={page}"
    assert signed["signature"] == hashlib.sha1(text.encode()).hexdigest()
    assert signed["appId"] == parts.settings.oa_app_id
    await api.call("GET", f"/api/wechat/page-signature?url={page}")
    calls = await phones.control("GET", "calls?path=/cgi-bin/ticket/getticket")
    assert calls["count"] == 1, "the ticket is fetched once"


@pytest.mark.parametrize("url", ["", "https://example.org/m/", "http://127.0.0.1.example.org/"])
async def test_a_page_of_somebody_else_is_not_signed(api: Client, url: str) -> None:
    reply = await api.call("GET", f"/api/wechat/page-signature?url={url}")
    assert (reply.problem, reply.wrong_fields) == ((422, "invalid_form"), {"url"})


async def test_the_domain_is_proven_by_a_file(parts: Parts, http: aiohttp.ClientSession) -> None:
    settings = parts.settings.model_copy(update={"oa_domain_proof": "aB3dE5"})
    async with parts_for(settings) as proving:
        running = Running(proving)
        try:
            base = proving.settings.local_url
            async with http.get(f"{base}/MP_verify_aB3dE5.txt") as answer:
                assert (answer.status, await answer.text()) == (200, "aB3dE5")
            async with http.get(f"{base}/MP_verify_other.txt") as answer:
                assert answer.status == 404
        finally:
            await running.close()
