"""What people do, and the exact fields that the account is told of it."""

from typing import Any

import pytest

from tests.wechat.simulator.driver import CONFIG, Driver, Json
from wechat.simulator.events import KINDS
from wechat.simulator.world import PLATFORM_SENDER

PLACE = {"latitude": 27.5, "longitude": 110.25, "label": "枫木村"}
# Type of the deed, what is asked for, and the fields of each callback apart from the three that all have; a
# value of None stands for any. Source: the pages named in wechat/simulator/events.py.
DEEDS: list[tuple[str, Json, list[Json]]] = [
    ("subscribe", {}, [{"MsgType": "event", "Event": "subscribe", "EventKey": ""}]),
    (
        "subscribe",
        {"scene": "h7"},
        [{"MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_h7", "Ticket": "ticket-h7"}],
    ),
    ("unsubscribe", {}, [{"MsgType": "event", "Event": "unsubscribe", "EventKey": ""}]),
    ("scan", {"scene": 7}, [{"MsgType": "event", "Event": "SCAN", "EventKey": "7", "Ticket": "ticket-7"}]),
    (
        "report_location",
        PLACE,
        [
            {
                "MsgType": "event",
                "Event": "LOCATION",
                "Latitude": "27.5",
                "Longitude": "110.25",
                "Precision": "65.0",
            }
        ],
    ),
    ("click", {"key": "report"}, [{"MsgType": "event", "Event": "CLICK", "EventKey": "report"}]),
    (
        "view",
        {"key": "http://127.0.0.1/m/", "menu_id": 410418124},
        [
            {
                "MsgType": "event",
                "Event": "VIEW",
                "EventKey": "http://127.0.0.1/m/",
                "MenuId": "410418124",
            }
        ],
    ),
    (
        "view_miniprogram",
        {"key": "pages/index/index", "menu_id": 410418124},
        [
            {
                "MsgType": "event",
                "Event": "view_miniprogram",
                "EventKey": "pages/index/index",
                "MenuId": "410418124",
            }
        ],
    ),
    *(
        (
            name,
            {"key": "6", "content": "http://127.0.0.1/h/1", "scan_type": "barcode"},
            [
                {
                    "MsgType": "event",
                    "Event": name,
                    "EventKey": "6",
                    "ScanCodeInfo": {"ScanType": "barcode", "ScanResult": "http://127.0.0.1/h/1"},
                }
            ],
        )
        for name in ("scancode_push", "scancode_waitmsg")
    ),
    *(
        (
            name,
            {"key": "photo", "count": 2},
            [
                {"MsgType": "event", "Event": name, "EventKey": "photo", "SendPicsInfo": None},
                {"MsgType": "image", "PicUrl": None, "MediaId": None, "MsgId": None},
                {"MsgType": "image", "PicUrl": None, "MediaId": None, "MsgId": None},
            ],
        )
        for name in ("pic_sysphoto", "pic_photo_or_album", "pic_weixin")
    ),
    (
        "location_select",
        {"key": "place", **PLACE},
        [
            {
                "MsgType": "event",
                "Event": "location_select",
                "EventKey": "place",
                "SendLocationInfo": {
                    "Location_X": "27.5",
                    "Location_Y": "110.25",
                    "Scale": "15",
                    "Label": "枫木村",
                    "Poiname": "",
                },
            },
            {
                "MsgType": "location",
                "Location_X": "27.5",
                "Location_Y": "110.25",
                "Scale": "15",
                "Label": "枫木村",
                "MsgId": None,
            },
        ],
    ),
    ("text", {"content": "在吗"}, [{"MsgType": "text", "Content": "在吗", "MsgId": None}]),
    (
        "image",
        {"media_id": "M1", "pic_url": "http://127.0.0.1/1.jpg"},
        [{"MsgType": "image", "PicUrl": "http://127.0.0.1/1.jpg", "MediaId": "M1", "MsgId": None}],
    ),
    (
        "voice",
        {"media_id": "M1", "recognition": "我要求助"},
        [
            {
                "MsgType": "voice",
                "MediaId": "M1",
                "Format": "amr",
                "Recognition": "我要求助",
                "MsgId": None,
                "MediaId16K": None,
            }
        ],
    ),
    (
        "voice",
        {},
        [{"MsgType": "voice", "MediaId": None, "Format": "amr", "MsgId": None, "MediaId16K": None}],
    ),
    *(
        (
            name,
            {"media_id": "M1", "thumb_media_id": "M2"},
            [{"MsgType": name, "MediaId": "M1", "ThumbMediaId": "M2", "MsgId": None}],
        )
        for name in ("video", "shortvideo")
    ),
    (
        "location",
        PLACE,
        [
            {
                "MsgType": "location",
                "Location_X": "27.5",
                "Location_Y": "110.25",
                "Scale": "15",
                "Label": "枫木村",
                "MsgId": None,
            }
        ],
    ),
    (
        "link",
        {"title": "政策", "description": "有哪些", "url": "http://127.0.0.1/p"},
        [
            {
                "MsgType": "link",
                "Title": "政策",
                "Description": "有哪些",
                "Url": "http://127.0.0.1/p",
                "MsgId": None,
            }
        ],
    ),
    (
        "consent",
        {"templates": [{"template_id": "T1"}, {"template_id": "T2", "status": "reject"}], "popup_scene": 2},
        [
            {
                "MsgType": "event",
                "Event": "subscribe_msg_popup_event",
                "SubscribeMsgPopupEvent": {
                    "List": [
                        {"TemplateId": "T1", "SubscribeStatusString": "accept", "PopupScene": "2"},
                        {"TemplateId": "T2", "SubscribeStatusString": "reject", "PopupScene": "2"},
                    ]
                },
            }
        ],
    ),
    (
        "consent_withdrawn",
        {"key": "T1"},
        [
            {
                "MsgType": "event",
                "Event": "subscribe_msg_change_event",
                "SubscribeMsgChangeEvent": {"List": {"TemplateId": "T1", "SubscribeStatusString": "reject"}},
            }
        ],
    ),
    (
        "raw",
        {"fields": {"MsgType": "event", "Event": "X", "A": {"B": [1, 2]}}},
        [{"MsgType": "event", "Event": "X", "A": {"B": {"item": ["1", "2"]}}}],
    ),
]


