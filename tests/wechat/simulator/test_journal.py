"""A simulator that is killed and started again on its journal goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest

from server.embedded import free_port
from server.settings import load_settings
from server.simulate import SimulatorRefused, run_simulator
from tests.support import until
from tests.wechat.simulator.caller import CONFIG as BARE
from tests.wechat.simulator.caller import Json, MemoryClock
from tests.wechat.simulator.driver import CONFIG, Driver
from wechat.simulator import SimulatorConfig, make_app, serve
from wechat.simulator.journal import DamagedJournal, Journal
from wechat.simulator.recall import RECALL, recall
from wechat.simulator.state import Person
from wechat.simulator.world import World

SEED = 4
ROUNDS = 3
SHARE_OF_CUTS = 0.1
MESSAGES, SENDERS = 200, 16
APPLICATION = {"grant_type": "client_credential", "appid": CONFIG.oa_app_id, "secret": CONFIG.oa_secret}
MINI = replace(CONFIG, oa_app_id=CONFIG.mp_app_id, oa_secret=CONFIG.mp_secret)
OTHER = replace(BARE, oa_app_id="wx0000000000000003", mp_app_id="", account_name="另一个")
SEND = "/cgi-bin/message/template/send"
NOTIFY = "/cgi-bin/message/subscribe/bizsend"
WRITE = "/cgi-bin/message/custom/send"
TYPE = "/cgi-bin/message/custom/typing"
OWN = {"template_id": "own", "title": "任务提醒", "content": "村组:{{thing1.DATA}}"}
ONCE = {"template_id": "once", "title": "申请进度", "content": "进度:{{phrase1.DATA}}", "type": 2}


@asynccontextmanager
async def started(driver: Driver, journal: Path, **changes: Any) -> AsyncIterator[Driver]:
    """A simulator of two accounts on a journal, whose callbacks go where those of `driver` go."""
    config = replace(driver.simulator.world.config, journal=journal, **changes)
    simulator = await serve(config, driver.clock, OTHER)
    yield Driver(simulator, driver.service, driver.mini, driver.http, driver.clock)
    await simulator.close()


def killed(journal: Path, at: int | None = None) -> Path:
    """What a kill at this moment leaves: the file as it is, or only its first `at` bytes."""
    left = Path(shutil.copy(journal, journal.with_name(f"{journal.name}.left")))
    if at is not None:
        os.truncate(left, at)
    return left


def message(person: Json, client_msg_id: str | None = None) -> Json:
    return {
        "touser": person["oa_openid"],
        "template_id": "own",
        "data": {"thing1": {"value": "白石乡枫木村"}},
        **({"client_msg_id": client_msg_id} if client_msg_id else {}),
    }


# --- the whole, attribute by attribute ------------------------------------------------------------

PARTS = ("people", "tokens", "templates", "codes", "recent", "calls", "menus", "tags", "quotas")
# Where the parts write to and who waits for them, and what the journal does not keep: calls in full.
NOT_COMPARED = ("_note", "_clock", "_arrivals", "_newest")


def plain(value: Any) -> Any:
    """A value without identity: objects as their attributes, people as their openid, everything in order."""
    if isinstance(value, Person):
        return value.oa_openid
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return [(plain(key), plain(one)) for key, one in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


def held(world: World) -> Json:
    """All that an account keeps."""
    return {
        **{
            f"{name}.{key}": plain(one)
            for name in PARTS
            for key, one in vars(getattr(world, name)).items()
            if key not in NOT_COMPARED
        },
        "persons": [plain(person.as_record()) for person in world.people],
        "phones": [[entry.seq for entry in person.entries] for person in world.people],
        "last_msgid": world.last_msgid,
        "receipts": plain(vars(world.deliverer.receipts)),
    }


def recalled(journal: Path, clock: MemoryClock) -> list[Json]:
    """What simulators that begin on this journal hold, account by account."""
    worlds = make_app(CONFIG, clock, OTHER).settings["worlds"]
    kept = Journal(journal)
    recall(worlds, kept.read())
    kept.close()
    return [held(world) for world in worlds]


def deeds_of(driver: Driver, rng: Random, people: list[Json]) -> list[Callable[[], Awaitable[Any]]]:
    """All that changes an account, about somebody drawn from `people`."""
    person, tag = rng.choice(people), rng.choice([2, 100, 101, 102])
    login = {"appid": CONFIG.mp_app_id, "secret": CONFIG.mp_secret, "grant_type": "authorization_code"}

    def asks(path: str, body: Json, config: SimulatorConfig = CONFIG) -> Callable[[], Awaitable[Any]]:
        async def ask() -> None:
            await driver.post(path, body, access_token=await driver.token(config))

        return ask

    def does(kind: str, **values: Any) -> Callable[[], Awaitable[Any]]:
        return lambda: driver.do(person, kind, **values)

    async def meets() -> None:
        people.append(await driver.person(phone="13800000000", follow=rng.random() < 0.8))

    async def goes() -> None:
        if len(people) > 1:
            people.remove(person)
            await driver.ask("DELETE", "/_sim/users", openid=person["openid"])

    async def signs_in() -> None:
        code = (await driver.get("/_sim/login-code", openid=person["openid"]))["code"]
        await driver.get("/sns/jscode2session", **login, js_code=code)

    async def waits() -> None:
        driver.clock.move(rng.choice([1, 40, 700, 90_000]))

    async def clears_menus() -> None:
        await driver.get("/cgi-bin/menu/delete", access_token=await driver.token())

    async def starts_over() -> None:
        await driver.post("/_sim/reset", {"only": [rng.choice(["inbox", "calls", "codes", "menu", "tags"])]})

    async def receipts_change() -> None:
        outcome = rng.choice(["success", "success", "system failed", "none"])
        await driver.post("/_sim/config", {"receipts": {"status": outcome, "duplicates": rng.randrange(2)}})

    listed = {"openid_list": [one["oa_openid"] for one in rng.sample(people, min(2, len(people)))]}
    notice = {"template_id": "once", "data": {"phrase1": {"value": "已受理"}}}
    button = {"type": "click", "name": f"求助{rng.randrange(9)}", "key": "help"}
    return [
        meets,
        meets,
        goes,
        signs_in,
        lambda: driver.get("/_sim/login-code", openid=person["openid"]),
        waits,
        starts_over,
        receipts_change,
        *(does(kind) for kind in ("subscribe", "unsubscribe", "block", "unblock")),
        does("text", content="我要求助"),
        does("click", key="help"),
        *(does(kind, templates=[{"template_id": "once"}]) for kind in ("consent", "consent_mp")),
        does("consent_mp", templates=[{"template_id": "once", "status": "always"}]),
        does("consent_withdrawn", templates=[{"template_id": "once"}]),
        *(asks(SEND, message(person, rng.choice(["a", "b", None]))) for _ in range(12)),
        asks(NOTIFY, {**notice, "touser": person["oa_openid"]}),
        asks("/cgi-bin/message/subscribe/send", {**notice, "touser": person["mp_openid"]}, MINI),
        asks(
            WRITE,
            {"touser": person["oa_openid"], "msgtype": "text", "text": {"content": "收到"}},
        ),
        asks(TYPE, {"touser": person["oa_openid"], "command": "Typing"}),
        asks("/cgi-bin/user/info/updateremark", {"openid": person["oa_openid"], "remark": "测试甲"}),
        asks("/cgi-bin/tags/create", {"tag": {"name": f"标签{rng.randrange(99)}"}}),
        asks("/cgi-bin/tags/create", {"tag": {"name": f"组{rng.randrange(99)}"}}),
        asks("/cgi-bin/tags/update", {"tag": {"id": tag, "name": f"新名{rng.randrange(99)}"}}),
        asks("/cgi-bin/tags/delete", {"tag": {"id": tag}}),
        *(asks("/cgi-bin/tags/members/batchtagging", {**listed, "tagid": one}) for one in (tag, 100, 2)),
        asks("/cgi-bin/tags/members/batchuntagging", {**listed, "tagid": tag}),
        asks("/cgi-bin/tags/members/batchblacklist", listed),
        asks("/cgi-bin/tags/members/batchunblacklist", listed),
        asks("/cgi-bin/menu/create", {"button": [button]}),
        asks("/cgi-bin/menu/addconditional", {"button": [button], "matchrule": {"tag_id": tag}}),
        asks("/cgi-bin/menu/delconditional", {"menuid": 208_000_002}),
        clears_menus,
        asks(
            "/cgi-bin/template/api_add_template",
            {"template_id_short": "43216", "keyword_name_list": ["任务编号"]},
        ),
        asks("/cgi-bin/template/del_private_template", {"template_id": "own"}),
        lambda: driver.post("/_sim/templates", OWN),
        lambda: driver.post("/_sim/templates", ONCE),
        lambda: driver.post("/_sim/templates", {**ONCE, "app_id": CONFIG.mp_app_id}),
        lambda: driver.post("/cgi-bin/stable_token", {**APPLICATION, "force_refresh": True}),
        lambda: driver.get("/cgi-bin/token", **APPLICATION),
        lambda: driver.post(
            "/_sim/tokens", {"revoke": True}, app_id=rng.choice([CONFIG.oa_app_id, CONFIG.mp_app_id])
        ),
        asks("/cgi-bin/clear_quota", {"appid": CONFIG.oa_app_id}),
        lambda: driver.post("/_sim/users", {"nickname": "测试乙"}, app_id=OTHER.oa_app_id),
        asks(
            "/wxa/media_check_async",
            {
                "openid": person["mp_openid"],
                "media_url": "https://example.com/1.jpg",
                "media_type": 2,
                "version": 2,
                "scene": 1,
            },
            MINI,
        ),
    ]


async def test_wherever_a_kill_cuts_the_journal_everything_before_is_there_again(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Along a long random life, what was held at the end of a line is held after a kill in the next one."""
    path, rng, cuts = tmp_path / "journal", Random(SEED), Random(SEED)
    ends: list[int] = []
    lives: dict[int, list[Json]] = {}
    commit = Journal.commit

    def watched(self: Journal) -> None:
        commit(self)
        size = path.stat().st_size
        if size not in ends:
            ends.append(size)
            if cuts.random() < SHARE_OF_CUTS:
                lives[size] = [held(world) for world in simulator.worlds.values()]

    async with started(driver, path) as alive:
        simulator = alive.simulator
        for world in simulator.worlds.values():
            world.new_msgid()
        await alive.post("/_sim/templates", OWN)
        people = [await alive.person(), await alive.person()]
        monkeypatch.setattr(Journal, "commit", watched)
        for _ in range(ROUNDS):
            order = list(range(len(deeds_of(alive, rng, people))))
            rng.shuffle(order)
            for number in order:
                await deeds_of(alive, rng, people)[number]()
        await alive.receipts_settled()
        monkeypatch.undo()
    following = dict(itertools.pairwise(ends))
    del lives[max(lives)]
    for end, life in lives.items():
        left = killed(path, cuts.randrange(end, following[end]))
        for before, after in zip(life, recalled(left, driver.clock), strict=True):
            assert [name for name, one in before.items() if after[name] != one] == []
        assert left.stat().st_size == end
    lines = path.read_bytes().splitlines()
    assert {kind for line in lines for _, kind, *_ in orjson.loads(line)} == set(RECALL)


