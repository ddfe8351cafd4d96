"""The simulated accounts side by side, and which of them a request is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import orjson

from wechat.simulator.world import World


class Worlds:
    """One `World` for each official account, each with people, tokens, menus and a callback of its own.

    Arguments:
        worlds: at least one; the first is meant where a request does not say which.

    Raises:
        ValueError: two of them share an application's id.
    """

    def __init__(self, worlds: Sequence[World]) -> None:
        self.first = worlds[0]
        self.by_app_id = {world.config.oa_app_id: world for world in worlds}
        self._by_any_app_id: dict[str, World] = {}
        for world in worlds:
            for app_id in filter(None, (world.config.oa_app_id, world.config.mp_app_id)):
                if app_id in self._by_any_app_id:
                    raise ValueError(f"two simulated accounts share the app id {app_id}")
                self._by_any_app_id[app_id] = world

    def __iter__(self) -> Iterator[World]:
        return iter(self.by_app_id.values())

    def of_app(self, app_id: str) -> World | None:
        """Return the account with this id, or the one this mini program belongs to."""
        return self._by_any_app_id.get(app_id)

    def of_call(self, query: Callable[[str], str], body: bytes) -> World:
        """Return the account that a call of the platform is for.

        Its access token says so, else the `appid` in query or body, else the person or QR code it names; a
        call that names nothing of this is for the first account.

        Arguments:
            query: returns a parameter's text, empty without it.
            body: the request's body.
        """
        if len(self.by_app_id) == 1:
            return self.first
        named = _object(body)

        def text(name: str) -> str:
            return query(name) or str(named.get(name) or "")

        issued = (world.tokens.app_id_of(query("access_token")) for world in self)
        app_id = next(filter(None, issued), None) or text("appid")
        if app_id in self._by_any_app_id:
            return self._by_any_app_id[app_id]
        openid, ticket = text("openid"), query("ticket")
        return next(
            (
                world
                for world in self
                if (openid and world.people.find(openid)) or (ticket and world.qr.find(ticket))
            ),
            self.first,
        )


def _object(body: bytes) -> dict[str, object]:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}
