"""The simulated platform itself: what its parts do together, apart from HTTP."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from typing import Any

from wechat.simulator.callbacks import Deliverer, XmlValue
from wechat.simulator.config import Clock, SimulatorConfig
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import (
    Calls,
    Channel,
    Code,
    CodeKind,
    Codes,
    Direction,
    Entry,
    Faults,
    People,
    Person,
    Recent,
    Stream,
    Templates,
    new_openid,
)
from wechat.simulator.tokens import App, AppKind, Tokens

CODE_SECONDS: dict[CodeKind, int] = {
    "login": PLATFORM.login_code_seconds,
    "oauth": PLATFORM.login_code_seconds,
    "phone": PLATFORM.phone_code_seconds,
}
# What `/_sim/reset` can forget. Tokens are left alone unless named: a real platform does not lose them
# either, and a service that has to fetch one again would change the very counts that a test is about to read.
RESETTABLE = ("users", "inbox", "calls", "faults", "templates", "codes", "menu", "tokens")
RESET_BY_DEFAULT = tuple(part for part in RESETTABLE if part != "tokens")


class World:
    """All parts of one simulated platform.

    Arguments:
        config: credentials and first settings.
        clock: the demo's time.
        rng: draws faults with a rate below 1; seed it to repeat a run.
    """

    def __init__(self, config: SimulatorConfig, clock: Clock, rng: random.Random) -> None:
        self.config = config
        self.clock = clock
        self.latency_ms = config.latency_ms
        self.tokens = Tokens(
            clock,
            (App("oa", config.oa_app_id, config.oa_secret), App("mp", config.mp_app_id, config.mp_secret)),
        )
        self.people = People()
        self.templates = Templates()
        self.codes = Codes()
        self.recent = Recent()
        self.calls = Calls()
        self.faults = Faults(rng)
        self.stream = Stream()
        self.deliverer = Deliverer(config, clock)
        self.closing = False
        self.menu: list[dict[str, Any]] | None = None
        # The service stores these ids to recognise repetitions, so a restarted simulator must not start over.
        self._next_msgid = int(clock.time() * 1_000_000) * 1_000 + secrets.randbelow(1_000)

    def new_msgid(self) -> int:
        """Return the next message id: 19 digits, so that whoever keeps it in a float is found out."""
        self._next_msgid += 1
        return self._next_msgid

    # --- people -----------------------------------------------------------------------------------

    def add_person(
        self,
        nickname: str,
        *,
        follow: bool = True,
        openid: str | None = None,
        mp_openid: str | None = None,
        unionid: str | None = None,
        **profile: str | None,
    ) -> tuple[Person, bool]:
        """Return (person, whether new); whoever already has one of the given ids is returned unchanged.

        Arguments:
            nickname: what the phone's page shows.
            follow: whether the person follows the account from the start (no callback is sent for it).
            openid, mp_openid, unionid: ids to use instead of new ones.
            profile: `name`, `role_hint`, `phone`.
        """
        for given in (openid, mp_openid, unionid):
            known = self.people.find(given) if given else None
            if known is not None:
                return known, False
        person = Person(
            oa_openid=openid or new_openid("oOA"),
            mp_openid=mp_openid or new_openid("oMP"),
            unionid=unionid or new_openid("oUN"),
            nickname=nickname,
            following=follow,
            subscribed_at=self.clock.time() if follow else None,
            **profile,  # type: ignore[arg-type]
        )
        self.people.add(person)
        self.person_changed(person)
        return person, True

    def person_changed(self, person: Person) -> None:
        """Tell the readers of the stream about a new or changed person."""
        if self.stream:
            self.stream.publish("user", person.as_json())

    # --- phones -----------------------------------------------------------------------------------

    def put(
        self,
        person: Person,
        channel: Channel,
        *,
        direction: Direction = "in",
        called_at: float | None = None,
        **values: Any,
    ) -> Entry:
        """Put something on a person's phone now, and tell the readers of the stream."""
        now = self.clock.time()
        entry = self.people.put(
            person,
            direction=direction,
            channel=channel,
            received_at=now,
            called_at=now if called_at is None else called_at,
            **values,
        )
        if self.stream:
            self.stream.publish("message", entry.as_json())
        return entry

    # --- codes ------------------------------------------------------------------------------------

    def issue_code(self, kind: CodeKind, app: AppKind, person: Person, scope: str = "") -> str:
        """Return a new single-use code for a person in one of the two applications."""
        return self.codes.issue(
            Code(kind, app, person, self.clock.time() + CODE_SECONDS[kind], scope=scope),
        )

    # --- callbacks --------------------------------------------------------------------------------

    def envelope(self, person: Person, fields: Mapping[str, XmlValue]) -> dict[str, XmlValue]:
        """Return a callback's fields with the three that every message has; given ones win."""
        return {
            "ToUserName": self.config.oa_username,
            "FromUserName": person.oa_openid,
            "CreateTime": int(self.clock.time()),
            **fields,
        }

    def queue_receipt(self, person: Person, msgid: int, status: str) -> None:
        """Have the TEMPLATESENDJOBFINISH event of a template message delivered in the background."""
        self.deliverer.queue_receipt(
            person.oa_openid,
            self.envelope(
                person,
                {"MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": msgid, "Status": status},
            ),
        )

    def queue_subscription_receipt(self, person: Person, msgid: int, template_id: str) -> None:
        """Have the subscribe_msg_sent_event of a subscription notice delivered in the background."""
        told = {"TemplateId": template_id, "MsgID": msgid, "ErrorCode": 0, "ErrorStatus": "success"}
        self.deliverer.queue_receipt(
            person.oa_openid,
            self.envelope(
                person,
                {
                    "MsgType": "event",
                    "Event": "subscribe_msg_sent_event",
                    "SubscribeMsgSentEvent": {"List": told},
                },
            ),
        )

    # --- the whole --------------------------------------------------------------------------------

    def close(self) -> None:
        """End what waits for something to happen, so that the server can stop."""
        self.closing = True
        self.people.wake()
        self.stream.close()

    def reset(self, parts: tuple[str, ...]) -> None:
        """Forget the named parts of `RESETTABLE`."""
        forget = {
            "users": self.people.clear,
            "inbox": self._clear_inbox,
            "calls": self.calls.clear,
            "faults": self.faults.clear,
            "templates": self.templates.clear,
            "codes": self.codes.clear,
            "menu": self._clear_menu,
            "tokens": self.tokens.clear,
        }
        for part in parts:
            forget[part]()
        if self.stream:
            self.stream.publish("resync", {})

    def _clear_inbox(self) -> None:
        self.people.clear_entries()
        self.recent.clear()

    def _clear_menu(self) -> None:
        self.menu = None

    def shown_menu(self) -> list[dict[str, Any]]:
        """Return the buttons that the phones show: the service's menu, else the configured one."""
        if self.menu is not None:
            return self.menu
        return [{"type": "click", "name": name, "key": key} for name, key in self.config.menu]
