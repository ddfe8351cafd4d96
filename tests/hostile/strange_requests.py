"""Requests to the API as nobody should send them, drawn from the API document itself.

schemathesis draws what the document allows and what it forbids. Drawn alone, most of it would fail at the
first check, so each request mixes what was drawn (or something stranger) with what is right: ids that there
are, a session that is good, a form that would be accepted.
"""

import hashlib
import json
import re
import string
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import hypothesis
import orjson
import schemathesis
from hypothesis.errors import Unsatisfiable
from schemathesis.core import NOT_SET
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response

from handlers.problems import MEDIA_TYPE
from handlers.services import Session, Sessions
from tests.hostile.wire import Answer, Found, Shot, check_status, request
from tests.support import (
    Phones,
    Reply,
    check_problem,
    fake_picture,
    fake_recording,
    report_form,
    verification_form,
)

#: People of every role that the demo has.
PEOPLE = ("villager_1", "villager_2", "grid_1", "grid_2", "head_1", "township_1", "supervisor_1")
_PLAIN = frozenset(string.printable) - frozenset("\r\n\x0b\x0c")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
#: Headers that frame a request or stand in it already; what lies about them is for `broken_callbacks`.
_FRAMING = frozenset(
    (
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "expect",
        "upgrade",
        "content-type",
        "authorization",
    )
)

