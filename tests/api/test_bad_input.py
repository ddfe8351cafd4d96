"""Whatever is sent: a clear refusal in Chinese with the request's id, and never a fault of the service."""

import copy
import re
import uuid
from collections.abc import Iterator
from typing import Any

import aiohttp
import hypothesis
import pytest
from hypothesis import strategies as st
from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

from handlers.base import METHODS
from server.clock import SharedClock
from server.parts import Parts
from tests.support import (
    API_ROUTES,
    Client,
    Phones,
    Reply,
    check_problem,
    count,
    fake_picture,
    fake_recording,
    report_form,
    verification_form,
)

MALFORMED = (400, "malformed")
NOT_FOUND = (404, "not_found")
NOT_JSON = {
    "nothing": b"",
    "half an object": b'{"phone": "138',
    "two objects": b"{}{}",
    "a comma too many": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "NaN": b'{"fen": NaN}',
    "infinity": b'{"fen": -Infinity}',
    "a number beyond all": b'{"fen": 1e999}',
    "a lone surrogate": b'{"applicant_name": "\\ud800"}',
    "a NUL in the text": b'{"applicant_name": "\x00"}',
    "no UTF-8": b'{"applicant_name": "\xff\xfe"}',
    "UTF-16": '{"applicant_name": "甲"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "brackets without end": b"[" * 60_000,
    "brackets 1,000 deep": b"[" * 1000 + b"]" * 1000,
    "objects 500 deep": b'{"a":' * 500 + b"1" + b"}" * 500,
    "XML": b"<form/>",
    "a form": b"applicant_name=a&phone=b",
    "compressed": b"\x1f\x8b\x08\x00" + bytes(40),
}
NO_OBJECT = (b"[]", b"[{}]", b"null", b"true", b"7", b"1e308", b'"text"', b"-0")


