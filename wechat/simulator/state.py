"""What the simulated platform remembers: people, what is on their phones, calls, faults, codes, templates.

Everything is in memory, bounded by `limits.MEMORY`, and found by key: nothing here scans all people or
messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from wechat.simulator.journal import Note
from wechat.simulator.limits import CUSTOMER_WINDOWS, MEMORY, PLATFORM, Interaction
from wechat.simulator.tokens import AppKind

Direction = Literal["in", "out", "system"]
Channel = Literal["template", "subscription", "customer", "reply", "own", "system"]


def instant(seconds: float) -> str:
    """Return unix seconds as an ISO 8601 instant in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- people ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Allowance:
    """How many customer messages a person may still be sent, until when (unix seconds)."""

    left: int
    until: float


@dataclass(slots=True, eq=False)
class Person:
    """Somebody with a phone.

    `oa_openid` and `mp_openid` are the same person's ids in the official account and the mini program;
    `unionid` joins them. `blocked` means that the follower refuses the account's messages, `blacklisted` that
    the account refuses the person. `tags` are in the order in which they were given. Times are unix seconds.
    """

    oa_openid: str
    mp_openid: str
    unionid: str
    nickname: str
    name: str | None = None
    role_hint: str | None = None
    phone: str | None = None
    following: bool = True
    blocked: bool = False
    subscribed_at: float | None = None
    subscribe_scene: str = "ADD_SCENE_SEARCH"
    qr_scene: str = ""
    remark: str = ""
    tags: list[int] = field(default_factory=list)
    blacklisted: bool = False
    last_interaction_at: float | None = None
    allowances: dict[Interaction, Allowance] = field(default_factory=dict)
    # When the mini program last heard of the person, and until when their phone shows that somebody types.
    mp_seen_at: float | None = None
    typing_until: float | None = None
    # How many more subscription notices of a template an application may send.
    consents: Counter[tuple[AppKind, str]] = field(default_factory=Counter)
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=MEMORY.entries_a_person))

    def interacted(self, what: Interaction, now: float) -> None:
        """Let the account write customer messages for as long as this allows (source: `CUSTOMER_WINDOWS`)."""
        window = CUSTOMER_WINDOWS[what]
        self.allowances[what] = Allowance(window.messages, now + window.seconds)
        self.last_interaction_at = now

    def left(self) -> None:
        """End every allowance to write to the person, who no longer follows."""
        self.allowances.clear()
        self.last_interaction_at = None

    def as_json(self) -> dict[str, Any]:
        """Return the person as `/_sim/users` shows one."""
        return {
            "openid": self.oa_openid,
            "oa_openid": self.oa_openid,
            "mp_openid": self.mp_openid,
            "unionid": self.unionid,
            "nickname": self.nickname,
            "name": self.name,
            "role_hint": self.role_hint,
            "phone": self.phone,
            "follow": self.following,
            "blocked": self.blocked,
            "blacklisted": self.blacklisted,
            "remark": self.remark,
            "tagid_list": list(self.tags),
            "subscribe_time": int(self.subscribed_at) if self.subscribed_at is not None else None,
        }

    def as_record(self) -> dict[str, Any]:
        """Return all that the journal keeps of the person; what is on the phone has records of its own."""
        record = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "entries"}
        record["consents"] = [(*key, count) for key, count in self.consents.items()]
        return record


