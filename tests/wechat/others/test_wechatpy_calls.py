"""wechatpy 1.8.18, unmodified and blocking, calls the simulator.

All it cannot be told is another host for its token (see the fixture `rehost`); the rest has a setting.
"""

import hashlib
import io
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from PIL import Image
from wechatpy import WeChatClient, WeChatClientException
from wechatpy.exceptions import APILimitedException
from wechatpy.oauth import WeChatOAuth, WeChatOAuthException

from tests.wechat.others.examples import BUTTONS, FILM, PAGE, STAFF_BUTTONS, TEMPLATE, VALUES, picture
from tests.wechat.others.support import MP, OA, Platform


def refused(error: pytest.ExceptionInfo[WeChatClientException]) -> int:
    """The errcode."""
    return int(error.value.errcode)


def test_a_token_is_fetched_once_and_again_when_it_is_refused(oa: WeChatClient, platform: Platform) -> None:
    person = platform.person()
    assert oa.user.get(person["oa_openid"])["subscribe"] == 1
    first = oa.access_token
    assert oa.user.get(person["oa_openid"])["openid"] == person["oa_openid"]
    assert platform.control("GET", "calls")["counts"]["/cgi-bin/token"] == 1
    platform.control("POST", "tokens", {"revoke": True})
    # 40001: wechatpy fetches another and repeats the call.
    assert oa.user.get(person["oa_openid"])["subscribe"] == 1
    assert oa.access_token != first
    oa.secret = "wrong"
    with pytest.raises(WeChatClientException) as error:
        oa.fetch_access_token()
    assert refused(error) == 40125


def test_a_template_message_arrives_with_its_number(oa: WeChatClient, platform: Platform) -> None:
    platform.control("POST", "templates", TEMPLATE)
    person = platform.person()
    page = {"appid": MP["app_id"], "pagepath": "pages/task?id=1"}
    sent = oa.message.send_template(person["oa_openid"], TEMPLATE["template_id"], VALUES, PAGE, page)
    assert (sent["errcode"], sent["errmsg"]) == (0, "ok")
    assert isinstance(sent["msgid"], int)
    (message,) = platform.inbox(person)
    assert (message["channel"], message["title"], message["url"]) == ("template", "新的任务", PAGE)
    assert message["miniprogram"] == page
    assert [field["value"] for field in message["fields"]] == [one["value"] for one in VALUES.values()]
    for openid, template_id, values, errcode in (
        ("nobody", TEMPLATE["template_id"], VALUES, 40003),
        (person["oa_openid"], "another", VALUES, 40037),
        (person["oa_openid"], TEMPLATE["template_id"], {**VALUES, "thing2": {"value": "长" * 21}}, 47003),
        (platform.person(follow=False)["oa_openid"], TEMPLATE["template_id"], VALUES, 43004),
    ):
        with pytest.raises(WeChatClientException) as error:
            oa.message.send_template(openid, template_id, values)
        assert refused(error) == errcode


def test_templates_are_chosen_listed_and_removed(oa: WeChatClient) -> None:
    assert oa.template.set_industry(1, 16)["errcode"] == 0
    assert oa.template.get_industry()["primary_industry"].keys() == {"first_class", "second_class"}
    template_id = oa.template.get("TM00015")
    (only,) = oa.template.get_all_private_template()["template_list"]
    assert only["template_id"] == template_id
    assert only.keys() >= {"title", "primary_industry", "deputy_industry", "content", "example"}
    assert oa.template.del_private_template(template_id)["errmsg"] == "ok"
    assert oa.template.get_all_private_template()["template_list"] == []


def test_customer_messages_of_all_kinds_arrive_within_their_window(
    oa: WeChatClient, platform: Platform
) -> None:
    person = platform.person()
    openid = person["oa_openid"]
    with pytest.raises(WeChatClientException) as error:
        oa.message.send_text(openid, "在吗")
    assert refused(error) == 45015
    media_id = oa.media.upload("image", ("a.jpg", picture()))["media_id"]
    article = {"title": "政策", "description": "最新", "url": PAGE, "image": PAGE + "a.jpg"}
    card = {"title": "办理", "appid": MP["app_id"], "pagepath": "pages/a", "thumb_media_id": media_id}
    platform.does(person, "text", content="你好")
    oa.message.send_text(openid, "收到]]>&<x>")
    oa.message.send_image(openid, media_id)
    oa.message.send_articles(openid, [article])
    oa.message.send_mini_program_page(openid, card)
    oa.message.send_music(openid, PAGE + "a.mp3", PAGE + "b.mp3", media_id, "歌", "曲")
    with pytest.raises(WeChatClientException) as error:
        oa.message.send_text(openid, "第六条")
    assert refused(error) == 45047
    messages = platform.inbox(person)
    assert [message["channel"] for message in messages] == ["customer"] * 5
    assert messages[0]["text"] == "收到]]>&<x>"
    assert messages[1]["data"] == {"media_id": media_id}
    platform.does(person, "text", content="你好")
    with pytest.raises(WeChatClientException) as error:
        oa.message.send_image(openid, "no-such-medium")
    assert refused(error) == 40007
    platform.does(person, "block")
    with pytest.raises(WeChatClientException) as error:
        oa.message.send_text(openid, "在吗")
    assert refused(error) == 48002


