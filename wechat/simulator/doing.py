"""Does what the table of `events` says: changes the person, tells the account, shows what it replied."""

from __future__ import annotations

import asyncio
from typing import Any

from wechat.simulator.callbacks import Delivery
from wechat.simulator.deeds import Deed
from wechat.simulator.events import KINDS, Fields, Kind
from wechat.simulator.limits import PLATFORM
from wechat.simulator.state import Person
from wechat.simulator.tokens import AppKind
from wechat.simulator.world import World

OUT_OF_ORDER = "该公众号提供的服务出现故障，请稍后再试"
# To whom WeChat says that the account is out of order: whoever wrote or pressed something.
ANSWERED = ("text", "image", "voice", "video", "shortvideo", "location", "link", "click", "scancode_waitmsg")


class CannotHappen(Exception):
    """The person could not do this on a real phone, or the request lacks something; the text says which."""


def begin(world: World, person: Person, deed: Deed) -> asyncio.Task[list[Delivery]]:
    """Do the deed: change the person, show it on their phone, and start its delivery to the account.

    Returns:
        A task whose result is one `Delivery` for each message and each of its duplicates.

    Raises:
        CannotHappen: something it needs is missing, or only a follower could do it.
    """
    kind = KINDS[deed.type]
    # To somebody who does not follow yet, WeChat offers to follow when they scan the account's code.
    if deed.type == "scan" and not person.following:
        kind = KINDS["subscribe"]
    for names in KINDS[deed.type].needs:
        if not any(getattr(deed, name) for name in names.split("|")):
            raise CannotHappen(f"'{deed.type}' needs '{names}'")
    if kind.follower and not person.following:
        raise CannotHappen(f"'{deed.type}' needs a follower, and this person does not follow the account")
    now = world.clock.time()
    if deed.ticket:
        code = world.qr.scan(deed.ticket, now)
        if code is None:
            raise CannotHappen("this code has expired or was never made")
        deed = deed.model_copy(update={"scene": code.scene, "ticket": code.ticket})
    if kind.change is not None:
        kind.change(person, deed, now)
        world.person_changed(person)
    if kind.interaction is not None:
        person.interacted(kind.interaction, now)
        world.note_person(person)
    if kind.gives is not None:
        given = kind.gives(world, deed)
        if given is None:
            raise CannotHappen("the account has no such material any more")
        world.put(person, "customer", **given._asdict())
    for shown in kind.own(deed) if kind.own else ():
        world.put(person, "own", direction="out", **shown._asdict())
    told = messages(world, person, deed, kind)
    return world.deliverer.start(_deliver(world, person, deed, kind.app or deed.app, told))


def messages(world: World, person: Person, deed: Deed, kind: Kind) -> list[Fields]:
    """Return the callbacks that a deed makes, in order; none where WeChat tells the account nothing."""
    # Nothing of a person on the account's blacklist reaches the account.
    if kind.fields is None or person.blacklisted:
        return []
    first = {**kind.fields(world, person, deed), **(deed.fields or {})}
    following = kind.then(world, person, deed) if kind.then else []
    return [world.envelope(person, fields, kind.app or deed.app) for fields in (first, *following)]


async def _deliver(
    world: World, person: Person, deed: Deed, app: AppKind, told: list[Fields]
) -> list[Delivery]:
    copies, deliveries = 1 + deed.duplicate, []
    for fields in told:
        if deed.concurrent:
            some = list(await asyncio.gather(*(world.deliverer.deliver(app, fields) for _ in range(copies))))
        else:
            some = [await world.deliverer.deliver(app, fields) for _ in range(copies)]
        _show(world, person, deed, some)
        deliveries += some
    return deliveries


def _show(world: World, person: Person, deed: Deed, deliveries: list[Delivery]) -> None:
    """Put the reply on the person's phone: one, however often the message was delivered."""
    reply = next((delivery.reply for delivery in deliveries if delivery.reply is not None), None)
    if reply is not None and reply["MsgType"] != "transfer_customer_service":
        text, title, url = _shown(reply)
        world.put(person, "reply", text=text, title=title, url=url, data=reply)
    failed = not any(delivery.accepted for delivery in deliveries)
    if failed and len(deliveries[0].tries) == PLATFORM.callback_tries and deed.type in ANSWERED:
        world.put(person, "system", direction="system", text=OUT_OF_ORDER)


def _shown(reply: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """Return (text, title, url) of a passive reply as the phone shows it."""
    if reply["MsgType"] == "text":
        return str(reply.get("Content", "")), None, None
    if reply["MsgType"] == "news":
        articles = reply.get("Articles") or [{}]
        first = articles[0] if isinstance(articles, list) and isinstance(articles[0], dict) else {}
        return str(first.get("Description", "")), str(first.get("Title", "")), first.get("Url") or None
    return f"[{reply['MsgType']}]", None, None