@dataclass(slots=True, eq=False)
class Entry:
    """One line of a person's chat with the account.

    `direction` is "in" for what the account sent, "out" for what the person sent, "system" for WeChat's own
    lines. `called_at` is when the platform was asked, `received_at` when it reached the phone (unix seconds).
    """

    seq: int
    owner: Person
    direction: Direction
    channel: Channel
    received_at: float
    called_at: float
    text: str = ""
    title: str | None = None
    fields: list[dict[str, str]] = field(default_factory=list)
    data: dict[str, Any] | None = None
    url: str | None = None
    miniprogram: dict[str, Any] | None = None
    msgid: int | None = None
    client_msg_id: str | None = None
    template_id: str | None = None
    # The type of a customer message, whose content is in `data`.
    msgtype: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the entry as `/_sim/inbox`, `/_sim/chat` and the stream show one."""
        return {
            "seq": self.seq,
            "openid": self.owner.oa_openid,
            "direction": self.direction,
            "channel": self.channel,
            "at": instant(self.received_at),
            "received_at": self.received_at,
            "called_at": self.called_at,
            "title": self.title,
            "text": self.text,
            "fields": self.fields,
            "data": self.data,
            "url": self.url,
            "miniprogram": self.miniprogram,
            # Real message ids are longer than a browser's numbers are exact, so a reader gets the text as
            # well.
            "msgid": self.msgid,
            "msgid_text": str(self.msgid) if self.msgid is not None else None,
            "client_msg_id": self.client_msg_id,
            "template_id": self.template_id,
            "msgtype": self.msgtype,
        }


class People:
    """Everybody, found by any of their three ids, and the newest entries of all of them in order."""

    def __init__(self) -> None:
        self._by_id: dict[str, Person] = {}
        self._by_oa: dict[str, Person] = {}
        self._entries: deque[Entry] = deque()
        self._arrivals: set[asyncio.Future[None]] = set()
        self._seq = 0

    def clear(self) -> None:
        """Forget everybody and everything on their phones."""
        self.clear_entries()
        self._by_id.clear()
        self._by_oa.clear()

    def remove(self, person: Person) -> None:
        """Forget a person and what is on their phone."""
        del self._by_oa[person.oa_openid]
        for key in (person.oa_openid, person.mp_openid, person.unionid):
            self._by_id.pop(key, None)
        self._entries = deque(entry for entry in self._entries if entry.owner is not person)

    def clear_entries(self) -> None:
        """Empty every phone; sequence numbers go on, so that a reader's `after` stays valid."""
        for person in self._by_oa.values():
            person.entries.clear()
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._by_oa)

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_oa.values())

    def find(self, openid: str) -> Person | None:
        """Return whoever has this official-account openid, mini-program openid or unionid."""
        return self._by_id.get(openid)

    def follower(self, oa_openid: str) -> Person | None:
        """Return whoever has this official-account openid, following or not."""
        return self._by_oa.get(oa_openid)

    def add(self, person: Person) -> None:
        """Remember a person under all three ids."""
        self._by_oa[person.oa_openid] = person
        for key in (person.oa_openid, person.mp_openid, person.unionid):
            self._by_id[key] = person

    def put(self, person: Person, **values: Any) -> Entry:
        """Put a new entry on the person's phone, and drop the oldest of all beyond the bound."""
        entry = Entry(seq=self._seq + 1, owner=person, **values)
        self.keep(entry)
        if self._arrivals:
            self.wake()
        return entry

    def keep(self, entry: Entry) -> None:
        """Put an entry with the next sequence number on its owner's phone."""
        self._seq = entry.seq
        entry.owner.entries.append(entry)
        self._entries.append(entry)
        if len(self._entries) > MEMORY.entries_in_all:
            oldest = self._entries.popleft()
            # The person's own bound may have dropped it before.
            if oldest.owner.entries and oldest.owner.entries[0] is oldest:
                oldest.owner.entries.popleft()

    def wake(self) -> None:
        """Let everybody who waits for an arrival look again."""
        for waiting in self._arrivals:
            if not waiting.done():
                waiting.set_result(None)
        self._arrivals.clear()

    def entries(self, person: Person | None) -> deque[Entry]:
        """Return one person's entries, or everybody's newest for None, in the order of arrival."""
        return self._entries if person is None else person.entries

    async def arrival(self, seconds: float) -> None:
        """Wait until something is put on any phone, but not longer than `seconds`."""
        waiting = asyncio.get_running_loop().create_future()
        self._arrivals.add(waiting)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiting, seconds)
        finally:
            self._arrivals.discard(waiting)


def new_openid(prefix: str = "o") -> str:
    """Return an id of 28 characters, as long as the platform's."""
    return prefix + secrets.token_urlsafe(24)[: 28 - len(prefix)]


# --- templates ------------------------------------------------------------------------------------

PLACEHOLDER = re.compile(r"^\s*(?P<label>.*?)[：:\s]*\{\{\s*(?P<key>\w+)\.DATA\s*\}\}", re.MULTILINE)


@dataclass(frozen=True)
class Template:
    """A message template; `content` holds lines such as `编号:{{character_string1.DATA}}`.

    `type` is 2 for notices that need consent each time, 3 for those whose consent lasts, and None for
    template messages. `enums` names the only values that a field may have, by its key.
    """

    template_id: str
    title: str
    content: str
    primary_industry: str = "政府与公共事业"
    deputy_industry: str = "政府|公共事业"
    example: str = ""
    type: Literal[2, 3] | None = None
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """(key, label) of every placeholder, in order."""
        return [
            (match["key"], match["label"] or match["key"]) for match in PLACEHOLDER.finditer(self.content)
        ]


