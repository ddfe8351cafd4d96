"""Signed pages: one ticket for the whole cluster, signed as WeChat's documentation shows."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from wechatpy.client.api import WeChatJSAPI

from server.clock import SharedClock
from server.settings import Settings
from tests.support import Phones
from tests.wechat.canned import AwayRedis, Bench, Fake, no_pause
from wechat import paths
from wechat.client import WeChatApi, WeChatError, WeChatUnreachable
from wechat.tickets import Tickets, signature_of

TICKET = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
COUNT = f"calls?path={paths.JSAPI_TICKET.path}"


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        # The example of the documentation's appendix 1, as it is now and as it was.
        ("http://mp.weixin.qq.com?params=value", "0f9de62fce790f9a083d5c99e95740ceb90c27ed"),
        ("http://mp.weixin.qq.com", "f4d90daf4b3bca3078ab155816175ba34c443a7b"),
    ],
)
def test_the_example_of_the_documentation(url: str, signature: str) -> None:
    assert signature_of(TICKET, "Wm3WZYTPz0wzccnW", 1414587457, url) == signature
    theirs = WeChatJSAPI().get_jsapi_signature("Wm3WZYTPz0wzccnW", TICKET, 1414587457, url)
    assert theirs == signature


@pytest.fixture
def make(redis: Redis, oa: WeChatApi, clock: SharedClock) -> Callable[..., Tickets]:
    def made(**changes: Any) -> Tickets:
        given = {"redis": redis, "api": oa, **changes}
        return Tickets(given["redis"], given["api"], clock.time, sleep=no_pause)

    return made


async def fetches(people: Phones) -> int:
    return int((await people.control("GET", COUNT))["count"])


async def test_a_page_is_signed_without_its_fragment(
    make: Callable[..., Tickets], clock: SharedClock, settings: Settings
) -> None:
    tickets = make()
    signed = await tickets.sign_page("https://h/m/?a=1#/tasks")
    assert signed["appId"] == settings.oa_app_id
    assert abs(signed["timestamp"] - clock.time()) < 60
    assert re.fullmatch("[0-9a-f]{16}", signed["nonceStr"])
    ticket = await tickets._shared.get()
    expected = signature_of(ticket, signed["nonceStr"], signed["timestamp"], "https://h/m/?a=1")
    assert signed["signature"] == expected
    assert ticket not in repr((tickets, signed, tickets._shared._copy))
    assert (await tickets.sign_page("https://h/m/"))["nonceStr"] != signed["nonceStr"]


async def test_eight_cold_processes_fetch_once(make: Callable[..., Tickets], people: Phones) -> None:
    everyone = [make() for _ in range(8)]
    await asyncio.gather(*(tickets.sign_page("https://h/") for tickets in everyone for _ in range(5)))
    assert await fetches(people) == 1


async def test_renewed_five_minutes_before_its_end(
    make: Callable[..., Tickets], people: Phones, clock: SharedClock
) -> None:
    tickets = make()
    await tickets.sign_page("https://h/")
    clock.move(7200 - 310)
    await tickets.sign_page("https://h/")
    assert await fetches(people) == 1
    clock.move(20)
    await tickets.sign_page("https://h/")
    assert await fetches(people) == 2


async def test_without_redis_each_process_fetches_for_itself(
    make: Callable[..., Tickets], people: Phones
) -> None:
    everyone = [make(redis=AwayRedis()) for _ in range(2)]
    await asyncio.gather(*(tickets.sign_page("https://h/") for tickets in everyone for _ in range(5)))
    assert await fetches(people) == 2


async def test_the_old_ticket_bridges_a_failed_renewal(
    make: Callable[..., Tickets], people: Phones, clock: SharedClock
) -> None:
    tickets = make()
    await tickets.sign_page("https://h/")
    await people.control("POST", "faults", {"path": paths.JSAPI_TICKET.path, "errcode": 45009})
    clock.move(7200 - 290)
    assert await tickets.sign_page("https://h/")
    clock.move(300)
    with pytest.raises(WeChatError) as refused:
        await tickets.sign_page("https://h/")
    assert refused.value.errcode == 45009


@pytest.mark.parametrize(
    "answer",
    [b"{}", b'{"ticket":"","expires_in":7200}', b'{"ticket":"t"}', b'{"ticket":1,"expires_in":7200}'],
)
async def test_answers_that_are_no_ticket(
    make: Callable[..., Tickets], bench: Bench, fake: Fake, answer: bytes
) -> None:
    fake.answers[paths.JSAPI_TICKET.path] = [answer]
    with pytest.raises(WeChatUnreachable) as lost:
        await make(api=bench.api).sign_page("https://h/")
    assert lost.value.kind == "shape"
