"""The menus of the official account: the default one, and those for people with a tag."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

Buttons = list[dict[str, Any]]
# Where the numbers of menus begin; the platform's are as long.
FIRST_MENU = 208_000_001


@dataclass(frozen=True)
class Menu:
    """A menu and, for a conditional one, the tag it is for."""

    menuid: int
    buttons: Buttons
    tag_id: int | None = None


class Menus:
    """The menus in force. Conditional ones are found from the newest to the oldest.

    Source: 创建个性化菜单 (addConditionalMenu) and 创建自定义菜单 (createCustomMenu).
    """

    def __init__(self) -> None:
        self._last = FIRST_MENU - 1
        self.clear()

    def clear(self) -> None:
        """Delete the default menu and with it all conditional ones."""
        self.default: Menu | None = None
        self._conditional: dict[int, Menu] = {}

    @property
    def conditional(self) -> list[Menu]:
        """The conditional menus, oldest first."""
        return list(self._conditional.values())

    def create(self, buttons: Buttons) -> None:
        """Put another default menu in force; conditional menus stay."""
        self.default = Menu(self._next(), buttons)

    def add(self, buttons: Buttons, tag_id: int) -> Menu:
        """Add a conditional menu, which is looked at before those that are there."""
        menu = Menu(self._next(), buttons, tag_id)
        self._conditional[menu.menuid] = menu
        return menu

    def remove(self, menuid: int) -> bool:
        """Remove a conditional menu and tell whether it was there."""
        return self._conditional.pop(menuid, None) is not None

    def put_back(self, default: Menu | None, conditional: list[Menu]) -> None:
        """Put these menus in force, oldest conditional one first, as they were before."""
        self.default = default
        self._conditional = {menu.menuid: menu for menu in conditional}
        known = conditional if default is None else [default, *conditional]
        self._last = max([self._last, *(menu.menuid for menu in known)])

    def _next(self) -> int:
        self._last += 1
        return self._last

    def match(self, tags: Collection[int]) -> Menu | None:
        """Return the menu that somebody with these tags sees; None while there is no default menu."""
        for menu in reversed(self._conditional.values()):
            if menu.tag_id in tags:
                return menu
        return self.default
