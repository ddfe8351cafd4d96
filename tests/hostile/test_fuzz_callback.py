"""The callback under fire: broken in every way that the generator knows, and never a fault or a hang."""

import io

import pytest

from server.parts import Parts
from tests.hostile.broken_callbacks import Account, broken_callback, ordinary_callback
from tests.hostile.wire import Shot, errors_in, fire, request
from tests.worker.helpers import apply_events

REQUESTS = 1700
SEED = 20261121


@pytest.mark.gen_test(timeout=120)
async def test_no_callback_makes_the_service_fail(parts: Parts, service: str, logs: io.BytesIO) -> None:
    account, now = Account.main(parts.settings), parts.clock.time

    def ordinary(number: int) -> Shot:
        if number % 2:
            return ordinary_callback(account, number, now())
        return Shot("ordinary", request("GET", "/readyz"), frozenset({200}), "GET")

    shots = (broken_callback(account, SEED, number, now()) for number in range(REQUESTS))
    tally = await fire(parts.settings.port, shots, ordinary)
    if tally.found:
        raise tally.found[0]
    assert tally.requests >= REQUESTS
    assert tally.ordinary >= REQUESTS // 25
    # Each stage was reached: some of everything was taken, refused, forbidden and cut off.
    assert min(tally.statuses().get(status, 0) for status in (200, 400, 403, 404, 405, "closed")) > 5
    # What was right enough to be kept is no trouble for the workers either.
    assert await apply_events(parts) > 50
    assert not list(errors_in(logs.getvalue().splitlines()))
