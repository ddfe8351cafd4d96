"""The worker's tests share one seeded database, and a clock that moves faster than workers look elsewhere."""

from datetime import timedelta

import pytest

from casework.notices import rules
from server import worker
from tests.seeded import database_name, parts, seeded_database

__all__ = ["database_name", "parts", "seeded_database"]


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that nothing wakes look often, so that a test which moves the clock need not wait for them."""
    for pause in ("POLL_SECONDS", "ALARM_SECONDS", "SEAL_SECONDS", "QUOTA_SECONDS"):
        monkeypatch.setattr(worker, pause, worker.EAGER_SECONDS)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker listens for receipts while a message is carried here, so nobody waits long for one."""
    monkeypatch.setattr(rules, "RECEIPT_PATIENCE", timedelta(seconds=0.2))
