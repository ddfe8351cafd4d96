"""One seeded database for the tests that work in this process."""

from tests.seeded import database_name, parts, seeded_database

__all__ = ["database_name", "parts", "seeded_database"]
