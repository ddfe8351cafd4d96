"""The day's messages of an account: counted by all processes together, kept through the loss of Redis."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from casework.clock import CHINA, legal_date
from server.clock import SharedClock
from server.embedded import free_port, start_redis
from server.parts import Parts, redis_client
from server.pipelines import pipelines
from server.quotas import DAY_SECONDS, Quotas
from tests.support import Phones
from tests.worker.helpers import (
    at_end,
    calls,
    carry,
    carry_and_hear,
    collection,
    logged,
    move_to,
    notice_of,
    put,
    results,
    working,
)
from wechat.channels import CHANNELS

APP, OTHER_APP = "wx-one", "wx-other"
WHO = "villager_1"
DAILY = CHANNELS["template"].daily


def quotas(parts: Parts, limit: int = 5, allowance: int = 0) -> Quotas:
    """The count as one process keeps it: so many template messages a day, customer messages without end."""
    limits = {"template": limit, "customer": None}
    return Quotas(
        pipelines(parts.redis), parts.mongo[parts.settings.mongodb_database], parts.clock, limits, allowance
    )


def midnight(parts: Parts) -> datetime:
    """When the next day begins in China."""
    today = parts.clock.now().astimezone(CHINA).date()
    return datetime.combine(today + timedelta(days=1), datetime.min.time(), CHINA)


def counter(parts: Parts, app_id: str, channel: str) -> str:
    """The name of today's counter in Redis."""
    return f"quota:{app_id}:{channel}:{legal_date(parts.clock.now())}"


async def test_several_processes_count_together(parts: Parts) -> None:
    processes = [quotas(parts, 30) for _ in range(3)]
    taken = await asyncio.gather(*(one.take(APP, "template") for one in processes * 20))
    assert taken.count(None) == 30
    assert set(taken) - {None} == {midnight(parts)}
    for one in processes:
        assert await one.take(APP, "template") == midnight(parts)
        assert one.used[APP, "template"] > 30


async def test_accounts_and_channels_are_counted_apart(parts: Parts) -> None:
    one = quotas(parts, 1)
    assert [await one.take(APP, "template") for _ in range(2)] == [None, midnight(parts)]
    assert await one.take(OTHER_APP, "template") is None
    # What has no limit by the day is not counted at all.
    assert [await one.take(APP, channel) for channel in ("customer", "pigeon")] == [None, None]
    assert set(one.used) == {(APP, "template"), (OTHER_APP, "template")}


async def test_the_day_begins_at_midnight_in_china(parts: Parts, clock: SharedClock) -> None:
    one = quotas(parts, 1)
    clock.move(midnight(parts).timestamp() - clock.time() - 1)
    tomorrow = midnight(parts)
    assert [await one.take(APP, "template") for _ in range(2)] == [None, tomorrow]
    clock.move(1.5)
    assert [await one.take(APP, "template") for _ in range(2)] == [None, tomorrow + timedelta(days=1)]


async def test_when_redis_has_lost_the_count_it_goes_on_from_what_was_written_down(parts: Parts) -> None:
    one, other = quotas(parts, 100, allowance=10), quotas(parts, 100, allowance=10)
    for _ in range(20):
        await one.take(APP, "template")
        await other.take(APP, "template")
    # The one who writes last may know less.
    await other.write_down()
    await one.write_down()
    await parts.redis.flushall()
    assert await one.take(APP, "template") is None
    # Forty were counted, so many more may have been, and one more now.
    assert one.used[APP, "template"] == 40 + 10 + 1
    assert await other.take(APP, "template") is None
    assert other.used[APP, "template"] == 52


async def test_what_is_written_down_names_no_person_and_ends_with_its_day(parts: Parts) -> None:
    one = quotas(parts)
    await one.take(APP, "template")
    await one.write_down()
    await one.write_down()
    [kept] = await collection(parts, "quotas").find().to_list(None)
    assert (kept["_id"], kept["count"]) == (counter(parts, APP, "template"), 1)
    assert 0 < await parts.redis.ttl(kept["_id"]) <= 2 * DAY_SECONDS


async def test_without_redis_everything_may_be_sent_and_the_log_tells(parts: Parts) -> None:
    redis = redis_client(f"redis://127.0.0.1:{free_port()}/0")
    database = parts.mongo[parts.settings.mongodb_database]
    one = Quotas(pipelines(redis), database, parts.clock, {"template": 1})
    try:
        async with logged() as entries:
            assert [await one.take(APP, "template") for _ in range(3)] == [None] * 3
        assert {entry["event"] for entry in entries} == {"messages are not counted"}
        await one.write_down()
    finally:
        await redis.aclose()
        await redis.connection_pool.disconnect()


# --- on the way to the phone ------------------------------------------------------------------------


@pytest.fixture
async def one_left(parts: Parts) -> None:
    """All but one of today's template messages of the account were sent."""
    assert DAILY
    await parts.redis.set(counter(parts, parts.settings.oa_app_id, "template"), DAILY - 1)


@pytest.mark.usefixtures("impatient")
async def test_a_used_up_quota_waits_for_midnight_and_is_then_sent(
    parts: Parts, phones: Phones, one_left: None
) -> None:
    ids = [await put(parts, key) for key in (WHO, "villager_2", "villager_3")]
    await put(parts, WHO, number="1002")
    while await carry_and_hear(parts, phones):
        pass
    assert await calls(phones) == 1
    waiting = await collection(parts, "notices").find({"state": "pending"}).to_list(None)
    assert len(waiting) == 3
    assert {notice["due_at"] for notice in waiting} == {midnight(parts)}
    assert all(not notice["tries"] for notice in waiting)
    # The platform was not asked, so that nothing looks like its trouble.
    assert parts.postman.closed() == {}

    await move_to(parts, phones, midnight(parts).timestamp())
    for _ in range(2):
        await carry_and_hear(parts, phones)
    assert {(await notice_of(parts, id_))["state"] for id_ in ids} == {"delivered"}
    assert await calls(phones) == 4


async def test_a_used_up_quota_leads_to_another_channel_where_there_is_one(
    parts: Parts, phones: Phones, one_left: None
) -> None:
    await phones.does(WHO, "text", content="你好")
    await parts.services.account.flush()
    first = await put(parts, "villager_2")
    await carry_and_hear(parts, phones)
    second = await put(parts, WHO)
    await carry(parts)
    assert (await notice_of(parts, first))["state"] == "delivered"
    assert await results(parts, second) == [("customer", "sent")]
    assert await calls(phones) == 1


async def test_while_redis_is_away_messages_are_sent_all_the_same(
    parts: Parts, phones: Phones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start_redis(tmp_path / "away", free_port())
    redis = redis_client(server.uri)
    database = parts.mongo[parts.settings.mongodb_database]
    counted = Quotas(pipelines(redis), database, parts.clock, {"template": 100})
    monkeypatch.setattr(parts.postman, "_quotas", counted)
    try:
        async with working(parts):
            await at_end(parts, await put(parts, WHO))
            assert counted.used[parts.settings.oa_app_id, "template"] == 1
            await server.stop()
            await at_end(parts, await put(parts, "villager_2"))
    finally:
        await redis.aclose()
        await redis.connection_pool.disconnect()
    assert await calls(phones) == 2
