"""The account's menus: the default one and those for people with a tag."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from wechat import paths
from wechat.calls.caller import Caller, read, require, text
from wechat.errors import WeChatError
from wechat.menus import problems_of

Buttons = list[dict[str, Any]]

_NO_MENU = 46003


@dataclass(frozen=True, slots=True)
class ConditionalMenu:
    """A menu for the people with one tag.

    Attributes:
        menu_id: names it when it is deleted.
        tag_id: the tag it is for.
        buttons: as the platform has them.
    """

    menu_id: str
    tag_id: int
    buttons: Buttons

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read one of getMenu's conditional menus, where the tag is still called a group."""
        rule = given["matchrule"]
        tag_id = rule.get("tag_id") or rule["group_id"]
        return cls(text(given["menuid"]), int(tag_id), list(given["button"]))


@dataclass(frozen=True, slots=True)
class Menus:
    """Every menu of an account.

    Attributes:
        buttons: the default menu's, empty when there is none.
        conditional: those by tag; the platform matches the newest first.
    """

    buttons: Buttons
    conditional: tuple[ConditionalMenu, ...]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Read getMenu's answer."""
        conditional = tuple(ConditionalMenu.of(menu) for menu in given.get("conditionalmenu") or ())
        return cls(list(given["menu"]["button"]), conditional)


class MenuCalls(Caller):
    """Sources: pages under https://developers.weixin.qq.com/doc/service/api/custommenu/."""

    async def create_menu(self, menu: Mapping[str, Any]) -> None:
        """Replace the default menu; phones show it within 5 minutes.

        Args:
            menu: ``{"button": […]}``.

        Raises:
            CallRefused: with everything that is wrong with it.

        Source: createCustomMenu.
        """
        require(paths.MENU_CREATE, problems_of(menu))
        await self.menu.create(dict(menu))

    async def get_menus(self) -> Menus:
        """Ask for every menu. Source: getMenu."""
        try:
            answer = await self.menu.get()
        except WeChatError as error:
            if error.errcode == _NO_MENU:
                return Menus([], ())
            raise
        return read(paths.MENU_GET, answer, Menus.of)

    async def delete_menus(self) -> None:
        """Delete every menu, the conditional ones too. Source: deleteMenu."""
        await self.menu.delete()

    async def add_conditional_menu(self, menu: Mapping[str, Any]) -> str:
        """Add a menu for the people with one tag; the default menu comes first (65303), 2,000 a day.

        A conditional menu cannot be changed: add the new one, then delete the old one.

        Args:
            menu: ``{"button": […], "matchrule": {"tag_id": …}}``.

        Returns:
            The menu's id.

        Raises:
            CallRefused: with everything that is wrong with it.

        Source: addConditionalMenu.
        """
        require(paths.MENU_ADD_CONDITIONAL, problems_of({"matchrule": None, **menu}))
        answer = await self.menu.add_conditional(dict(menu))
        return read(paths.MENU_ADD_CONDITIONAL, answer, lambda a: text(a["menuid"]))

    async def delete_conditional_menu(self, menu_id: str) -> None:
        """Delete one conditional menu (65301 when there is none such). Source: deleteConditionalMenu."""
        await self.menu.del_conditional(menu_id)

    async def match_menu(self, openid: str) -> Buttons:
        """Ask which buttons a person sees. Source: tryMatchMenu."""
        answer = await self.menu.try_match(openid)
        # The platform has answered both with and without the outer name.
        return read(paths.MENU_TRY_MATCH, answer, lambda a: list(a.get("menu", a)["button"]))
