"""What a simulator is built from: credentials, addresses and the clock."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

CallbackMode = Literal["safe", "plain"]
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
        mp_app_id, mp_secret: credentials of the mini program.
        callback_url: where callbacks are delivered; None delivers nothing.
        callback_mode: "safe" encrypts callbacks, "plain" does not.
        latency_ms: time added before any platform path answers or has an effect.
        callback_timeout_ms: how long a callback may take before it is tried again.
        callback_retry_pause_ms: pause between two tries of a callback that was refused at once.
        receipt_concurrency: how many receipts are on their way to the callback at the same time.
        account_name: what the phones show as the account's name.
        menu: (label, EventKey) pairs that the phones show until the service has created a menu.

    Raises:
        ValueError: the AES key is not an EncodingAESKey, or the mode is unknown.
    """

    port: int
    oa_app_id: str
    oa_secret: str = field(repr=False)
    oa_token: str = field(repr=False)
    oa_aes_key: str = field(repr=False)
    mp_app_id: str
    mp_secret: str = field(repr=False)
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

    def __post_init__(self) -> None:
        try:
            key = base64.b64decode(self.oa_aes_key + "=")
        except binascii.Error as error:
            raise ValueError("oa_aes_key is not base64 text of 43 characters") from error
        if len(self.oa_aes_key) != 43 or len(key) != 32:
            raise ValueError("oa_aes_key must have 43 characters that decode to 32 bytes")
        if self.callback_mode not in CALLBACK_MODES:
            raise ValueError(f"callback_mode must be one of {CALLBACK_MODES}")
