"""People as WeChat knows them, and what the official account says by itself."""

from datetime import datetime
from typing import Any, NotRequired, TypedDict


class Person(TypedDict):
    """Somebody with a phone. Their openids in several apps meet by `unionid`."""

    _id: str
    unionid: NotRequired[str]
    version: int
    schema: int


class Fan(TypedDict, total=False):
    """A person in one app: `_id` is ``app_id:openid``.

    `following` and `blocked` matter for the official account; `interacted_at` opens the 48-hour
    window for customer messages; `scene` is the place whose QR code was scanned last; `told_at` is when
    the platform last said whether they follow.
    """

    _id: str
    app_id: str
    openid: str
    person_id: str | None
    following: bool
    blocked: bool
    interacted_at: datetime | None
    scene: str | None
    told_at: datetime
    version: int
    schema: int


class PlatformEvent(TypedDict):
    """An event of the platform that has an effect, kept until the effect is there.

    `_id` is the account and the platform's de-duplication key. `body` is sealed: it can hold what a
    person wrote.
    """

    _id: str
    app_id: str
    openid: str
    event: str
    body: dict[str, Any]
    state: str
    due_at: datetime
    tries: int
    received_at: datetime
    claim: NotRequired[str]


class Answer(TypedDict):
    """What the account answers to a menu key or a keyword.

    `kind` is ``text`` (the text is given), ``my_reports`` or ``my_tasks`` (it is composed).
    """

    _id: str
    app_id: str
    keys: list[str]
    kind: str
    text: str


class TemplateRecord(TypedDict):
    """A message template of an account: `key` is our name for it, `template_id` WeChat's, and
    `keywords` maps our fields to the template's keywords."""

    _id: str
    app_id: str
    key: str
    template_id: str
    keywords: dict[str, str]
