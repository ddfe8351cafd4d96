"""Typed calls for followers and tags against the simulator."""

import pytest

from tests.support import Phones
from wechat.client import CallRefused, Follower, Tag, WeChatApi, WeChatError

WHO = "oDemo_extra_1"


async def test_follower(oa: WeChatApi, people: Phones) -> None:
    await people.add_villager(1)
    raw = await oa.user_info(WHO)
    assert (raw["subscribe"], raw["unionid"]) == (1, "uDemo_extra_1")
    one = await oa.follower(WHO)
    assert (one.openid, one.following, one.unionid) == (WHO, True, "uDemo_extra_1")
    assert one.followed_at is not None
    await oa.set_remark(WHO, "五保户")
    assert (await oa.follower(WHO)).remark == "五保户"
    with pytest.raises(CallRefused, match="29 字节"):
        await oa.set_remark(WHO, "十个字就已经超过限制了")
    await people.does("extra_1", "unsubscribe")
    gone = await oa.follower(WHO)
    assert (gone.following, gone.remark, gone.followed_at) == (False, "", None)


async def test_many_followers(oa: WeChatApi, people: Phones) -> None:
    for number in range(1, 4):
        await people.add_villager(number)
    everybody = [openid async for openid in oa.every_openid()]
    assert sorted(everybody) == [f"oDemo_extra_{number}" for number in range(1, 4)]
    assert [openid async for openid in oa.every_openid(after=everybody[0])] == everybody[1:]
    asked = await oa.followers(everybody)
    assert [one.openid for one in asked] == everybody
    assert all(isinstance(one, Follower) and one.following for one in asked)
    for openids in ([], ["o"] * 101):
        with pytest.raises(CallRefused, match="一次查询的用户"):
            await oa.followers(openids)


async def test_nobody_follows(oa: WeChatApi) -> None:
    assert [openid async for openid in oa.every_openid()] == []


async def test_tags(oa: WeChatApi, people: Phones) -> None:
    await people.add_villager(1)
    before = await oa.list_tags()
    tag = await oa.create_tag("干部")
    assert tag == Tag(tag.id, "干部", 0)
    with pytest.raises(WeChatError) as twice:
        await oa.create_tag("干部")
    assert twice.value.errcode == 45157
    await oa.tag_people(tag.id, [WHO])
    assert await oa.tags_of(WHO) == [tag.id]
    assert (await oa.follower(WHO)).tag_ids == (tag.id,)
    await oa.rename_tag(tag.id, "村干部")
    assert [one for one in await oa.list_tags() if one not in before] == [Tag(tag.id, "村干部", 1)]
    await oa.untag_people(tag.id, [WHO])
    assert await oa.tags_of(WHO) == []
    await oa.delete_tag(tag.id)
    assert await oa.list_tags() == before


async def test_what_is_wrong_with_tags_is_stopped_here(oa: WeChatApi) -> None:
    with pytest.raises(CallRefused, match="不能为空"):
        await oa.create_tag("")
    with pytest.raises(CallRefused, match="30 字节"):
        await oa.rename_tag(100, "十一个字的标签名就太长啦")
    for call in (oa.tag_people, oa.untag_people):
        with pytest.raises(CallRefused, match="最多 50 个"):
            await call(100, ["o"] * 51)
