"""Several official accounts in one simulator: each a world of its own."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.wechat.simulator.driver import CONFIG, Driver, Json, MemoryClock, driving
from wechat.simulator import make_app

OTHER = replace(
    CONFIG,
    oa_app_id="wx0000000000000003",
    oa_secret="other-secret",
    oa_token="other-token",
    oa_username="gh_other",
    mp_app_id="",
    account_name="另一个县",
)


@pytest.fixture
async def county() -> AsyncIterator[Driver]:
    """A simulator with a second account, whose callbacks go to `driver.mini`."""
    async with driving(OTHER) as made:
        made.mini.token = OTHER.oa_token
        made.mini.crypto = type(made.mini.crypto)(OTHER.oa_token, OTHER.oa_aes_key, OTHER.oa_app_id)
        url = made.simulator.world.deliverer.addresses["mp"].url
        await made.post("/_sim/config", {"callback_url": url}, app_id=OTHER.oa_app_id)
        yield made


async def person_in(driver: Driver, app_id: str, **values: Any) -> Json:
    return await driver.post("/_sim/users", {"nickname": "李四", **values}, app_id=app_id)


async def test_each_has_people_of_its_own_and_one_human_has_one_unionid(county: Driver) -> None:
    first = await person_in(county, CONFIG.oa_app_id, unionid="u1")
    other = await person_in(county, OTHER.oa_app_id, unionid="u1")
    assert first["oa_openid"] != other["oa_openid"]
    assert first["unionid"] == other["unionid"]
    listed = await county.get("/_sim/users", app_id=OTHER.oa_app_id)
    assert [one["oa_openid"] for one in listed["items"]] == [other["oa_openid"]]
    # Without an id the first is meant.
    assert [one["oa_openid"] for one in (await county.get("/_sim/users"))["items"]] == [first["oa_openid"]]
    assert set(county.simulator.worlds) == {CONFIG.oa_app_id, OTHER.oa_app_id}
    assert county.simulator.worlds[CONFIG.oa_app_id] is county.simulator.world


async def test_a_token_leads_to_its_own_account(county: Driver) -> None:
    other = await person_in(county, OTHER.oa_app_id)
    token, first_token = await county.token(OTHER), await county.token(CONFIG)
    message = {"touser": other["oa_openid"], "template_id": "t", "data": {"thing1": {"value": "任务"}}}
    path = "/cgi-bin/message/template/send"
    assert (await county.post(path, message, access_token=first_token))["errcode"] == 40003
    assert (await county.post(path, message, access_token=token))["errcode"] == 0
    inbox = await county.get("/_sim/inbox", app_id=OTHER.oa_app_id)
    assert [item["channel"] for item in inbox["items"]] == ["template"]
    assert (await county.get("/_sim/inbox"))["items"] == []
    counted = await county.get("/_sim/calls", app_id=OTHER.oa_app_id)
    assert counted["counts"][path] == 1


async def test_menus_faults_and_callbacks_do_not_touch(county: Driver) -> None:
    token = await county.token(OTHER)
    button = {"type": "click", "name": "求助", "key": "other"}
    await county.post("/cgi-bin/menu/create", {"button": [button]}, access_token=token)
    shown = await county.get("/_sim/config", app_id=OTHER.oa_app_id)
    assert shown["menu"][0]["key"] == "other"
    assert (await county.get("/_sim/config"))["menu"][0]["key"] == "report"
    await county.post("/_sim/faults", {"path": "*", "errcode": -1}, app_id=OTHER.oa_app_id)
    assert (await county.get("/cgi-bin/menu/get", access_token=token))["errcode"] == -1
    assert (await county.get("/cgi-bin/menu/get", access_token=await county.token()))["errcode"] == 46003
    other = await person_in(county, OTHER.oa_app_id)
    body = {"openid": other["oa_openid"], "type": "text", "content": "在吗"}
    told = await county.post("/_sim/events", body, app_id=OTHER.oa_app_id)
    assert told["accepted"] is True
    assert county.service.fields == []
    (fields,) = county.mini.fields
    assert fields["ToUserName"] == OTHER.oa_username


async def test_a_code_belongs_to_the_account_that_was_asked(county: Driver) -> None:
    other = await person_in(county, OTHER.oa_app_id)
    address = county.simulator.url + "/connect/oauth2/authorize"
    query = {"appid": OTHER.oa_app_id, "redirect_uri": "http://example.com/", "scope": "snsapi_base"}
    async with county.http.get(address, params=query, allow_redirects=False) as response:
        code = response.headers["Location"].partition("code=")[2].partition("&")[0]
    asked = {"code": code, "grant_type": "authorization_code"}
    path = "/sns/oauth2/access_token"
    wrong = await county.get(path, appid=CONFIG.oa_app_id, secret=CONFIG.oa_secret, **asked)
    assert wrong["errcode"] == 40029
    right = await county.get(path, appid=OTHER.oa_app_id, secret=OTHER.oa_secret, **asked)
    assert right["openid"] == other["oa_openid"]
    # The page token is no application's, so the person it is about says which account is meant.
    known = await county.get("/sns/auth", access_token=right["access_token"], openid=right["openid"])
    assert known["errcode"] == 0


async def test_an_account_without_a_mini_program_issues_it_no_token(county: Driver) -> None:
    asked = {"grant_type": "client_credential", "appid": "", "secret": "x"}
    assert (await county.post("/cgi-bin/stable_token", asked))["errcode"] == 41002


async def test_an_unknown_account_is_not_found(county: Driver) -> None:
    status, answer = await county.ask("GET", "/_sim/users", app_id="wx-nobody")
    assert (status, answer["error"]) == (404, "not_found")
    status, _ = await county.ask("GET", "/_sim/users", app_id=CONFIG.mp_app_id)
    assert status == 200


async def test_the_clock_is_one(county: Driver) -> None:
    await county.post("/_sim/clock", {"advance_seconds": 60}, app_id=OTHER.oa_app_id)
    assert (await county.get("/_sim/clock"))["unix"] == 1_800_000_060


def test_two_accounts_need_two_ids() -> None:
    with pytest.raises(ValueError, match="share the app id"):
        make_app(CONFIG, MemoryClock(), replace(OTHER, mp_app_id=CONFIG.mp_app_id))


async def test_a_code_is_shown_by_the_account_that_made_it(county: Driver) -> None:
    asked = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "v7"}}}
    made = await county.post("/cgi-bin/qrcode/create", asked, access_token=await county.token(OTHER))
    address = county.simulator.url + "/cgi-bin/showqrcode"
    async with county.http.get(address, params={"ticket": made["ticket"]}) as response:
        assert (response.status, response.content_type) == (200, "image/png")
