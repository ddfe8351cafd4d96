"""What a simulator is built from: credentials, addresses and the clock."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args

CallbackMode = Literal["safe", "compatible", "plain"]
CALLBACK_MODES: tuple[str, ...] = get_args(CallbackMode)

# A short label for the phones' page and the EventKey that the platform sends when it is pressed.
DEFAULT_MENU = (("我要求助", "report"), ("办理进度", "progress"), ("帮扶政策", "policy"))


class Clock(Protocol):
    """The one source of time for all processes of a demo or a test."""

    def time(self) -> float:
        """Return the present instant in unix seconds; it may have been moved."""

    def move(self, seconds: float) -> None:
        """Add an offset of `seconds` (negative moves back) for every process that shares the clock."""


@dataclass(frozen=True, kw_only=True)
class SimulatorConfig:
    """Everything a simulator needs to know.

    Arguments:
        port: TCP port to listen on; 0 takes any free one.
        address: address to listen on.
        oa_app_id, oa_secret: credentials of the official account.
        oa_token, oa_aes_key: what signs and encrypts its callbacks (the key is WeChat's EncodingAESKey,
            43 characters).
        oa_username: the account's original id (`gh_…`), the `ToUserName` of its callbacks.
        callback_url: where its callbacks are delivered; None delivers nothing.
        callback_mode: "safe" encrypts callbacks, "plain" does not, "compatible" carries both.
        mp_app_id, mp_secret: credentials of the mini program; empty for an account without one.
        mp_token, mp_aes_key, mp_username, mp_callback_url: the same four of the mini program, whose events go
            to an address of their own; without a URL they are not delivered.
        oauth_domain: the one domain (with its port, if it has one) that the account's authorisation pages may
            lead back to; None allows every domain.
        latency_ms: time added before any platform path answers or has an effect.
        callback_timeout_ms: how long a callback may take before it is tried again.
        callback_retry_pause_ms: pause between two tries of a callback that was refused at once.
        receipt_concurrency: how many receipts are on their way to the callback at the same time.
        account_name: what the phones show as the account's name.
        menu: (label, EventKey) pairs that the phones show until the service has created a menu.
        journal: the file in which all accounts keep what has to outlive a kill; None keeps nothing. Only the
            first account's is looked at.

    Raises:
        ValueError: an AES key is not an EncodingAESKey, the mode is unknown, or the mini program has a
            callback URL without a token.
    """

    port: int
    oa_app_id: str
    oa_secret: str = field(repr=False)
    oa_token: str = field(repr=False)
    oa_aes_key: str = field(repr=False)
    mp_app_id: str = ""
    mp_secret: str = field(default="", repr=False)
    mp_token: str = field(default="", repr=False)
    mp_aes_key: str = field(default="", repr=False)
    mp_username: str = "gh_ba9876543210"
    mp_callback_url: str | None = None
    oauth_domain: str | None = None
    address: str = "127.0.0.1"
    oa_username: str = "gh_0123456789ab"
    callback_url: str | None = None
    callback_mode: CallbackMode = "safe"
    latency_ms: float = 0
    callback_timeout_ms: float = 5000
    callback_retry_pause_ms: float = 200
    receipt_concurrency: int = 8
    account_name: str = "防贫"
    menu: tuple[tuple[str, str], ...] = DEFAULT_MENU
    journal: Path | None = None

    def __post_init__(self) -> None:
        check_aes_key(self.oa_aes_key)
        if self.mp_callback_url is not None:
            if not self.mp_token:
                raise ValueError("mp_callback_url needs mp_token")
            check_aes_key(self.mp_aes_key)
        if self.callback_mode not in CALLBACK_MODES:
            raise ValueError(f"callback_mode must be one of {CALLBACK_MODES}")


def check_aes_key(text: str) -> str:
    """Return the EncodingAESKey given.

    Raises:
        ValueError: it is not 43 characters of base64 that decode to 32 bytes.
    """
    try:
        key = base64.b64decode(text + "=", validate=True)
    except binascii.Error as error:
        raise ValueError("an EncodingAESKey is base64 text of 43 characters") from error
    if len(text) != 43 or len(key) != 32:
        raise ValueError("an EncodingAESKey has 43 characters that decode to 32 bytes")
    return text