#: Values for any field of a form. Those that no JSON library writes are `_RAW`.
STRANGE: tuple[Any, ...] = (
    *("", " ", "\x00", "\ud800", "\udfff\ud800", "\u202e", "\U0010ffff", "\ufeff", "甲" * 600, "x" * 9000),
    *("$gt", {"$gt": ""}, {"$where": "sleep(1)"}, [{"$ne": None}], {"": {"": {"": []}}}, {"a.b": {"$c": 1}}),
    *(None, True, False, 0, -1, -0.0, 0.5, 2**31, 2**53 + 1, 2**63, 2**64, 10**400, -(10**30), 1e308, 5e-324),
    *(
        "NaN",
        "0" * 64,
        "000000",
        "2026-02-30",
        "9999-12",
        "0000-00",
        "０１２３４５",
        "٠١٢",
        "<script>",
        "../../x",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        ["illness"] * 3000,
        [{}] * 200,
        {"fen": 10**18},
        {"fen": "1"},
        {str(n): n for n in range(300)},
    ),
)
_RAW: tuple[bytes, ...] = (
    *(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-1e-999",
        b"1" * 5000,
        b"0" * 300 + b"1",
        b"01",
        b"+1",
        b".5",
        b"0x1",
    ),
    *(
        b'"\xff\xfe"',
        b'"\xed\xa0\x80"',
        b'"\x00"',
        b'"\\u0000"',
        b'"\\ud800"',
        b'"\\x41"',
        b"'a'",
        b"undefined",
    ),
    *(b"[" * 900 + b"]" * 900, b'{"a":' * 600 + b"1" + b"}" * 600, b"[" * 30_000, b'{"a":1,"a":2}'),
)
#: Bodies that are no JSON object at all.
BODIES: tuple[bytes, ...] = (
    *(
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"[]",
        b"null",
        b"true",
        b"7",
        b'"x"',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
    ),
    *(
        b"a=b&c=d",
        b"<xml/>",
        b"--x\r\n\r\n",
        b"\x1f\x8b\x08\x00" + bytes(60),
        b"\x00" * 2000,
        b"%00",
        b"\x80",
    ),
    *(b"[" * 60_000, b'{"a":' * 10_000, b'{"statement": "' + b"x" * 70_000 + b'"}', *_RAW),
)
MEDIA_TYPES = (
    *("", "text/plain", "text/xml", "application/json; charset=utf-16", "application/x-www-form-urlencoded"),
    *(
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "*/*",
        ";;;",
        "x" * 300,
    ),
)
HEADERS: Mapping[str, Sequence[str | bytes]] = {
    "Idempotency-Key": (
        "",
        "x",
        "0" * 36,
        "00000000-0000-0000-0000-000000000000",
        "{00000000-0000-0000-0000-000000000000}",
        b"\xff",
    ),
    "If-Match": (
        "",
        "*",
        'W/"1"',
        "-1",
        "0",
        "1e9",
        "9" * 9,
        "9" * 500,
        '"',
        '"1", "2"',
        b"\xd9\xa1",
        "１".encode(),
    ),
    "Fangpin-Client": (
        "",
        "mini",
        "mini/0.0.1",
        "mini/99999.1",
        "h5/1.0",
        "x" * 5000,
        b"\xe7\x94\xb2/1.0",
        "/",
    ),
    "Fangpin-Device-Time": (
        *(
            "",
            "now",
            "2026-11-21T08:00:00",
            "9999-12-31T23:59:59+00:00",
            "0001-01-01T00:00:00+14:00",
            "2026-W01-1",
        ),
        *(
            "2026-11-21T08:00:00+08:00",
            "2026-11-21T08:00:00.999999999Z",
            "2026-11-21T08:00:00+99:99",
            b"\xff\xfe",
        ),
    ),
    "Content-Range": (
        *("", "bytes */5", "bytes 0-0/1", "bytes 0-99/100", "bytes 5-1/9", "bytes 0-999999998/999999999"),
        *(
            "bytes 0-9/*",
            "bytes -5/9",
            "chars 0-1/2",
            "bytes 16384-32767/99999",
            "bytes 0-16383/20000",
            b"\xff",
        ),
    ),
    "Authorization": (
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer " + "x" * 5000,
        "bearer x y z",
        b"Bearer \xff",
    ),
    "Accept-Language": ("*", "x" * 4000),
    "Cookie": ("a=b; c", "=" * 2000, 'a="\\"', b"\xff=\xff"),
    "Range": ("bytes=0-0", "bytes=5-1", "x"),
    "If-None-Match": ("*", '"x"', "W/"),
    "X-Forwarded-For": ("127.0.0.1", "x", "1" * 3000),
    "X-Http-Method-Override": ("DELETE",),
    "Origin": ("null", "https://evil.example"),
}
#: What stands in a query now and then, as it is.
QUERIES = (
    *("%ff", "%00=%00", "cursor=%00", "cursor=e30", "cursor=WyJ4Il0", "cursor[$gt]=", "limit=0", "limit=-1"),
    *(
        "limit=" + "9" * 5000,
        "limit=%EF%BC%91",
        "state=open&state=done",
        "mine=1",
        "a;b",
        "&&&",
        "=",
        "%",
        "%zz",
    ),
    *("x" * 9000, "&".join(f"a{n}=1" for n in range(500)), "code=%ed%a0%80", "size=thumbnail", "parent=$ne"),
)
FIXED_QUERY = {"limit": ("1", "2", "100"), "mine": ("1",), "state": ("open",), "size": ("thumbnail",)}


@dataclass(frozen=True)
class Drawn:
    """What schemathesis drew for an operation."""

    what: str
    method: str
    template: str
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any


