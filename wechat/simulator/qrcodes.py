"""Parametric QR codes of the official account, by ticket.

Source: 生成带参数的二维码 (createQRCode).
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from itertools import chain, islice

from wechat.simulator.limits import MEMORY


@dataclass(frozen=True)
class QrCode:
    """A code; `url` is what is in the picture, `expires_at` (unix seconds) is None for a permanent one."""

    ticket: str
    url: str
    scene: str
    expires_at: float | None


class QrCodes:
    """All codes, found by their ticket or by the address in their picture."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all codes."""
        self._temporary: OrderedDict[str, QrCode] = OrderedDict()
        self._permanent: dict[str, QrCode] = {}
        self._by_scene: dict[tuple[str, str], QrCode] = {}
        self._tickets: dict[str, str] = {}

    @property
    def permanent(self) -> int:
        """How many permanent codes there are."""
        return len(self._permanent)

    def find(self, ticket_or_url: str) -> QrCode | None:
        """Return a code, expired or not."""
        ticket = self._tickets.get(ticket_or_url, ticket_or_url)
        return self._temporary.get(ticket) or self._permanent.get(ticket)

    def scan(self, ticket_or_url: str, now: float) -> QrCode | None:
        """Return the code that a phone reads at `now`; None if it never was or has expired."""
        code = self.find(ticket_or_url)
        if code is None or (code.expires_at is not None and code.expires_at <= now):
            return None
        return code

    def newest(self, limit: int, now: float) -> list[QrCode]:
        """Return up to `limit` codes that a phone can read at `now`, newest first, temporary ones before."""
        made = chain(reversed(self._temporary.values()), reversed(self._permanent.values()))
        valid = (code for code in made if code.expires_at is None or code.expires_at > now)
        return list(islice(valid, limit))

    def lasting(self, action: str, scene: str) -> QrCode | None:
        """Return the permanent code made for a scene, if there is one."""
        return self._by_scene.get((action, scene))

    def temporary(self, scene: str, expires_at: float) -> QrCode:
        """Make a code that ends; the oldest ones beyond the bound are forgotten."""
        code = _new(scene, expires_at)
        self._temporary[code.ticket] = code
        self._tickets[code.url] = code.ticket
        while len(self._temporary) > MEMORY.qr_codes:
            _, oldest = self._temporary.popitem(last=False)
            del self._tickets[oldest.url]
        return code

    def make_lasting(self, action: str, scene: str) -> QrCode:
        """Make a permanent code for a scene."""
        code = _new(scene, None)
        self._permanent[code.ticket] = self._by_scene[action, scene] = code
        self._tickets[code.url] = code.ticket
        return code


def _new(scene: str, expires_at: float | None) -> QrCode:
    # As long as the platform's, and with the same first letters.
    ticket = "gQ" + secrets.token_urlsafe(69)
    return QrCode(ticket, f"http://weixin.qq.com/q/02{secrets.token_urlsafe(15)}", scene, expires_at)
