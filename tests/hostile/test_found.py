"""What fuzzing has found, each pinned."""

from dataclasses import replace
from random import Random

from server.parts import Parts
from tests.hostile.broken_callbacks import Account, Sending, ordinary_callback
from tests.hostile.wire import Line, Shot, request
from tests.support import Phones
from wechat.simulator.wire import to_xml


def counters(parts: Parts) -> int:
    """How many values the metrics keep."""
    return sum(len(list(metric.samples)) for metric in parts.metrics.registry.collect())


async def test_what_strangers_invent_gets_no_counter_of_its_own(parts: Parts, service: str) -> None:
    line, now = Line(parts.settings.port), parts.clock.time()

    async def invent(number: int) -> None:
        for path in ("/api/session", "/nowhere", "/wechat/callback"):
            [answer] = await line.send(Shot("method", request(f"INVENTED{number}", path)))
            assert answer.status in (404, 405)
        for name in ("MsgType", "Event"):
            fields = {
                "ToUserName": "gh_1",
                "FromUserName": "oSomebody",
                "CreateTime": int(now),
                "MsgType": "event",
            }
            sending = Sending(Account.main(parts.settings), Random(number), int(now), "safe")
            xml = to_xml({**fields, name: f"invented_{number}"}).encode()
            [answer] = await line.send(replace(sending, xml=xml).right().shot("kind", frozenset({200})))
            assert answer.status == 200

    await invent(0)
    before = counters(parts)
    for number in range(1, 10):
        await invent(number)
    assert counters(parts) == before
    await line.send(ordinary_callback(Account.main(parts.settings), 1, now))
    assert counters(parts) > before, "known kinds are counted"
    line.hang_up()


async def test_an_answer_that_must_not_be_stored_is_given_whatever_the_client_claims_to_have(
    phones: Phones,
) -> None:
    villager = await phones.sign_in("villager_1")
    for given in ("*", '"x", *', 'W/"x"'):
        reply = await villager.call("GET", "/api/session", headers={"If-None-Match": given})
        assert (reply.status, reply.headers.get("ETag")) == (200, None)
        assert reply.body["person"]
