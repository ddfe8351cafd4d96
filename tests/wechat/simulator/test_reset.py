"""Starting over: what the platform's paths kept is gone, and the tokens stay."""

from tests.wechat.simulator.caller import CONFIG, Caller, Json, picture
from wechat.simulator.sessions import Sessions
from wechat.simulator.words import FIRST_WORDS


async def test_a_reset_forgets_all_that_the_paths_keep(caller: Caller) -> None:
    token = await caller.token()
    person = await caller.user()
    code = await caller.login_code(person, "oauth")
    granted = await caller.get(
        "/sns/oauth2/access_token",
        appid=CONFIG.oa_app_id,
        secret=CONFIG.oa_secret,
        code=code,
        grant_type="authorization_code",
    )
    ticket = (await caller.oa("/cgi-bin/ticket/getticket", type="jsapi"))["ticket"]
    tag = (await caller.oa("/cgi-bin/tags/create", {"tag": {"name": "甲"}}))["tag"]
    tagging = {"tagid": tag["id"], "openid_list": [person["oa_openid"]]}
    await caller.oa("/cgi-bin/tags/members/batchtagging", tagging)
    button: Json = {"type": "click", "name": "求助", "key": "help"}
    await caller.oa("/cgi-bin/menu/create", {"button": [button]})
    rule = {"tag_id": tag["id"]}
    await caller.oa("/cgi-bin/menu/addconditional", {"button": [button], "matchrule": rule})
    scene = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "h7"}}}
    code = (await caller.oa("/cgi-bin/qrcode/create", scene))["ticket"]
    media_id = (await caller.upload("/cgi-bin/media/upload", picture(), type="image"))["media_id"]
    await caller.oa("/cgi-bin/template/api_add_template", {"template_id_short": "OPENTM1"})
    await caller.oa("/cgi-bin/template/api_set_industry", {"industry_id1": 1, "industry_id2": 2})
    await caller.post("/_sim/words", {"words": {"坏词": 20003}})
    await caller.post("/_sim/pages", {"pages": []})
    await caller.post("/_sim/quotas", {"path": "/cgi-bin/token", "daily": 7})

    await caller.post("/_sim/reset")
    assert (await caller.oa("/cgi-bin/user/get"))["total"] == 0
    assert [one["count"] for one in (await caller.oa("/cgi-bin/tags/get"))["tags"]] == [0]
    assert (await caller.oa("/cgi-bin/menu/get"))["errcode"] == 46003
    assert (await caller.file("/cgi-bin/showqrcode", ticket=code))[0] == 404
    assert (await caller.oa("/cgi-bin/media/get", media_id=media_id))["errcode"] == 40007
    assert await caller.oa("/cgi-bin/template/get_all_private_template") == {"template_list": []}
    assert await caller.oa("/cgi-bin/template/get_industry") == {}
    reading = {"access_token": granted["access_token"], "openid": granted["openid"]}
    assert (await caller.get("/sns/auth", **reading))["errcode"] == 40001
    assert (await caller.get("/_sim/words"))["words"] == FIRST_WORDS
    assert (await caller.get("/_sim/pages"))["pages"] is None
    assert (await caller.get("/_sim/quotas"))["quotas"]["/cgi-bin/token"]["daily"] == 2_000

    assert await caller.token() == token
    assert (await caller.oa("/cgi-bin/ticket/getticket", type="jsapi"))["ticket"] == ticket
    await caller.post("/_sim/reset", {"only": ["tokens"]})
    assert await caller.token() != token
    assert (await caller.oa("/cgi-bin/ticket/getticket", type="jsapi"))["ticket"] != ticket


def test_a_session_key_is_not_kept() -> None:
    sessions = Sessions()
    key = sessions.open("oMP-somebody")
    assert key not in repr(vars(sessions))
