"""The classical attacks on sessions, limits, forms and addresses."""

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from yarl import URL

from casework.problems import NotSignedIn, TooOften
from handlers.base import METHODS
from server.app import Running
from server.clock import SharedClock
from server.embedded import free_port
from server.parts import Parts
from server.pipelines import pipelines
from server.sessions import LIMITS, RedisSessions
from tests.api.test_pages import Browser
from tests.hostile.test_permissions import OPEN
from tests.support import API_ROUTES, Client, Phones, count, place_of, report_form

NOT_SIGNED_IN = (401, "not_signed_in")
TOO_OFTEN = (429, "too_often")
CHOSEN = "chosen-by-somebody-else-000000000000000000"
EVIL = "https://evil.example"


@asynccontextmanager
async def serving(
    parts: Parts, limits: Mapping[str, tuple[int, int]] = LIMITS, trusted_proxies: str = ""
) -> AsyncIterator[str]:
    """A service with other limits, or behind proxies; its address."""
    sessions = RedisSessions(parts.redis, pipelines(parts.redis), parts.clock, limits)
    changes = {"port": free_port(), "metrics_port": free_port(), "trusted_proxies": trusted_proxies}
    settings = parts.settings.model_copy(update=changes)
    changed = replace(parts, settings=settings, services=replace(parts.services, sessions=sessions))
    running = Running(changed)
    try:
        yield settings.local_url
    finally:
        await running.close()


async def test_invented_tokens_meet_a_limit_of_their_address_and_good_ones_never(
    phones: Phones, parts: Parts, clock: SharedClock
) -> None:
    clock.move(60 - clock.time() % 60 + 0.01)
    good = await phones.sign_in("villager_1")
    few = {**LIMITS, "unknown_token": (5, 60)}
    async with serving(parts, few, trusted_proxies="127.0.0.1") as base:

        async def ask(token: str, address: str) -> tuple[int, str]:
            headers = {"X-Forwarded-For": address, "Authorization": f"Bearer {token}"}
            reply = await Client(phones.http, base).call("GET", "/api/session", headers=headers)
            if reply.status == 429:
                assert reply.headers["Retry-After"] == "60"
            return reply.problem if reply.status != 200 else (200, "")

        invented = [await ask(uuid.uuid4().hex, "10.1.1.1") for _ in range(8)]
        assert invented == [NOT_SIGNED_IN] * 5 + [TOO_OFTEN] * 3
        assert await ask(str(good.token), "10.1.1.1") == (200, ""), "behind one address with the attacker"
        assert await ask(uuid.uuid4().hex, "10.2.2.2") == NOT_SIGNED_IN, "another address"
        for nothing in ("", "x" * 101):
            assert await ask(nothing, "10.1.1.1") == NOT_SIGNED_IN, "costs nothing, counts nothing"
        clock.move(60)
        assert await ask(uuid.uuid4().hex, "10.1.1.1") == NOT_SIGNED_IN
    await parts.redis.ping()
    counters = await parts.redis.keys("rate:read:*")
    assert len(counters) <= 1, "invented tokens leave no counters of their own behind"


async def test_a_good_token_is_asked_for_nothing_but_itself(parts: Parts, phones: Phones) -> None:
    good = await phones.sign_in("villager_1")
    sessions = RedisSessions(
        parts.redis, pipelines(parts.redis), parts.clock, {"read": (9, 60), "unknown_token": (0, 60)}
    )
    for _ in range(9):
        await sessions.check(str(good.token), "read", "10.1.1.1")
    assert await parts.redis.keys("rate:unknown_token:*") == [], "only a failure is counted"
    with pytest.raises(TooOften):
        await sessions.check("invented", "read", "10.1.1.1")
    with pytest.raises(NotSignedIn):
        await sessions.check("", "read", "10.1.1.1")
    with pytest.raises(TooOften):
        await sessions.check(str(good.token), "read", "10.1.1.1")


