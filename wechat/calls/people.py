"""Followers and their tags."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from wechat import limits, paths
from wechat.calls.caller import Caller, maybe, read, require, text


@dataclass(frozen=True, slots=True)
class Follower:
    """A person as the official account knows them; the platform has told no name and picture since 2021-12.

    Attributes:
        openid: the person in the official account.
        following: whether they follow now; all else is empty when they do not.
        unionid: the person across the apps of one open-platform account, or ``None``.
        tag_ids: their tags.
        remark: the account's remark about them.
        scene: how they came, such as ``ADD_SCENE_QR_CODE``.
        followed_at: when, in seconds since 1970, or ``None``.
    """

    openid: str
    following: bool
    unionid: str | None
    tag_ids: tuple[int, ...]
    remark: str
    scene: str
    followed_at: int | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read userInfo's answer, or one of batchUserInfo's."""
        return cls(
            openid=text(given["openid"]),
            following=bool(given["subscribe"]),
            unionid=maybe(given.get("unionid")),
            tag_ids=tuple(int(tag) for tag in given.get("tagid_list") or ()),
            remark=str(given.get("remark") or ""),
            scene=str(given.get("subscribe_scene") or ""),
            followed_at=int(given["subscribe_time"]) if given.get("subscribe_time") else None,
        )


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the account; 0 to 2 are the platform's own.

    Attributes:
        id: its number.
        name: at most 30 bytes, unlike every other.
        count: how many people have it.
    """

    id: int
    name: str
    count: int

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read one of getTags' lines, or createTag's answer, which has no count."""
        return cls(int(given["id"]), text(given["name"]), int(given.get("count") or 0))


class PeopleCalls(Caller):
    """Sources: pages under https://developers.weixin.qq.com/doc/service/api/usermanage/."""

    async def user_info(self, openid: str) -> dict[str, Any]:
        """Ask for a follower: ``subscribe`` (0 or 1), ``unionid``, ``tagid_list`` … Source: userInfo."""
        return read(paths.USER_INFO, await self.user.get(openid), dict)

    async def follower(self, openid: str) -> Follower:
        """Ask for a follower, typed. Source: userInfo."""
        return read(paths.USER_INFO, await self.user_info(openid), Follower.of)

    async def followers(self, openids: Sequence[str]) -> list[Follower]:
        """Ask for up to 100 followers at once.

        Raises:
            CallRefused: for none or too many.

        Source: batchUserInfo.
        """
        require(paths.USER_INFO_BATCH, limits.PEOPLE_ASKED.problems(openids))
        answer = await self.user.get_batch(list(openids))
        return read(paths.USER_INFO_BATCH, answer, lambda people: [Follower.of(one) for one in people])

    async def every_openid(self, after: str | None = None) -> AsyncIterator[str]:
        """Go through everybody who follows, 10,000 a call.

        Args:
            after: the openid to go on behind; from the beginning without.

        Source: getFans.
        """
        while True:
            answer = await self.user.get_followers(after)
            page, after = read(
                paths.USER_LIST,
                answer,
                lambda a: (list(a.get("data", {}).get("openid", ())), a.get("next_openid")),
            )
            for openid in page:
                yield openid
            # The last page names a next openid too, so that only an empty one ends the list for certain.
            if not page or not after:
                return

    async def set_remark(self, openid: str, remark: str) -> None:
        """Set the account's remark about a follower: fewer than 30 bytes.

        Raises:
            CallRefused: it is too long.

        Source: updateRemark.
        """
        require(paths.USER_REMARK, limits.REMARK.problems(remark))
        await self.user.update_remark(openid, remark)

    async def create_tag(self, name: str) -> Tag:
        """Create a tag, 100 at most (45056), each name once (45157).

        Raises:
            CallRefused: the name is empty or longer than 30 bytes.

        Source: createTag.
        """
        require(paths.TAG_CREATE, limits.TAG_NAME.problems(name))
        return read(paths.TAG_CREATE, await self.tag.create(name), Tag.of)

    async def list_tags(self) -> list[Tag]:
        """Ask for every tag. Source: getTags."""
        return read(paths.TAG_LIST, await self.tag.get(), lambda tags: [Tag.of(tag) for tag in tags])

    async def rename_tag(self, tag_id: int, name: str) -> None:
        """Rename a tag; the platform's own stay (45058).

        Raises:
            CallRefused: the name is empty or longer than 30 bytes.

        Source: updateTag.
        """
        require(paths.TAG_RENAME, limits.TAG_NAME.problems(name))
        await self.tag.update(tag_id, name)

    async def delete_tag(self, tag_id: int) -> None:
        """Delete a tag; not with more than 100,000 people (45057). Source: deleteTag."""
        await self.tag.delete(tag_id)

    async def tag_people(self, tag_id: int, openids: Sequence[str]) -> None:
        """Give a tag to up to 50 followers, 20 tags a person (45059).

        Raises:
            CallRefused: for none or too many.

        Source: batchTagging.
        """
        require(paths.TAG_USERS, limits.PEOPLE_TAGGED.problems(openids))
        await self.tag.tag_user(tag_id, list(openids))

    async def untag_people(self, tag_id: int, openids: Sequence[str]) -> None:
        """Take a tag from up to 50 followers.

        Raises:
            CallRefused: for none or too many.

        Source: batchUntagging.
        """
        require(paths.UNTAG_USERS, limits.PEOPLE_TAGGED.problems(openids))
        await self.tag.untag_user(tag_id, list(openids))

    async def tags_of(self, openid: str) -> list[int]:
        """Ask for a follower's tags. Source: getTagidList."""
        answer = await self.tag.get_user_tag(openid)
        return read(paths.TAGS_OF_USER, answer, lambda tags: [int(tag) for tag in tags])
