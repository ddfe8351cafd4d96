"""What the tests of hostile input share: one seeded database, and the service's log."""

from tests.api.conftest import logs
from tests.seeded import database_name, parts, seeded_database

__all__ = ["database_name", "logs", "parts", "seeded_database"]
