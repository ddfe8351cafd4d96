"""What people do in the account: answered at once, kept before it is acknowledged, applied once."""

from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from server.events import LEASE, Events
from server.parts import Parts
from server.seed import PEOPLE
from tests.support import Phones, report_form
from tests.worker.helpers import (
    USER_INFO,
    apply_events,
    calls,
    carry,
    collection,
    document,
    fault,
    mend,
    move,
    notice_of,
    put,
)

VILLAGE = "431021101201"


@pytest.fixture(autouse=True)
def one_call_a_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own short repeats are switched off."""
    monkeypatch.setattr("wechat.transport.BUSY_PAUSES", ())
    monkeypatch.setattr("wechat.transport.UNREACHABLE_PAUSES", ())


async def said(phones: Phones, who: str, type_: str, **more: Any) -> str:
    """What the account answers at once to what a person does; empty for a bare acknowledgement."""
    done = await phones.control("POST", "events", {"openid": f"oDemo_{who}", "type": type_, **more})
    assert done["accepted"]
    return str((done["reply"] or {}).get("Content", ""))


async def fan_of(parts: Parts, key: str) -> dict[str, Any]:
    """What is known of a person in the account."""
    return dict(await parts.services.account.fan(parts.settings.oa_app_id, f"oDemo_{key}") or {})


async def kept(parts: Parts) -> list[dict[str, Any]]:
    """The events that are kept, in their order."""
    return await collection(parts, "platform_events").find().sort("received_at", 1).to_list(None)


def counted(parts: Parts, kind: str, outcome: str = "taken") -> float | None:
    """How many callbacks of a kind were counted."""
    labels = {"kind": kind, "outcome": outcome}
    return parts.metrics.registry.get_sample_value("fangpin_callbacks_total", labels)


# --- following and leaving -------------------------------------------------------------------------


async def test_a_villager_who_follows_is_welcomed_and_known(parts: Parts, phones: Phones) -> None:
    key = await phones.add_villager(1, follow=False)
    assert "点下方“我要申报”" in await said(phones, key, "subscribe")
    assert await apply_events(parts) == 1
    fan = await fan_of(parts, key)
    assert (fan["following"], fan["blocked"]) == (True, False)
    person = await document(parts, "persons", _id=fan["person_id"])
    assert person["unionid"] == f"uDemo_{key}"
    # The same person in the mini program is the same person here.
    client = await phones.sign_in(key)
    me = await client.get("/api/session")
    assert me.status == 200
    assert await collection(parts, "persons").count_documents({"unionid": f"uDemo_{key}"}) == 1
    id_ = await put(parts, key)
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == "sent"


async def test_a_known_cadre_who_follows_again_is_greeted_by_name(parts: Parts, phones: Phones) -> None:
    assert await said(phones, "grid_1", "unsubscribe") == ""
    await apply_events(parts)
    assert (await fan_of(parts, "grid_1"))["following"] is False
    assert (await said(phones, "grid_1", "subscribe")).startswith("冯示例，您好。核实任务会推送到这里")
    await apply_events(parts)
    assert (await fan_of(parts, "grid_1"))["following"] is True
    assert await collection(parts, "notices").count_documents({}) == 0


async def test_a_cadre_whom_nobody_knew_when_they_followed_is_greeted_after_all(
    parts: Parts, phones: Phones
) -> None:
    key = await phones.add_villager(1, follow=False)
    township, cadre = await phones.sign_in("township_1"), await phones.sign_in(key)
    code = (await township.command("/api/staff-binding/codes", {"staff_no": "GB0007"})).body["code"]
    bound = await cadre.call("POST", "/api/staff-binding", {"staff_no": "GB0007", "code": code})
    assert bound.status == 201
    assert "防贫监测帮扶服务" in await said(phones, key, "subscribe")
    await apply_events(parts)
    await carry(parts)
    [greeting] = await phones.arrived(key, channel="customer")
    assert "您是工作人员，核实任务会推送到这里" in greeting["text"]


async def test_the_code_of_a_village_greets_with_its_name_and_is_remembered(
    parts: Parts, phones: Phones
) -> None:
    key = await phones.add_villager(1, follow=False)
    for type_ in ("subscribe", "scan"):
        assert "这里是白石乡 枫木村的防贫服务码" in await said(phones, key, type_, scene=f"place_{VILLAGE}")
        await apply_events(parts)
        assert (await fan_of(parts, key))["scene"] == VILLAGE
        await parts.services.account.set_fan(parts.settings.oa_app_id, f"oDemo_{key}", scene=None)
    assert [event["event"] for event in await kept(parts)] == ["subscribe", "scan"]
    assert await said(phones, key, "scan", scene="place_000000000000") == ""
    assert await said(phones, key, "scan", scene="something else") == ""


async def test_who_leaves_is_not_written_to(parts: Parts, phones: Phones) -> None:
    await phones.does("villager_1", "unsubscribe")
    await apply_events(parts)
    id_ = await put(parts, "villager_1")
    await carry(parts)
    assert (await notice_of(parts, id_))["state"] == "inbox"
    assert await calls(phones) == 0


# --- questions -------------------------------------------------------------------------------------


async def test_menu_keys_and_words_are_answered_at_once(parts: Parts, phones: Phones, place: str) -> None:
    nothing = "还没有查到您的申报"
    expected = [
        ("click", "report", "请点下方“我要申报”"),
        ("click", "progress", nothing),
        ("click", "policy", "不收任何费用"),
        ("click", "tasks", "您还没有绑定工作人员身份"),
        ("text", "我要申报", "请点下方“我要申报”"),
        ("text", " 进度 ", nothing),
        ("text", "请问我的办理进度怎么样了", nothing),
        ("text", "帮扶政策有哪些", "不收任何费用"),
        ("text", "待办", "您还没有绑定工作人员身份"),
        ("text", "在吗", "已收到。申报困难请点“我要申报”"),
    ]
    for type_, words, answer in expected:
        found = await said(phones, "villager_1", type_, **{"key" if type_ == "click" else "content": words})
        assert answer in found, words
    assert await said(phones, "villager_1", "click", key="no such key") == ""

    sent = (await (await phones.sign_in("villager_1")).command("/api/intakes", report_form(place))).body
    progress = await said(phones, "villager_1", "text", content="进度")
    assert sent["number"] in progress.replace(" ", "")
    # The number that stands on the message, as people read it: their own, and nobody else's.
    spaced = " ".join(sent["number"][i : i + 4] for i in (0, 4, 8))
    assert "等待干部接单" in await said(phones, "villager_1", "text", content=spaced)
    assert nothing in await said(phones, "villager_2", "text", content=sent["number"])
    todo = await said(phones, "grid_1", "click", key="tasks")
    assert sent["number"] in todo.replace(" ", "")
    assert "测试甲" not in todo
    assert await said(phones, "grid_2", "click", key="tasks") == "您没有待办任务。"
    # A plain question leaves nothing behind that would have to be applied.
    assert await kept(parts) == []


async def test_what_nobody_knows_is_acknowledged_and_counted(parts: Parts, phones: Phones) -> None:
    await said(phones, "villager_1", "view", key="https://example.org/")
    await phones.does("villager_1", "report_location", latitude=25.7, longitude=112.7)
    raw = {"MsgType": "event", "Event": "an_event_of_next_year", "EventKey": "x"}
    assert await said(phones, "villager_1", "raw", fields=raw) == ""
    assert counted(parts, "event.other") == 3
    assert await kept(parts) == []
    await parts.services.account.flush()
    assert not (await fan_of(parts, "villager_1")).get("interacted_at")


# --- once, and never lost --------------------------------------------------------------------------


async def test_what_could_not_be_kept_is_not_acknowledged_so_that_it_comes_again(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_event, away = parts.stores.account.add_event, 2

    async def sometimes(event: Any) -> bool:
        nonlocal away
        away -= 1
        if away >= 0:
            raise AutoReconnect("the primary is away")
        return await add_event(event)

    monkeypatch.setattr(parts.stores.account, "add_event", sometimes)
    done = await phones.does("villager_1", "unsubscribe")
    assert [attempt["status"] for attempt in done["tries"]] == [503, 503, 200]
    assert await apply_events(parts) == 1
    assert (await fan_of(parts, "villager_1"))["following"] is False

    away = 3
    assert not (await phones.does("villager_1", "subscribe"))["accepted"]
    assert len(await kept(parts)) == 1


async def test_twenty_copies_at_once_have_one_effect(parts: Parts, phones: Phones) -> None:
    key = await phones.add_villager(1, follow=False)
    done = await phones.does(key, "subscribe", duplicate=19, concurrent=True)
    assert [attempt["status"] for attempt in done["tries"]] == [200] * 20
    assert counted(parts, "event.subscribe") == 1
    assert counted(parts, "event.subscribe", "repeated") == 19
    assert await apply_events(parts) == 1
    assert await calls(phones, USER_INFO) == 1


async def test_a_copy_has_no_second_effect_although_redis_has_forgotten_the_first(
    parts: Parts, phones: Phones
) -> None:
    raw = {"MsgType": "event", "Event": "subscribe", "EventKey": "", "CreateTime": int(parts.clock.time())}
    await said(phones, "villager_1", "raw", fields=raw)
    assert await apply_events(parts) == 1
    await parts.redis.flushall()
    await said(phones, "villager_1", "raw", fields=raw)
    assert counted(parts, "event.subscribe", "repeated") == 1
    assert await apply_events(parts) == 0
    assert len(await kept(parts)) == 1


async def test_who_a_follower_is_can_be_learnt_later(parts: Parts, phones: Phones) -> None:
    key = await phones.add_villager(1, follow=False)
    await fault(phones, USER_INFO, errcode=-1)
    await phones.does(key, "subscribe")
    assert await apply_events(parts) == 1
    fan = await fan_of(parts, key)
    assert (fan["following"], fan.get("person_id")) == (True, None)
    assert (await kept(parts))[0]["state"] == "new"
    await mend(phones)
    await move(phones, 1.1)
    assert await apply_events(parts) == 1
    assert (await fan_of(parts, key))["person_id"]
    assert (await kept(parts))[0]["state"] == "applied"


async def test_a_late_effect_does_not_undo_a_later_one(parts: Parts, phones: Phones) -> None:
    # Following: its follow-up fails, the person leaves again, and only then does it come to its end.
    key = await phones.add_villager(1, follow=False)
    await fault(phones, USER_INFO, errcode=-1)
    await phones.does(key, "subscribe")
    await apply_events(parts)
    await mend(phones)
    await phones.does(key, "unsubscribe")
    await move(phones, 2)
    assert await apply_events(parts) == 2
    fan = await fan_of(parts, key)
    assert (fan["following"], fan.get("person_id")) == (False, None)

    # Leaving: the worker that took it dies, and the person follows again before another one has it.
    cadre = next(person.key for person in PEOPLE if person.staff_no == "GB0005")
    await phones.does(cadre, "unsubscribe")
    assert await parts.services.account.claim_events(LEASE, 1)
    await phones.does(cadre, "subscribe")
    assert await Events(parts).apply_due()
    await move(phones, LEASE.total_seconds() + 1)
    assert await apply_events(parts) == 1
    assert (await fan_of(parts, cadre))["following"] is True


async def test_an_event_that_cannot_be_applied_is_tried_again_and_holds_up_no_other(
    parts: Parts, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(Events, "_scanned", broken)
    await phones.does("villager_1", "scan", scene="place_431021101201")
    await phones.does("villager_2", "unsubscribe")
    assert await apply_events(parts) == 2
    assert {event["event"]: event["state"] for event in await kept(parts)} == {
        "scan": "new",
        "unsubscribe": "applied",
    }
    for _ in range(10):
        await move(phones, 301)
        await apply_events(parts)
    assert {event["state"] for event in await kept(parts)} == {"given_up", "applied"}


# --- what people take back, and what the platform has looked at --------------------------------------


async def test_whoever_gives_up_wechat_is_forgotten(parts: Parts, phones: Phones) -> None:
    await said(phones, "villager_1", "text", content="你好")
    await said(phones, "villager_1", "scan", scene=f"place_{VILLAGE}")
    await apply_events(parts)
    await parts.services.account.flush()
    person_id = (await fan_of(parts, "villager_1"))["person_id"]
    # Two people within one second: the platform is the sender of both events.
    for key in ("villager_1", "villager_2"):
        assert await said(phones, key, "user_authorization_cancellation") == ""
    assert await apply_events(parts) == 2
    for key in ("villager_1", "villager_2"):
        fan = await fan_of(parts, key)
        known = {name: fan.get(name) for name in ("person_id", "scene", "interacted_at", "touched_at")}
        assert not any(known.values()), key
    assert await parts.services.account.contact(f"person:{person_id}") == []
    assert (await fan_of(parts, "villager_3"))["person_id"]


async def test_whoever_takes_back_what_they_allowed_signs_in_anew_and_still_gets_messages(
    parts: Parts, phones: Phones
) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    await said(phones, "villager_1", "user_authorization_revoke")
    await apply_events(parts)
    assert (await villager.call("GET", "/api/session")).status == 401
    assert (await other.call("GET", "/api/session")).status == 200
    person_id = (await fan_of(parts, "villager_1"))["person_id"]
    assert await parts.services.account.contact(f"person:{person_id}")


async def test_the_verdict_on_a_picture_is_kept(parts: Parts, phones: Phones) -> None:
    account, app_id = parts.services.account, parts.settings.oa_app_id
    for trace_id, suggest in (("trace-1", "pass"), ("trace-2", "risky"), ("trace-3", "review")):
        await said(phones, "villager_1", "wxa_media_check", trace_id=trace_id, suggest=suggest, app="oa")
    # What could not be looked at has not passed.
    unreadable = {"trace_id": "trace-4", "errcode": -1008, "errmsg": "download failed", "result": ""}
    await said(phones, "villager_1", "wxa_media_check", trace_id="trace-4", app="oa", fields=unreadable)
    assert await account.verdict(app_id, "trace-1") is None
    assert await apply_events(parts) == 4
    found = [await account.verdict(app_id, f"trace-{number}") for number in range(1, 6)]
    assert found == ["pass", "risky", "review", "review", None]