@dataclass
class Document:
    """The API document, as schemathesis reads it."""

    operations: dict[str, Any]

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Document":
        """From the served JSON."""
        found = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
        return cls({f"{operation.method.upper()} {operation.path}": operation for operation in found})

    def draw(self, each: int, seed: int) -> list[Drawn]:
        """For every operation `each` requests that the document allows and as many that it forbids."""
        return [
            drawn
            for what, operation in self.operations.items()
            for mode in schemathesis.GenerationMode
            for drawn in _drawn(what, operation, mode, each, seed)
        ]

    def check(self, shot: Shot, answers: Iterable[Answer]) -> None:
        """Raise `Found` unless the answers are no fault, and are what the document promises: a problem in
        Chinese words, or the status, media type and shape of the operation."""
        check_status(shot, answers)
        operation = self.operations[shot.what]
        promised = operation.definition.raw["responses"]
        for answer in answers:
            given = answer.headers.get("content-type", "")
            content = promised.get(str(answer.status), promised["default"]).get("content", {})
            media_types = [name.removesuffix("*") for name in content]
            if media_types and not given.startswith(tuple(media_types)):
                raise Found(shot, f"{answer.status} {given}, which the document does not promise")
            if answer.status >= 400 and not given.startswith(MEDIA_TYPE):
                raise Found(shot, f"{answer.status} {given}, which is no problem document")
            if shot.method == "HEAD" or answer.status == 204:
                continue
            headers = {name: [value] for name, value in answer.headers.items()}
            # What asked for it is of no interest to the shape of an answer.
            seen: Any = Response(answer.status, headers, answer.body, request=None, elapsed=0, verify=False)  # type: ignore[arg-type]
            try:
                operation.validate_response(seen)
                if answer.status >= 400:
                    check_problem(Reply(answer.status, orjson.loads(answer.body), dict(answer.headers)))
            except (FailureGroup, AssertionError, ValueError) as error:
                raise Found(
                    shot, f"{answer.status} {answer.body[:500]!r} is not as promised: {error}"
                ) from error


def _drawn(what: str, operation: Any, mode: schemathesis.GenerationMode, each: int, seed: int) -> list[Drawn]:
    found: list[Drawn] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=each,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def note(case: Any) -> None:
        body = None if case.body is NOT_SET else case.body
        kept = (case.path_parameters or {}, dict(case.query or {}), dict(case.headers or {}), body)
        found.append(Drawn(what, operation.method.upper(), operation.path, *kept))

    try:
        note()
    except Unsatisfiable:
        # Without parameters and body there is nothing that an operation could forbid.
        return []
    return found


@dataclass
class World:
    """What there is in the service, so that requests can be about it.

    Attributes:
        ids: what stands in a path for a parameter, by what the path begins with and the parameter's name.
        query: what is good in a query, by name.
        forms: forms that are accepted (now, or in another state), by the operation.
        files: (bytes, hash) of pictures and recordings.
        people: who may be signed in.
    """

    ids: dict[tuple[str, str], list[str]]
    query: dict[str, Sequence[str]]
    forms: dict[str, list[dict[str, Any]]]
    files: dict[str, list[tuple[bytes, str]]]
    people: list[Session]


