"""Signing in, staying signed in, and becoming a member of staff on one's phone."""

import hashlib
import uuid

from handlers.session import SESSION_SECONDS
from server.clock import SharedClock
from server.parts import Parts
from tests.support import Client, Phones, Reply, change_staff, documents, report_form

BAD_CODE = (403, "bad_code")
NOT_SIGNED_IN = (401, "not_signed_in")


async def log_in(phones: Phones, code: str) -> Reply:
    """Exchange a log-in code."""
    return await Client(phones.http, phones.service).call("POST", "/api/session", {"code": code})


async def begin_window(clock: SharedClock, seconds: int) -> None:
    """Go to the beginning of a rate limit's window, so that the test does not run across its end."""
    clock.move(seconds - clock.time() % seconds + 0.01)


async def test_a_code_logs_in_once_and_for_five_minutes(phones: Phones, clock: SharedClock) -> None:
    code = (await phones.control("GET", "login-code?openid=oDemo_grid_1"))["code"]
    first = await log_in(phones, code)
    assert first.status == 201
    assert first.body["expires_in"] == SESSION_SECONDS
    assert first.body["staff_name"] == "冯示例"
    assert [(g["role"], g["region_name"]) for g in first.body["grants"]] == [("grid_worker", "第一网格")]
    assert first.body["notices"] == ["demo-subscription-progress", "demo-subscription-task"]
    assert (await log_in(phones, code)).problem == BAD_CODE
    assert (await log_in(phones, "made-up")).problem == BAD_CODE
    late = (await phones.control("GET", "login-code?openid=oDemo_grid_1"))["code"]
    clock.move(301)
    assert (await log_in(phones, late)).problem == BAD_CODE
    for wrong in ("", "x" * 129):
        reply = await log_in(phones, wrong)
        assert (reply.problem, reply.wrong_fields) == ((422, "invalid_form"), {"code"})


async def test_a_session_says_who_one_is_until_it_ends(phones: Phones, parts: Parts) -> None:
    villager = await phones.sign_in("villager_1")
    other_phone = await phones.sign_in("villager_1")
    me = (await villager.get("/api/session")).body
    assert (me["staff"], me["staff_name"], me["grants"]) == (None, None, [])
    assert me["notices"] == ["demo-subscription-progress"], "what the mini program may ask consent for"
    assert (await villager.call("DELETE", "/api/session")).status == 204
    assert (await villager.get("/api/session")).problem == NOT_SIGNED_IN
    assert (await other_phone.get("/api/session")).body == me, "only this session ends"

    token = str(other_phone.token)
    digest = hashlib.sha256(token.encode()).hexdigest()[:40]
    kept = [key.decode() for key in await parts.redis.keys("*")]
    assert not any(token in key for key in kept), "what stands in Redis must not be good for signing in"
    assert 0 < await parts.redis.ttl(f"session:{digest}") <= SESSION_SECONDS
    await parts.redis.pexpire(f"session:{digest}", 0)
    assert (await other_phone.get("/api/session")).problem == NOT_SIGNED_IN


async def test_tokens_that_are_none_are_refused(phones: Phones) -> None:
    villager = await phones.sign_in("villager_1")
    token = str(villager.token)
    stranger = Client(phones.http, phones.service)
    headers = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": token},
        {"Authorization": f"Bearer {token[:-1]}"},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": f"Bearer {token.swapcase()}"},
        {"Authorization": f"Bearer {uuid.uuid4()}"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Bearer session:*"},
        {"Cookie": f"token={token}"},
    ]
    for sent in headers:
        reply = await stranger.call("GET", "/api/session", headers=sent)
        assert reply.problem == NOT_SIGNED_IN, sent
    reply = await stranger.get(f"/api/session?token={token}&access_token={token}")
    assert reply.problem == NOT_SIGNED_IN, "never from the address, which is logged everywhere"
    fresh = await stranger.call("GET", "/api/session", headers={"Authorization": f"bearer  {token} "})
    assert fresh.status == 200


