"""网页授权: the pages between the service and its code, asked for as a browser does."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from yarl import URL

from tests.wechat.simulator.driver import CONFIG, Driver, Json

PATH = "/connect/oauth2/authorize"
BACK = "http://example.com/m/?a=1#/tasks"


def asked(**changes: Any) -> dict[str, str]:
    query = {
        "appid": CONFIG.oa_app_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "s1",
        **changes,
    }
    return {name: value for name, value in query.items() if value is not None}


class Page:
    """What a browser was answered."""

    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text

    @property
    def back(self) -> dict[str, str]:
        """The query with which the browser is sent back."""
        location = urlsplit(self.headers["Location"])
        assert (location.netloc, location.path, location.fragment) == ("example.com", "/m/", "/tasks")
        return dict(parse_qsl(location.query, keep_blank_values=True))

    def link(self, words: str) -> str:
        """The address of the link with these words."""
        found = re.search(rf'<a[^>]* href="([^"]*)">{words}</a>', self.text)
        assert found is not None
        return unescape(found[1])


async def visit(driver: Driver, query: Any, **options: Any) -> Page:
    address = URL(driver.simulator.url + PATH).with_query(query)
    async with driver.http.get(address, allow_redirects=False, **options) as response:
        return Page(response.status, response.headers, await response.text())


async def exchanged(driver: Driver, code: str) -> Json:
    return await driver.get(
        "/sns/oauth2/access_token",
        appid=CONFIG.oa_app_id,
        secret=CONFIG.oa_secret,
        code=code,
        grant_type="authorization_code",
    )


async def test_the_silent_way_leads_back_at_once(driver: Driver) -> None:
    person = await driver.person()
    page = await visit(driver, asked())
    assert page.status == 302
    assert (page.back["a"], page.back["state"]) == ("1", "s1")
    answer = await exchanged(driver, page.back["code"])
    assert (answer["openid"], answer["scope"]) == (person["oa_openid"], "snsapi_base")
    assert "is_snapshotuser" not in answer


async def test_somebody_is_asked_before_their_name_is_given(driver: Driver) -> None:
    first = await driver.person(nickname="王<五>")
    await driver.person()
    page = await visit(driver, asked(scope="snsapi_userinfo"))
    assert page.status == 200
    assert "王&lt;五&gt;" in page.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert " style=" not in page.text
    assert not re.search(r"<script|<style|\son\w+=", page.text)
    agreed = await visit(driver, parse_qsl(page.link("允许").removeprefix("?")))
    answer = await exchanged(driver, agreed.back["code"])
    assert (answer["openid"], answer["scope"]) == (first["oa_openid"], "snsapi_userinfo")
    refused = parse_qs(urlsplit(page.link("拒绝")).query)
    assert refused == {"a": ["1"], "state": ["s1"]}


async def test_whoever_is_named_has_agreed(driver: Driver) -> None:
    await driver.person()
    person = await driver.person()
    page = await visit(driver, asked(scope="snsapi_userinfo", _sim_openid=person["mp_openid"]))
    assert (await exchanged(driver, page.back["code"]))["openid"] == person["oa_openid"]


async def test_a_page_in_a_frame_asks_whose_phone_it_is(driver: Driver) -> None:
    await driver.person()
    person = await driver.person()
    framed = {"headers": {"Sec-Fetch-Dest": "iframe"}}
    page = await visit(driver, asked(), **framed)
    assert page.status == 200
    (script,) = re.findall(r'<script src="([^"]+)"></script>', page.text)
    async with driver.http.get(driver.simulator.url + script) as response:
        assert "window.name" in await response.text()
    known = await visit(driver, asked(_sim_holder=person["oa_openid"]), **framed)
    assert (await exchanged(driver, known.back["code"]))["openid"] == person["oa_openid"]
    # The person is known then, but has not agreed to anything.
    name = await visit(driver, asked(scope="snsapi_userinfo", _sim_holder=person["oa_openid"]), **framed)
    assert name.status == 200
    assert person["oa_openid"] in name.link("允许")


async def test_a_frame_that_is_nobodys_falls_back_on_the_cookie(driver: Driver) -> None:
    await driver.person()
    person = await driver.person()
    page = await visit(driver, asked(_sim_holder=""), cookies={"sim_holder": person["oa_openid"]})
    assert (await exchanged(driver, page.back["code"]))["openid"] == person["oa_openid"]


async def test_a_snapshot_page_gives_a_virtual_person(driver: Driver) -> None:
    await driver.person()
    await driver.post("/_sim/config", {"snapshot_users": True})
    page = await visit(driver, asked())
    assert (await exchanged(driver, page.back["code"]))["is_snapshotuser"] == 1
    await driver.post("/_sim/config", {"snapshot_users": False})
    page = await visit(driver, asked())
    assert "is_snapshotuser" not in await exchanged(driver, page.back["code"])


@pytest.mark.parametrize(
    ("changes", "words", "code"),
    [
        ({"appid": None}, "appid 不能为空", 10012),
        ({"appid": "wx-nobody"}, "appid 参数错误", None),
        ({"appid": CONFIG.mp_app_id}, "请使用公众号的 appid", 10016),
        ({"redirect_uri": None}, "redirect_uri 不能为空", 10011),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri 参数错误", None),
        ({"redirect_uri": "https:///m"}, "redirect_uri 参数错误", None),
        ({"scope": None}, "scope 不能为空", 10010),
        ({"scope": "snsapi_login"}, "scope 参数错误", 10005),
        ({"response_type": "token"}, "response_type 参数错误", None),
        ({"state": "s" * 129}, "state 参数错误", None),
        ({"state": "村" * 43}, "state 参数错误", None),
        ({"_sim_openid": "nobody"}, "模拟器里没有这个人", None),
    ],
)
async def test_a_wrong_request_is_refused_in_words(
    driver: Driver, changes: Json, words: str, code: int | None
) -> None:
    await driver.person()
    page = await visit(driver, asked(**changes))
    assert page.status == 400
    assert words in page.text
    assert re.findall(r"错误码 (\d+)", page.text) == ([str(code)] if code else [])
    assert (await visit(driver, asked(state="s" * 128))).status == 302


@pytest.mark.parametrize(
    ("domain", "target", "allowed"),
    [
        ("example.com", "http://example.com/m/", True),
        ("example.com", "https://example.com:8443/m/", True),
        ("example.com", "http://www.example.com/m/", False),
        ("example.com", "http://example.com.attacker.test/", False),
        ("example.com", "http://example.com@attacker.test/", False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/m/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/m/", False),
        (None, "http://anywhere.test/", True),
    ],
)
async def test_codes_go_to_the_authorised_domain_only(
    driver: Driver, domain: str | None, target: str, allowed: bool
) -> None:
    await driver.person()
    await driver.post("/_sim/config", {"oauth_domain": domain})
    page = await visit(driver, asked(redirect_uri=target))
    assert (page.status, "错误码 10003" in page.text) == ((302, False) if allowed else (400, True))


async def test_nobody_yet_can_authorise_nothing(driver: Driver) -> None:
    page = await visit(driver, asked())
    assert (page.status, "模拟器里没有这个人" in page.text) == (400, True)
