"""One database for all tests of a folder, which each of them finds as the demo's seed leaves it.

Making a database with all its indexes takes far longer than emptying one. A folder's ``conftest.py`` imports
the fixtures from here.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from server.parts import Parts, parts_for
from server.seed import seed
from server.settings import Settings
from wechat.simulator import RunningSimulator

__all__ = ["database_name", "parts", "seeded_database"]


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


@pytest.fixture(scope="session")
def seeded_database(
    _mongo_janitor: MongoClient[dict[str, Any]], _database_numbers: Iterator[int]
) -> Iterator[SeededDatabase]:
    name = f"test_{next(_database_numbers)}"
    yield SeededDatabase(_mongo_janitor[name])
    _mongo_janitor.drop_database(name)


@pytest.fixture
def database_name(seeded_database: SeededDatabase) -> str:
    """The database of this folder's tests, as the seed leaves it."""
    seeded_database.go_back()
    return seeded_database.name


@pytest.fixture
async def parts(
    settings: Settings, simulator: RunningSimulator, seeded_database: SeededDatabase
) -> AsyncIterator[Parts]:
    """The production composition root on real servers, with the demo's places, staff and phones."""
    await seed(settings)
    seeded_database.remember()
    async with parts_for(settings) as built:
        yield built