def told(fields: Json, expected: Json) -> Json:
    """Return a callback's own fields, with None where any value is expected."""
    own = {key: value or "" for key, value in fields.items()}
    for name in ("ToUserName", "FromUserName", "CreateTime"):
        del own[name]
    if isinstance(own.get("SendLocationInfo"), dict):
        own["SendLocationInfo"] = {key: value or "" for key, value in own["SendLocationInfo"].items()}
    return {key: None if expected.get(key, "") is None else value for key, value in own.items()}


@pytest.mark.parametrize(("kind", "values", "expected"), DEEDS)
async def test_every_deed_makes_its_callbacks(
    driver: Driver, kind: str, values: Json, expected: list[Json]
) -> None:
    person = await driver.person()
    done = await driver.do(person, kind, **values)
    assert done["accepted"] is True
    assert len(done["tries"]) == len(expected)
    fields = driver.service.fields
    assert [told(one, wanted) for one, wanted in zip(fields, expected, strict=True)] == expected
    for one in fields:
        assert one["ToUserName"] == CONFIG.oa_username
        assert one["FromUserName"] == person["oa_openid"]
        assert one["CreateTime"] == "1800000000"


def test_no_deed_is_left_untested() -> None:
    elsewhere = {
        "consent_mp",
        "user_info_modified",
        "user_authorization_revoke",
        "user_authorization_cancellation",
        "wxa_media_check",
        "media_id",
        "article_id",
        "block",
        "unblock",
    }
    assert {kind for kind, _, _ in DEEDS} | elsewhere == set(KINDS)


async def test_a_menu_gives_what_the_account_put_behind_it_without_asking_the_account(driver: Driver) -> None:
    person = await driver.person()
    _, medium = await driver.ask("POST", "/_sim/media", None)
    assert medium["error"] == "bad_request", "a picture is needed"
    assert (await driver.do(person, "article_id", key="A1"))["tries"] == []
    chat = (await driver.get("/_sim/chat", openid=person["openid"]))["items"]
    assert [(entry["msgtype"], entry["text"]) for entry in chat] == [("mpnewsarticle", "[图文] A1")]
    assert (await driver.do(person, "media_id", key="gone"))["error"] == "bad_request"


async def test_wechatpy_reads_what_was_photographed_and_where(driver: Driver) -> None:
    person = await driver.person()
    await driver.do(person, "pic_weixin", key="photo", count=2)
    event = driver.service.messages[0]
    assert (event.event, event.count) == ("pic_weixin", 2)
    assert [len(picture["PicMd5Sum"]) for picture in event.pictures] == [32, 32]
    await driver.do(person, "location_select", key="place", **PLACE)
    event = driver.service.messages[-2]
    assert (event.location_x, event.label) == ("27.5", "枫木村")
    await driver.do(person, "scancode_waitmsg", key="6", content="http://127.0.0.1/h/1")
    assert driver.service.messages[-1].scan_result == "http://127.0.0.1/h/1"


@pytest.mark.parametrize("app", ["oa", "mp"])
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("user_info_modified", {}),
        ("user_authorization_revoke", {"RevokeInfo": "206"}),
        ("user_authorization_cancellation", {}),
    ],
)
async def test_a_changed_authorisation_is_told_by_the_platform_itself(
    driver: Driver, app: str, kind: str, more: Json
) -> None:
    person = await driver.person()
    await driver.do(person, kind, app=app, revoke_info="206")
    (fields,) = (driver.service if app == "oa" else driver.mini).fields
    del fields["CreateTime"]
    assert fields == {
        "ToUserName": CONFIG.oa_username if app == "oa" else CONFIG.mp_username,
        "FromUserName": PLATFORM_SENDER,
        "MsgType": "event",
        "Event": kind,
        "OpenID": person[f"{app}_openid"],
        "UnionID": person["unionid"],
        "AppID": CONFIG.oa_app_id if app == "oa" else CONFIG.mp_app_id,
        **more,
    }
    (left,) = (await driver.get("/_sim/users"))["items"]
    assert left["follow"] is (kind != "user_authorization_cancellation")