def test_menus_by_tag(oa: WeChatClient, platform: Platform) -> None:
    person = platform.person()
    assert oa.menu.get() is None
    with pytest.raises(WeChatClientException) as error:
        oa.menu.add_conditional({"button": STAFF_BUTTONS, "matchrule": {"tag_id": "100"}})
    assert refused(error) == 65303
    assert oa.menu.create({"button": BUTTONS})["errmsg"] == "ok"
    shown = oa.menu.get()["menu"]["button"]
    assert [button["name"] for button in shown] == ["我要求助", "更多"]
    assert [button["type"] for button in shown[1]["sub_button"]] == ["view", "scancode_push"]
    tag = oa.tag.create("帮扶人")
    rule = {"tag_id": str(tag["id"])}
    menu_id = oa.menu.add_conditional({"button": STAFF_BUTTONS, "matchrule": rule})["menuid"]
    assert [one["name"] for one in oa.menu.try_match(person["oa_openid"])["button"]] == ["我要求助", "更多"]
    oa.tag.tag_user(tag["id"], person["oa_openid"])
    assert [one["name"] for one in oa.menu.try_match(person["oa_openid"])["button"]] == ["我的任务"]
    (conditional,) = oa.menu.get()["conditionalmenu"]
    assert (str(conditional["menuid"]), conditional["button"][0]["key"]) == (str(menu_id), "tasks")
    # 查询自定义菜单 still calls the tag by its old name.
    assert conditional["matchrule"] == {"group_id": tag["id"]}
    told = oa.menu.get_menu_info()
    assert told["is_menu_open"] == 1
    assert [button["name"] for button in told["selfmenu_info"]["button"]] == ["我要求助", "更多"]
    assert oa.menu.del_conditional(menu_id)["errcode"] == 0
    assert oa.menu.delete()["errcode"] == 0
    assert oa.menu.get() is None
    with pytest.raises(WeChatClientException) as error:
        oa.menu.create({"button": BUTTONS * 2})
    assert refused(error) == 40016


def test_tags_and_the_blacklist(oa: WeChatClient, platform: Platform) -> None:
    people = [platform.person()["oa_openid"] for _ in range(3)]
    tag = oa.tag.create("村民")
    assert tag["name"] == "村民"
    oa.tag.update(tag["id"], "住户")
    oa.tag.tag_user(tag["id"], people)
    oa.tag.untag_user(tag["id"], people[2])
    assert {one["name"]: one["count"] for one in oa.tag.get()}["住户"] == 2
    assert oa.tag.get_user_tag(people[0]) == [tag["id"]]
    assert oa.user.get(people[0])["tagid_list"] == [tag["id"]]
    assert list(oa.tag.iter_tag_users(tag["id"])) == people[:2]
    with pytest.raises(WeChatClientException) as error:
        oa.tag.create("住户")
    assert refused(error) == 45157
    oa.tag.delete(tag["id"])
    assert oa.tag.get_user_tag(people[0]) == []
    oa.tag.batch_black_list(people[:1])
    assert oa.tag.get_black_list()["data"]["openid"] == people[:1]
    oa.tag.batch_unblack_list(people[:1])
    assert oa.tag.get_black_list()["total"] == 0


def test_followers_and_what_is_known_of_them(oa: WeChatClient, platform: Platform) -> None:
    people = [platform.person() for _ in range(3)]
    openids = [person["oa_openid"] for person in people]
    stranger = platform.person(follow=False)
    assert list(oa.user.iter_followers()) == openids
    page = oa.user.get_followers()
    assert (page["total"], page["count"], page["next_openid"]) == (3, 3, openids[-1])
    oa.user.update_remark(openids[0], "一组")
    first, last = oa.user.get_batch([openids[0], stranger["oa_openid"]])
    assert (first["subscribe"], first["remark"], first["unionid"]) == (1, "一组", people[0]["unionid"])
    assert (last["subscribe"], last["openid"]) == (0, stranger["oa_openid"])
    alone = oa.user.get(openids[0], lang="en")
    assert alone.keys() >= {"subscribe_time", "language", "tagid_list", "subscribe_scene", "qr_scene_str"}
    with pytest.raises(WeChatClientException) as error:
        oa.user.get("nobody")
    assert refused(error) == 40003


