"""What handlers are given: the use cases, and the ports that the server fills."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from casework.account.phones import VerifiedPhones
from casework.account.service import Account
from casework.clock import Clock
from casework.commands.service import Commands
from casework.held.service import Held
from casework.intake.service import Intakes
from casework.notices.service import Notices
from casework.photos.service import Photos
from casework.recordings.service import Recordings
from casework.regions.service import Regions
from casework.staff.service import StaffService
from casework.tables.service import Tables
from casework.tasks.service import Tasks
from wechat.client import MiniProgramSession, OAuthPerson, PhoneNumber
from wechat.codec import Codecs
from wechat.tickets import PageSignature


@dataclass(frozen=True)
class Session:
    """Who a session token stands for. `staff_id` is set for somebody bound to a member of staff."""

    person_id: str
    app_id: str
    openid: str
    staff_id: str | None


class Sessions(Protocol):
    """Opaque, revocable, expiring sessions. All methods raise `Away` when their store is away."""

    async def open(self, session: Session) -> str:
        """A new token for a session."""

    async def check(self, token: str, limit: str, address: str) -> Session:
        """The session of a token, counted against the rate limit named `limit`.

        Raises `NotSignedIn`, or `TooOften` also where too many tokens of nobody come from one `address`; a
        good token is never refused for those.
        """

    async def close(self, token: str) -> None:
        """End one session."""

    async def close_all(self, person_id: str) -> None:
        """End all sessions of a person."""

    async def offer(self, session: Session) -> str:
        """A ticket for a session that is opened when the ticket is redeemed, within a minute."""

    async def redeem(self, ticket: str) -> Session | None:
        """The session of a ticket, which is used up by that; None when it is unknown, used or too old."""

    async def count(self, limit: str, key: str) -> None:
        """Count one use of something that has no session yet; raises `TooOften`."""


class Pages(Protocol):
    """What pages of one official account need from WeChat. All methods raise `Away` when the store is
    away."""

    async def leave(self, back: str, payload: dict[str, Any]) -> tuple[str, str]:
        """Where to send the browser, and the state with which it comes back to `back`."""

    async def come_back(self, state: str) -> dict[str, Any] | None:
        """Use a state up; its payload, or None when it is unknown, used or too old."""

    async def person(self, code: str) -> OAuthPerson:
        """Who came back with this code; raises `WeChatFailure`."""

    async def sign(self, url: str) -> PageSignature:
        """The signature of a page's address; raises `WeChatFailure`."""


class Seen(Protocol):
    """The fast path of de-duplication. It may forget; the database is what decides."""

    async def has(self, key: str) -> bool:
        """Whether the key was noted a short while ago; False when the store is away."""

    async def note(self, key: str) -> None:
        """Note a key; does nothing when the store is away."""


class Watch(Protocol):
    """Counts what handlers see."""

    def callback(self, kind: str, outcome: str) -> None:
        """One callback: its kind (``text``, ``event.click`` …) and what became of it."""


@dataclass(frozen=True)
class Services:
    """Everything that handlers may use."""

    account: Account
    commands: Commands
    held: Held
    intakes: Intakes
    notices: Notices
    phones: VerifiedPhones
    photos: Photos
    recordings: Recordings
    regions: Regions
    staff: StaffService
    tables: Tables
    tasks: Tasks
    clock: Clock
    sessions: Sessions
    seen: Seen
    watch: Watch
    codecs: Codecs
    pages: Mapping[str, Pages]
    """By the app id of the official account."""
    public_url: str
    domain_proof: str
    """The code of the file by which WeChat sees that the domain is ours; empty without one."""
    code_to_session: Callable[[str], Awaitable[MiniProgramSession]]
    phone_number: Callable[[str], Awaitable[PhoneNumber]]
    mp_app_id: str
    wake: Callable[[str], None]
    """Tell the workers that there is something in the ``outbox`` or among the ``events``; cheap, never
    raises."""
    health: dict[str, Callable[[], Awaitable[None]]]
    """One probe for each part that we need; a probe raises when its part is away."""
    oldest_client: tuple[int, ...]
    version: str
