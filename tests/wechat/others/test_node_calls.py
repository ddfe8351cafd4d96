"""Two clients for Node.js, unmodified and pinned in npm/package-lock.json, call the simulator.

co-wechat-api has a method for every path; node-easywechat (a port of EasyWeChat) brings tokens, tickets,
OAuth and the mini program's log-in, and calls any path by its name.
"""

import hashlib
import hmac
import io
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from tests.wechat.others.examples import BUTTONS, FILM, PAGE, STAFF_BUTTONS, TEMPLATE, VALUES, picture
from tests.wechat.others.support import MP, OA, Node, NodeError, Platform


def test_node_reaches_this_machine_only(node: Node) -> None:
    with pytest.raises(NodeError, match=r"only 127\.0\.0\.1"):
        node("driver.reach", "http://192.0.2.1/")
    with pytest.raises(NodeError, match=r"only 127\.0\.0\.1"):
        node("driver.reach", "https://fangpin.example/")


def test_tokens_of_both_kinds(node: Node, platform: Platform) -> None:
    person = platform.person()
    assert node("co.getUser", person["oa_openid"])["subscribe"] == 1
    stable = node("easy.token")
    assert node("easy.token") == stable
    assert len(stable) == 512
    assert node("easy.freshToken") != stable
    assert platform.called() >= {"/cgi-bin/token", "/cgi-bin/stable_token"}
    platform.control("POST", "tokens", {"revoke": True})
    # 40001: co-wechat-api fetches another and repeats the call.
    assert node("co.getUser", person["oa_openid"])["openid"] == person["oa_openid"]


def test_a_template_message_keeps_all_digits_of_its_number(node: Node, platform: Platform) -> None:
    platform.control("POST", "templates", TEMPLATE)
    person = platform.person()
    openid, template_id = person["oa_openid"], TEMPLATE["template_id"]
    page = {"appid": MP["app_id"], "pagepath": "pages/task"}
    sent = node("co.sendTemplate", openid, template_id, PAGE, "#173177", VALUES, page)
    (message,) = platform.inbox(person)
    # Nineteen digits do not fit a number of JavaScript, so co-wechat-api reads them as a text.
    assert (sent["errcode"], sent["msgid"]) == (0, str(message["msgid"]))
    assert (message["title"], message["url"], message["miniprogram"]) == ("新的任务", PAGE, page)
    assert [field["value"] for field in message["fields"]] == [one["value"] for one in VALUES.values()]
    with pytest.raises(NodeError) as error:
        node("co.sendTemplate", "nobody", template_id, PAGE, "", VALUES)
    assert error.value.code == 40003
    body = {"touser": openid, "template_id": template_id, "data": VALUES, "client_msg_id": "once"}
    assert node("easy.post", "cgi-bin/message/template/send", body)["errcode"] == 0
    assert node("easy.post", "cgi-bin/message/template/send", body)["errmsg"] == "ok"
    assert len(platform.inbox(person)) == 2


def test_templates_are_chosen_listed_and_removed(node: Node) -> None:
    node("co.setIndustry", {"industry_id1": "1", "industry_id2": "16"})
    assert node("co.getIndustry")["secondary_industry"].keys() == {"first_class", "second_class"}
    template_id = node("co.addTemplate", "TM00015")["template_id"]
    assert [one["template_id"] for one in node("co.getAllPrivateTemplate")["template_list"]] == [template_id]
    node("co.delPrivateTemplate", template_id)
    assert node("co.getAllPrivateTemplate")["template_list"] == []


def test_customer_messages_arrive_within_their_window(node: Node, platform: Platform) -> None:
    person = platform.person()
    openid = person["oa_openid"]
    with pytest.raises(NodeError) as error:
        node("co.sendText", openid, "在吗")
    assert error.value.code == 45015
    media_id = node("co.uploadMedia", picture(), "image", "a.jpg", "image/jpeg")["media_id"]
    article = {"title": "政策", "description": "最新", "url": PAGE, "picurl": PAGE + "a.jpg"}
    card = {"title": "办理", "appid": MP["app_id"], "pagepath": "pages/a", "thumb_media_id": media_id}
    platform.does(person, "text", content="你好")
    for call, given in (
        ("co.sendText", "收到"),
        ("co.sendImage", media_id),
        ("co.sendNews", [article]),
        ("co.sendMiniProgram", card),
    ):
        assert node(call, openid, given)["errmsg"] == "ok", call
    messages = platform.inbox(person)
    assert [message["channel"] for message in messages] == ["customer"] * 4
    assert (messages[0]["text"], messages[1]["data"]) == ("收到", {"media_id": media_id})


