"""The outbox: every message comes to an end on the best channel, once, whatever breaks on the way."""

import asyncio
import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from casework.access import Actor
from casework.notices.gates import PATIENCE, PAUSES
from casework.notices.rules import KEPT_TRIES, RECEIPT_WAIT, RETRY_PAUSES, TEMPLATE_REPEATABLE, TURN
from casework.notices.service import LEASE
from server.embedded import free_port, start_redis
from server.parts import Parts, parts_for
from tests.support import Phones, until
from tests.worker.helpers import (
    CUSTOMER,
    TEMPLATE,
    apply_events,
    at_end,
    calls,
    carry,
    carry_and_hear,
    carry_until_ended,
    collection,
    fault,
    mend,
    move,
    move_to,
    notice_of,
    put,
    receipts_arrived,
    results,
    staff_of,
    working,
)
from wechat import paths

WHO = "villager_1"


@pytest.fixture(autouse=True)
def one_call_a_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own short repeats are switched off, so that a call here is a try of the outbox."""
    monkeypatch.setattr("wechat.transport.BUSY_PAUSES", ())
    monkeypatch.setattr("wechat.transport.UNREACHABLE_PAUSES", ())


@pytest.fixture
async def window(parts: Parts, phones: Phones) -> None:
    """The villager has just written, so that customer messages reach them for 48 hours."""
    await phones.does(WHO, "text", content="你好")
    await parts.services.account.flush()


async def channels_seen(phones: Phones, key: str = WHO) -> list[str]:
    """By which channels messages arrived on a phone; answers to what the person wrote do not count."""
    return [m["channel"] for m in await phones.inbox(key) if m["channel"] != "reply"]


# --- channels -----------------------------------------------------------------------------------


async def test_a_template_message_is_the_first_choice(parts: Parts, phones: Phones, window: None) -> None:
    id_ = await put(parts, WHO)
    assert await carry(parts) == 1
    assert (await notice_of(parts, id_))["state"] == "sent"
    [message] = await phones.arrived(WHO, channel="template")
    assert "白石乡 枫木村 一组" in message["text"]
    assert message["url"] == f"{parts.settings.public_url}/m/tasks/test"
    assert await carry(parts) == 0


@pytest.mark.parametrize(
    ("hours", "state", "channels"), [(47, "sent", ["customer"]), (49, "inbox", [])], ids=["within", "after"]
)
async def test_without_a_template_a_customer_message_inside_48_hours_else_the_inbox(
    parts: Parts, phones: Phones, window: None, hours: int, state: str, channels: list[str]
) -> None:
    id_ = await put(parts, WHO, "staff_welcome")
    await move(phones, hours * 3600)
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == state
    assert await channels_seen(phones) == channels


# --- the table of error codes ---------------------------------------------------------------------

NEXT_CHANNEL = (40037, 43101, 99999)
MARKED: dict[int, dict[str, Any]] = {
    43004: {"following": False},
    50005: {"following": False},
    43019: {"blocked": True},
    48002: {"blocked": True},
    40003: {"following": False, "person_id": None},
}
CUSTOMER_CLOSED = (45015, 45047)
WRONG_CONTENT = (47001, 47003)
WAITING = {45009: "wait", 45011: "wait", 40164: "halt", 48001: "halt", 48004: "halt", 50002: "halt"}
STALE_TOKEN = (40001, 40014, 42001)


async def test_a_closed_channel_leads_to_the_next(parts: Parts, phones: Phones, window: None) -> None:
    for errcode in NEXT_CHANNEL:
        await fault(phones, errcode=errcode, times=1)
        id_ = await put(parts, WHO)
        await carry(parts)
        assert await results(parts, id_) == [("template", "next"), ("customer", "sent")], errcode
    assert await channels_seen(phones) == ["customer"] * len(NEXT_CHANNEL)


async def test_what_a_refusal_teaches_about_a_person_is_kept_and_spares_the_next_call(
    parts: Parts, phones: Phones
) -> None:
    for number, (errcode, mark) in enumerate(MARKED.items()):
        openid = f"oDemo_{await phones.add_villager(number)}"
        await parts.services.account.meet(parts.settings.oa_app_id, openid, None)
        now = parts.clock.now()
        await parts.services.account.set_fan(
            parts.settings.oa_app_id, openid, following=True, blocked=False, interacted_at=now
        )
        await fault(phones, errcode=errcode, times=1)
        ids = [await put(parts, f"extra_{number}") for _ in range(2)]
        await carry(parts)
        assert [(await notice_of(parts, id_))["state"] for id_ in ids] == ["inbox", "inbox"], errcode
        assert await results(parts, ids[0]) == [("template", "next")]
        assert await results(parts, ids[1]) == []
        fan: dict[str, Any] = dict(await parts.services.account.fan(parts.settings.oa_app_id, openid) or {})
        assert {name: fan[name] for name in mark} == mark, errcode
    assert (await calls(phones), await calls(phones, CUSTOMER)) == (len(MARKED), 0)


async def test_a_closed_customer_window_ends_in_the_inbox_and_is_remembered(
    parts: Parts, phones: Phones
) -> None:
    for number, errcode in enumerate(CUSTOMER_CLOSED, 1):
        await phones.does(WHO, "text", content="你好")
        await parts.services.account.flush()
        await fault(phones, CUSTOMER, errcode=errcode, times=1)
        ids = [await put(parts, WHO, "staff_welcome") for _ in range(2)]
        await carry(parts)
        assert [(await notice_of(parts, id_))["state"] for id_ in ids] == ["inbox", "inbox"], errcode
        assert await results(parts, ids[0]) == [("customer", "next")]
        assert await results(parts, ids[1]) == []
        assert await calls(phones, CUSTOMER) == number


async def test_wrong_content_is_given_up_at_once(parts: Parts, phones: Phones, window: None) -> None:
    for errcode in WRONG_CONTENT:
        await fault(phones, errcode=errcode, times=1)
        id_ = await put(parts, WHO)
        await carry(parts)
        notice = await notice_of(parts, id_)
        assert (notice["state"], notice["tries"][0]["errcode"]) == ("inbox", errcode)
        assert await results(parts, id_) == [("template", "dead")]
    assert await channels_seen(phones) == []


async def test_quotas_and_wrong_set_up_wait_for_their_end(parts: Parts, phones: Phones, window: None) -> None:
    for number, (errcode, result) in enumerate(WAITING.items(), 1):
        await fault(phones, errcode=errcode)
        id_ = await put(parts, WHO)
        await carry(parts)
        assert (await notice_of(parts, id_))["state"] == "pending"
        assert await results(parts, id_) == [("template", result)], errcode
        await move(phones, 55)
        assert await carry(parts) == 0
        assert set(parts.postman.closed().values()) == {"quota" if result == "wait" else "refused"}
        await mend(phones)
        await move(phones, 6)
        await carry_and_hear(parts, phones)
        assert (await notice_of(parts, id_))["state"] == "delivered"
        assert parts.postman.closed() == {}
        assert await channels_seen(phones) == ["template"] * number
    for result in ("wait", "halt"):
        labels = {"channel": "template", "result": result}
        counted = parts.metrics.registry.get_sample_value("fangpin_pushes_total", labels)
        assert counted == list(WAITING.values()).count(result)


async def test_a_stale_token_is_renewed_once_within_the_try(parts: Parts, phones: Phones) -> None:
    await put(parts, "villager_2")
    await carry(parts)
    for number, errcode in enumerate(STALE_TOKEN, 2):
        await fault(phones, errcode=errcode, times=1)
        id_ = await put(parts, WHO)
        await carry(parts)
        assert await results(parts, id_) == [("template", "sent")], errcode
        assert await calls(phones, "/cgi-bin/stable_token") == number
        # The platform allows a forced renewal every half minute.
        await move(phones, 31)


async def test_a_busy_platform_is_tried_again_with_growing_pauses(parts: Parts, phones: Phones) -> None:
    await fault(phones, errcode=-1)
    id_ = await put(parts, WHO)
    # The last of so many failures in a row closes the channel to everybody, whose pauses then count.
    assert len(RETRY_PAUSES) == PATIENCE
    for number, pause in enumerate([*RETRY_PAUSES[:-1], PAUSES[0] + TURN, PAUSES[1] + TURN], 1):
        before = parts.clock.now()
        await carry(parts)
        due = (await notice_of(parts, id_))["due_at"] - before
        assert pause - timedelta(milliseconds=1) <= due < pause + timedelta(seconds=0.4)
        assert await calls(phones) == number
        await move(phones, pause.total_seconds() + 0.4)
    await mend(phones)
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == "sent"
    assert await channels_seen(phones) == ["template"]


async def test_a_message_that_fails_while_others_arrive_goes_the_next_way(
    parts: Parts, phones: Phones, window: None
) -> None:
    id_ = await put(parts, WHO)
    for number in range(len(RETRY_PAUSES) + 1):
        await fault(phones, errcode=-1, times=1)
        await carry(parts)
        if number < len(RETRY_PAUSES):
            due = (await notice_of(parts, id_))["due_at"]
            other = await put(parts, "villager_2")
            await carry_and_hear(parts, phones)
            assert (await notice_of(parts, other))["state"] == "delivered"
            await move_to(parts, phones, due.timestamp())
    assert (await notice_of(parts, id_))["state"] == "sent"
    assert (await results(parts, id_))[-2:] == [("template", "exhausted"), ("customer", "sent")]
    assert await channels_seen(phones) == ["customer"]


async def test_while_nothing_gets_through_no_message_goes_another_way(
    parts: Parts, phones: Phones, window: None
) -> None:
    await fault(phones, errcode=-1)
    id_ = await put(parts, WHO)
    for _ in range(KEPT_TRIES + 5):
        await carry(parts)
        await move_to(parts, phones, (await notice_of(parts, id_))["due_at"].timestamp())
    assert set(await results(parts, id_)) == {("template", "retry")}
    assert await calls(phones) == KEPT_TRIES + 5
    # However long it lasts, a message keeps no endless list.
    assert len((await notice_of(parts, id_))["tries"]) <= KEPT_TRIES + 1
    await mend(phones)
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == "sent"
    assert await channels_seen(phones) == ["template"]


# --- lost answers and crashes: once on the phone ---------------------------------------------------


TROUBLES: dict[str, dict[str, Any]] = {
    "lost before its effect": {"drop": "before"},
    "lost after its effect": {"drop": "after"},
    "torn down": {"refuse": True},
    "a gateway's status": {"http_status": 502},
    "a page": {"html": True},
    "too slow": {"latency_ms": 1500},
}


async def test_a_lost_answer_brings_one_message(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = dataclasses.replace(paths.TEMPLATE_SEND, timeout=0.8)
    monkeypatch.setattr(paths, "TEMPLATE_SEND", quick)
    monkeypatch.setitem(paths.PATHS, quick.path, quick)
    for number, (what, trouble) in enumerate(TROUBLES.items(), 1):
        await fault(phones, **trouble, times=1)
        id_ = await put(parts, WHO)
        await carry(parts)
        assert await results(parts, id_) == [("template", "retry")], what
        if what == "too slow":
            # The message arrives after nobody waits for the answer any more.
            await phones.arrived(WHO, number)
        assert (await carry_until_ended(parts, phones, id_))["state"] == "sent", what
        await receipts_arrived(phones)
        await apply_events(parts)
        assert (await notice_of(parts, id_))["state"] == "delivered", what
        assert await channels_seen(phones) == ["template"] * number, what
        assert await calls(phones) == 2 * number


async def test_an_answer_lost_longer_ago_than_the_platform_remembers_is_not_repeated(
    parts: Parts, phones: Phones, window: None
) -> None:
    await fault(phones, drop="after", times=1)
    await fault(phones, errcode=45009)
    id_ = await put(parts, WHO)
    await carry(parts)
    await move(phones, 1)
    await carry(parts)
    assert await results(parts, id_) == [("template", "retry"), ("template", "wait")]
    await mend(phones)
    await move(phones, TEMPLATE_REPEATABLE.total_seconds())
    await carry(parts)
    assert await channels_seen(phones) == ["template", "customer"]
    assert "可能重复" in (await phones.arrived(WHO, channel="customer"))[0]["text"]


async def test_a_lost_answer_of_a_customer_message_is_not_sent_again(
    parts: Parts, phones: Phones, window: None
) -> None:
    await fault(phones, CUSTOMER, drop="after")
    id_ = await put(parts, WHO, "staff_welcome")
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == "pending"
    await move(phones, RECEIPT_WAIT.total_seconds() - 5)
    assert await carry(parts) == 0
    await move(phones, 6)
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == "inbox"
    assert (await results(parts, id_))[-1] == ("customer", "unknown")
    assert await channels_seen(phones) == ["customer"]


async def die_while_sending(parts: Parts, phones: Phones, id_: str, path: str) -> None:
    """A worker dies after its call has gone out and before it could write down what came of it."""
    before = await calls(phones, path)
    await fault(phones, path, latency_ms=150, times=1)
    [bundle] = await parts.postman.claim(1)
    assert [notice["_id"] for notice in bundle.notices] == [id_]
    dying = asyncio.ensure_future(parts.postman.carry_bundle(bundle))

    async def called() -> bool:
        return await calls(phones, path) > before

    await until(called, what="the call")
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    channel = "template" if path == TEMPLATE else "customer"
    await phones.arrived(WHO, channel=channel)
    assert (await results(parts, id_))[-1] == (channel, "started")


async def test_a_template_message_of_a_dead_worker_is_sent_again_under_its_id(
    parts: Parts, phones: Phones
) -> None:
    id_ = await put(parts, WHO)
    await die_while_sending(parts, phones, id_, TEMPLATE)
    assert await carry(parts) == 0
    await move(phones, LEASE.total_seconds() + 1)
    await carry(parts)
    assert await results(parts, id_) == [("template", "repeated"), ("template", "sent")]
    assert await calls(phones) == 2
    assert await channels_seen(phones) == ["template"]


async def test_a_template_message_dead_for_ten_minutes_goes_the_next_way_marked(
    parts: Parts, phones: Phones, window: None
) -> None:
    id_ = await put(parts, WHO)
    await die_while_sending(parts, phones, id_, TEMPLATE)
    await move(phones, TEMPLATE_REPEATABLE.total_seconds() + 1)
    await carry(parts)
    assert await results(parts, id_) == [("template", "unknown"), ("customer", "sent")]
    [message] = await phones.arrived(WHO, channel="customer")
    assert message["text"].startswith("（可能重复）")


async def test_a_customer_message_of_a_dead_worker_waits_and_is_then_unknown(
    parts: Parts, phones: Phones, window: None
) -> None:
    id_ = await put(parts, WHO, "staff_welcome")
    await die_while_sending(parts, phones, id_, CUSTOMER)
    await move(phones, LEASE.total_seconds() + 1)
    assert await carry(parts) == 1
    assert (await notice_of(parts, id_))["state"] == "pending"
    await move(phones, RECEIPT_WAIT.total_seconds() - LEASE.total_seconds())
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == "inbox"
    assert (await results(parts, id_))[-1] == ("customer", "unknown")
    assert await calls(phones, CUSTOMER) == 1


async def test_a_worker_whose_lease_ran_out_leaves_the_message_to_its_successor(
    parts: Parts, phones: Phones
) -> None:
    id_ = await put(parts, WHO)
    [late] = await parts.postman.claim(1)
    await move(phones, LEASE.total_seconds() + 1)
    [successor] = await parts.postman.claim(1)
    await parts.postman.carry_bundle(late)
    assert await calls(phones) == 0
    await parts.postman.carry_bundle(successor)
    assert await results(parts, id_) == [("template", "sent")]


async def test_of_many_begun_at_once_only_the_one_whose_lease_is_lost_is_left(
    parts: Parts, phones: Phones
) -> None:
    people = ("villager_1", "villager_2", "villager_3")
    ids = [await put(parts, key) for key in people]
    late = await parts.postman.claim(3)
    await move(phones, LEASE.total_seconds() + 1)
    [successor] = await parts.postman.claim(1)
    [taken] = successor.notices
    await asyncio.gather(*(parts.postman.carry_bundle(bundle) for bundle in late))
    assert [await results(parts, id_) for id_ in ids] == [
        [] if id_ == taken["_id"] else [("template", "sent")] for id_ in ids
    ]
    await parts.postman.carry_bundle(successor)
    assert await results(parts, taken["_id"]) == [("template", "sent")]
    assert await calls(phones) == 3


# --- many at once, and in order --------------------------------------------------------------------


async def test_two_workers_send_two_hundred_messages_once_each(parts: Parts, phones: Phones) -> None:
    people = [WHO, "villager_2", "villager_3", "head_1", "grid_1", "grid_2", "township_1", "supervisor_1"]
    numbers: dict[str, list[str]] = {key: [] for key in people}
    ids = []
    for number in range(200):
        key = people[number % len(people)]
        numbers[key].append(str(number))
        ids.append(await put(parts, key, number=str(number)))
    async with parts_for(parts.settings) as others, working(parts, others):
        await at_end(parts, *ids)
    assert await calls(phones) == 200
    for key, sent in numbers.items():
        arrived = [m["fields"][1]["value"] for m in await phones.inbox(key)]
        assert arrived == sent


async def test_messages_to_one_person_keep_their_order_over_a_retry(parts: Parts, phones: Phones) -> None:
    await fault(phones, errcode=-1, times=2)
    ids = [await put(parts, WHO, number=str(number)) for number in range(3)]
    other = await put(parts, "villager_2")
    async with working(parts):
        await at_end(parts, *ids, other)
    assert [m["fields"][1]["value"] for m in await phones.inbox(WHO)] == ["0", "1", "2"]
    assert await calls(phones) == 6


async def test_the_oldest_due_goes_first(parts: Parts, phones: Phones) -> None:
    ids = [await put(parts, key) for key in (WHO, "villager_2", "villager_3")]
    for id_, age in zip(ids, (1, 3, 2), strict=True):
        due = parts.clock.now() - timedelta(minutes=age)
        await collection(parts, "notices").update_one({"_id": id_}, {"$set": {"first_due_at": due}})
    claimed = [n["_id"] for bundle in await parts.postman.claim(2) for n in bundle.notices]
    assert sorted(claimed) == sorted(ids[1:])
    assert await calls(phones) == 0


# --- staff without a phone ---------------------------------------------------------------------------


async def test_what_does_not_reach_a_cadre_goes_up_and_stays_in_their_inbox(
    parts: Parts, phones: Phones, place: str
) -> None:
    await phones.does("grid_1", "unsubscribe")
    await parts.services.account.set_fan(parts.settings.oa_app_id, "oDemo_grid_1", following=False)
    areas = (await parts.services.regions.get(place))["areas"]
    id_ = await put(parts, "grid_1", areas=areas)
    async with working(parts):
        await at_end(parts, id_)
        [told] = await phones.arrived("head_1")
    assert "责任干部未收到微信" in told["text"]
    assert (await notice_of(parts, id_))["state"] == "inbox"
    staff = await staff_of(parts, "grid_1")
    grants = await parts.services.staff.grants_of(staff["_id"], staff["person_id"])
    actor = Actor(staff["person_id"], parts.settings.oa_app_id, "", staff["_id"], grants or ())
    [item] = (await parts.services.notices.inbox(actor, None, 10)).items
    assert (item["id"], item["state"]) == (id_, "inbox")
    assert await phones.inbox("grid_1") == []


async def test_word_of_a_cadre_without_a_phone_goes_up_and_never_down(
    parts: Parts, phones: Phones, place: str
) -> None:
    areas = (await parts.services.regions.get(place))["areas"]
    for key, superiors in {
        "grid_1": {"GB0004"},
        "head_1": {"GB0003"},
        "township_1": {"GB0001", "GB0002"},
        "supervisor_1": set(),
    }.items():
        await parts.services.account.set_fan(parts.settings.oa_app_id, f"oDemo_{key}", following=False)
        await put(parts, key, areas=areas)
        await carry(parts)
        words = collection(parts, "notices").find({"kind": "staff_unreachable"})
        told = {n["to"].removeprefix("staff:") async for n in words}
        staff = collection(parts, "staff").find({"_id": {"$in": list(told)}})
        assert {one["staff_no"] async for one in staff} == superiors, key
        await collection(parts, "notices").delete_many({})


# --- the process -----------------------------------------------------------------------------------


async def test_without_redis_messages_are_found_by_polling_and_hints_come_back_with_it(
    parts: Parts, phones: Phones, tmp_path: Path
) -> None:
    port = free_port()
    settings = parts.settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{port}/0")})
    async with parts_for(settings) as alone, working(alone):
        await at_end(alone, await put(alone, WHO))
        assert await channels_seen(phones) == ["template"]
        server = await start_redis(tmp_path / "late", port)
        try:

            async def listening() -> bool:
                return bool(await alone.redis.publish("fangpin:wake", b"outbox"))

            await until(listening, what="a listener")
        finally:
            await server.stop()
        await at_end(alone, await put(alone, "villager_2"))


async def test_a_stop_finishes_what_is_being_sent_and_begins_nothing_new(
    parts: Parts, phones: Phones
) -> None:
    await fault(phones, latency_ms=300)
    first = await put(parts, WHO)
    async with working(parts):

        async def called() -> bool:
            return await calls(phones) == 1

        await until(called, what="the call")
    assert await results(parts, first) == [("template", "sent")]
    second = await put(parts, WHO)
    assert (await notice_of(parts, second))["state"] == "pending"
    assert await calls(phones) == 1