# --- what the service and the people see of it ----------------------------------------------------


async def test_a_message_sent_again_after_a_kill_arrives_once(driver: Driver, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with started(driver, path) as first:
        person = await first.person()
        await first.do(person, "text", content="我要求助")
        token = await first.token()
        sent = await first.post(SEND, message(person, "m-1"), access_token=token)
        (shown,) = (await first.get("/_sim/inbox"))["items"]
        left = killed(path)
    async with started(driver, left) as second:
        assert (await second.get("/_sim/inbox"))["items"] == [shown]
        assert await second.post(SEND, message(person, "m-1"), access_token=token) == sent
        assert (await second.post(SEND, message(person, "m-2"), access_token=token))["msgid"] > sent["msgid"]
        second.clock.move(601)
        assert (await second.post(SEND, message(person, "m-1"), access_token=token))["errcode"] == 0
        chat = (await second.get("/_sim/chat", openid=person["openid"]))["items"]
        assert [one["client_msg_id"] for one in chat] == [None, "m-1", "m-2", "m-1"]
        assert [one["seq"] for one in chat] == [1, 2, 3, 4]
        assert await second.token() == token
        counts = (await second.get("/_sim/calls"))["counts"]
        assert counts == {"/cgi-bin/stable_token": 2, SEND: 4}
        asked = {"cgi_path": SEND}
        quota = await second.post("/cgi-bin/openapi/quota/get", asked, access_token=token)
        assert quota["quota"]["used"] == 4


async def test_receipts_that_a_kill_cut_off_are_delivered_with_their_tries(
    driver: Driver, tmp_path: Path
) -> None:
    path = tmp_path / "journal"
    driver.service.answer = lambda told: None
    async with started(driver, path, callback_timeout_ms=60_000) as first:
        person = await first.person()
        on_its_way = await first.send(person)
        await first.post("/_sim/config", {"receipts": {"delay_ms": 200}})
        waiting = await first.send(person)
        await first.post("/_sim/config", {"receipts": {"status": "user block"}})
        refused = await first.send(person)
        mp_openid = person["mp_openid"]
        asked = {"openid": mp_openid, "media_url": "u", "media_type": 2, "version": 2, "scene": 1}
        first.simulator.world.people.find(mp_openid).mp_seen_at = first.clock.time()  # type: ignore[union-attr]
        await first.post("/wxa/media_check_async", asked, access_token=await first.token(MINI))
        left = killed(path)
    driver.service.messages.clear()
    driver.mini.messages.clear()
    answers = iter([(500, ""), (500, "")])
    driver.service.answer = lambda told: next(answers, (200, "success"))
    async with started(driver, left) as second:
        receipts = await second.receipts_settled()
        assert (receipts["queued"], receipts["accepted"], receipts["failed"]) == (4, 4, 0)
        told = {int(one.id): one.status for one in driver.service.messages}
        assert told == {
            on_its_way["msgid"]: "success",
            waiting["msgid"]: "success",
            refused["msgid"]: "failed:user block",
        }
        assert len(driver.service.messages) == 5
        assert [fields["Event"] for fields in driver.mini.fields[-1:]] == ["wxa_media_check"]
        settled = killed(left)
    driver.service.messages.clear()
    async with started(driver, settled) as third:
        assert (await third.receipts_settled())["accepted"] == 4
    assert driver.service.messages == []


async def test_people_find_their_account_as_it_was(driver: Driver, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with started(driver, path) as first:
        person = await first.person(name="测试甲", phone="13800000000")
        mine = await first.post("/_sim/users", {"nickname": "测试乙"}, app_id=OTHER.oa_app_id)
        token = await first.token()
        tag = (await first.post("/cgi-bin/tags/create", {"tag": {"name": "干部"}}, access_token=token))["tag"]
        members = {"tagid": tag["id"], "openid_list": [person["openid"]]}
        await first.post("/cgi-bin/tags/members/batchtagging", members, access_token=token)
        buttons = [{"type": "click", "name": "我要求助", "key": "help"}]
        own = [{"type": "click", "name": "我的任务", "key": "tasks"}]
        await first.post("/cgi-bin/menu/create", {"button": buttons}, access_token=token)
        rule = {"button": own, "matchrule": {"tag_id": tag["id"]}}
        await first.post("/cgi-bin/menu/addconditional", rule, access_token=token)
        await first.post("/_sim/templates", OWN)
        code = (await first.get("/_sim/login-code", openid=person["openid"]))["code"]
        await first.do(person, "block")
        people = (await first.get("/_sim/users"))["items"]
        left = killed(path)
    async with started(driver, left) as second:
        assert (await second.get("/_sim/users"))["items"] == people
        assert people[0]["blocked"] and people[0]["tagid_list"] == [tag["id"]]
        assert (await second.get("/_sim/users", app_id=OTHER.oa_app_id))["items"] == [mine]
        assert [one["name"] for one in (await second.get("/_sim/menu", openid=person["openid"]))["menu"]] == [
            "我的任务"
        ]
        assert (await second.get("/_sim/menu"))["menu"][0]["name"] == "我要求助"
        assert (await second.get("/_sim/templates"))["items"] == [{**OWN, "type": None}]
        login = {"appid": CONFIG.mp_app_id, "secret": CONFIG.mp_secret, "grant_type": "authorization_code"}
        who = await second.get("/sns/jscode2session", **login, js_code=code)
        assert who["openid"] == person["mp_openid"]
        assert (await second.get("/sns/jscode2session", **login, js_code=code))["errcode"] == 40163


async def test_what_was_allowed_is_used_up_after_a_kill_as_before(driver: Driver, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with started(driver, path) as first:
        person, token = await first.person(), await first.token()
        notice = {
            "touser": person["openid"],
            "template_id": "once",
            "data": {"phrase1": {"value": "已受理"}},
        }
        said = {"touser": person["openid"], "msgtype": "text", "text": {"content": "收到"}}
        types = {"touser": person["openid"], "command": "Typing"}
        await first.do(person, "text", content="我要求助")
        for _ in range(2):
            await first.do(person, "consent", templates=[{"template_id": "once"}])

        async def errcodes(driver: Driver, path: str, body: Json, times: int) -> list[int]:
            answers = [await driver.post(path, body, access_token=token) for _ in range(times)]
            return [answer["errcode"] for answer in answers]

        # Each is followed by a kill, so that nothing that comes later could note it as well.
        assert await errcodes(first, NOTIFY, notice, 1) == [0]
        left = killed(path)
    async with started(driver, left) as second:
        assert await errcodes(second, NOTIFY, notice, 2) == [0, 43101]
        assert await errcodes(second, WRITE, said, 4) == [0, 0, 0, 0]
        left = killed(left)
    async with started(driver, left) as third:
        assert await errcodes(third, WRITE, said, 2) == [0, 45047]
        assert await errcodes(third, TYPE, types, 1) == [0]
        left = killed(left)
    async with started(driver, left) as fourth:
        assert await errcodes(fourth, TYPE, types, 1) == [45081]


async def test_a_journal_with_a_cut_last_line_is_gone_on_with(driver: Driver, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with started(driver, path) as first:
        one = await first.person()
        two = await first.person()
        left = killed(path, path.stat().st_size - 1)
    async with started(driver, left) as second:
        assert [known["openid"] for known in (await second.get("/_sim/users"))["items"]] == [one["openid"]]
        three = await second.person(openid=two["openid"])
    async with started(driver, left) as third:
        assert (await third.get("/_sim/users"))["items"] == [one, three]


async def test_another_damaged_line_is_refused(driver: Driver, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'[["wx", "msgid", 1]]\n[["wx", "msg\n[]\n')
    with pytest.raises(DamagedJournal, match="line 2"):
        async with started(driver, path):
            pass
    settings = load_settings({"FANGPIN_MODE": "test", "FANGPIN_DATA_DIR": str(tmp_path)})
    with pytest.raises(SimulatorRefused, match="已损坏"):
        await run_simulator(settings, {"journal": path, "port": 0})


# --- kill -9 --------------------------------------------------------------------------------------


@pytest.mark.gen_test(timeout=90)
async def test_under_load_a_kill_loses_and_doubles_nothing(driver: Driver, tmp_path: Path) -> None:
    """Everybody repeats what was not answered, as the service does."""
    config = driver.simulator.world.config
    port = free_port()
    options = {
        "--journal": str(tmp_path / "journal"),
        "--port": str(port),
        "--callback-url": config.callback_url,
        "--oa-app-id": config.oa_app_id,
        "--oa-secret": config.oa_secret,
        "--oa-token": config.oa_token,
        "--oa-aes-key": config.oa_aes_key,
    }
    command = [sys.executable, "-P", "-m", "server", "simulator", *itertools.chain(*options.items())]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FANGPIN_")}
    environment |= {"PYTHONPATH": str(Path.cwd()), "FANGPIN_MODE": "test", "FANGPIN_DATA_DIR": str(tmp_path)}
    base, up, answered = f"http://127.0.0.1:{port}", asyncio.Event(), asyncio.Event()
    sent: dict[str, int] = {}

    async def start() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        await process.stdout.readuntil(b"EncodingAESKey")
        up.set()
        return process

    async def asked(method: str, path: str, body: Any = None, /, **query: str) -> Json | None:
        try:
            async with driver.http.request(method, base + path, json=body, params=query) as answer:
                return await answer.json(content_type=None)
        except aiohttp.ClientError:
            return None

    async def work() -> None:
        for name in names:
            written = message(person, name)
            while (answer := await asked("POST", SEND, written, access_token=token)) is None:
                await up.wait()
            sent[name] = answer["msgid"]
            answered.set()

    process = await start()
    person = await asked("POST", "/_sim/users", {"nickname": "测试甲"}) or {}
    token = (await asked("POST", "/cgi-bin/stable_token", APPLICATION) or {})["access_token"]
    names = iter([f"m-{number}" for number in range(MESSAGES)])
    senders = [asyncio.create_task(work()) for _ in range(SENDERS)]
    while len(sent) < MESSAGES / 3:
        answered.clear()
        await answered.wait()
    up.clear()
    process.kill()
    await process.wait()
    assert len(sent) < MESSAGES
    process = await start()
    await asyncio.gather(*senders)

    async def settled() -> Json | None:
        calls = await asked("GET", "/_sim/calls") or {}
        return None if calls["receipts"]["pending"] else calls

    calls = await until(settled, what="all receipts")
    items = (await asked("GET", "/_sim/inbox", openid=person["openid"]) or {})["items"]
    process.kill()
    await process.wait()
    assert {item["client_msg_id"]: item["msgid"] for item in items} == sent
    assert [item["seq"] for item in items] == list(range(1, MESSAGES + 1))
    assert {int(one.id) for one in driver.service.messages} == set(sent.values())
    assert calls["receipts"]["queued"] == MESSAGES
    assert calls["counts"]["/cgi-bin/stable_token"] == 1
    assert calls["counts"][SEND] >= MESSAGES