def test_menus_by_tag(node: Node, platform: Platform) -> None:
    openid = platform.person()["oa_openid"]
    with pytest.raises(NodeError) as error:
        node("co.getMenu")
    assert error.value.code == 46003
    node("co.createMenu", {"button": BUTTONS})
    assert [one["name"] for one in node("co.getMenu")["menu"]["button"]] == ["我要求助", "更多"]
    tag_id = node("co.createTags", "帮扶人")["tag"]["id"]
    rule = {"tag_id": str(tag_id)}
    added = node("co.addConditionalMenu", {"button": STAFF_BUTTONS, "matchrule": rule})
    assert [one["name"] for one in node("co.tryConditionalMenu", openid)["button"]] == ["我要求助", "更多"]
    node("co.batchTagging", [openid], tag_id)
    assert [one["name"] for one in node("co.tryConditionalMenu", openid)["button"]] == ["我的任务"]
    assert node("co.getMenuConfig")["selfmenu_info"]["button"][0]["name"] == "我要求助"
    node("co.delConditionalMenu", added["menuid"])
    assert "conditionalmenu" not in node("co.getMenu")
    node("co.removeMenu")


def test_tags(node: Node, platform: Platform) -> None:
    people = [platform.person()["oa_openid"] for _ in range(2)]
    tag_id = node("co.createTags", "村民")["tag"]["id"]
    node("co.updateTag", tag_id, "住户")
    node("co.batchTagging", people, tag_id)
    node("co.batchUnTagging", people[1:], tag_id)
    assert {one["name"]: one["count"] for one in node("co.getTags")["tags"]}["住户"] == 1
    assert node("co.getUsersFromTag", tag_id)["data"]["openid"] == people[:1]
    assert node("co.getIdList", people[0])["tagid_list"] == [tag_id]
    node("co.deleteTag", tag_id)
    assert node("co.getIdList", people[0])["tagid_list"] == []


def test_followers_and_what_is_known_of_them(node: Node, platform: Platform) -> None:
    people = [platform.person() for _ in range(2)]
    openids = [person["oa_openid"] for person in people]
    assert node("co.getFollowers")["data"]["openid"] == openids
    assert node("co.getFollowers", openids[0])["data"]["openid"] == openids[1:]
    node("co.updateRemark", openids[0], "一组")
    told = node("co.batchGetUsers", openids)["user_info_list"]
    assert [one["remark"] for one in told] == ["一组", ""]
    assert [one["unionid"] for one in told] == [person["unionid"] for person in people]


def test_parametric_codes(node: Node, platform: Platform) -> None:
    temporary = node("co.createTmpQRCode", "household-7", 600)
    assert temporary["expire_seconds"] == 600
    assert "expire_seconds" not in node("co.createLimitQRCode", "place_1")
    assert "expire_seconds" not in node("co.createLimitQRCode", 100)
    address = urlsplit(node("co.showQRCodeURL", temporary["ticket"]))
    shown = platform.browse(f"{platform.url}{address.path}?{address.query}")
    assert Image.open(io.BytesIO(shown.content)).size[0] >= 100


def test_media_go_up_and_come_back(node: Node) -> None:
    content = picture()
    up = node("co.uploadMedia", content, "image", "a.jpg", "image/jpeg")
    assert node("co.getMedia", up["media_id"]) == content


def test_material_is_kept_counted_and_deleted(node: Node, tmp_path: Path) -> None:
    image, film = tmp_path / "a.jpg", tmp_path / "a.mp4"
    image.write_bytes(picture())
    film.write_bytes(FILM)
    kept = node("co.uploadImageMaterial", str(image))["media_id"]
    described = {"title": "入户", "introduction": "怎样核实"}
    shown = node("co.uploadVideoMaterial", str(film), described)["media_id"]
    assert node("co.getMaterial", kept) == picture()
    assert node("co.getMaterial", shown)["description"] == "怎样核实"
    counts = node("co.getMaterialCount")
    assert (counts["image_count"], counts["video_count"]) == (1, 1)
    assert [one["media_id"] for one in node("co.getMaterials", "image", 0, 20)["item"]] == [kept]
    node("co.removeMaterial", kept)
    assert node("co.getMaterials", "image", 0, 20)["total_count"] == 0


