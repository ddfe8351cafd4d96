"""The unit of work: one MongoDB transaction over several stores."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo import ReadPreference, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, OperationFailure, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern

from casework.problems import Away

T = TypeVar("T")
ATTEMPTS = 8
#: How many threads `hop` has. They wait for the database most of their time, and a dozen keep a whole process
#: busy; with more of them, the interpreter goes from one to the other for nothing (docs/performance.md).
HOP_THREADS = 12
#: While the database does not answer, nobody waits for a thread longer than they would for the database.
HOP_WAIT_SECONDS = 5.0
#: The first pause before another attempt is between nothing and twice this, each further one longer.
PAUSE_SECONDS = 0.005
#: Reads see one moment, writes are durable on a majority.
OPTIONS: Mapping[str, Any] = {
    "read_concern": ReadConcern("snapshot"),
    "write_concern": WriteConcern("majority"),
    "read_preference": ReadPreference.PRIMARY,
}


async def hop(work: Callable[[], T]) -> T:
    """Run blocking calls of the driver in a thread.

    Motor hops to a thread and back for each call. Where several calls follow each other with nothing in
    between, one hop for all of them takes a fraction of the event loop's time. Raises `Away` when no thread
    was free for too long.
    """
    asked = time.monotonic()

    def begin() -> T:
        if time.monotonic() - asked > HOP_WAIT_SECONDS:
            raise Away
        return work()

    return await asyncio.get_running_loop().run_in_executor(None, begin)


class Tx:
    """One attempt at a transaction.

    Documents to insert are only noted by `insert`, and written together with the commit, in one hop: a
    transaction that only inserts (a report, say) costs the event loop no more than one call. What reads
    or changes documents asks for the `session`, which begins the transaction.
    """

    def __init__(self, client: AsyncIOMotorClient[Any]) -> None:
        self._client = client
        self._session: AsyncIOMotorClientSession | None = None
        self._inserts: list[tuple[Collection[Any], Sequence[Mapping[str, Any]]]] = []

    def insert(self, collection: AsyncIOMotorCollection[Any], *documents: Mapping[str, Any]) -> None:
        """Insert documents at the commit. A unique index is therefore heard of there, not here."""
        if documents:
            self._inserts.append((collection.delegate, documents))

    async def session(self) -> AsyncIOMotorClientSession:
        """The session for reads and changes inside this transaction."""
        if self._session is None:
            self._session = await self._client.start_session()
            self._session.start_transaction(**OPTIONS)
        return self._session

    async def commit(self) -> None:
        """Write what was noted, and commit."""
        if self._session is not None:
            session = self._session.delegate
            await hop(lambda: self._write(session))
        elif self._inserts:
            await hop(self._write_alone)

    async def close(self) -> None:
        """End the session; what was not committed is undone."""
        if self._session is not None:
            await self._session.end_session()

    def _write_alone(self) -> None:
        with self._client.delegate.start_session() as session:
            session.start_transaction(**OPTIONS)
            self._write(session)

    def _write(self, session: ClientSession) -> None:
        for collection, documents in self._inserts:
            if len(documents) == 1:
                collection.insert_one(documents[0], session=session)
            else:
                collection.insert_many(documents, session=session)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return session.commit_transaction()
            except (ConnectionFailure, OperationFailure) as error:
                if not error.has_error_label("UnknownTransactionCommitResult") or attempt == ATTEMPTS:
                    raise
        return None


async def session_in(tx: Tx | None) -> AsyncIOMotorClientSession | None:
    """The session of a transaction, or None for a call that stands alone."""
    return None if tx is None else await tx.session()


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
        for attempt in range(1, ATTEMPTS + 1):
            tx = Tx(self._client)
            try:
                result = await work(tx)
                await tx.commit()
                return result
            except (ConnectionFailure, OperationFailure) as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                # Looking for a server takes seconds by itself; when there is none, nobody waits for
                # all the other attempts.
                if attempt == ATTEMPTS or isinstance(error, ServerSelectionTimeoutError):
                    raise Away from error
            finally:
                await tx.close()
            # Those who met here must not meet again, however many they are.
            await asyncio.sleep(random.random() * PAUSE_SECONDS * 2**attempt)
        raise AssertionError("unreachable")
