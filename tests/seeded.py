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
from server.seed import furnish_simulator, seed
from server.settings import Settings
from wechat.simulator import RunningSimulator

__all__ = ["database_name", "parts", "seeded_database"]


class SeededDatabase:
    """A database that remembers what was in it, and goes back to it."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self.name = database.name
        self._database = database
        self._remembered: dict[str, list[dict[str, Any]]] = {}
        self._hashes: dict[str, str] = {}

    @property
    def seeded(self) -> bool:
        """Whether there is something to go back to."""
        return bool(self._remembered)

    def remember(self) -> None:
        """Keep every document as it is now."""
        # The trail begins with the test, not with the seed's imports.
        self._database["audit"].delete_many({})
        self._hashes = self._hashes_now()
        self._remembered = {name: list(self._database[name].find()) for name in self._hashes}

    def go_back(self) -> None:
        """Bring every collection back to what is remembered; indexes stay."""
        for name, hash_ in self._hashes_now().items():
            if hash_ == self._hashes.get(name):
                continue
            self._database[name].delete_many({})
            if documents := self._remembered.get(name):
                self._database[name].insert_many(documents)

    def _hashes_now(self) -> dict[str, str]:
        """A digest of each collection's documents, whose order does not matter."""
        return dict(self._database.command("dbHash")["collections"])


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
    if seeded_database.seeded:
        seeded_database.go_back()
    return seeded_database.name


@pytest.fixture
async def parts(
    settings: Settings, simulator: RunningSimulator, seeded_database: SeededDatabase
) -> AsyncIterator[Parts]:
    """The production composition root on real servers, with the demo's places, staff and phones."""
    if not seeded_database.seeded:
        await seed(settings)
        seeded_database.remember()
    async with parts_for(settings) as built:
        # The simulator is the test's own, and has to be told each time.
        await furnish_simulator(built)
        yield built
