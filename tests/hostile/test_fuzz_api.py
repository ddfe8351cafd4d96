"""The API under fire: every operation of its document, with what the document allows, forbids, and worse."""

import io
import json
from pathlib import Path

import pytest

from server.parts import Parts
from tests.hostile.strange_requests import Document, Drawn, make_world, strange_request, tokens
from tests.hostile.wire import Shot, errors_in, fire, request
from tests.support import Phones

#: For each operation, of each sort; and how often each is sent, mixed with other things.
EACH = 5
TIMES = 4
SEED = 20261121


@pytest.fixture(scope="module")
def document() -> Document:
    """The API document; that it is the served one is proved in ``tests/api``."""
    kept = Path(__file__).parents[2] / "docs" / "openapi.json"
    return Document.read(json.loads(kept.read_bytes()))


@pytest.fixture(scope="module")
def drawn(document: Document) -> list[Drawn]:
    """What schemathesis draws of it."""
    return document.draw(EACH, SEED) * TIMES


@pytest.mark.gen_test(timeout=120)
async def test_no_request_makes_the_service_fail(
    document: Document, drawn: list[Drawn], phones: Phones, parts: Parts, place: str, logs: io.BytesIO
) -> None:
    world = await make_world(phones, parts.services.mp_app_id, place)
    token = (await phones.sign_in("villager_1")).token
    signed_in = await tokens(parts.services.sessions, world.people, len(drawn))

    def ordinary(_number: int) -> Shot:
        asked = request("GET", "/api/session", headers=[("Authorization", f"Bearer {token}")])
        return Shot("ordinary", asked, frozenset({200}), "GET")

    shots = (
        strange_request(world, one, session, SEED, number)
        for number, (one, session) in enumerate(zip(drawn, signed_in, strict=True))
    )
    tally = await fire(parts.settings.port, shots, ordinary, document.check)
    if tally.found:
        raise tally.found[0]
    assert tally.requests >= 1300
    assert {what for what, _ in tally.outcomes} == document.operations.keys()
    # What is right in them is enough to get through, what is wrong is seen.
    assert min(tally.statuses().get(status, 0) for status in (200, 201, 400, 401, 403, 404, 409, 422)) > 0
    assert not list(errors_in(logs.getvalue().splitlines()))