def test_a_page_s_signature_is_made_from_the_ticket(node: Node) -> None:
    ticket = node("easy.ticket")
    signed = node("easy.signature", PAGE, "n0nce", 1_800_000_000)
    text = f"jsapi_ticket={ticket}&noncestr=n0nce&timestamp=1800000000&url={PAGE}"
    assert signed["signature"] == hashlib.sha1(text.encode()).hexdigest()
    settings = node("co.getJsConfig", {"url": PAGE, "jsApiList": ["scanQRCode"]})
    assert (settings["appId"], settings["jsApiList"]) == (OA["app_id"], ["scanQRCode"])
    # Both ask for the same account, so that both are given the one live ticket.
    text = (
        f"jsapi_ticket={ticket}&noncestr={settings['nonceStr']}&timestamp={settings['timestamp']}&url={PAGE}"
    )
    assert settings["signature"] == hashlib.sha1(text.encode()).hexdigest()


def test_a_person_logs_in_to_the_account_s_pages(node: Node, platform: Platform) -> None:
    person = platform.person()
    state = "a b&c=d"
    written_down = node("easy.authorizeUrl", PAGE + "?a=1&b=2", state, "snsapi_userinfo")
    address = urlsplit(written_down)
    assert (address.netloc, address.fragment) == ("open.weixin.qq.com", "wechat_redirect")
    query = f"{address.query}&_sim_openid={person['oa_openid']}"
    back = platform.browse(f"{platform.url}{address.path}?{query}")
    assert back.status_code == 302
    answered = parse_qs(urlsplit(back.headers["Location"]).query)
    assert (answered["b"], answered["state"]) == (["2"], [state])
    user = node("easy.userFromCode", answered["code"][0], "snsapi_userinfo")
    assert (user["openid"], user["unionid"]) == (person["oa_openid"], person["unionid"])
    # The base of OAuth is the one thing that it has written down; everything else has a setting.
    assert node("driver.rehosted") == ["/sns/oauth2/access_token", "/sns/userinfo"]
    with pytest.raises(NodeError, match="40163"):
        node("easy.tokenFromCode", answered["code"][0])


def test_a_person_logs_in_to_the_mini_program(node: Node, platform: Platform) -> None:
    person = platform.person(phone="13000000000")
    # The first tells the platform's code and words, the second the words.
    for call, words in (("easyMini.codeToSession", "40163"), ("coMini.code2Session", "code been used")):
        code = platform.code(person, "login")
        session = node(call, code)
        assert (session["openid"], session["unionid"]) == (person["mp_openid"], person["unionid"])
        with pytest.raises(NodeError, match=words):
            node(call, code)
    told = node("easyMini.post", "wxa/business/getuserphonenumber", {"code": platform.code(person, "phone")})
    assert told["phone_info"]["phoneNumber"] == "13000000000"


def test_subscription_notices_need_their_consent(node: Node, platform: Platform) -> None:
    person = platform.person()
    template_id = TEMPLATE["template_id"]
    for account in (OA, MP):
        platform.control("POST", "templates", {**TEMPLATE, "app_id": account["app_id"]})
    mini = ("coMini.sendSubscribeMessage", person["mp_openid"], template_id, "pages/task", VALUES)
    with pytest.raises(NodeError) as error:
        node(*mini)
    assert error.value.code == 43101
    platform.does(person, "consent_mp", key=template_id)
    assert node(*mini)["errmsg"] == "ok"
    body = {"touser": person["oa_openid"], "template_id": template_id, "data": VALUES}
    path = "cgi-bin/message/subscribe/bizsend"
    assert node("easy.post", path, body)["errcode"] == 43101
    platform.does(person, "consent", key=template_id)
    assert node("easy.post", path, body)["errcode"] == 0
    assert [notice["channel"] for notice in platform.inbox(person)] == ["subscription"] * 2


