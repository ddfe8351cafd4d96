"""The contract's tests share one database, which each of them finds as the demo's seed leaves it.

Making a database with all its indexes takes far longer than emptying one.
"""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from pymongo import MongoClient
from pymongo.database import Database

from handlers.base import REQUEST_ID
from server.clock import SharedClock
from server.logs import configure_logging
from server.parts import Parts, parts_for
from server.seed import seed
from server.settings import LogLevel, Settings
from wechat.simulator import RunningSimulator


class SeededDatabase:
    """A database that remembers what was in it, and goes back to it."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self.name = database.name
        self._database = database
        self._remembered: dict[str, list[dict[str, Any]]] = {}

    def remember(self) -> None:
        """Keep every document as it is now, the first time that this is called."""
        if not self._remembered:
            # The trail begins with the test, not with the seed's imports.
            self._database["audit"].delete_many({})
            names = self._database.list_collection_names()
            self._remembered = {name: list(self._database[name].find()) for name in names}

    def go_back(self) -> None:
        """Bring every collection back to what is remembered; indexes stay."""
        if not self._remembered:
            return
        for name in self._database.list_collection_names():
            self._database[name].delete_many({})
            if documents := self._remembered.get(name):
                self._database[name].insert_many(documents)


@pytest.fixture(autouse=True)
def logs(clock: SharedClock) -> Iterator[io.BytesIO]:
    """What the service logs during a test, as it does in production; all levels."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure_logging(LogLevel.DEBUG, clock, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    REQUEST_ID.set(None)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def _seeded_database(
    _mongo_janitor: MongoClient[dict[str, Any]], _database_numbers: Iterator[int]
) -> Iterator[SeededDatabase]:
    name = f"test_{next(_database_numbers)}"
    yield SeededDatabase(_mongo_janitor[name])
    _mongo_janitor.drop_database(name)


@pytest.fixture
def database_name(_seeded_database: SeededDatabase) -> str:
    """The database of this folder's tests, as the seed leaves it."""
    _seeded_database.go_back()
    return _seeded_database.name


@pytest.fixture
async def parts(
    settings: Settings, simulator: RunningSimulator, _seeded_database: SeededDatabase
) -> AsyncIterator[Parts]:
    """The production composition root on real servers, with the demo's places, staff and phones."""
    await seed(settings)
    _seeded_database.remember()
    async with parts_for(settings) as built:
        yield built
