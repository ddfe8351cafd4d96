"""The platform's whole API, asynchronous, for one account.

``await api.send_template(…)`` and the other typed calls are in ``wechat.calls`` by topic. wechatpy's endpoint
classes are there too: ``await api.user.get(openid)``, ``await api.menu.create(…)``.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from wechat.calls.checks import CheckCalls, CheckedMedium, CheckScene, Suggestion, Verdict
from wechat.calls.codes import CodeCalls, QrCode
from wechat.calls.login import LoginCalls, MiniProgramSession, OAuthPerson, PhoneNumber
from wechat.calls.media import Material, MediaCalls, Medium
from wechat.calls.menus import ConditionalMenu, MenuCalls, Menus
from wechat.calls.messages import MessageCalls
from wechat.calls.people import Follower, PeopleCalls, Tag
from wechat.calls.templates import Industry, Template, TemplateCalls
from wechat.errors import (
    CallRefused,
    SnapshotUser,
    TokenUnavailable,
    WeChatError,
    WeChatFailure,
    WeChatUnreachable,
)
from wechat.http import HttpPool
from wechat.transport import Observe, TokenSource, Transport, ignore

__all__ = [
    "CallRefused",
    "CheckScene",
    "CheckedMedium",
    "ConditionalMenu",
    "Follower",
    "Industry",
    "Material",
    "Medium",
    "Menus",
    "MiniProgramSession",
    "OAuthPerson",
    "PhoneNumber",
    "QrCode",
    "SnapshotUser",
    "Suggestion",
    "Tag",
    "Template",
    "TokenUnavailable",
    "Verdict",
    "WeChatApi",
    "WeChatError",
    "WeChatFailure",
    "WeChatUnreachable",
]


class WeChatApi(
    MessageCalls, TemplateCalls, MenuCalls, PeopleCalls, CodeCalls, MediaCalls, LoginCalls, CheckCalls
):
    """One account's API. The official account and the mini program have one each.

    Args:
        app_id: the account's AppID.
        secret: its AppSecret.
        tokens: gives the account's access tokens.
        http: the connections to the platform.
        api_base: the platform's host; it replaces every host that wechatpy writes down.
        observe: called after every try with the path, an outcome (``"ok"``, WeChat's code, ``"timeout"`` or
            another kind of ``WeChatUnreachable``) and the seconds it took.
        sleep: pauses; a test hands in one that does not wait.
        jitter: gives a number from 0 to 1 that lengthens a pause.

    Every call raises:
        WeChatError: the platform answered with a code.
        WeChatUnreachable: no usable answer came.
        TokenUnavailable: no access token can be had.
    Some raise ``CallRefused`` before anything is sent. All are ``WeChatFailure`` and hold neither tokens nor
    secrets.
    """

    def __init__(
        self,
        app_id: str,
        secret: str,
        tokens: TokenSource,
        http: HttpPool,
        api_base: str,
        *,
        observe: Observe = ignore,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        transport = Transport(tokens, http, api_base, secret, observe=observe, sleep=sleep, jitter=jitter)
        super().__init__(app_id, secret, transport)