class Templates:
    """The templates registered for each application."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self.clear()

    def clear(self) -> None:
        """Forget all templates; until one is registered again every template id is accepted."""
        self._by_app: dict[str, dict[str, tuple[Template, list[tuple[str, str]]]]] = {}

    def add(self, app_id: str, template: Template) -> None:
        """Register or replace a template."""
        self._by_app.setdefault(app_id, {})[template.template_id] = (template, template.keys)
        self._note("template", app_id, asdict(template))

    def remove(self, app_id: str, template_id: str) -> bool:
        """Remove a template and tell whether it was there."""
        self._note("template_gone", app_id, template_id)
        return self._by_app.get(app_id, {}).pop(template_id, None) is not None

    def known(self, app_id: str) -> list[Template]:
        """Return the application's templates in the order of their registration."""
        return [template for template, _ in self._by_app.get(app_id, {}).values()]

    def own(self, app_id: str) -> list[Template]:
        """Return the application's templates for template messages."""
        return [template for template in self.known(app_id) if template.type is None]

    def notices(self, app_id: str) -> list[Template]:
        """Return the application's templates for subscription notices."""
        return [template for template in self.known(app_id) if template.type is not None]

    def lookup(self, app_id: str, template_id: str) -> tuple[Template, list[tuple[str, str]]] | None:
        """Return a template with its (key, label) pairs."""
        return self._by_app.get(app_id, {}).get(template_id)

    def open_to_any(self, app_id: str) -> bool:
        """Whether any template id is accepted: none was ever registered for the application."""
        return app_id not in self._by_app


# --- single-use codes -----------------------------------------------------------------------------

CodeKind = Literal["login", "oauth", "phone"]


@dataclass(slots=True, eq=False)
class Code:
    """A single-use code that an application exchanges for a person's ids or phone number.

    `snapshot` marks a code that was issued on a snapshot page (快照页): the person is a virtual one then.
    """

    kind: CodeKind
    app: AppKind
    person: Person
    expires_at: float
    scope: str = ""
    snapshot: bool = False
    used: bool = False


class Codes:
    """Codes that were handed out, the newest `MEMORY.codes` of them."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._codes: OrderedDict[str, Code] = OrderedDict()

    def clear(self) -> None:
        """Forget all codes."""
        self._codes.clear()

    def issue(self, code: Code) -> str:
        """Remember a code and return its text (32 characters, as the platform's are)."""
        text = secrets.token_urlsafe(24)
        self.keep(text, code)
        record = {one.name: getattr(code, one.name) for one in fields(code) if one.name != "person"}
        self._note("code", text, code.person.oa_openid, record)
        return text

    def keep(self, text: str, code: Code) -> None:
        """Remember a code under its text."""
        self._codes[text] = code
        if len(self._codes) > MEMORY.codes:
            self._codes.popitem(last=False)

    def use(self, text: str) -> None:
        """Use up a code, if it is still remembered."""
        code = self._codes.get(text)
        if code is not None:
            code.used = True
            self._note("code_used", text)

    def find(self, text: str) -> Code | None:
        """Return a code, used or not."""
        return self._codes.get(text)

    def forget(self, person: Person) -> None:
        """Forget the codes of a person."""
        for text in [text for text, code in self._codes.items() if code.person is person]:
            del self._codes[text]


class Recent:
    """The message ids of recent `client_msg_id`s, so that a repeated call has no second effect."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._known: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()

    def find(self, openid: str, client_msg_id: str, now: float) -> int | None:
        """Return the message id under which this was sent less than ten minutes before `now`."""
        known = self._known.get((openid, client_msg_id))
        return known[0] if known and now < known[1] else None

    def add(self, openid: str, client_msg_id: str, msgid: int, now: float) -> None:
        """Remember a message sent at `now`, and let go of those whose ten minutes are over."""
        known, key = self._known, (openid, client_msg_id)
        known.pop(key, None)
        known[key] = (msgid, now + PLATFORM.template_idempotency_seconds)
        while len(known) > MEMORY.idempotency_keys or next(iter(known.values()))[1] <= now:
            known.popitem(last=False)
        self._note("sent", openid, client_msg_id, msgid, now)


# --- live readers ---------------------------------------------------------------------------------


class Stream:
    """Hands every change to whoever reads `/_sim/stream`; costs nothing while nobody does."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[bytes | None]] = set()

    def __bool__(self) -> bool:
        return bool(self._readers)

    def join(self) -> asyncio.Queue[bytes | None]:
        """Return a new reader's queue of encoded events; None in it means the end."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(MEMORY.stream_events)
        self._readers.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[bytes | None]) -> None:
        """Forget a reader."""
        self._readers.discard(queue)

    def publish(self, kind: str, payload: dict[str, Any]) -> None:
        """Encode one event and hand it to all readers; a reader too slow is told to read all again."""
        event = b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(payload))
        for queue in self._readers:
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(b"event: resync\ndata: {}\n\n")

    def close(self) -> None:
        """End every reader's connection."""
        for queue in self._readers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