def fields_of(form: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in a form."""
    items = form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from fields_of(value, (*at, key))


def changed(form: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy of the form with another value in one place."""
    form = copy.deepcopy(form)
    inner = form
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return form


async def open_task(phones: Phones, place: str) -> tuple[Client, str]:
    """A cadre and the path of a task of theirs."""
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    sent = (await villager.command("/api/intakes", report_form(place))).body
    return cadre, f"/api/tasks/{sent['task']}"


async def test_bodies_that_cannot_be_read(phones: Phones, parts: Parts, place: str) -> None:
    cadre, task = await open_task(phones, place)
    supervisor = await phones.sign_in("supervisor_1")
    targets = [
        (cadre, "/api/session"),
        (cadre, "/api/staff-binding"),
        (supervisor, "/api/staff-binding/codes"),
        (cadre, "/api/intakes"),
        (cadre, f"{task}/verification"),
        (supervisor, f"{task}/assignment"),
    ]
    for client, path in targets:
        for why, raw in [*NOT_JSON.items(), *((repr(raw), raw) for raw in NO_OBJECT)]:
            headers = {"Idempotency-Key": str(uuid.uuid4()), "If-Match": "1"}
            if path == "/api/staff-binding":
                await parts.redis.delete(*await parts.redis.keys("rate:*"))
            reply = await client.call("POST", path, raw=raw, headers=headers)
            if why == "objects 500 deep":
                assert reply.problem in (MALFORMED, (422, "invalid_form")), path
                continue
            assert reply.problem == MALFORMED, (path, why)
        megabyte = b'{"statement": "' + b"x" * 1_000_000 + b'"}'
        reply = await client.call("POST", path, raw=megabyte, headers=headers)
        assert reply.problem == (413, "too_large"), path
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x", "text/xml"):
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": content_type}
        reply = await cadre.call("POST", "/api/intakes", raw=b"--x\r\n\r\n", headers=headers)
        assert reply.problem == MALFORMED, content_type
    for raw in (b"[" * 60_000, b"[" * 1000 + b"]" * 1000, b"{"):
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        reply = await cadre.call("POST", f"{task}/acceptance", raw=raw, headers=headers)
        assert reply.problem == MALFORMED, "also where no body is asked for"
    assert (await cadre.get(task)).body["version"] == 1
    assert await count(parts, "intakes", "verifications", "binding_codes") == [1, 0, 0]


async def test_operators_and_other_types_in_every_field(
    phones: Phones, parts: Parts, clock: SharedClock, place: str
) -> None:
    cadre, task = await open_task(phones, place)
    photo = await cadre.upload(fake_picture())
    voice = (await cadre.put("recordings", fake_recording())).body["sha256"]
    whole = report_form(
        place,
        9,
        id=str(uuid.uuid4()),
        head_id_no="",
        members_affected=1,
        risks_remark="",
        event_date="2026-01",
        own_paid_medical={"fen": 1},
        housing="safe",
        wanted_help=["health"],
        photos=[{"sha256": photo, "kind": "other"}],
        voice=voice,
        position={"latitude": 1.0, "longitude": 1.0, "accuracy": 1.0},
        filed_for={"reason": "不识字", "evidence": photo},
    )
    position = {"latitude": 1.0, "longitude": 1.0, "accuracy": 1.0}
    visit = verification_form(photo, position=position, signature=photo, text="", urgency="normal")
    targets = [
        ("/api/intakes", whole, None),
        (f"{task}/verification", visit, 1),
        (f"{task}/assignment", {"staff_no": "GB0005"}, 1),
        ("/api/staff-binding", {"staff_no": "GB0005", "code": "000000"}, None),
        ("/api/staff-binding/codes", {"staff_no": "GB0005"}, None),
        ("/api/session", {"code": "x"}, None),
        ("/api/session/phone", {"code": "x"}, None),
        ("/api/regions/near", position, None),
        (
            f"/api/intakes/{uuid.uuid4()}/additions",
            {"statement": "", "photos": [{"sha256": photo, "kind": "other"}], "voice": voice},
            None,
        ),
        ("/api/corrections", {"intake": str(uuid.uuid4()), "field": "water", "text": "水已通"}, None),
    ]
    for path, form, base in targets:
        for at in fields_of(form):
            for value in ({"$gt": ""}, {"$where": "sleep(1)"}, [{"$ne": None}], 1e300, -(2**63)):
                clock.move(2)
                reply = await cadre.command(path, changed(form, at, value), base=base)
                field = ".".join(map(str, at))
                assert reply.problem == (422, "invalid_form"), (path, field, value)
                named = [name for name in reply.wrong_fields if name.startswith(field)]
                assert named or reply.wrong_fields <= {"id_no", "consent.signed_name"}, (field, reply)
    for path in ("/api/tasks", "/api/intakes", "/api/inbox"):
        for query in ('cursor={"$gt":""}', "cursor[$gt]=", "state[$ne]=x", "$where=1"):
            reply = await cadre.get(f"{path}?{query}".replace('"', "%22"))
            assert reply.status == 200 or reply.problem == MALFORMED, (path, query)


async def test_cursors_and_limits_that_nobody_gave_out(phones: Phones) -> None:
    cadre = await phones.sign_in("grid_1")
    cursors = [
        *("x", "====", "é".encode().hex(), "W10", "e30", "bnVsbA", "WzFd", "WzEsMl0", "W251bGxd"),
        *("WyJ4Il0x", "WyJub3ciLCJ4Il0", "W1sidCIsMWU5OTldXQ", "WyI5OTk5OS0wMS0wMSIsIngiXQ", "A" * 9000),
        *("WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwieCJd", "W3siJGd0IjoiIn0seyIkZ3QiOiIifV0"),
    ]
    for path in ("/api/tasks", "/api/intakes", "/api/inbox", "/api/corrections"):
        for cursor in cursors:
            reply = await cadre.get(f"{path}?cursor={cursor}")
            assert reply.problem == MALFORMED, (path, cursor)
        for limit in ("x", "-1", "1.5", "1e3", "%EF%BC%91", "1%002", "٣".encode().hex() + "z"):
            reply = await cadre.get(f"{path}?limit={limit}")
            assert reply.problem == MALFORMED, (path, limit)
        assert (await cadre.get(f"{path}?limit=%ff")).problem == MALFORMED
        for limit in ("0", "1", "100", "101", "9" * 5000):
            assert (await cadre.get(f"{path}?limit={limit}")).status == 200, (path, limit)


async def test_paths_that_lead_nowhere(phones: Phones) -> None:
    villager = await phones.sign_in("villager_1")
    long = "a" * 8000
    nowhere = [
        *("/", "/x", "/api", "/api/", "/API/intakes", "/api/intakes/", "//api/intakes", "/api//intakes"),
        *("/api/intakes/../session", "/api/../api/session", "/api/%2e%2e/api/session", "/api/intakes/.."),
        *("/api/intakes/%2e%2e%2fsession", "/api/intakes/%00", "/api/tasks/%0d%0aSet-Cookie:x=1"),
        *("/api/tasks/{}", f"/api/tasks/{long}", f"/api/intakes/{uuid.uuid4()}%00", "/api/session;x=1"),
        *("/static/../../etc/passwd", "/..%5c..%5cetc", "/robots.txt", "/.env", "/.git/config"),
        *(f"/api/intakes/{uuid.uuid4()}/photos/x", f"/api/intakes/x/photos/{uuid.uuid4()}"),
        *(f"/api/tasks/{uuid.uuid4().hex}", f"/api/tasks/{{{uuid.uuid4()}}}", "/api/openapi.json/x"),
    ]
    for path in nowhere:
        reply = await villager.call("GET", path)
        assert reply.problem == NOT_FOUND, path
        check_problem(reply)
        assert "Set-Cookie" not in reply.headers
    for path in ("/api/intakes/%ff", "/api/tasks/%c3%28/acceptance"):
        reply = await villager.call("GET" if path.endswith("ff") else "POST", path)
        assert reply.problem in (MALFORMED, NOT_FOUND), path
    for method in ("GET", "POST", "DELETE", "BREW"):
        assert (await villager.call(method, "/nothing/here")).status in (404, 405), method


async def test_methods_that_a_path_does_not_have(phones: Phones) -> None:
    villager = await phones.sign_in("villager_1")
    for pattern, handler in API_ROUTES:
        path = pattern.replace("(?P<sha256>[0-9a-f]{64})", "0" * 64)
        path = re.sub(r"\(\?P<\w+>[^)]*\)", str(uuid.uuid4()), path)
        has = {m for m in METHODS if getattr(handler, m) is not getattr(RequestHandler, m)}
        for method in ({*METHODS, "options", "trace", "brew"} - has) - {"head"}:
            reply = await villager.call(method.upper(), path)
            assert reply.problem == (405, "method_not_allowed"), (method, path)
            allowed = reply.headers["Allow"].split(", ")
            assert {m.upper() for m in has} == set(allowed), path


async def test_headers_that_do_not_fit(phones: Phones) -> None:
    villager = await phones.sign_in("villager_1")

    async def with_client(version: str) -> Reply:
        return await villager.call("GET", "/api/session", headers={"Fangpin-Client": version})

    for good in ("mini/0.1.0", "h5/1.0", "console/12.34.5678"):
        assert (await with_client(good)).status == 200, good
    for old in ("mini/0.0.9", "mini/0.0", "h5/0.0.9999"):
        assert (await with_client(old)).problem == (426, "client_too_old"), old
    for wrong in ("mini", "mini/", "mini/1", "mini/1.2.3.4", "mini/1.2-beta", "/1.2.3", "m/99999.0", "é/1.0"):
        assert (await with_client(wrong)).problem == MALFORMED, wrong
    old_login = await Client(phones.http, phones.service).call(
        "POST", "/api/session", {"code": "x"}, headers={"Fangpin-Client": "mini/0.0.1"}
    )
    assert old_login.problem == (426, "client_too_old"), "told before anything else"
    try:
        reply = await villager.call("GET", "/api/session", headers={"X-Large": "x" * 20_000})
    except aiohttp.ClientError:
        pass  # The connection is cut before there is a request to answer.
    else:
        assert 400 <= reply.status < 500
    assert (await villager.get("/api/session")).status == 200


async def test_every_answer_carries_an_id_of_our_own_and_safe_headers(phones: Phones) -> None:
    villager = await phones.sign_in("villager_1")
    planted = "13912345678"
    for path in ("/api/session", "/api/tasks", "/api/nothing"):
        reply = await villager.call("GET", path, headers={"X-Request-Id": planted})
        assert planted not in str(reply.headers)
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert "Server" not in reply.headers
        if reply.status >= 400:
            assert uuid.UUID(reply.body["request_id"]).version == 7


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=30)
    | st.sampled_from(["", "\x00", "$gt", "illness", "other", "2026-01", "0" * 64, "甲" * 600]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def almost(draw: st.DrawFn, form: dict[str, Any]) -> Any:
    """A form with up to three values replaced, taken away or added; now and then something else."""
    for _ in range(draw(st.integers(1, 3))):
        places = list(fields_of(form))
        if not places or draw(st.integers(0, 19)) == 0:
            return draw(JSON)
        at = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace":
                form = changed(form, at, draw(JSON))
            case "remove":
                form = copy.deepcopy(form)
                inner: Any = form
                for key in at[:-1]:
                    inner = inner[key]
                del inner[at[-1]]
            case "add":
                form = {**form, draw(st.text(max_size=9)): draw(JSON)}
    return form


@pytest.mark.parametrize("what", ["report", "verification"])
def test_no_body_makes_the_service_fail(
    io_loop: IOLoop, phones: Phones, clock: SharedClock, place: str, what: str
) -> None:
    cadre, task = io_loop.run_sync(lambda: open_task(phones, place))
    photo = io_loop.run_sync(lambda: cadre.upload(fake_picture()))
    if what == "report":
        path, base, shape = "/api/intakes", None, report_form(place, 8, photos=[], wanted_help=["health"])
        shape |= {"own_paid_medical": {"fen": 1}, "members_affected": 2, "event_date": "2026-01"}
        shape |= {"photos": [{"sha256": photo, "kind": "other"}], "housing": "safe", "relation": "self"}
    else:
        path, base = f"{task}/verification", 9
        shape = verification_form(photo, position={"latitude": 1.5, "longitude": 2.5}, text="", reason="")

    @hypothesis.settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @hypothesis.given(almost(shape))
    def send(body: Any) -> None:
        clock.move(2)
        reply = io_loop.run_sync(lambda: cadre.command(path, body, base=base))
        assert reply.status < 500
        assert reply.status != 429

    send()
