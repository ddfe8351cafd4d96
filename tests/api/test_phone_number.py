"""The telephone number that WeChat has verified: it fills the form in, and joins what no unionid joins."""

from typing import Any

from handlers.services import Session
from server.parts import Parts
from tests.support import Client, Phones, Reply, database, documents, report_form

NUMBER = "13800000077"


async def somebody(phones: Phones, parts: Parts, key: str, phone: str, *, unionid: bool = False) -> Client:
    """A signed-in person with a telephone; without a unionid, as where accounts share no platform."""
    ids = {"openid": f"oDemo_{key}", "mp_openid": f"mDemo_{key}", "unionid": f"uDemo_{key}"}
    await phones.control("POST", "users", {"nickname": key, "phone": phone, **ids})
    client = await phones.sign_in(key)
    if not unionid:
        person = (await client.get("/api/session")).body["person"]
        await database(parts)["persons"].update_one({"_id": person}, {"$unset": {"unionid": ""}})
    return client


async def verify(phones: Phones, client: Client, key: str) -> Reply:
    """Press the phone button."""
    code = (await phones.control("GET", f"login-code?openid=oDemo_{key}&kind=phone"))["code"]
    return await client.call("POST", "/api/session/phone", {"code": code})


async def person_of(client: Client) -> Any:
    """Who a client is signed in as."""
    return (await client.get("/api/session")).body["person"]


async def test_the_number_is_kept_sealed_and_shown_masked(phones: Phones, parts: Parts) -> None:
    client = await somebody(phones, parts, "p1", NUMBER)
    assert (await client.get("/api/session")).body["phone_masked"] is None
    code = (await phones.control("GET", "login-code?openid=oDemo_p1&kind=phone"))["code"]
    reply = await client.call("POST", "/api/session/phone", {"code": code})
    assert (reply.status, reply.body) == (200, {"phone": NUMBER, "session": None})
    used = await client.call("POST", "/api/session/phone", {"code": code})
    assert used.problem == (403, "bad_code")
    assert "再点一次" in used.body["title"]
    for wrong in ("", "made-up"):
        reply = await client.call("POST", "/api/session/phone", {"code": wrong})
        assert reply.problem in ((403, "bad_code"), (422, "invalid_form"))
    assert (await client.get("/api/session")).body["phone_masked"] == "138****0077"
    assert (await client.get("/api/held")).body["phone_masked"] == "138****0077"
    kept = "".join([str(await documents(parts, name)) for name in ("persons", "fans", "audit")])
    assert NUMBER not in kept

    abroad = await somebody(phones, parts, "p2", "4930123456")
    assert (await verify(phones, abroad, "p2")).problem == (403, "bad_code")
    fault = {"path": "/wxa/business/getuserphonenumber", "drop": True}
    await phones.control("POST", "faults", fault)
    away = await verify(phones, client, "p1")
    assert away.problem == (503, "away")
    assert "填写" in away.body["title"]


async def test_only_the_mini_program_gives_numbers(phones: Phones, parts: Parts) -> None:
    client = await somebody(phones, parts, "p1", NUMBER)
    person = await person_of(client)
    # The same person on a page of the official account.
    token = await parts.services.sessions.open(Session(person, "wxoa", "o1", None))
    on_page = Client(phones.http, phones.service, token)
    assert (await verify(phones, on_page, "p1")).problem == (403, "not_allowed")


async def test_who_owns_nothing_goes_over_to_the_person_with_the_same_number(
    phones: Phones, parts: Parts, place: str
) -> None:
    old = await somebody(phones, parts, "p1", NUMBER)
    assert (await verify(phones, old, "p1")).body["session"] is None
    sent = (await old.command("/api/intakes", report_form(place))).body
    new = await somebody(phones, parts, "p2", NUMBER)
    too = await phones.sign_in("p2")
    assert (await new.get("/api/intakes")).body["items"] == []
    session = (await verify(phones, new, "p2")).body["session"]
    assert session["person"] == await person_of(old)
    for ended in (new, too):
        assert (await ended.get("/api/session")).problem == (401, "not_signed_in")
    joined = Client(phones.http, phones.service, session["token"])
    assert [i["id"] for i in (await joined.get("/api/intakes")).body["items"]] == [sent["id"]]
    assert await person_of(await phones.sign_in("p2")) == await person_of(old), "and it stays so"


async def test_who_owns_something_stays_apart(phones: Phones, parts: Parts, place: str) -> None:
    first = await somebody(phones, parts, "p1", NUMBER)
    await verify(phones, first, "p1")
    reporter = await somebody(phones, parts, "p2", NUMBER)
    await reporter.command("/api/intakes", report_form(place))
    with_unionid = await somebody(phones, parts, "p3", NUMBER, unionid=True)
    for key, client in (("p2", reporter), ("p3", with_unionid)):
        before = await person_of(client)
        assert (await verify(phones, client, key)).body == {"phone": NUMBER, "session": None}
        assert await person_of(client) == before != await person_of(first), key

    head = await phones.sign_in("head_1")
    issued = await head.command("/api/staff-binding/codes", {"staff_no": "GB0006"})
    cadre = await somebody(phones, parts, "p4", NUMBER)
    binding = {"staff_no": "GB0006", "code": issued.body["code"]}
    bound = await cadre.call("POST", "/api/staff-binding", binding)
    cadre = Client(phones.http, phones.service, bound.body["token"])
    assert (await verify(phones, cadre, "p4")).body["session"] is None
    assert (await cadre.get("/api/session")).body["staff_name"] == bound.body["staff_name"]


async def test_a_cadre_s_number_in_other_hands_gives_nobody_their_powers(
    phones: Phones, parts: Parts
) -> None:
    cadre = await phones.sign_in("grid_1")
    number = (await verify(phones, cadre, "grid_1")).body["phone"]
    stranger = await somebody(phones, parts, "p1", number)
    assert (await verify(phones, stranger, "p1")).body == {"phone": number, "session": None}
    assert (await stranger.get("/api/session")).body["staff"] is None
