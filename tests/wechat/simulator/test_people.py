"""Followers, tags and the blacklist of the simulated platform."""

from typing import Any

import pytest

from tests.wechat.simulator.caller import Caller, Json, MemoryClock
from wechat.simulator.limits import PLATFORM

INFO = "/cgi-bin/user/info"
CREATE, GET, UPDATE, DELETE = (f"/cgi-bin/tags/{verb}" for verb in ("create", "get", "update", "delete"))
TAGGING, UNTAGGING = "/cgi-bin/tags/members/batchtagging", "/cgi-bin/tags/members/batchuntagging"
BLACKLIST, UNBLACKLIST = "/cgi-bin/tags/members/batchblacklist", "/cgi-bin/tags/members/batchunblacklist"


async def make_tag(caller: Caller, name: str) -> Json:
    return await caller.oa(CREATE, {"tag": {"name": name}})


async def put_tag(caller: Caller, tag_id: Any, *people: Json) -> int:
    body = {"tagid": tag_id, "openid_list": [person["oa_openid"] for person in people]}
    return (await caller.oa(TAGGING, body))["errcode"]


# --- followers ------------------------------------------------------------------------------------


async def test_info_tells_followers_from_others(caller: Caller, still_clock: MemoryClock) -> None:
    person = await caller.user()
    info = await caller.oa(INFO, openid=person["oa_openid"])
    assert info["subscribe"] == 1
    assert info["unionid"] == person["unionid"]
    assert info["subscribe_time"] == int(still_clock.time())
    await caller.does(person, "unsubscribe")
    info = await caller.oa(INFO, openid=person["oa_openid"])
    assert info["subscribe"] == 0
    assert "subscribe_time" not in info
    assert (await caller.oa(INFO))["errcode"] == 41009
    assert (await caller.oa(INFO, openid=person["mp_openid"]))["errcode"] == 40003


async def test_infos_of_a_hundred_at_once(caller: Caller) -> None:
    people = [await caller.user(), await caller.user(follow=False)]

    async def ask(openids: list[Any]) -> Json:
        body = {"user_list": [{"openid": openid, "lang": "zh_CN"} for openid in openids]}
        return await caller.oa("/cgi-bin/user/info/batchget", body)

    answer = await ask([person["oa_openid"] for person in people])
    assert [one["subscribe"] for one in answer["user_info_list"]] == [1, 0]
    assert len((await ask([people[0]["oa_openid"]] * 100))["user_info_list"]) == 100
    assert (await ask([people[0]["oa_openid"]] * 101))["errcode"] == 40032
    assert (await ask([]))["errcode"] == 40032
    assert (await ask(["o-nobody"]))["errcode"] == 40003
    assert (await caller.oa("/cgi-bin/user/info/batchget", {"user_list": ["o"]}))["errcode"] == 40031


async def test_followers_come_in_pages_of_ten_thousand(caller: Caller) -> None:
    world = caller.simulator.world
    openids = [world.add_person(f"人{number}")[0].oa_openid for number in range(10_001)]
    world.add_person("路人", follow=False)
    first = await caller.oa("/cgi-bin/user/get")
    assert (first["total"], first["count"]) == (10_001, 10_000)
    assert first["data"]["openid"] == openids[:10_000]
    second = await caller.oa("/cgi-bin/user/get", next_openid=first["next_openid"])
    assert second["data"]["openid"] == openids[10_000:]
    end = await caller.oa("/cgi-bin/user/get", next_openid=second["next_openid"])
    assert end == {"total": 10_001, "count": 0, "next_openid": ""}
    assert (await caller.oa("/cgi-bin/user/get", next_openid="o-nobody"))["errcode"] == 40003


async def test_a_remark_has_fewer_than_thirty_characters(caller: Caller) -> None:
    person = await caller.user()

    async def remark(name: Any, openid: str = person["oa_openid"]) -> int:
        body = {"openid": openid, "remark": name}
        return (await caller.oa("/cgi-bin/user/info/updateremark", body))["errcode"]

    assert await remark("名" * 29) == 0
    assert await remark("名" * 30) == 40035
    assert await remark("名", "o-nobody") == 40003
    assert (await caller.oa(INFO, openid=person["oa_openid"]))["remark"] == "名" * 29
    assert await remark("") == 0


# --- tags -----------------------------------------------------------------------------------------


async def test_tags_are_made_renamed_and_deleted(caller: Caller) -> None:
    made = await make_tag(caller, "网格员")
    tag_id = made["tag"]["id"]
    assert made == {"tag": {"id": tag_id, "name": "网格员"}}
    assert tag_id >= 100
    person = await caller.user()
    assert await put_tag(caller, tag_id, person) == 0
    assert (await caller.oa(UPDATE, {"tag": {"id": tag_id, "name": "网格长"}}))["errcode"] == 0
    starred = {"id": 2, "name": "星标组", "count": 0}
    assert (await caller.oa(GET))["tags"] == [starred, {"id": tag_id, "name": "网格长", "count": 1}]
    assert (await caller.oa(DELETE, {"tag": {"id": tag_id}}))["errcode"] == 0
    assert (await caller.oa(GET))["tags"] == [starred]
    assert (await caller.oa(INFO, openid=person["oa_openid"]))["tagid_list"] == []


@pytest.mark.parametrize(
    ("name", "errcode"),
    [
        ("a" * 30, None),
        ("网" * 10, None),
        ("a" * 31, 45158),
        ("网" * 11, 45158),
        ("", 45157),
        ("旧名", 45157),
    ],
)
async def test_a_tags_name_is_its_own_and_at_most_thirty_bytes(
    caller: Caller, name: str, errcode: int | None
) -> None:
    await make_tag(caller, "旧名")
    assert (await make_tag(caller, name)).get("errcode") == errcode