def test_a_parametric_code_is_made_shown_and_scanned(oa: WeChatClient, platform: Platform) -> None:
    temporary = {"expire_seconds": 600, "action_name": "QR_STR_SCENE"}
    made = oa.qrcode.create({**temporary, "action_info": {"scene": {"scene_str": "household-7"}}})
    assert made["expire_seconds"] == 600
    assert made["url"].startswith("http://weixin.qq.com/q/")
    lasting = oa.qrcode.create(
        {"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_000}}}
    )
    assert "expire_seconds" not in lasting
    # Its address is a text of wechatpy's; only its host has to be another.
    address = urlsplit(oa.qrcode.get_url(made))
    shown = platform.browse(f"{platform.url}{address.path}?{address.query}")
    assert shown.headers["Content-Type"] in ("image/jpg", "image/jpeg", "image/png")
    assert Image.open(io.BytesIO(shown.content)).size[0] >= 100
    with pytest.raises(WeChatClientException) as error:
        oa.qrcode.create({**temporary, "action_info": {"scene": {"scene_str": "长" * 65}}})
    assert refused(error) == 40053


def test_media_go_up_and_come_back(oa: WeChatClient) -> None:
    content = picture()
    up = oa.media.upload("image", ("a.jpg", content, "image/jpeg"))
    assert up["type"] == "image"
    assert isinstance(up["created_at"], int)
    down = oa.media.download(up["media_id"])
    assert isinstance(down, requests.Response)
    assert (down.content, down.headers["Content-Type"]) == (content, "image/jpeg")
    assert "filename=" in down.headers["Content-disposition"]
    assert oa.media.upload_image(io.BytesIO(content)).startswith("http")
    # A film comes back as an address, a sound as itself.
    film = oa.media.upload("video", ("a.mp4", FILM))
    assert oa.media.download(film["media_id"])["video_url"].startswith("http")
    sound = oa.media.upload("voice", ("a.mp3", b"ID3" + bytes(64)))
    assert oa.media.download(sound["media_id"]).headers["Content-Type"] == "audio/mpeg"
    with pytest.raises(WeChatClientException) as error:
        oa.media.download("no-such-medium")
    assert refused(error) == 40007
    with pytest.raises(WeChatClientException) as error:
        oa.media.upload("image", ("a.jpg", b"no picture at all"))
    assert refused(error) == 40005


def test_material_is_kept_counted_and_deleted(oa: WeChatClient) -> None:
    content = picture()
    added = oa.material.add("image", ("村口.jpg", content))
    assert added["url"].startswith("http")
    assert oa.material.get(added["media_id"]).content == content
    assert oa.material.get_count()["image_count"] == 1
    listed = oa.material.batchget("image")
    assert (listed["total_count"], listed["item_count"]) == (1, 1)
    assert listed["item"][0].keys() >= {"media_id", "name", "update_time", "url"}
    film = oa.material.add("video", ("a.mp4", FILM), "入户", "怎样核实")
    assert oa.material.get(film["media_id"]).items() >= {"title": "入户", "description": "怎样核实"}.items()
    oa.material.delete(added["media_id"])
    assert oa.material.get_count()["image_count"] == 0
    with pytest.raises(WeChatClientException) as error:
        oa.material.get(added["media_id"])
    assert refused(error) == 40007


def test_a_page_s_signature_is_made_from_the_ticket(oa: WeChatClient) -> None:
    ticket = oa.jsapi.get_jsapi_ticket()
    assert oa.jsapi.get_jsapi_ticket() == ticket
    signature = oa.jsapi.get_jsapi_signature("n0nce", ticket, 1_800_000_000, PAGE)
    text = f"jsapi_ticket={ticket}&noncestr=n0nce&timestamp=1800000000&url={PAGE}"
    assert signature == hashlib.sha1(text.encode()).hexdigest()
    assert oa.jsapi.get_jsapi_card_ticket() != ticket


def test_a_person_logs_in_to_the_account_s_pages(platform: Platform) -> None:
    person = platform.person()
    oauth = WeChatOAuth(OA["app_id"], OA["secret"], PAGE + "?a=1&b=2", "snsapi_userinfo", "once")
    oauth._http.trust_env = False
    oauth.API_BASE_URL = platform.url + "/"
    oauth.OAUTH_BASE_URL = platform.url + "/connect/"
    page = oauth.authorize_url.replace("#", f"&_sim_openid={person['oa_openid']}#")
    back = platform.browse(page)
    assert back.status_code == 302
    query = parse_qs(urlsplit(back.headers["Location"]).query)
    assert (query["a"], query["b"], query["state"]) == (["1"], ["2"], ["once"])
    told = oauth.fetch_access_token(query["code"][0])
    assert (told["openid"], told["scope"]) == (person["oa_openid"], "snsapi_userinfo")
    assert oauth.check_access_token() is True
    assert oauth.get_user_info()["unionid"] == person["unionid"]
    assert oauth.refresh_access_token(oauth.refresh_token)["openid"] == person["oa_openid"]
    assert oauth.check_access_token() is True
    with pytest.raises(WeChatOAuthException) as error:
        oauth.fetch_access_token(query["code"][0])
    assert error.value.errcode == 40163
    oauth._http.close()


def test_a_person_logs_in_to_the_mini_program(mp: WeChatClient, platform: Platform) -> None:
    person = platform.person()
    code = platform.code(person, "login")
    session = mp.wxa.code_to_session(code)
    assert (session["openid"], session["unionid"]) == (person["mp_openid"], person["unionid"])
    assert session["session_key"]
    with pytest.raises(WeChatClientException) as error:
        mp.wxa.code_to_session(code)
    assert refused(error) == 40163


def test_a_phone_number_is_had_for_its_code(mp: WeChatClient, platform: Platform) -> None:
    person = platform.person(phone="13000000000")
    # wechatpy has no method for it, but its `post` is public.
    path = platform.url + "/wxa/business/getuserphonenumber"
    told = mp.post(path, data={"code": platform.code(person, "phone")})
    assert told["phone_info"]["purePhoneNumber"] == "13000000000"
    assert told["phone_info"]["watermark"]["appid"] == MP["app_id"]


@pytest.mark.parametrize("account", ["oa", "mp"])
def test_a_subscription_notice_needs_its_consent(
    account: str, request: pytest.FixtureRequest, platform: Platform
) -> None:
    client: WeChatClient = request.getfixturevalue(account)
    app_id = {"oa": OA["app_id"], "mp": MP["app_id"]}[account]
    platform.control("POST", "templates", {**TEMPLATE, "app_id": app_id})
    person = platform.person()
    openid = person[f"{account}_openid"]

    def send() -> None:
        if account == "mp":
            client.wxa.send_subscribe_message(openid, TEMPLATE["template_id"], VALUES, "pages/task")
        else:
            # The official account's path came after wechatpy; its `post` takes any.
            body = {"touser": openid, "template_id": TEMPLATE["template_id"], "data": VALUES}
            client.post("message/subscribe/bizsend", data=body)

    with pytest.raises(WeChatClientException) as error:
        send()
    assert refused(error) == 43101
    platform.does(person, "consent" if account == "oa" else "consent_mp", key=TEMPLATE["template_id"])
    send()
    (notice,) = platform.inbox(person)
    assert (notice["channel"], notice["title"]) == ("subscription", "新的任务")
    with pytest.raises(WeChatClientException):
        send()


def test_codes_of_the_mini_program_are_pictures(mp: WeChatClient) -> None:
    for made in (
        mp.wxa.get_wxa_code_unlimited("h=7f3a", page="pages/household"),
        mp.wxa.get_wxa_code("pages/household?id=7"),
        mp.wxa.create_qrcode("pages/household?id=7"),
    ):
        assert isinstance(made, requests.Response)
        assert made.headers["Content-Type"].startswith("image/")
        Image.open(io.BytesIO(made.content)).verify()
    with pytest.raises(WeChatClientException) as error:
        mp.wxa.get_wxa_code_unlimited("x" * 33)
    assert refused(error) == 40169


def test_addresses_of_the_platform_are_told(oa: WeChatClient) -> None:
    assert oa.misc.get_wechat_ips()


def test_a_spent_quota_has_an_error_of_its_own(oa: WeChatClient, platform: Platform) -> None:
    platform.control("POST", "faults", {"path": "/cgi-bin/user/info", "errcode": 45009})
    with pytest.raises(APILimitedException):
        oa.user.get(platform.person()["oa_openid"])
