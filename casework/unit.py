"""The unit of work: one MongoDB transaction over several stores."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import ConnectionFailure, OperationFailure, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern

from casework.problems import Away

T = TypeVar("T")
Tx = AsyncIOMotorClientSession
ATTEMPTS = 8
#: The first pause before another attempt is between nothing and twice this, each further one longer.
PAUSE_SECONDS = 0.005


class Unit:
    """Opens transactions; a use case hands `run` the work that has to happen whole or not at all."""

    def __init__(self, client: AsyncIOMotorClient[Any]) -> None:
        self._client = client

    async def run(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run `work(tx)` in a transaction that is durable on a majority, and return its result.

        The driver's labels decide what is repeated: the whole work after a transient error (a write
        conflict, a new primary), the commit alone when its outcome is unknown. `work` therefore has no
        effect but through `tx`. Raises `Away` when the database stays out of reach.
        """
        async with await self._client.start_session() as tx:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    async with tx.start_transaction(
                        read_concern=ReadConcern("snapshot"),
                        write_concern=WriteConcern("majority"),
                        read_preference=ReadPreference.PRIMARY,
                    ):
                        result = await work(tx)
                        await self._commit(tx)
                    return result
                except (ConnectionFailure, OperationFailure) as error:
                    if not error.has_error_label("TransientTransactionError"):
                        raise
                    # Looking for a server takes seconds by itself; when there is none, nobody waits for
                    # all the other attempts.
                    if attempt == ATTEMPTS or isinstance(error, ServerSelectionTimeoutError):
                        raise Away from error
                # Those who met here must not meet again, however many they are.
                await asyncio.sleep(random.random() * PAUSE_SECONDS * 2**attempt)
        raise AssertionError("unreachable")

    @staticmethod
    async def _commit(tx: Tx) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await tx.commit_transaction()
            except (ConnectionFailure, OperationFailure) as error:
                if not error.has_error_label("UnknownTransactionCommitResult") or attempt == ATTEMPTS:
                    raise
        return None