async def make_world(phones: Phones, mp_app_id: str, place: str) -> World:
    """Reports in every state, with all that can hang on them, and people signed in to the mini program.

    `place` is the id of a village group in which ``grid_1`` is responsible.
    """
    clients = {key: await phones.sign_in(key) for key in PEOPLE}
    villager, cadre = clients["villager_1"], clients["grid_1"]
    pictures = [fake_picture(colour, form=form) for colour, form in (("red", "JPEG"), ("blue", "PNG"))]
    voice = fake_recording()
    for client in (villager, cadre):
        for picture in pictures:
            await client.upload(picture)
        await client.put("recordings", voice)
    photo, spoken = (hashlib.sha256(data).hexdigest() for data in (pictures[0], voice))
    photos = [{"sha256": photo, "kind": "medical"}]
    ids: dict[tuple[str, str], list[str]] = {}

    def note(begin: str, name: str, *found: str) -> None:
        ids.setdefault((begin, name), []).extend(found)

    for number in range(6):
        form = report_form(place, number + 1, photos=photos, voice=spoken, housing="unsafe")
        sent = (await villager.command("/api/intakes", form)).body
        report, task = f"/api/intakes/{sent['id']}", f"/api/tasks/{sent['task']}"
        added = {"statement": "补充", "photos": photos, "voice": spoken}
        await villager.command(f"{report}/additions", added)
        wish = {"intake": sent["id"], "field": "housing", "text": "已修好"}
        asked = (await villager.command("/api/corrections", wish)).body
        if number >= 2:
            await cadre.command(f"{task}/acceptance", base=1)
        if number >= 4:
            await cadre.command(f"{task}/verification", verification_form(photo), base=2)
        seen = (await villager.get(report)).body
        note("/api/intakes", "id", sent["id"])
        note("/api/intakes", "photo", seen["photos"][0]["id"])
        note("/api/intakes", "addition", seen["additions"][0]["id"])
        note("/api/tasks", "id", sent["task"])
        note("/api/corrections", "id", asked["id"])
    note("/api/photos", "sha256", *(hashlib.sha256(picture).hexdigest() for picture in pictures))
    note("/api/recordings", "sha256", spoken)
    code = {"code": "0" * 32}
    full = report_form(
        *(place, 7),
        **{
            "photos": photos,
            "voice": spoken,
            "housing": "unsafe",
            "members_affected": 2,
            "event_date": "2026-01",
        },
        **{
            "own_paid_medical": {"fen": 100},
            "wanted_help": ["health"],
            "relation": "self",
            "risks_remark": "x",
        },
        position={"latitude": 25.7, "longitude": 112.7, "accuracy": 5.0},
    )
    forms = {
        "POST /api/intakes": [full, *(report_form(place, number) for number in range(8, 40))],
        "POST /api/intakes/{id}/additions": [{"statement": "补充", "photos": photos, "voice": spoken}],
        "POST /api/corrections": [
            {"intake": id_, "field": name, "text": "已修好", "value": "13800000001"}
            for id_ in ids["/api/intakes", "id"]
            for name in ("housing", "phone")
        ],
        "POST /api/corrections/{id}/answer": [{"outcome": "kept", "text": "看过"}],
        "POST /api/tasks/{id}/verification": [
            verification_form(photo, signature=photo, text="看过", reason="", urgency="normal")
        ],
        "POST /api/tasks/{id}/assignment": [{"staff_no": "GB0006"}, {"staff_no": "GB0005"}],
        "POST /api/staff-binding": [{"staff_no": "GB0005", "code": "000000"}],
        "POST /api/staff-binding/codes": [{"staff_no": "GB0007"}],
        "POST /api/session": [code],
        "POST /api/session/phone": [code],
        "POST /api/session/ticket": [{"ticket": "t" * 40}],
        "POST /api/regions/near": [{"latitude": 25.7, "longitude": 112.7, "accuracy": 10.0}],
    }
    query = {**FIXED_QUERY, "parent": (place,), "code": ("431021101201001", "431021")}
    query |= {"place": (place,), "url": (f"{phones.service}/m/",)}
    files = {
        "/api/photos/{sha256}": [(data, hashlib.sha256(data).hexdigest()) for data in pictures],
        "/api/recordings/{sha256}": [(voice, spoken)],
    }
    people = []
    for key, client in clients.items():
        who = (await client.get("/api/session")).body
        people.append(Session(who["person"], mp_app_id, f"mDemo_{key}", who["staff"]))
    return World(ids, query, forms, files, people)


async def tokens(sessions: Sessions, people: Sequence[Session], count: int) -> list[str]:
    """New sessions of the people in turn. Each request has one of its own, so that no rate limit and no end
    of a session stands in the way of the next one."""
    return [await sessions.open(people[n % len(people)]) for n in range(count)]


def strange_request(world: World, drawn: Drawn, token: str, seed: int, number: int) -> Shot:
    """One request of what was drawn; which parts are right follows from the seed and the number."""
    random = Random(f"{seed}:{number}")
    body, sha256 = _body(world, drawn, random)
    target = _path(world, drawn, random, sha256) + _query(world, drawn, random)
    headers = _headers(drawn, random, token)
    return Shot(drawn.what, request(drawn.method, target, body, headers), method=drawn.method)


