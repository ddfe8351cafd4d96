"""People as WeChat knows them, and what the official account says by itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NotRequired, TypedDict

#: The credit of a long-term consent, which no message uses up.
ALWAYS = -1


class AppKind(StrEnum):
    """What sort of account an app id belongs to."""

    OFFICIAL = "oa"
    MINI_PROGRAM = "mp"


@dataclass(frozen=True)
class App:
    """One of our accounts on the platform.

    `areas` are the division codes of the places whose people it speaks for first: one city may have an
    account of its own and one for each of some counties. Without any it speaks for everybody.
    """

    app_id: str
    kind: AppKind
    areas: tuple[str, ...] = ()


class Person(TypedDict):
    """Somebody with a phone. Their openids in several apps meet by `unionid`, else by the number that WeChat
    has verified: `phone` is that number, sealed, and `phone_key` its blind index."""

    _id: str
    unionid: NotRequired[str]
    phone: NotRequired[dict[str, Any]]
    phone_key: NotRequired[str]
    version: int
    schema: int


class Fan(TypedDict, total=False):
    """A person in one app: `_id` is ``app_id:openid``.

    `following` matters for an official account; `blocked` somebody who refused our messages at
    `blocked_at`, until they write or press again. `interacted_at`, their last message, opens the 48-hour
    window for customer messages, of which `customer_sent` were sent since; `touched_at`, when they last
    pressed, scanned or followed, opens one of a minute. `consents` is how many subscription notices of each
    of our templates they still agreed to (`ALWAYS`: no end), and `credited` the events that were counted.
    `scene` is the place whose QR code was scanned last; `told_at` is when the platform last said whether
    they follow.
    """

    _id: str
    app_id: str
    openid: str
    person_id: str | None
    following: bool
    blocked: bool
    blocked_at: datetime | None
    interacted_at: datetime | None
    customer_sent: int
    touched_at: datetime | None
    consents: dict[str, int]
    credited: list[str]
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
    """What the account answers to a menu key or a keyword, or on an occasion.

    A key such as ``@image`` names an occasion: a message of that kind, ``@subscribe``, ``@subscribe_staff``,
    ``@scan`` (a code that is none of ours) or ``@default`` (a text without a keyword). `kind` is ``text``
    (the text is given), ``my_reports`` or ``my_tasks`` (it is composed).
    """

    _id: str
    app_id: str
    keys: list[str]
    kind: str
    text: str


class TemplateRecord(TypedDict):
    """A template of an account: `key` is our name for it, `template_id` WeChat's, and `keywords` maps our
    fields to the template's keywords.

    `use` says what it is for: ``template`` messages, or ``subscription`` notices, of which a long-term one
    needs no new consent for each message.
    """

    _id: str
    app_id: str
    use: Literal["template", "subscription"]
    key: str
    long_term: NotRequired[bool]
    template_id: str
    keywords: dict[str, str]


class MenuRecord(TypedDict):
    """An account's menus, as they are to be: `_id` is the app id.

    `buttons` are for everybody, `by_tag` for the people with one of our tags, in the platform's form
    (自定义菜单).
    """

    _id: str
    buttons: list[dict[str, Any]]
    by_tag: dict[str, list[dict[str, Any]]]
    version: int
    schema: int


class TagRecord(TypedDict):
    """A tag of an account: `key` is our name for it, `name` what administrators see, `platform_id` its
    number on the platform."""

    _id: str
    app_id: str
    key: str
    name: str
    platform_id: int


#: The tag of the people who work for the county, by which they see menus of their own, and its name.
STAFF_TAG = "staff"
TAG_NAMES = {STAFF_TAG: "工作人员"}
