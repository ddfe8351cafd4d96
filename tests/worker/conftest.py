"""The worker's tests share one seeded database."""

from tests.seeded import database_name, parts, seeded_database

__all__ = ["database_name", "parts", "seeded_database"]