def _path(world: World, drawn: Drawn, random: Random, sha256: str | None) -> str:
    path = drawn.template
    for name, value in drawn.path.items():
        begin = "/".join(drawn.template.split("/")[:3])
        known = [sha256] if sha256 else world.ids.get((begin, name), [])
        given = random.choice(known) if known and random.random() < 0.8 else str(value)
        path = path.replace(f"{{{name}}}", quote(given, safe="", errors="surrogatepass"))
    return path


def _query(world: World, drawn: Drawn, random: Random) -> str:
    # A value that no query can hold stands in it as its text.
    drawn_values = {
        name: value if isinstance(value, list) else str(value) for name, value in drawn.query.items()
    }
    mixed = {
        name: random.choice(world.query[name]) if name in world.query and random.random() < 0.5 else value
        for name, value in drawn_values.items()
    }
    text = urlencode(mixed, doseq=True, errors="surrogatepass")
    if random.random() < 0.05:
        text = "&".join(filter(None, (text, random.choice(QUERIES))))
    return f"?{text}" if text else ""


def _headers(drawn: Drawn, random: Random, token: str) -> list[tuple[str, str | bytes]]:
    headers: dict[str, str | bytes] = {
        name: "".join(letter for letter in str(value) if letter in _PLAIN).strip()
        for name, value in drawn.headers.items()
        if _NAME.fullmatch(name) and name.lower() not in _FRAMING and random.random() < 0.5
    }
    if random.random() < 0.85:
        headers["Idempotency-Key"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
    if random.random() < 0.6:
        headers["If-Match"] = f'"{random.randint(1, 3)}"'
    headers["Authorization"] = f"Bearer {token}"
    headers["Content-Type"] = "application/json"
    if random.random() < 0.1:
        headers["Content-Type"] = random.choice(MEDIA_TYPES)
    for name, values in HEADERS.items():
        if random.random() < 0.03:
            headers[name] = random.choice(values)
    return list(headers.items())


def _body(world: World, drawn: Drawn, random: Random) -> tuple[bytes, str | None]:
    """The body, and the hash that it has where it is a file."""
    if files := world.files.get(drawn.template):
        return _file(drawn, random, *random.choice(files))
    forms, chance = world.forms.get(drawn.what), random.random()
    if drawn.method in ("GET", "HEAD") and chance < 0.95:
        return b"", None
    if chance < 0.15 or (forms is None and drawn.body is None and chance < 0.3):
        return random.choice(BODIES), None
    if forms is None or chance < 0.35:
        return _encoded(drawn.body, random), None
    form = dict(random.choice(forms))
    if isinstance(drawn.body, dict) and drawn.body and chance < 0.6:
        # Some fields as they were drawn, in a form that is right otherwise.
        for name in random.sample(sorted(drawn.body), random.randint(1, min(2, len(drawn.body)))):
            form[name] = drawn.body[name]
        return _encoded(form, random), None
    if chance < 0.75:
        form[random.choice([*form, "id", "position", "signature", "x"])] = random.choice(STRANGE)
    elif chance < 0.85:
        mark = "\x7fraw\x7f"
        form[random.choice(list(form))] = mark
        return json.dumps(form).encode().replace(json.dumps(mark).encode(), random.choice(_RAW)), None
    return _encoded(form, random), None


def _file(drawn: Drawn, random: Random, data: bytes, sha256: str) -> tuple[bytes, str]:
    if drawn.method != "PUT":
        return b"", sha256
    match random.randrange(5):
        case 0:
            data = data[: random.randrange(len(data))]
        case 1:
            data = data[:50] + random.randbytes(random.randrange(2000))
        case 2:
            data = random.choice(BODIES)
    true_hash = hashlib.sha256(data).hexdigest()
    return data, true_hash if random.random() < 0.7 else sha256


def _encoded(body: Any, random: Random) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    try:
        return json.dumps(body, ensure_ascii=random.random() < 0.7).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError):
        return repr(body).encode("utf-8", "surrogatepass")