async def test_what_happens_in_the_mini_program_goes_to_its_own_address(driver: Driver) -> None:
    person = await driver.person()
    done = await driver.do(person, "consent_mp", key="T1")
    assert done["accepted"] is True
    assert driver.service.fields == []
    (fields,) = driver.mini.fields
    assert (fields["ToUserName"], fields["FromUserName"]) == (CONFIG.mp_username, person["mp_openid"])
    assert fields["SubscribeMsgPopupEvent"]["List"]["PopupScene"] == "0"
    checked = await driver.do(person, "wxa_media_check", app="mp", trace_id="t1", suggest="review")
    assert checked["accepted"] is True
    assert driver.mini.fields[1]["result"]["suggest"] == "review"
    await driver.post("/_sim/config", {"mp_callback_url": None})
    assert (await driver.do(person, "consent_mp", key="T1"))["tries"] == []


async def test_consents_add_up_last_and_end(driver: Driver) -> None:
    person = await driver.person()
    (known,) = driver.simulator.world.people
    await driver.do(person, "consent", key="T1")
    await driver.do(person, "consent", key="T1", content="accept")
    await driver.do(person, "consent", key="T1", content="reject")
    assert known.consents["oa", "T1"] == 2
    await driver.do(person, "consent_mp", templates=[{"template_id": "T1", "status": "always"}])
    assert known.consents["mp", "T1"] > 1_000_000
    await driver.do(person, "consent_withdrawn", key="T1")
    await driver.do(person, "consent_withdrawn", key="T1", app="mp")
    assert (known.consents["oa", "T1"], known.consents["mp", "T1"]) == (0, 0)
    assert [fields["Event"] for fields in driver.mini.fields] == [
        "subscribe_msg_popup_event",
        "subscribe_msg_change_event",
    ]


async def test_each_message_that_follows_is_answered_by_itself(driver: Driver) -> None:
    def answer(message: Any) -> tuple[int, str] | None:
        return driver.service.reply(message, "收到图片") if message.type == "image" else (200, "success")

    driver.service.answer = answer
    person = await driver.person()
    done = await driver.do(person, "pic_sysphoto", key="photo", count=2)
    assert done["reply"]["Content"] == "收到图片"
    inbox = await driver.get("/_sim/inbox", openid=person["oa_openid"])
    assert [item["text"] for item in inbox["items"]] == ["收到图片"] * 2


async def test_a_parametric_code_is_scanned_by_its_ticket_until_it_ends(driver: Driver) -> None:
    asked = {
        "expire_seconds": 60,
        "action_name": "QR_STR_SCENE",
        "action_info": {"scene": {"scene_str": "village-7"}},
    }
    code = await driver.post("/cgi-bin/qrcode/create", asked, access_token=await driver.token())
    person = await driver.person(follow=False)
    for event, key in (("subscribe", "qrscene_village-7"), ("SCAN", "village-7")):
        await driver.do(person, "scan", ticket=code["ticket"])
        fields = driver.service.fields[-1]
        assert (fields["Event"], fields["EventKey"], fields["Ticket"]) == (event, key, code["ticket"])
    driver.clock.move(61)
    status, _ = await driver.ask(
        "POST", "/_sim/events", {"openid": person["oa_openid"], "type": "scan", "ticket": code["ticket"]}
    )
    assert status == 400


async def test_a_page_is_opened_from_the_menu_that_the_person_sees(driver: Driver) -> None:
    button = {"type": "view", "name": "网页", "url": "http://127.0.0.1/m/"}
    await driver.post("/cgi-bin/menu/create", {"button": [button]}, access_token=await driver.token())
    person = await driver.person()
    await driver.do(person, "view", key=button["url"])
    assert driver.service.fields[0]["MenuId"] == str(driver.simulator.world.menus.default.menuid)


async def test_nothing_of_a_person_on_the_blacklist_arrives(driver: Driver) -> None:
    person = await driver.person()
    await driver.post(
        "/cgi-bin/tags/members/batchblacklist",
        {"openid_list": [person["oa_openid"]]},
        access_token=await driver.token(),
    )
    assert (await driver.do(person, "text", content="在吗"))["tries"] == []
    assert driver.service.fields == []


async def test_following_and_blocking_change_the_person(driver: Driver) -> None:
    person = await driver.person(follow=False)
    await driver.do(person, "scan", scene="s1")
    assert driver.service.fields[-1]["EventKey"] == "qrscene_s1"
    await driver.do(person, "block")
    (listed,) = (await driver.get("/_sim/users"))["items"]
    assert (listed["follow"], listed["blocked"]) == (True, True)
    await driver.do(person, "unblock")
    await driver.do(person, "unsubscribe")
    (listed,) = (await driver.get("/_sim/users", role_hint="villager"))["items"]
    assert (listed["follow"], listed["blocked"], listed["subscribe_time"]) == (False, False, None)
    assert len(driver.service.messages) == 2
