"""Commands: writes that a client may send again without their happening twice."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pymongo.errors import DuplicateKeyError

from casework.access import Actor
from casework.clock import Clock
from casework.commands.store import CommandStore
from casework.fields import BlindIndex
from casework.problems import KeyReused, Malformed, Problem
from casework.unit import Tx, Unit


@dataclass(frozen=True)
class Command:
    """One write as the client sent it.

    `key` is the Idempotency-Key (a UUID made by the client), `body` the parsed body,
    `base_version` the version of the record that the client saw (None for a new record),
    `device_time` when the person pressed the button, by their device's clock.
    """

    key: str
    name: str
    body: bytes
    base_version: int | None = None
    device_time: datetime | None = None


@dataclass(frozen=True)
class Answer:
    """What a command is answered with: `body` holds ids, numbers and codes, no personal data."""

    body: Mapping[str, Any]
    created: bool = False
    repeated: bool = False


class Commands:
    """Runs each command once."""

    def __init__(self, store: CommandStore, unit: Unit, index: BlindIndex, clock: Clock) -> None:
        self._store = store
        self._unit = unit
        self._index = index
        self._clock = clock

    async def once(self, actor: Actor, command: Command, work: Callable[[Tx], Awaitable[Answer]]) -> Answer:
        """Run `work(tx)` and keep its answer in the same transaction; on a repeat, give that answer.

        The first try pays nothing for the look-up: only when the work fails (a unique key, a stale
        version, a state that has moved on) is it asked whether this very command is the reason.
        Raises `KeyReused` when the key came before with another body, and what `work` raises.
        """
        # The digest is keyed, because a body's few unknown digits could be guessed from a plain one.
        digest = self._index.of("command", _signed(command))

        async def work_and_keep(tx: Tx) -> Answer:
            answer = await work(tx)
            await self._store.add(
                tx,
                {
                    "_id": _id(actor, command),
                    "digest": digest,
                    "answer": dict(answer.body),
                    "created": answer.created,
                    "at": self._clock.now(),
                    "device_time": command.device_time,
                },
            )
            return answer

        try:
            return await self._unit.run(work_and_keep)
        except (DuplicateKeyError, Problem):
            if answer := await self.kept(actor, command):
                return answer
            raise

    async def kept(self, actor: Actor, command: Command) -> Answer | None:
        """The answer that this very command got before, if it did; raises `KeyReused` when its key came
        before with another body."""
        kept = await self._store.find(_id(actor, command))
        if kept is None:
            return None
        # A digest outlives its key when keys rotate. It can no longer be compared then, and an honest repeat
        # must not be refused: the key is the client's own.
        digest = kept["digest"]
        if self._index.knows(digest) and digest not in self._index.all_of("command", _signed(command)):
            raise KeyReused
        return Answer(kept["answer"], created=kept["created"], repeated=True)


def _id(actor: Actor, command: Command) -> str:
    return f"{actor.id}|{command.key}"


def _signed(command: Command) -> bytes:
    return command.name.encode() + b"\n" + command.body


def canonical_body(body: Any) -> bytes:
    """The bytes of a parsed JSON body that decide whether two bodies are the same.

    Raises `Malformed` for what is nested deeper than any form of ours.
    """
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise Malformed from None
