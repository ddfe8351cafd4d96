"""用户管理: what the account may know of its followers, their tags, and whom it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import dropwhile, islice

from wechat.simulator.endpoints.base import OK, Call, Endpoint, Json, number, openids, text
from wechat.simulator.errors import PlatformError
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import Person
from wechat.simulator.tags import RESERVED
from wechat.simulator.world import World


def _person(world: World, openid: str) -> Person:
    person = world.people.follower(openid)
    if person is None:
        raise PlatformError(40003)
    return person


def _page(people: Iterable[Person], after: str, world: World) -> list[str]:
    """Return up to 10,000 openids of those who come after the person with the openid `after` ("": from the
    first).

    Raises:
        PlatformError: 40003 for an `after` that is nobody's.
    """
    rest = iter(people)
    if after:
        last = _person(world, after)
        rest = dropwhile(lambda person: person is not last, rest)
        next(rest, None)
    return [person.oa_openid for person in islice(rest, PLATFORM.followers_a_page)]


def _listed(page: list[str], **more: int) -> Json:
    """Return a page as the platform shows one: empty ones have no `data`, and the last has a next one too."""
    data = {"data": {"openid": page}} if page else {}
    return {**more, "count": len(page), **data, "next_openid": page[-1] if page else ""}


# --- followers ------------------------------------------------------------------------------------


def info(world: World, call: Call) -> Json:
    """获取用户基本信息."""
    if not call.query("openid"):
        raise PlatformError(41009)
    return _info(_person(world, call.query("openid")))


def _info(person: Person) -> Json:
    if not person.following or person.subscribed_at is None:
        return {"subscribe": 0, "openid": person.oa_openid, "unionid": person.unionid, "tagid_list": []}
    return {
        "subscribe": 1,
        "openid": person.oa_openid,
        # The platform has answered empty names and pictures since 2021-12-27.
        "nickname": "",
        "sex": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "subscribe_time": int(person.subscribed_at),
        "unionid": person.unionid,
        "remark": person.remark,
        "groupid": person.tags[0] if person.tags else 0,
        "tagid_list": list(person.tags),
        "subscribe_scene": person.subscribe_scene,
        "qr_scene": number(person.qr_scene) or 0,
        "qr_scene_str": person.qr_scene,
    }


def infos(world: World, call: Call) -> Json:
    """批量获取用户基本信息."""
    listed = call.json().get("user_list")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise PlatformError(40031)
    asked = openids({"openid_list": [text(one.get("openid")) for one in listed]}, PLATFORM.infos_a_call)
    return {"user_info_list": [_info(_person(world, openid)) for openid in asked]}


def followers(world: World, call: Call) -> Json:
    """获取关注用户列表."""
    following = [person for person in world.people if person.following]
    return _listed(_page(following, call.query("next_openid"), world), total=len(following))


def remark(world: World, call: Call) -> Json:
    """设置用户备注名."""
    body = call.json()
    person, name = _person(world, text(body.get("openid"))), body.get("remark")
    if not isinstance(name, str) or len(name) > PLATFORM.remark_characters:
        raise PlatformError(40035)
    person.remark = name
    world.person_changed(person)
    return OK


# --- tags -----------------------------------------------------------------------------------------


def _tag_name(world: World, body: Json) -> str:
    """Return the name of a tag to be made or renamed.

    Raises:
        PlatformError: 45157 (empty, or another tag's), 45158 (longer than 30 bytes).
    """
    tag = body.get("tag")
    name = text(tag.get("name")) if isinstance(tag, dict) else ""
    if len(name.encode()) > PLATFORM.tag_name_bytes:
        raise PlatformError(45158)
    if not name or name in world.tags.names.values():
        raise PlatformError(45157)
    return name


def _own_tag(world: World, body: Json) -> int:
    """Return the id of a tag that the account made itself.

    Raises:
        PlatformError: 45058 (one of the platform's), 45159 (none).
    """
    tag = body.get("tag")
    tag_id = number(tag.get("id")) if isinstance(tag, dict) else None
    if tag_id in RESERVED:
        raise PlatformError(45058)
    return _tag(world, tag_id)


def _tag(world: World, tag_id: int | None) -> int:
    if tag_id is None or tag_id not in world.tags.names:
        raise PlatformError(45159)
    return tag_id


def create_tag(world: World, call: Call) -> Json:
    """创建标签."""
    name = _tag_name(world, call.json())
    if world.tags.own >= PLATFORM.tags_an_account:
        raise PlatformError(45056)
    tag_id = world.tags.create(name)
    world.tags_changed(())
    return {"tag": {"id": tag_id, "name": name}}


def all_tags(world: World, call: Call) -> Json:
    """获取标签."""
    return {
        "tags": [
            {"id": tag_id, "name": name, "count": world.tags.count(tag_id)}
            for tag_id, name in world.tags.names.items()
        ]
    }


def rename_tag(world: World, call: Call) -> Json:
    """编辑标签."""
    body = call.json()
    tag_id = _own_tag(world, body)
    world.tags.names[tag_id] = _tag_name(world, body)
    world.tags_changed(())
    return OK


def delete_tag(world: World, call: Call) -> Json:
    """删除标签."""
    world.tags_changed(world.tags.delete(_own_tag(world, call.json())))
    return OK


def tagged(world: World, call: Call) -> Json:
    """获取标签下粉丝列表."""
    body = call.json()
    people = world.tags.people(_tag(world, number(body.get("tagid"))))
    return _listed(_page(people, text(body.get("next_openid")), world))


def _members(world: World, body: Json) -> tuple[int, list[Person]]:
    """Return a tag and the people it is put on or taken from.

    Raises:
        PlatformError: 40031, 40032 (the list), 45159 (the tag), 40003 (nobody), 49003 (another app's).
    """
    asked = openids(body, PLATFORM.tagged_a_call)
    tag_id = _tag(world, number(body.get("tagid")))
    people = []
    for openid in asked:
        person = world.people.follower(openid)
        if person is None:
            raise PlatformError(40003 if world.people.find(openid) is None else 49003)
        people.append(person)
    return tag_id, people


def tag_people(world: World, call: Call) -> Json:
    """批量为用户打标签."""
    tag_id, people = _members(world, call.json())
    if any(len({*person.tags, tag_id}) > PLATFORM.tags_a_person for person in people):
        raise PlatformError(45059)
    for person in people:
        world.tags.tag(tag_id, person)
    world.tags_changed(people)
    return OK


def untag_people(world: World, call: Call) -> Json:
    """批量为用户取消标签."""
    tag_id, people = _members(world, call.json())
    for person in people:
        world.tags.untag(tag_id, person)
    world.tags_changed(people)
    return OK


def tags_of(world: World, call: Call) -> Json:
    """获取用户身上的标签列表."""
    return {"tagid_list": list(_person(world, text(call.json().get("openid"))).tags)}


# --- blacklist ------------------------------------------------------------------------------------


def blacklist(world: World, call: Call) -> Json:
    """获取黑名单列表."""
    refused = [person for person in world.people if person.blacklisted]
    return _listed(_page(refused, text(call.json().get("begin_openid")), world), total=len(refused))


def _set_blacklisted(world: World, call: Call, *, blacklisted: bool) -> Json:
    people = [_person(world, openid) for openid in openids(call.json(), PLATFORM.blacklisted_a_call)]
    for person in people:
        person.blacklisted = blacklisted
        world.person_changed(person)
    return OK


def put_on_blacklist(world: World, call: Call) -> Json:
    """拉黑用户."""
    return _set_blacklisted(world, call, blacklisted=True)


def take_from_blacklist(world: World, call: Call) -> Json:
    """取消拉黑用户."""
    return _set_blacklisted(world, call, blacklisted=False)


ENDPOINTS: dict[str, Endpoint] = {
    "/cgi-bin/user/info": Endpoint("GET", info, "oa"),
    "/cgi-bin/user/info/batchget": Endpoint("POST", infos, "oa"),
    "/cgi-bin/user/get": Endpoint("GET", followers, "oa"),
    "/cgi-bin/user/info/updateremark": Endpoint("POST", remark, "oa"),
    "/cgi-bin/tags/create": Endpoint("POST", create_tag, "oa"),
    "/cgi-bin/tags/get": Endpoint("GET", all_tags, "oa"),
    "/cgi-bin/tags/update": Endpoint("POST", rename_tag, "oa"),
    "/cgi-bin/tags/delete": Endpoint("POST", delete_tag, "oa"),
    "/cgi-bin/user/tag/get": Endpoint("POST", tagged, "oa"),
    "/cgi-bin/tags/members/batchtagging": Endpoint("POST", tag_people, "oa"),
    "/cgi-bin/tags/members/batchuntagging": Endpoint("POST", untag_people, "oa"),
    "/cgi-bin/tags/getidlist": Endpoint("POST", tags_of, "oa"),
    "/cgi-bin/tags/members/getblacklist": Endpoint("POST", blacklist, "oa"),
    "/cgi-bin/tags/members/batchblacklist": Endpoint("POST", put_on_blacklist, "oa"),
    "/cgi-bin/tags/members/batchunblacklist": Endpoint("POST", take_from_blacklist, "oa"),
}
