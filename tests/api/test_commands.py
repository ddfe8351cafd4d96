"""Writes that may be sent again: one effect, one answer, and whole or not at all."""

import asyncio
import uuid
from typing import Any

import pytest

from server.parts import Parts
from tests.support import (
    Client,
    Phones,
    count,
    documents,
    fake_picture,
    report_form,
    verification_form,
)

#: Where commands leave their effects.
EFFECTS = ("intakes", "verifications", "tasks", "notices", "audit", "commands", "binding_codes", "staff")


async def everything(parts: Parts) -> dict[str, list[dict[str, Any]]]:
    """All documents that commands make or change."""
    return {name: await documents(parts, name) for name in EFFECTS}


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    head = await phones.sign_in("head_1")
    photo = await cadre.upload(fake_picture())

    async def twice(client: Client, path: str, body: Any = None, base: int | None = None) -> Any:
        key = str(uuid.uuid4())
        first = await client.command(path, body, key=key, base=base)
        before = await everything(parts)
        again = await client.command(path, body, key=key.upper(), base=base)
        assert (again.status, again.body) == (first.status, first.body), path
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert await everything(parts) == before, path
        return first.body

    sent = await twice(villager, "/api/intakes", report_form(place))
    task = f"/api/tasks/{sent['task']}"
    joined = await twice(cadre, "/api/intakes", report_form(place, statement="干部自己的"))
    assert joined["joined"] is True
    accepted = await twice(cadre, f"{task}/acceptance", base=1)
    given = await twice(head, f"{task}/assignment", {"staff_no": "GB0005"}, base=accepted["version"])
    not_met = verification_form(photo, finding="could_not_meet", met="nobody")
    later = await twice(cadre, f"{task}/verification", not_met, base=given["version"])
    await twice(cadre, f"{task}/verification", verification_form(photo), base=later["version"])
    other = (await villager.command("/api/intakes", report_form(place, 2))).body
    await twice(villager, f"/api/intakes/{other['id']}/withdrawal")