def test_codes_of_the_mini_program_are_pictures(node: Node) -> None:
    for made in (
        node("coMini.getWXACodeUnlimit", "h=7f3a", "pages/household"),
        node("coMini.getWXACode", "pages/household?id=7"),
        node("coMini.createWXAQRCode", "pages/household?id=7"),
    ):
        Image.open(io.BytesIO(made)).verify()


def test_a_log_in_is_checked_and_ended(node: Node, platform: Platform) -> None:
    person = platform.person()
    session = node("easyMini.codeToSession", platform.code(person, "login"))
    signature = hmac.new(session["session_key"].encode(), b"", hashlib.sha256).hexdigest()
    signed = {"openid": person["mp_openid"], "sig_method": "hmac_sha256", "signature": signature}
    assert node("easyMini.get", "wxa/checksession", signed)["errcode"] == 0
    renewed = node("easyMini.get", "wxa/resetusersessionkey", signed)
    assert renewed["openid"] == person["mp_openid"]
    assert renewed["session_key"] != session["session_key"]
    assert node("easyMini.get", "wxa/checksession", signed)["errcode"] == 87009


@pytest.mark.parametrize("account", ["easy", "easyMini"])
def test_templates_of_notices_are_chosen_from_the_library(node: Node, account: str) -> None:
    base = "wxaapi/newtmpl/"
    (category, *_) = node(f"{account}.get", base + "getcategory", {})["data"]
    page = {"ids": str(category["id"]), "start": 0, "limit": 30}
    titles = node(f"{account}.get", base + "getpubtemplatetitles", page)
    assert titles["count"] == len(titles["data"])
    title = titles["data"][0]
    assert title.keys() >= {"tid", "title", "type", "categoryId"}
    keywords = node(f"{account}.get", base + "getpubtemplatekeywords", {"tid": str(title["tid"])})["data"]
    assert all(one.keys() >= {"kid", "name", "example", "rule"} for one in keywords)
    kids = [keywords[1]["kid"], keywords[0]["kid"]]
    body = {"tid": str(title["tid"]), "kidList": kids, "sceneDesc": "核实任务"}
    template_id = node(f"{account}.post", base + "addtemplate", body)["priTmplId"]
    (own,) = node(f"{account}.get", base + "gettemplate", {})["data"]
    assert (own["priTmplId"], own["title"], own["type"]) == (template_id, title["title"], title["type"])
    assert own["content"].index(keywords[1]["name"]) < own["content"].index(keywords[0]["name"])
    assert node(f"{account}.post", base + "deltemplate", {"priTmplId": template_id})["errcode"] == 0
    assert node(f"{account}.get", base + "gettemplate", {})["data"] == []


def test_content_is_checked_for_people_who_were_there(node: Node, platform: Platform) -> None:
    person = platform.person()
    body = {"version": 2, "scene": 1, "openid": person["mp_openid"]}
    text = {**body, "content": "家里进水了"}
    assert node("easyMini.post", "wxa/msg_sec_check", text)["errcode"] == 61010
    node("easyMini.codeToSession", platform.code(person, "login"))
    told = node("easyMini.post", "wxa/msg_sec_check", text)
    assert told["result"] == {"suggest": "pass", "label": 100}
    assert told["trace_id"]
    picture_of = {**body, "media_url": PAGE + "a.jpg", "media_type": 2}
    assert node("easyMini.post", "wxa/media_check_async", picture_of)["trace_id"]


def test_quotas_and_addresses(node: Node) -> None:
    path = {"cgi_path": "/cgi-bin/message/template/send"}
    quota = node("easy.post", "cgi-bin/openapi/quota/get", path)["quota"]
    assert quota["remain"] == quota["daily_limit"] - quota["used"]
    assert node("easy.post", "cgi-bin/clear_quota", {"appid": OA["app_id"]})["errmsg"] == "ok"
    assert node("easy.get", "cgi-bin/get_api_domain_ip", {})["ip_list"]
    assert node("co.getIp")["ip_list"]


def test_typing_is_shown_to_somebody_who_just_wrote(node: Node, platform: Platform) -> None:
    person = platform.person()
    typing = {"touser": person["oa_openid"], "command": "Typing"}
    assert node("easy.post", "cgi-bin/message/custom/typing", typing)["errcode"] == 45080
    platform.does(person, "text", content="在吗")
    assert node("easy.post", "cgi-bin/message/custom/typing", typing)["errcode"] == 0
