"""How a simulator that starts again puts back what its predecessor noted, kind by kind.

Not noted, and so gone with the process: faults and settings made under `/_sim/`, the newest calls in full,
uploads, QR codes, log-in sessions, tickets, and events of people that were on their way to a callback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from wechat.simulator.menus import Menu
from wechat.simulator.state import Allowance, Code, Entry, Person, Template
from wechat.simulator.tokens import ForcedRefreshes
from wechat.simulator.world import World
from wechat.simulator.worlds import Worlds

Json = dict[str, Any]
ENTRY_FIELDS = tuple(one.name for one in fields(Entry) if one.name != "owner")


def recall(worlds: Worlds, records: Iterable[list[Any]]) -> None:
    """Put back what the records say; those of an account that is simulated no more are passed over."""
    for app_id, kind, *values in records:
        world = worlds.by_app_id.get(app_id)
        if world is not None:
            RECALL[kind](world, *values)


def _person(world: World, record: Json) -> None:
    tags = record.pop("tags")
    allowances, consents = record["allowances"], record["consents"]
    record["allowances"] = {what: Allowance(**one) for what, one in allowances.items()}
    record["consents"] = Counter({(app, template_id): count for app, template_id, count in consents})
    person = world.people.follower(record["oa_openid"])
    if person is None:
        person = Person(**record)
        world.people.add(person)
    for name, value in record.items():
        setattr(person, name, value)
    for tag_id in set(person.tags).difference(tags):
        world.tags.untag(tag_id, person)
    for tag_id in tags:
        world.tags.tag(tag_id, person)


def _gone(world: World, openid: str) -> None:
    person = world.people.follower(openid)
    if person is not None:
        world.remove_person(person)


def _entry(world: World, record: Json) -> None:
    # A reply may have come to the phone of somebody who was removed before.
    owner = world.people.follower(record["openid"])
    if owner is not None:
        world.people.keep(Entry(owner=owner, **{name: record[name] for name in ENTRY_FIELDS}))


def _msgid(world: World, msgid: int) -> None:
    world.last_msgid = msgid


def _code(world: World, text: str, openid: str, record: Json) -> None:
    person = world.people.follower(openid)
    if person is not None:
        world.codes.keep(text, Code(person=person, **record))


def _token(world: World, app_id: str, *values: Any) -> None:
    if world.tokens.registered(app_id):
        world.tokens.keep(app_id, *values)


def _forced(world: World, app_id: str, record: Json) -> None:
    world.tokens.forced[app_id] = ForcedRefreshes(**record)


def _template(world: World, app_id: str, record: Json) -> None:
    enums = {key: tuple(values) for key, values in record.pop("enums").items()}
    world.templates.add(app_id, Template(**record, enums=enums))


def _menus(world: World, default: Json | None, conditional: list[Json]) -> None:
    world.menus.put_back(Menu(**default) if default else None, [Menu(**one) for one in conditional])


def _started_over(world: World, app_id: str, month: tuple[int, int], times: int) -> None:
    world.quotas.give_back(app_id, (month[0], month[1]), times)


RECALL: Mapping[str, Callable[..., object]] = {
    "person": _person,
    "gone": _gone,
    "entry": _entry,
    "msgid": _msgid,
    "sent": lambda world, *values: world.recent.add(*values),
    "code": _code,
    "code_used": lambda world, text: world.codes.use(text),
    "token": _token,
    "forced": _forced,
    "revoked": lambda world, app_id: world.tokens.revoke(app_id),
    "call": lambda world, *values: world.calls.count(*values),
    "used": lambda world, *values: world.quotas.use(*values),
    "started_over": _started_over,
    "template": _template,
    "template_gone": lambda world, *values: world.templates.remove(*values),
    "menus": _menus,
    "tags": lambda world, names: world.tags.put_back(dict(names)),
    "receipt": lambda world, *values: world.deliverer.take_up(*values),
    "told": lambda world, *values: world.deliverer.told(*values),
    "reset": lambda world, parts: world.reset(tuple(parts)),
}
