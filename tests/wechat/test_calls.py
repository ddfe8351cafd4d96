"""All typed calls together: each goes to a path of the table, and none trusts an answer's shape."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tests.wechat.canned import Bench, Fake
from wechat import paths
from wechat.calls.caller import Caller
from wechat.client import WeChatApi, WeChatUnreachable

MENU = {"button": [{"type": "click", "name": "上报", "key": "report"}]}
FOR_TAG = {**MENU, "matchrule": {"tag_id": 100}}
DATA = {"thing1": "漏雨"}


async def first(openids: Any) -> Any:
    return await anext(openids, None)


# Each typed call with the path it goes to; those that return nothing read nothing of the answer.
CALLS: dict[str, tuple[paths.Path, Callable[[WeChatApi], Any]]] = {
    "send_template": (paths.TEMPLATE_SEND, lambda api: api.send_template("o", "t", DATA)),
    "send_subscription": (paths.SUBSCRIPTION_SEND, lambda api: api.send_subscription("o", "t", DATA)),
    "send_notice": (paths.NOTICE_SEND, lambda api: api.send_notice("o", "t", DATA)),
    "send_text": (paths.CUSTOMER_SEND, lambda api: api.send_text("o", "好")),
    "send_image": (paths.CUSTOMER_SEND, lambda api: api.send_image("o", "m")),
    "send_mini_program": (
        paths.CUSTOMER_SEND,
        lambda api: api.send_mini_program("o", app_id="wx", page="p", title="t", thumb_media_id="m"),
    ),
    "send_choices": (paths.CUSTOMER_SEND, lambda api: api.send_choices("o", "吗？", {"1": "是"})),
    "set_typing": (paths.CUSTOMER_TYPING, lambda api: api.set_typing("o")),
    "set_industries": (paths.INDUSTRY_SET, lambda api: api.set_industries(1, 2)),
    "get_industries": (paths.INDUSTRY_GET, lambda api: api.get_industries()),
    "add_template": (paths.TEMPLATE_ADD, lambda api: api.add_template("1", ["村名"])),
    "list_templates": (paths.TEMPLATE_LIST, lambda api: api.list_templates()),
    "delete_template": (paths.TEMPLATE_DELETE, lambda api: api.delete_template("t")),
    "create_menu": (paths.MENU_CREATE, lambda api: api.create_menu(MENU)),
    "get_menus": (paths.MENU_GET, lambda api: api.get_menus()),
    "delete_menus": (paths.MENU_DELETE, lambda api: api.delete_menus()),
    "add_conditional_menu": (paths.MENU_ADD_CONDITIONAL, lambda api: api.add_conditional_menu(FOR_TAG)),
    "delete_conditional_menu": (paths.MENU_DELETE_CONDITIONAL, lambda api: api.delete_conditional_menu("1")),
    "match_menu": (paths.MENU_TRY_MATCH, lambda api: api.match_menu("o")),
    "user_info": (paths.USER_INFO, lambda api: api.user_info("o")),
    "follower": (paths.USER_INFO, lambda api: api.follower("o")),
    "followers": (paths.USER_INFO_BATCH, lambda api: api.followers(["o"])),
    "every_openid": (paths.USER_LIST, lambda api: first(api.every_openid())),
    "set_remark": (paths.USER_REMARK, lambda api: api.set_remark("o", "甲")),
    "create_tag": (paths.TAG_CREATE, lambda api: api.create_tag("干部")),
    "list_tags": (paths.TAG_LIST, lambda api: api.list_tags()),
    "rename_tag": (paths.TAG_RENAME, lambda api: api.rename_tag(100, "干部")),
    "delete_tag": (paths.TAG_DELETE, lambda api: api.delete_tag(100)),
    "tag_people": (paths.TAG_USERS, lambda api: api.tag_people(100, ["o"])),
    "untag_people": (paths.UNTAG_USERS, lambda api: api.untag_people(100, ["o"])),
    "tags_of": (paths.TAGS_OF_USER, lambda api: api.tags_of("o")),
    "temporary_qr": (paths.QR_CREATE, lambda api: api.temporary_qr("s", 60)),
    "permanent_qr": (paths.QR_CREATE, lambda api: api.permanent_qr("s")),
    "qr_picture": (paths.QR_PICTURE, lambda api: api.qr_picture("t")),
    "mini_code": (paths.MINI_CODE, lambda api: api.mini_code("s")),
    "upload_media": (paths.MEDIA_UPLOAD, lambda api: api.upload_media("image", "a.jpg", b"a")),
    "download_media": (paths.MEDIA_GET, lambda api: api.download_media("m")),
    "upload_material": (paths.MATERIAL_ADD, lambda api: api.upload_material("image", "a.jpg", b"a")),
    "code_to_session": (paths.CODE_TO_SESSION, lambda api: api.code_to_session("c")),
    "oauth_person": (paths.OAUTH_TOKEN, lambda api: api.oauth_person("c")),
    "phone_number": (paths.PHONE_NUMBER, lambda api: api.phone_number("c")),
    "check_text": (paths.CHECK_TEXT, lambda api: api.check_text("o", "漏雨")),
    "check_media": (paths.CHECK_MEDIA, lambda api: api.check_media("o", "https://h/a.jpg")),
    "callback_ips": (paths.CALLBACK_IPS, lambda api: api.callback_ips()),
    "api_ips": (paths.API_IPS, lambda api: api.api_ips()),
}
# What these ask for may be missing, so that an empty answer is one, too.
MAY_BE_EMPTY = {"send_notice", "get_industries", "user_info", "every_openid"}


def test_no_typed_call_is_left_out() -> None:
    topics = [topic for topic in WeChatApi.__mro__ if issubclass(topic, Caller) and topic is not Caller]
    defined = {
        name
        for topic in topics
        for name, method in vars(topic).items()
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
    }
    assert defined == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_each_goes_to_its_path_and_trusts_no_shape(bench: Bench, fake: Fake, name: str) -> None:
    path, call = CALLS[name]
    returns = inspect.signature(getattr(WeChatApi, name)).return_annotation
    if returns is None or name in MAY_BE_EMPTY:
        await call(bench.api)
    else:
        with pytest.raises(WeChatUnreachable) as lost:
            await call(bench.api)
        assert (lost.value.kind, lost.value.path) == ("shape", path.path)
        assert lost.value.__context__ is None
    ((method, called, query, _body, _kind),) = fake.calls
    assert (method, called) == (path.method, path.path)
    assert ("access_token" in query) == path.token
    assert paths.PATHS[called] is path


def test_only_the_platform_itself_has_its_pictures_elsewhere() -> None:
    assert paths.bases(paths.PLATFORM_HOST + "/") == {
        paths.PLATFORM_HOST: "https://api.weixin.qq.com",
        paths.PICTURE_HOST: "https://mp.weixin.qq.com",
    }
    assert set(paths.bases("http://127.0.0.1:8100/").values()) == {"http://127.0.0.1:8100"}
