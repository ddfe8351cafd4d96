"""Access tokens: issued, renewed, forced and checked as the platform does."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Literal

from wechat.simulator.config import Clock
from wechat.simulator.errors import PlatformError
from wechat.simulator.journal import Note
from wechat.simulator.limits import MEMORY, PLATFORM, china_day

AppKind = Literal["oa", "mp"]
# The two interfaces issue tokens that do not touch each other (source: getStableAccessToken, 注意事项).
Interface = Literal["stable", "plain"]


@dataclass(frozen=True)
class App:
    """An application registered with the platform: the official account ("oa") or the mini program ("mp")."""

    kind: AppKind
    app_id: str
    secret: str = field(repr=False)


@dataclass(slots=True, eq=False)
class Token:
    """An issued token; `expires_at` is in unix seconds and may be brought forward by a forced refresh."""

    app: App
    value: str = field(repr=False)
    expires_at: float


@dataclass(slots=True, eq=False)
class ForcedRefreshes:
    """How often an application has forced a refresh on one day in China, and when it last did."""

    day: int = 0
    count: int = 0
    last_at: float | None = None


class Tokens:
    """All tokens of all applications.

    Arguments:
        clock: decides what has expired.
        apps: the applications whose credentials are accepted.
        note: has changes kept.

    Attributes:
        forced: how often the applications have forced a refresh.
    """

    def __init__(self, clock: Clock, apps: tuple[App, ...], note: Note) -> None:
        self._clock = clock
        self._note = note
        self._apps = {app.app_id: app for app in apps}
        self.clear()

    def clear(self) -> None:
        """Forget every token and the count of forced refreshes: all tokens in use become invalid (40001)."""
        self._issued: OrderedDict[str, Token] = OrderedDict()
        self._current: dict[tuple[str, Interface], Token] = {}
        self.forced: dict[str, ForcedRefreshes] = {}

    def revoke(self, app_id: str | None = None) -> None:
        """Make the tokens of an application (of all for None) invalid (40001), as a reset secret does.

        How often a refresh was forced is still counted.
        """
        self._note("revoked", app_id)
        gone = [value for value, token in self._issued.items() if app_id in (None, token.app.app_id)]
        for value in gone:
            del self._issued[value]
        self._current = {key: token for key, token in self._current.items() if token.value in self._issued}

    def registered(self, app_id: str) -> bool:
        """Whether this is one of the applications."""
        return app_id in self._apps

    def app(self, app_id: str, secret: str) -> App:
        """Return the application with these credentials.

        Raises:
            PlatformError: 41002 or 41004 (missing), 40013 (unknown application), 40125 (wrong secret).
        """
        if not app_id:
            raise PlatformError(41002)
        if not secret:
            raise PlatformError(41004)
        app = self._apps.get(app_id)
        if app is None:
            raise PlatformError(40013)
        if not hmac.compare_digest(app.secret.encode(), secret.encode()):
            raise PlatformError(40125)
        return app

    def stable(self, app: App, *, force: bool) -> tuple[str, int]:
        """Return (token, seconds left) as `stable_token` does.

        Without `force` the same token is returned until five minutes before its end. With it a new one is
        made and the old one lives five more minutes.

        Raises:
            PlatformError: 45009 after 20 forced refreshes in a day, 45011 less than 30 s after the last one.
        """
        now = self._clock.time()
        current = self._current.get((app.app_id, "stable"))
        if force:
            self._count_forced(app, now)
            self._end_soon(app, "stable", now)
        elif current is not None and current.expires_at - now > PLATFORM.token_renewal_seconds:
            return current.value, int(current.expires_at - now)
        return self._issue(app, "stable", now)

    def plain(self, app: App) -> tuple[str, int]:
        """Return (token, seconds left) as `token` does: always a new one; the old one lives five minutes."""
        now = self._clock.time()
        self._end_soon(app, "plain", now)
        return self._issue(app, "plain", now)

    def check(self, value: str) -> App:
        """Return the application whose token this is.

        Raises:
            PlatformError: 41001 (missing), 40001 (never issued or forgotten), 42001 (expired).
        """
        if not value:
            raise PlatformError(41001)
        token = self._issued.get(value)
        if token is None:
            raise PlatformError(40001)
        if token.expires_at <= self._clock.time():
            raise PlatformError(42001)
        return token.app

    def app_id_of(self, value: str) -> str | None:
        """Return the id of the application a token was issued to, valid or not; None if it never was."""
        token = self._issued.get(value)
        return token.app.app_id if token else None

    def keep(self, app_id: str, interface: Interface, value: str, expires_at: float) -> None:
        """Let a token live until `expires_at`; one not known yet becomes the interface's present one."""
        token = self._issued.get(value)
        if token is None:
            token = Token(self._apps[app_id], value, expires_at)
            self._issued[value] = self._current[app_id, interface] = token
            while len(self._issued) > MEMORY.tokens:
                self._issued.popitem(last=False)
        token.expires_at = expires_at
        self._note("token", app_id, interface, value, expires_at)

    def _issue(self, app: App, interface: Interface, now: float) -> tuple[str, int]:
        # 384 random bytes are 512 characters: the documentation asks for room for at least that many.
        value = secrets.token_urlsafe(PLATFORM.token_characters * 3 // 4)
        self.keep(app.app_id, interface, value, now + PLATFORM.token_seconds)
        return value, PLATFORM.token_seconds

    def _end_soon(self, app: App, interface: Interface, now: float) -> None:
        current = self._current.get((app.app_id, interface))
        if current is not None:
            ends_at = min(current.expires_at, now + PLATFORM.token_overlap_seconds)
            self.keep(app.app_id, interface, current.value, ends_at)

    def _count_forced(self, app: App, now: float) -> None:
        forced = self.forced.setdefault(app.app_id, ForcedRefreshes())
        if forced.day != china_day(now):
            forced.day, forced.count = china_day(now), 0
        if forced.count >= PLATFORM.forced_refreshes_a_day:
            raise PlatformError(45009)
        if (
            forced.last_at is not None
            and 0 <= now - forced.last_at < PLATFORM.forced_refresh_interval_seconds
        ):
            raise PlatformError(45011)
        forced.count += 1
        forced.last_at = now
        self._note("forced", app.app_id, asdict(forced))


# What a page of the account needs to sign its calls of the JS-SDK, or to offer cards.
TICKET_TYPES = ("jsapi", "wx_card")


class Tickets:
    """One live ticket for each application and type.

    Source: 获取ticket (getTicket), and 附录1-JS-SDK使用权限签名算法.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget all tickets."""
        self._live: dict[tuple[str, str], tuple[str, float]] = {}

    def get(self, app: App, kind: str) -> tuple[str, int]:
        """Return (ticket, seconds left); within five minutes of its end a new one takes its place.

        Raises:
            PlatformError: 40097 for a type that is not one of `TICKET_TYPES`.
        """
        if kind not in TICKET_TYPES:
            raise PlatformError(40097)
        now = self._clock.time()
        value, ends_at = self._live.get((app.app_id, kind), ("", now))
        if ends_at - now <= PLATFORM.token_renewal_seconds:
            value, ends_at = secrets.token_urlsafe(64), now + PLATFORM.ticket_seconds
            self._live[app.app_id, kind] = (value, ends_at)
        return value, int(ends_at - now)