#: The proxies that we know, what a client on this machine says, and the address that its uses count to.
SPEAKERS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("", {"X-Forwarded-For": "10.1.1.1", "X-Real-Ip": "10.1.1.1"}, "127.0.0.1"),
    ("10.9.9.9", {"X-Forwarded-For": "10.1.1.1"}, "127.0.0.1"),
    ("10.9.9.9", {"X-Real-Ip": "10.1.1.1", "X-Forwarded-Proto": "https"}, "127.0.0.1"),
    ("127.0.0.1", {"X-Forwarded-For": "10.1.1.1"}, "10.1.1.1"),
    ("127.0.0.1", {"X-Forwarded-For": "10.6.6.6, 10.1.1.1"}, "10.1.1.1"),
    ("127.0.0.1,10.9.9.9", {"X-Forwarded-For": "10.6.6.6, 10.1.1.1, 10.9.9.9"}, "10.1.1.1"),
    ("127.0.0.0/8,10.9.0.0/16", {"X-Forwarded-For": "10.6.6.6, 10.1.1.1, 10.9.9.9"}, "10.1.1.1"),
    ("10.9.0.0/16", {"X-Forwarded-For": "10.1.1.1"}, "127.0.0.1"),
    ("127.0.0.1", {"X-Forwarded-For": "10.1.1.1", "X-Real-Ip": "10.6.6.6"}, "10.1.1.1"),
    ("127.0.0.1", {"X-Forwarded-For": "nobody's address"}, "127.0.0.1"),
    ("127.0.0.1", {"X-Real-Ip": "10.6.6.6"}, "127.0.0.1"),
)


async def test_only_a_proxy_of_ours_says_whom_it_speaks_for(phones: Phones, parts: Parts) -> None:
    for trusted, headers, address in SPEAKERS:
        await parts.redis.flushdb()
        async with serving(parts, trusted_proxies=trusted) as base:
            client, path = Client(phones.http, base), "/api/session/ticket"
            reply = await client.call("POST", path, {"ticket": "x" * 40}, headers=headers)
            assert reply.problem == (403, "bad_code")
        [key] = await parts.redis.keys("rate:login:*")
        assert key.decode().split(":")[2] == address, (trusted, headers)


async def test_a_token_that_a_client_brings_never_becomes_a_session(phones: Phones) -> None:
    async def code() -> str:
        return str((await phones.control("GET", "login-code?openid=oDemo_villager_1"))["code"])

    stranger = Client(phones.http, phones.service)
    brought = {
        "Authorization": f"Bearer {CHOSEN}",
        "Cookie": f"token={CHOSEN}; session={CHOSEN}; Authorization=Bearer {CHOSEN}",
    }
    replies = [await stranger.call("POST", "/api/session", {"code": await code()}, headers=brought)]
    old = Client(phones.http, phones.service, replies[0].body["token"])
    replies.append(await old.call("POST", "/api/session", {"code": await code()}))
    assert [reply.status for reply in replies] == [201, 201]
    assert all("Set-Cookie" not in reply.headers for reply in replies)
    tokens = [reply.body["token"] for reply in replies]
    assert len({*tokens, CHOSEN}) == 3, "a new one at every sign-in"
    assert all(len(token) >= 43 for token in tokens), "32 random bytes"
    assert (await old.get("/api/session")).status == 200, "another phone of the same person stays signed in"
    chosen = Client(phones.http, phones.service, CHOSEN)
    assert (await chosen.get("/api/session")).problem == NOT_SIGNED_IN
    for path in ("/api/session", "/api/session/ticket"):
        planted = {"code": "x", "ticket": "x" * 40, "token": CHOSEN}
        reply = await stranger.call("POST", path, planted)
        assert (reply.status, "token" in reply.wrong_fields) == (422, True)


