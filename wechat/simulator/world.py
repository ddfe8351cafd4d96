"""The simulated platform itself: what its parts do together, apart from HTTP."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wechat.simulator.callbacks import Deliverer
from wechat.simulator.calls import Calls
from wechat.simulator.config import Clock, SimulatorConfig
from wechat.simulator.faults import Faults
from wechat.simulator.journal import Journal
from wechat.simulator.limits import PLATFORM
from wechat.simulator.media import Media
from wechat.simulator.menus import Menus
from wechat.simulator.qrcodes import QrCodes
from wechat.simulator.quotas import Quotas
from wechat.simulator.sessions import Sessions
from wechat.simulator.state import (
    Channel,
    Code,
    CodeKind,
    Codes,
    Direction,
    Entry,
    People,
    Person,
    Recent,
    Stream,
    Templates,
    new_openid,
)
from wechat.simulator.tags import Tags
from wechat.simulator.tokens import App, AppKind, Tickets, Tokens
from wechat.simulator.wire import XmlValue
from wechat.simulator.words import Words

CODE_SECONDS: dict[CodeKind, int] = {
    "login": PLATFORM.login_code_seconds,
    "oauth": PLATFORM.login_code_seconds,
    "phone": PLATFORM.phone_code_seconds,
}
# What `/_sim/reset` can forget. Tokens are left alone unless named: a real platform does not lose them
# either, and a service that has to fetch one again would change the very counts that a test is about to read.
RESETTABLE = (
    "users",
    "inbox",
    "calls",
    "faults",
    "templates",
    "codes",
    "menu",
    "tags",
    "qr",
    "media",
    "quotas",
    "sessions",
    "words",
    "pages",
    "tokens",
)
RESET_BY_DEFAULT = tuple(part for part in RESETTABLE if part != "tokens")


# What becomes of a message that the platform has taken; "none" arrives, and the account is never told.
Outcome = Literal["success", "user block", "system failed", "freq limit", "none"]
ARRIVES: tuple[Outcome, ...] = ("success", "none")
# Source: 模板消息 · 事件推送. The spaces are the platform's own.
TEMPLATE_STATUS: dict[Outcome, str] = {
    "success": "success",
    "user block": "failed:user block",
    "system failed": "failed: system failed",
    "freq limit": "failed:freq limit",
}
# (ErrorCode, ErrorStatus) of subscribe_msg_sent_event. Only the first pair is documented
# (订阅通知的事件推送), so the others say it with the platform's general error codes.
SENT_STATUS: dict[Outcome, tuple[int, str]] = {
    "success": (0, "success"),
    "user block": (43101, "user refuse to accept the msg"),
    "system failed": (-1, "system error"),
    "freq limit": (45009, "reach max api daily quota limit"),
}
# Who sends the events that are about a person but not of their doing.
# Source: 授权用户信息变更, FromUserName.
PLATFORM_SENDER = "oPLATFORM-PUSH-SERVICE-00001"


@dataclass
class Receipts:
    """What becomes of messages from now on, and how the account hears of it: after how long, how often."""

    status: Outcome = "success"
    delay_ms: float = 0
    duplicates: int = 0


class World:
    """All parts of one simulated account: its people, tokens, menu, callbacks.

    Arguments:
        config: credentials and first settings.
        clock: the demo's time.
        rng: draws faults with a rate below 1; seed it to repeat a run.

    Attributes:
        journal: where changes are kept; None keeps nothing.
    """

    def __init__(self, config: SimulatorConfig, clock: Clock, rng: random.Random) -> None:
        self.config = config
        self.clock = clock
        self.rng = rng
        self.journal: Journal | None = None
        self.latency_ms = config.latency_ms
        self.receipts = Receipts()
        self.oauth_domain = config.oauth_domain
        self.snapshot_users = False
        # The appids of mini programs and where the same pages are on the web: the phones show those instead.
        self.web_pages: dict[str, str] = {}
        apps = [App("oa", config.oa_app_id, config.oa_secret)]
        if config.mp_app_id:
            apps.append(App("mp", config.mp_app_id, config.mp_secret))
        self.tokens = Tokens(clock, tuple(apps), self.note)
        self.people = People()
        self.templates = Templates(self.note)
        self.codes = Codes(self.note)
        self.recent = Recent(self.note)
        self.calls = Calls(self.note)
        self.faults = Faults(rng, clock)
        self.stream = Stream()
        self.deliverer = Deliverer(config, clock, self.note)
        self.closing = False
        self.tickets = Tickets(clock)
        self.menus = Menus()
        self.tags = Tags()
        self.qr = QrCodes()
        self.media = Media()
        self.quotas = Quotas(clock, self.note)
        self.sessions = Sessions()
        self.words = Words()
        self.mini_program_codes = 0
        # The month in China in which the account's two industries were chosen, and their ids.
        self.industries: tuple[tuple[int, int], list[int]] | None = None
        # The pages of the published mini program; None takes any page for one of them.
        self.pages: frozenset[str] | None = None
        # The service stores these ids to recognise repetitions, so a restarted simulator must not start over.
        self.last_msgid = int(clock.time() * 1_000_000) * 1_000 + secrets.randbelow(1_000)

    def new_msgid(self) -> int:
        """Return the next message id: 19 digits, so that whoever keeps it in a float is found out."""
        self.last_msgid += 1
        self.note("msgid", self.last_msgid)
        return self.last_msgid

    # --- the journal ------------------------------------------------------------------------------

    def note(self, kind: str, *values: Any) -> None:
        """Have a change kept, if this account has a journal (see `recall` for the kinds)."""
        if self.journal is not None:
            self.journal.note(self.config.oa_app_id, kind, *values)

    def note_person(self, person: Person) -> None:
        """Have a person kept as they are now."""
        if self.journal is not None:
            self.note("person", person.as_record())

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

    def remove_person(self, person: Person) -> None:
        """Forget a person with their phone and codes, and have the readers of the stream read again."""
        self.note("gone", person.oa_openid)
        self.people.remove(person)
        self.codes.forget(person)
        self.tags.forget(person)
        if self.stream:
            self.stream.publish("resync", {})

    def person_changed(self, person: Person) -> None:
        """Tell the journal and the readers of the stream about a new or changed person."""
        self.note_person(person)
        if self.stream:
            self.stream.publish("user", person.as_json())

    def menu_changed(self) -> None:
        """Tell the journal and the readers of the stream that everybody's menu may have changed."""
        self.note("menus", self.menus.default, self.menus.conditional)
        if self.stream:
            self.stream.publish("menu", {"menu": self.shown_menu()})

    def tags_changed(self, people: Iterable[Person]) -> None:
        """Tell the journal of the tags, and all that these people's, and so perhaps their menus, changed."""
        self.note("tags", list(self.tags.names.items()))
        for person in people:
            self.person_changed(person)
            if self.stream:
                self.stream.publish("menu", {"openid": person.oa_openid, "menu": self.menu_for(person)})

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
        if self.journal is not None:
            self.note("entry", entry.as_json())
        if self.stream:
            self.stream.publish("message", entry.as_json())
        return entry

    # --- codes ------------------------------------------------------------------------------------

    def issue_code(self, kind: CodeKind, app: AppKind, person: Person, scope: str = "") -> str:
        """Return a new single-use code for a person in one of the two applications."""
        return self.codes.issue(
            Code(
                kind,
                app,
                person,
                self.clock.time() + CODE_SECONDS[kind],
                scope=scope,
                snapshot=kind == "oauth" and self.snapshot_users,
            ),
        )

    # --- callbacks --------------------------------------------------------------------------------

    def envelope(
        self, person: Person, fields: Mapping[str, XmlValue], app: AppKind = "oa"
    ) -> dict[str, XmlValue]:
        """Return a callback's fields with the three that every message has; given ones win."""
        return {
            "ToUserName": self.deliverer.addresses[app].username,
            "FromUserName": person.oa_openid if app == "oa" else person.mp_openid,
            "CreateTime": int(self.clock.time()),
            **fields,
        }

    def outcome(self, person: Person) -> Outcome:
        """Return what becomes of a message to this person; it reaches the phone if that is in `ARRIVES`."""
        return "user block" if person.blocked else self.receipts.status

    def queue_receipt(self, person: Person, msgid: int, outcome: Outcome) -> None:
        """Have the TEMPLATESENDJOBFINISH event of a template message delivered in the background."""
        if outcome == "none":
            return
        status = TEMPLATE_STATUS[outcome]
        self._queue("oa", person, "TEMPLATESENDJOBFINISH", {"MsgID": msgid, "Status": status})

    def queue_subscription_receipt(
        self, person: Person, msgid: int, template_id: str, outcome: Outcome, app: AppKind = "oa"
    ) -> None:
        """Have the subscribe_msg_sent_event of a subscription notice delivered in the background."""
        if outcome == "none":
            return
        code, status = SENT_STATUS[outcome]
        told = {"TemplateId": template_id, "MsgID": str(msgid), "ErrorCode": code, "ErrorStatus": status}
        self._queue(app, person, "subscribe_msg_sent_event", {"SubscribeMsgSentEvent": {"List": told}})

    def queue_media_check(
        self, person: Person, trace_id: str, suggest: str = "pass", label: int = 100, app: AppKind = "mp"
    ) -> None:
        """Have the wxa_media_check event of a picture or sound delivered in the background.

        Arguments:
            person: whose content it was.
            trace_id: what media_check_async answered.
            suggest: "pass", "review" or "risky".
            label: the platform's code of what was found; 100 is nothing.
            app: whose token asked for the check.
        """
        self._queue(app, person, "wxa_media_check", media_check(self, trace_id, suggest, label, app))

    def _queue(self, app: AppKind, person: Person, event: str, fields: Mapping[str, XmlValue]) -> None:
        self.deliverer.queue(
            app,
            self.envelope(person, {"MsgType": "event", "Event": event, **fields}, app),
            delay_ms=self.receipts.delay_ms,
            copies=1 + self.receipts.duplicates,
        )

    # --- the whole --------------------------------------------------------------------------------

    def close(self) -> None:
        """End what waits for something to happen, so that the server can stop."""
        self.closing = True
        self.people.wake()
        self.stream.close()

    def reset(self, parts: tuple[str, ...]) -> None:
        """Forget the named parts of `RESETTABLE`."""
        self.note("reset", parts)
        forget = {
            "users": self._clear_users,
            "inbox": self._clear_inbox,
            "calls": self.calls.clear,
            "faults": self.faults.clear,
            "templates": self._clear_templates,
            "codes": self.codes.clear,
            "menu": self.menus.clear,
            "tags": self.tags.clear,
            "qr": self._clear_qr,
            "media": self.media.clear,
            "quotas": self.quotas.clear,
            "sessions": self.sessions.clear,
            "words": self.words.clear,
            "pages": self._clear_pages,
            "tokens": self._clear_tokens,
        }
        for part in parts:
            forget[part]()
        if self.stream:
            self.stream.publish("resync", {})

    def _clear_inbox(self) -> None:
        self.people.clear_entries()
        self.recent.clear()

    def _clear_users(self) -> None:
        self.people.clear()
        self.tags.forget_everybody()

    def _clear_templates(self) -> None:
        self.templates.clear()
        self.industries = None

    def _clear_qr(self) -> None:
        self.qr.clear()
        self.mini_program_codes = 0

    def _clear_pages(self) -> None:
        self.pages = None

    def _clear_tokens(self) -> None:
        self.tokens.clear()
        self.tickets.clear()

    def shown_menu(self) -> list[dict[str, Any]]:
        """Return the default buttons: the service's menu, else the configured one."""
        if self.menus.default is not None:
            return self.menus.default.buttons
        return [{"type": "click", "name": name, "key": key} for name, key in self.config.menu]

    def menu_id(self, person: Person) -> int:
        """Return the number of the menu that this person sees, 0 for the configured one."""
        menu = self.menus.match(person.tags) or self.menus.default
        return 0 if menu is None else menu.menuid

    def menu_for(self, person: Person) -> list[dict[str, Any]]:
        """Return the buttons that this person sees."""
        matching = self.menus.match(person.tags)
        return self.shown_menu() if matching is None else matching.buttons


def media_check(world: World, trace_id: str, suggest: str, label: int, app: AppKind) -> dict[str, XmlValue]:
    """Return the fields of a wxa_media_check event (source: 多媒体内容安全识别 · 异步检测结果推送)."""
    return {
        "FromUserName": PLATFORM_SENDER,
        "appid": world.deliverer.addresses[app].app_id,
        "trace_id": trace_id,
        "version": 2,
        "detail": {
            "strategy": "content_model",
            "errcode": 0,
            "suggest": suggest,
            "label": label,
            "prob": 90,
        },
        "errcode": 0,
        "errmsg": "ok",
        "result": {"suggest": suggest, "label": label},
    }