async def test_an_account_has_at_most_a_hundred_tags(caller: Caller) -> None:
    for number in range(PLATFORM.tags_an_account):
        assert "tag" in await make_tag(caller, f"标签{number}")
    assert (await make_tag(caller, "再一个"))["errcode"] == 45056


@pytest.mark.parametrize(("tag_id", "errcode"), [(0, 45058), (1, 45058), (2, 45058), (777, 45159)])
async def test_only_the_accounts_own_tags_change(caller: Caller, tag_id: int, errcode: int) -> None:
    tag = {"tag": {"id": tag_id, "name": "新名"}}
    assert (await caller.oa(UPDATE, tag))["errcode"] == errcode
    assert (await caller.oa(DELETE, tag))["errcode"] == errcode


async def test_people_bear_tags(caller: Caller) -> None:
    people = [await caller.user() for _ in range(3)]
    tags = [(await make_tag(caller, name))["tag"]["id"] for name in "甲乙"]
    assert await put_tag(caller, tags[0], *people) == 0
    assert await put_tag(caller, str(tags[1]), people[0]) == 0
    assert await put_tag(caller, tags[1], people[0]) == 0
    assert (await caller.oa("/cgi-bin/tags/getidlist", {"openid": people[0]["oa_openid"]})) == {
        "tagid_list": tags
    }
    assert (await caller.oa(INFO, openid=people[0]["oa_openid"]))["tagid_list"] == tags
    listed = await caller.oa("/cgi-bin/user/tag/get", {"tagid": tags[0], "next_openid": ""})
    openids = [person["oa_openid"] for person in people]
    assert listed == {"count": 3, "data": {"openid": openids}, "next_openid": openids[-1]}
    rest = await caller.oa("/cgi-bin/user/tag/get", {"tagid": tags[0], "next_openid": openids[0]})
    assert rest["data"]["openid"] == openids[1:]
    end = await caller.oa("/cgi-bin/user/tag/get", {"tagid": tags[0], "next_openid": openids[-1]})
    assert end == {"count": 0, "next_openid": ""}
    body = {"tagid": tags[0], "openid_list": openids[:2]}
    assert [(await caller.oa(UNTAGGING, body))["errcode"] for _ in range(2)] == [0, 0]
    listed = await caller.oa("/cgi-bin/user/tag/get", {"tagid": tags[0]})
    assert listed["data"]["openid"] == openids[2:]


async def test_a_person_who_is_gone_bears_no_tags(caller: Caller) -> None:
    person, other = await caller.user(), await caller.user()
    tag_id = (await make_tag(caller, "甲"))["tag"]["id"]
    await put_tag(caller, tag_id, person, other)
    async with caller.http.delete(
        caller.simulator.url + "/_sim/users", params={"openid": person["openid"]}
    ) as response:
        assert response.status == 200
    assert (await caller.oa(GET))["tags"][1]["count"] == 1
    await caller.post("/_sim/reset", {"only": ["users"]})
    assert (await caller.oa(GET))["tags"][1]["count"] == 0


async def test_tagging_has_limits(caller: Caller) -> None:
    person = await caller.user()
    tag_id = (await make_tag(caller, "甲"))["tag"]["id"]
    assert await put_tag(caller, tag_id, *[person] * 50) == 0
    assert await put_tag(caller, tag_id, *[person] * 51) == 40032
    assert await put_tag(caller, tag_id) == 40032
    assert (await caller.oa(TAGGING, {"tagid": tag_id, "openid_list": "o"}))["errcode"] == 40031
    assert await put_tag(caller, 777, person) == 45159
    assert await put_tag(caller, tag_id, {"oa_openid": "o-nobody"}) == 40003
    assert await put_tag(caller, tag_id, {"oa_openid": person["mp_openid"]}) == 49003
    for number in range(19):
        await put_tag(caller, (await make_tag(caller, f"标签{number}"))["tag"]["id"], person)
    one_more = (await make_tag(caller, "多余"))["tag"]["id"]
    assert await put_tag(caller, one_more, await caller.user(), person) == 45059
    # Nobody got the tag: a call is done as a whole or not at all.
    assert (await caller.oa(GET))["tags"][-1]["count"] == 0
    assert await put_tag(caller, tag_id, person) == 0


# --- blacklist ------------------------------------------------------------------------------------


async def test_the_account_refuses_people(caller: Caller) -> None:
    people = [await caller.user() for _ in range(2)]
    openids = [person["oa_openid"] for person in people]
    assert (await caller.oa(BLACKLIST, {"openid_list": openids}))["errcode"] == 0
    listed = await caller.oa("/cgi-bin/tags/members/getblacklist", {"begin_openid": ""})
    assert listed == {"total": 2, "count": 2, "data": {"openid": openids}, "next_openid": openids[1]}
    assert (await caller.oa(UNBLACKLIST, {"openid_list": openids[:1]}))["errcode"] == 0
    listed = await caller.oa("/cgi-bin/tags/members/getblacklist", {})
    assert listed["data"]["openid"] == openids[1:]
    message = {"touser": openids[1], "template_id": "t", "data": {"a": {"value": "b"}}}
    assert (await caller.oa("/cgi-bin/message/template/send", message))["errcode"] == 43019
    assert (await caller.oa(BLACKLIST, {"openid_list": openids[:1] * 20}))["errcode"] == 0
    assert (await caller.oa(BLACKLIST, {"openid_list": openids[:1] * 21}))["errcode"] == 40032
    assert (await caller.oa(BLACKLIST, {"openid_list": ["o-nobody"]}))["errcode"] == 40003