async def test_no_form_takes_what_it_does_not_ask_for(phones: Phones, parts: Parts) -> None:
    person = await phones.sign_in("supervisor_1")
    planted = ("owner", "person", "role", "staff", "staff_id", "grants", "areas", "assignee", "state")
    planted += ("version", "verified", "$set", "_id", "__proto__", "constructor", "model_config")
    asked = 0
    for pattern, handler in API_ROUTES:
        path = re.sub(r"\(\?P<\w+>[^)]*\)", str(uuid.uuid4()), pattern)
        for name in METHODS:
            described = getattr(getattr(handler, name), "description", None) or {}
            if form := described.get("body"):
                assert not {*planted} & set(form.model_fields)
                body = dict.fromkeys(planted, "supervisor")
                reply = await person.command(path, body, base=1)
                assert reply.problem == (422, "invalid_form"), path
                assert reply.wrong_fields >= {*planted}, path
                asked += 1
    assert asked >= 11
    assert await count(parts, "intakes", "commands") == [0, 0]


async def test_nested_forms_neither(phones: Phones, place: str) -> None:
    villager = await phones.sign_in("villager_1")
    form = report_form(place, own_paid_medical={"fen": 1, "owner": "x"}, position={"areas": ["x"]})
    form["consent"]["proxy"] = True
    form["photos"] = [{"sha256": "0" * 64, "kind": "other", "id": "x"}]
    wrong = (await villager.command("/api/intakes", form)).wrong_fields
    assert wrong >= {"own_paid_medical.owner", "position.areas", "consent.proxy", "photos.0.id"}


async def test_addresses_and_headers_carry_no_operators(phones: Phones, parts: Parts, place: str) -> None:
    cadre, neighbour = await phones.sign_in("grid_1"), await phones.sign_in("villager_2")
    villager = await phones.sign_in("villager_1")
    me = (await villager.get("/api/session")).body["person"]
    sent = (await villager.command("/api/intakes", report_form(place))).body
    everything = ("%7B%22$gt%22:%22%22%7D", "[$ne]=", "%7B$where:1%7D", "$gt", ".*", "x%00", "*")
    for value in everything:
        for path in (
            f"/api/intakes/{value}",
            f"/api/tasks/{value}",
            f"/api/intakes/{sent['id']}/photos/{value}",
            f"/api/regions?code={value}",
            f"/api/regions?parent={value}",
            f"/api/report-form?place={value}",
            f"/api/wechat/page-signature?url={phones.service}/m/&account={value}",
        ):
            reply = await cadre.get(path)
            assert reply.status in (404, 422), (path, reply)
        for name in ("Idempotency-Key", "If-Match", "Fangpin-Device-Time"):
            headers = {"Idempotency-Key": str(uuid.uuid4()), name: value}
            reply = await cadre.call("POST", f"/api/tasks/{sent['task']}/acceptance", headers=headers)
            assert (reply.problem, reply.wrong_fields) == ((422, "invalid_form"), {name})
    for query in (
        "risk[$ne]=",
        "$where=1",
        f"owner={me}",
        "owner[$ne]=x",
        "areas[$in][]=x",
        "mine[$ne]=true",
    ):
        assert (await neighbour.get(f"/api/intakes?{query}")).body["items"] == [], query
        assert (await cadre.get(f"/api/tasks?{query}")).body["items"][0]["id"] == sent["task"]
    for state in ("%7B%22$ne%22:%22x%22%7D", "$gt"):
        assert (await cadre.get(f"/api/tasks?state={state}")).status in (200, 400, 422)
    assert (await cadre.get(f"/api/tasks/{sent['task']}")).body["version"] == 1


#: Each leads a careless service, or a browser, to another host.
ELSEWHERE = (
    *("//evil.example", "///evil.example", "/m//evil.example", "/m///evil", "/m/\\evil", "/m/@evil.example"),
    *("/m/..//evil.example", "/m/%2f%2fevil.example", "/m/%5cevil", "/m/.%2e/%2fevil.example"),
    *(f"{EVIL}/m/", f"/m/{EVIL}", "/m\\@evil.example", "\\\\evil.example", "javascript:alert(1)"),
    *("/m/x%0d%0aSet-Cookie:%20a=b", "/m/%00//evil.example", "/m/\u2215\u2215evil", "/m.evil.example/", ""),
)


