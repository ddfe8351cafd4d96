"""Signed-in villagers and their reports, for the load."""

import base64
import json
import uuid
from typing import Any

import aiohttp
from stdnum.iso7064 import mod_11_2

from handlers.services import Session
from server.importing import import_rows
from server.parts import Parts

GROUPS = tuple(
    f"{village}{group:03d}"
    for village in ("431021101201", "431021101202", "431021102201", "431021102202", "431028103201")
    for group in range(1, 5)
)


def fake_id_no(number: int) -> str:
    """The `number`th invented ID number: check digit right, division 000000, no date twice a number."""
    day, serial = divmod(number, 999)
    year, rest = divmod(day, 336)
    month, date = divmod(rest, 28)
    body = f"000000{1930 + year}{month + 1:02d}{date + 1:02d}{serial + 1:03d}"
    return body + str(mod_11_2.calc_check_digit(body))


def openid_of(number: int) -> str:
    """The openid of the `number`th follower."""
    return f"oBench_{number}"


async def followers(parts: Parts, count: int) -> list[tuple[str, str]]:
    """(openid, person's id) of `count` people who follow the account."""
    made = []
    for number in range(count):
        openid, app_id = openid_of(number), parts.settings.oa_app_id
        person_id = await parts.services.account.meet(app_id, openid, f"uBench_{number}")
        await parts.services.account.set_fan(app_id, openid, following=True, blocked=False)
        made.append((openid, person_id))
    return made


async def villagers(parts: Parts, count: int) -> list[tuple[str, str]]:
    """(openid, session token) of `count` followers."""
    made = []
    for openid, person_id in await followers(parts, count):
        session = Session(person_id, parts.settings.oa_app_id, openid, None)
        made.append((openid, await parts.services.sessions.open(session)))
    return made


async def township(parts: Parts, villages: int) -> list[str]:
    """A township of its own with two grids and four groups a village, each grid with a bound cadre.

    The ids of its groups.
    """
    regions = [{"code": "431021199", "parent_code": "431021", "kind": "township", "name": "测试乡"}]
    staff, groups = [], []
    for village in range(villages):
        code = f"431021199{village:03d}"
        regions.append({"code": code, "parent_code": "431021199", "kind": "village", "name": f"{village}村"})
        for grid in (1, 2):
            grid_code = f"{code}W{grid}"
            regions.append({"code": grid_code, "parent_code": code, "kind": "grid", "name": f"网格{grid}"})
            no = f"T{village:03d}{grid}"
            row = {"staff_no": no, "name": "测试干部", "role": "grid_worker", "area_code": grid_code}
            staff.append(row)
            for group in (2 * grid - 1, 2 * grid):
                name, own = f"{group}组", f"{code}{group:03d}"
                row = {"code": own, "parent_code": code, "kind": "group", "name": name}
                regions.append({**row, "grid_code": grid_code})
                groups.append(own)
    await import_rows(parts, "regions", regions)
    await import_rows(parts, "staff", staff)
    found = await parts.stores.staff.by_no([row["staff_no"] for row in staff])
    for number, row in enumerate(staff):
        openid, app_id = f"oCadre_{number}", parts.settings.oa_app_id
        person_id = await parts.services.account.meet(app_id, openid, f"uCadre_{number}")
        await parts.services.account.set_fan(app_id, openid, following=True, blocked=False)
        await parts.stores.staff.save([{**found[row["staff_no"]], "person_id": person_id}])
    return [(await parts.services.regions.by_code(code))["_id"] for code in groups]


async def in_simulator(simulator: aiohttp.ClientSession, count: int, cadres: int) -> None:
    """Make the phones of `villagers` and `township` in the simulator."""
    for kind, most in (("Bench", count), ("Cadre", cadres)):
        for number in range(most):
            ids = {"openid": f"o{kind}_{number}", "unionid": f"u{kind}_{number}"}
            await simulator.post("/_sim/users", json={"nickname": f"{kind}{number}", **ids})


async def places(parts: Parts) -> list[str]:
    """The ids of the groups that reports come from."""
    return [(await parts.services.regions.by_code(code))["_id"] for code in GROUPS]


def report(place: str, number: int) -> dict[str, Any]:
    """The `number`th report, each of another household."""
    return {
        "applicant_name": "测试甲",
        "phone": "13800000000",
        "id_no": fake_id_no(number),
        "place": place,
        "members_affected": 3,
        "risks": ["illness", "unstable_work"],
        "event_date": "2026-09",
        "own_paid_medical": {"band": "5000_20000"},
        "housing": "safe",
        "water": "safe",
        "wanted_help": ["health", "employment"],
        "statement": "测试用情况说明：近期住院，自付费用较多，暂时不能外出务工，希望得到帮助。",
        "consent": {"version": "2026-01", "agreed": True, "signed_name": "测试甲"},
    }


def request_bytes(host: str, token: str, form: dict[str, Any]) -> bytes:
    """A whole HTTP request that submits `form`, made before the clock runs."""
    body = json.dumps(form, ensure_ascii=False).encode()
    head = (
        f"POST /api/intakes HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def encoded(requests: list[bytes]) -> bytes:
    """Requests as lines for the load process."""
    return b"\n".join(base64.b64encode(request) for request in requests)