async def test_losing_redis_logs_out_and_loses_nothing_else(phones: Phones, parts: Parts, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    await parts.redis.flushall()
    assert (await villager.get("/api/intakes")).problem == NOT_SIGNED_IN
    again = await phones.sign_in("villager_1")
    assert [i["id"] for i in (await again.get("/api/intakes")).body["items"]] == [sent["id"]]


async def test_a_code_binds_one_phone_and_frees_the_one_before(phones: Phones, parts: Parts) -> None:
    head, new = await phones.sign_in("head_1"), await phones.sign_in("villager_2")
    new_too, before = await phones.sign_in("villager_2"), await phones.sign_in("grid_1")
    key = str(uuid.uuid4())
    issued = await head.command("/api/staff-binding/codes", {"staff_no": "GB0005"}, key=key)
    assert (issued.status, issued.body["staff_no"], len(issued.body["code"])) == (201, "GB0005", 6)
    again = await head.command("/api/staff-binding/codes", {"staff_no": "GB0005"}, key=key)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.body == {name: issued.body[name] for name in ("staff_no", "expires_at")}
    binding = {"staff_no": "GB0005", "code": issued.body["code"]}
    assert issued.body["code"] not in str(await documents(parts, "binding_codes"))
    assert issued.body["code"] not in str(await documents(parts, "commands"))

    assert (await before.get("/api/tasks")).status == 200
    bound = await new.call("POST", "/api/staff-binding", binding)
    assert (bound.status, bound.body["staff_name"]) == (201, "冯示例")
    for ended in (new, new_too):
        assert (await ended.get("/api/session")).problem == NOT_SIGNED_IN, "all sessions end at a binding"
    cadre = Client(phones.http, phones.service, bound.body["token"])
    assert (await cadre.get("/api/tasks")).status == 200
    assert (await before.get("/api/tasks")).problem == (403, "not_allowed")
    assert (await before.get("/api/session")).body["staff"] is None
    assert (await before.call("POST", "/api/staff-binding", binding)).problem == BAD_CODE, "used"
    verbs = [e["verb"] for e in await documents(parts, "audit")]
    assert verbs == ["binding.issue", "binding.use"]
    [told] = (await before.get("/api/inbox")).body["items"]
    assert (told["kind"], told["page"]) == ("binding_moved", {"name": "inbox"})


async def test_a_binding_code_lives_ten_minutes_and_five_tries(phones: Phones, clock: SharedClock) -> None:
    head, villager = await phones.sign_in("head_1"), await phones.sign_in("villager_2")

    async def issue() -> str:
        reply = await head.command("/api/staff-binding/codes", {"staff_no": "GB0005"})
        return str(reply.body["code"])

    async def bind(code: str, staff_no: str = "GB0005") -> Reply:
        return await villager.call("POST", "/api/staff-binding", {"staff_no": staff_no, "code": code})

    def other(code: str) -> str:
        return f"{(int(code) + 1) % 1_000_000:06d}"

    await begin_window(clock, 600)
    first, second = await issue(), await issue()
    if first != second:
        assert (await bind(first)).problem == BAD_CODE, "a new code replaces the one before"
    for staff_no in ("GB0006", "GB9999"):
        assert (await bind(second, staff_no)).problem == BAD_CODE
    for wrong in ("12345", "1234567", "abcdef", "１２３４５６７"):
        assert (await bind(wrong)).wrong_fields == {"code"}
    late = await issue()
    clock.move(601)
    assert (await bind(late)).problem == BAD_CODE
    tried = await issue()
    for _ in range(5):
        assert (await bind(other(tried))).problem == BAD_CODE
    assert (await bind(tried)).problem == BAD_CODE, "after five tries the code is dead"
    just_in_time = await issue()
    for _ in range(4):
        assert (await bind(other(just_in_time))).problem == BAD_CODE
    clock.move(590)
    assert (await bind(just_in_time)).status == 201


async def test_codes_are_issued_for_staff_within_reach_only(phones: Phones) -> None:
    head = await phones.sign_in("head_1")
    for staff_no, why in {
        "GB0003": "above",
        "GB0007": "in the next village",
        "GB0022": "in another county",
        "GB9999": "nobody",
    }.items():
        reply = await head.command("/api/staff-binding/codes", {"staff_no": staff_no})
        assert reply.problem == (404, "not_found"), why
    for key in ("grid_1", "villager_1"):
        client = await phones.sign_in(key)
        reply = await client.command("/api/staff-binding/codes", {"staff_no": "GB0005"})
        assert reply.problem == (403, "not_allowed"), key
    supervisor = await phones.sign_in("supervisor_1")
    assert (await supervisor.command("/api/staff-binding/codes", {"staff_no": "GB0003"})).status == 201


async def test_who_leaves_the_post_is_a_villager_within_five_seconds(
    phones: Phones, parts: Parts, clock: SharedClock
) -> None:
    cadre = await phones.sign_in("grid_1")
    assert (await cadre.get("/api/tasks")).status == 200
    await change_staff(parts, clock, "GB0005", active=False)
    assert (await cadre.get("/api/tasks")).problem == (403, "not_allowed")
    assert (await cadre.get("/api/session")).body["grants"] == []
    assert (await cadre.get("/api/intakes")).status == 200, "what anybody may do is still allowed"
    again = await phones.sign_in("grid_1")
    assert (await again.get("/api/session")).body["staff"] is None


async def test_too_many_requests_are_told_when_to_come_again(phones: Phones, clock: SharedClock) -> None:
    villager, neighbour = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    binding = {"staff_no": "GB0005", "code": "000000"}
    await begin_window(clock, 600)
    replies = [await villager.call("POST", "/api/staff-binding", binding) for _ in range(21)]
    assert {r.problem for r in replies[:20]} == {BAD_CODE}
    assert replies[20].problem == (429, "too_often")
    assert replies[20].headers["Retry-After"] == str(replies[20].body["retry_after"]) == "600"
    assert (await neighbour.call("POST", "/api/staff-binding", binding)).problem == BAD_CODE
    assert (await villager.get("/api/session")).status == 200, "each limit is counted on its own"
    clock.move(600)
    assert (await villager.call("POST", "/api/staff-binding", binding)).problem == BAD_CODE

    await begin_window(clock, 60)
    statuses = [(await log_in(phones, "made-up")).status for _ in range(121)]
    assert statuses == [403] * 120 + [429]