async def test_links_of_messages_lead_to_our_pages_only(http: aiohttp.ClientSession, service: str) -> None:
    for path in ELSEWHERE:
        target = path if path.startswith("/") else f"/m/{path}"
        for query in ("", "?next=//evil.example", "?a=%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>", "?%00"):
            url = URL(
                f"{service}{URL(target + query, encoded=False) if target.isascii() else target}", encoded=True
            )
            async with http.get(url, allow_redirects=False) as answer:
                there = answer.headers.get("Location", "")
                assert answer.status in (200, 301, 302, 400, 404), (target, query)
                assert not there or re.fullmatch(r"/m/(?![/\\])[!-~]*", there), (target, query, there)
                assert "Set-Cookie" not in answer.headers


async def test_signing_in_leads_back_to_our_pages_only(service: str) -> None:
    browser = Browser(service, "oDemo_villager_1")
    led = 0
    for page in (*ELSEWHERE, "/m/%252f%252fevil.example", "/m/?next=%2f%2fevil.example", "/m/a%26b%3D%2525"):
        status, away, text = await browser.open(f"/wechat/login?next={page}".replace("\\", "%5C"))
        if status == 422:
            assert "只能返回本服务的页面" in text
            continue
        asked = urlsplit(parse_qs(urlsplit(away).query)["redirect_uri"][0])
        assert f"{asked.scheme}://{asked.netloc}" == service, page
        _, there, _ = await browser.open(await browser.authorize(away))
        assert re.fullmatch(r"/m/(?![/\\])[!-~]*#ticket=[\w-]+", there), (page, there)
        led += 1
    await browser.close()
    assert led >= 2


async def test_the_name_of_the_host_is_ours_whatever_is_asked_for(
    http: aiohttp.ClientSession, service: str
) -> None:
    for name in ("Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"):
        headers = {name: "host=evil.example" if name == "Forwarded" else "evil.example"}
        for path in ("/wechat/login", "/m", "/m/reports", "/m/"):
            async with http.get(f"{service}{path}", headers=headers, allow_redirects=False) as answer:
                text = await answer.text()
                assert answer.status in (200, 301, 302)
                assert "evil" not in f"{answer.headers}{text}", (name, path)


async def test_every_answer_forbids_sniffing_framing_and_other_origins(phones: Phones) -> None:
    villager = await phones.sign_in("villager_1")
    api = [re.sub(r"\(\?P<\w+>[^)]*\)", str(uuid.uuid4()), path) for path, _ in API_ROUTES]
    for path in ("/m/", "/m/pages/tasks/one", "/nothing", *api, *OPEN.values()):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            headers = {"Origin": EVIL, "Access-Control-Request-Method": "DELETE"}
            async with phones.http.request(
                method,
                f"{phones.service}{path}",
                headers={**headers, "Authorization": f"Bearer {villager.token}"},
                allow_redirects=False,
            ) as answer:
                where = (method, path)
                assert answer.status < 500, where
                assert method != "OPTIONS" or answer.status in (404, 405), where
                assert answer.headers["X-Content-Type-Options"] == "nosniff", where
                assert answer.headers["Referrer-Policy"] == "no-referrer", where
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'"), where
                assert "frame-ancestors" in policy, where
                assert "unsafe" not in policy, where
                assert not {name for name in answer.headers if name.startswith("Access-Control")}, where
                assert "Server" not in answer.headers, where


async def test_what_one_household_types_opens_nothing_of_another(phones: Phones, parts: Parts) -> None:
    """Somebody else's ids and numbers are no keys: not in the way of a report, nor of a correction."""
    owner, thief = await phones.sign_in("villager_1"), await phones.sign_in("villager_2")
    place = await place_of(parts, "431021101201001")
    sent = (await owner.command("/api/intakes", report_form(place))).body
    taken = await thief.command("/api/intakes", report_form(place, 2, id=sent["id"]))
    assert taken.problem == (409, "wrong_state")
    assert sent["number"] not in str(taken.body)
    for voice in ("0" * 64, "f" * 64):
        reply = await thief.command(f"/api/intakes/{sent['id']}/additions", {"voice": voice})
        assert reply.problem == (404, "not_found"), "told before anything about the file"
    assert (await owner.get(f"/api/intakes/{sent['id']}")).body["version"] == 1
