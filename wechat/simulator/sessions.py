"""What people's log-ins left behind: tokens of authorised pages, and keys of the mini program's sessions."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode
from collections import OrderedDict
from dataclasses import dataclass

from wechat.simulator.limits import MEMORY
from wechat.simulator.state import Person
from wechat.simulator.tokens import App


@dataclass(frozen=True)
class Grant:
    """What somebody allowed an application to read; times are unix seconds.

    `openid` and `unionid` are not the person's own where WeChat showed the page as a snapshot.
    """

    app: App
    person: Person
    openid: str
    unionid: str
    scope: str
    snapshot: bool
    expires_at: float


class Sessions:
    """Grants by access token and by refresh token, and one session key for each openid."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """End all sessions."""
        self.access: OrderedDict[str, Grant] = OrderedDict()
        self.refresh: OrderedDict[str, Grant] = OrderedDict()
        self._proofs: OrderedDict[str, str] = OrderedDict()

    def grant(self, kept: OrderedDict[str, Grant], grant: Grant) -> str:
        """Keep a grant under a new token in `access` or `refresh`, and return the token."""
        token = secrets.token_urlsafe(64)
        kept[token] = grant
        if len(kept) > MEMORY.sessions:
            kept.popitem(last=False)
        return token

    def open(self, openid: str) -> str:
        """Return a new session key (base64 of 16 bytes) for a person in the mini program.

        Only what the key makes of an empty text is kept: that is all a check compares.
        """
        key = b64encode(secrets.token_bytes(16)).decode()
        self._proofs.pop(openid, None)
        self._proofs[openid] = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
        if len(self._proofs) > MEMORY.sessions:
            self._proofs.popitem(last=False)
        return key

    def proves(self, openid: str, signature: str) -> bool:
        """Whether `signature` is the empty text under the person's present session key.

        Source: 检验登录态 (checkSessionKey), hmac_sha256.
        """
        proof = self._proofs.get(openid)
        return proof is not None and hmac.compare_digest(proof.encode(), signature.encode())