async def test_a_key_stands_for_one_body_of_one_person_on_one_path(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, other = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    key = str(uuid.uuid4())
    form = report_form(place)
    sent = (await villager.command("/api/intakes", form, key=key)).body
    reused = (422, "key_reused")
    assert (await villager.command("/api/intakes", report_form(place, 2), key=key)).problem == reused
    changed = {**form, "statement": "改过"}
    assert (await villager.command("/api/intakes", changed, key=key)).problem == reused
    assert (await villager.command(f"/api/intakes/{sent['id']}/withdrawal", key=key)).problem == reused
    assert (await villager.get(f"/api/intakes/{sent['id']}")).body["state"] == "submitted"
    reordered = dict(reversed(form.items()))
    assert (await villager.command("/api/intakes", reordered, key=key)).body == sent
    theirs = await other.command("/api/intakes", report_form(place, 3), key=key)
    assert theirs.status == 201
    assert theirs.body["id"] != sent["id"]
    assert await count(parts, "intakes", "tasks", "commands") == [2, 2, 2]


async def test_the_headers_of_a_command_are_checked(phones: Phones, parts: Parts, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    good = {"Idempotency-Key": str(uuid.uuid4())}
    wrong = [
        ("Idempotency-Key", {}),
        ("Idempotency-Key", {"Idempotency-Key": "1"}),
        ("Idempotency-Key", {"Idempotency-Key": "{" + str(uuid.uuid4()) + "}"}),
        ("If-Match", {**good, "If-Match": "W/x"}),
        ("If-Match", {**good, "If-Match": '"-1"'}),
        ("If-Match", {**good, "If-Match": "9" * 10}),
        ("Fangpin-Device-Time", {**good, "Fangpin-Device-Time": "yesterday"}),
        ("Fangpin-Device-Time", {**good, "Fangpin-Device-Time": "2026-01-01T08:00:00"}),
        ("Fangpin-Device-Time", {**good, "Fangpin-Device-Time": "0001-01-01T00:00:00+14:00"}),
    ]
    for field, headers in wrong:
        reply = await villager.call("POST", "/api/intakes", report_form(place), headers=headers)
        assert reply.problem == (422, "invalid_form"), headers
        assert reply.wrong_fields == {field}
    assert await count(parts, "intakes") == [0]
    device_time = {**good, "Fangpin-Device-Time": "2026-01-01T08:00:00+08:00"}
    sent = await villager.call("POST", "/api/intakes", report_form(place), headers=device_time)
    assert sent.status == 201
    [stored] = await documents(parts, "intakes")
    assert stored["device_time"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert stored["consent"]["signed_at"] == stored["device_time"]


async def test_twenty_times_the_same_command_at_once_has_one_effect(
    phones: Phones, parts: Parts, place: str
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    key = str(uuid.uuid4())
    replies = await asyncio.gather(
        *(villager.command("/api/intakes", report_form(place), key=key) for _ in range(20))
    )
    assert {r.status for r in replies} == {201}
    assert len({r.body["id"] for r in replies}) == 1
    assert sum("Idempotency-Replayed" not in r.headers for r in replies) == 1
    assert await count(parts, "intakes", "tasks", "audit", "commands") == [1, 1, 1, 1]
    assert await count(parts, "notices") == [2]

    task = f"/api/tasks/{replies[0].body['task']}"
    keys = [str(uuid.uuid4()) for _ in range(20)]
    accepted = await asyncio.gather(*(cadre.command(f"{task}/acceptance", key=k) for k in keys))
    assert sorted({r.status for r in accepted}) == [200, 409], "only one of different commands wins"
    assert sum(r.status == 200 for r in accepted) == 1
    assert (await cadre.get(task)).body["version"] == 2


async def test_a_failure_in_the_middle_leaves_nothing_half_written(
    phones: Phones, parts: Parts, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    head = await phones.sign_in("head_1")
    photo = await cadre.upload(fake_picture())
    sent = (await villager.command("/api/intakes", report_form(place))).body
    task = f"/api/tasks/{sent['task']}"
    new, joining = report_form(place, 2), report_form(place, statement="另一份")
    not_met = verification_form(photo, finding="could_not_meet", met="nobody")
    accepted = (await cadre.command(f"{task}/acceptance")).body
    other = (await villager.command("/api/intakes", report_form(place, 3))).body
    writes = [
        (villager, "/api/intakes", new, None),
        (villager, "/api/intakes", joining, None),
        (cadre, f"/api/tasks/{other['task']}/acceptance", None, 1),
        (head, f"{task}/assignment", {"staff_no": "GB0004"}, accepted["version"]),
        (cadre, f"{task}/verification", not_met, accepted["version"]),
        (cadre, f"{task}/verification", verification_form(photo), accepted["version"]),
        (villager, f"/api/intakes/{other['id']}/withdrawal", None, None),
        (head, "/api/staff-binding/codes", {"staff_no": "GB0005"}, None),
    ]
    keys = [str(uuid.uuid4()) for _ in writes]
    before = await everything(parts)

    async def fail(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("power cut")

    # The audit entry comes after the records and messages, the stored answer last of all.
    for store in (parts.stores.audit, parts.stores.commands):
        with monkeypatch.context() as patch:
            patch.setattr(store, "add", fail)
            for (client, path, body, base), key in zip(writes, keys, strict=True):
                reply = await client.command(path, body, base=base, key=key)
                assert reply.problem == (500, "internal"), path
                assert "power cut" not in str(reply.body)
        assert await everything(parts) == before, store

    for index in (0, 1, 4, 7):
        client, path, body, base = writes[index]
        reply = await client.command(path, body, base=base, key=keys[index])
        assert reply.status < 300, "the same command works once the fault is gone"
