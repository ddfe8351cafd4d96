"""The installation of deploy/compose, as its files describe it, from the first start to a lost server."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis
import yaml
from pymongo import MongoClient

from server.embedded import _find, guarded
from server.parts import parts_for
from server.seed import seed
from server.settings import Settings, load_settings
from tests.deploy.certificates import write_certificate
from tests.deploy.composed import ROOT, WAIT_SECONDS, Composed, in_order
from tests.support import Client, Phones, count, place_of, report_form, until

pytestmark = pytest.mark.gen_test(timeout=60)

#: Where the services that stay answer.
PORTS = {
    **dict.fromkeys(("mongo1", "mongo2", "mongo3"), 27017),
    "redis": 6379,
    **dict.fromkeys(("server1", "server2"), 8000),
    **dict.fromkeys(("worker1", "worker2"), 8001),
    "nginx": 8443,
}
#: What is for another day, and what is not on this machine.
APART = ("backup", "prometheus")
#: Programs of health checks that are in the services' images only.
ELSEWHERE = ("mongosh", "curl")


@dataclass(frozen=True)
class Installation:
    """What runs, and how to reach it as the public does."""

    composed: Composed
    settings: Settings
    """Settings by which a test looks into the databases."""
    url: str
    plain_url: str
    certificate: Path


def answers(address: str, port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def make_root_user(composed: Composed, password: str) -> None:
    """What the image of MongoDB does with MONGO_INITDB_ROOT_USERNAME before it starts the real server."""
    place = composed.places["mongo1"]
    argv = [_find("mongod", "fiftyone", ("db", "bin", "mongod")), "--dbpath", str(place.folders["/data/db"])]
    argv += ["--bind_ip", place.address, "--nounixsocket", "--quiet"]
    with composed.log("mongo1").open("ab") as output:
        process = subprocess.Popen(guarded(argv), stdout=output, stderr=output)
    with MongoClient(place.address, PORTS["mongo1"], directConnection=True) as client:
        client.admin.command("createUser", "root", pwd=password, roles=["root"])
    process.terminate()
    process.wait(WAIT_SECONDS)


def start_simulator(composed: Composed, settings: dict[str, str], certificate: Path, callback: str) -> None:
    """Start the platform, which is no part of the installation; it calls back through nginx."""
    environment = {
        **settings,
        "PATH": os.environ["PATH"],
        "FANGPIN_MODE": "test",
        "FANGPIN_ADDRESS": composed.elsewhere,
        "FANGPIN_DATA_DIR": str(composed.folder),
        # As far as it is concerned, whoever signed this certificate signs for the internet.
        "SSL_CERT_FILE": str(certificate),
    }
    argv = [sys.executable, "-m", "server", "simulator", "--callback-url", callback]
    with composed.log("simulator").open("ab") as output:
        composed.running["simulator"] = subprocess.Popen(
            guarded(argv), env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT
        )


def wait_for(composed: Composed, name: str) -> None:
    """Wait for a service as those do that depend on it."""
    if name not in PORTS:
        composed.wait_ended(name)
        return
    address = (composed.addresses[name], PORTS[name])
    composed.wait(name, lambda: answers(*address))
    if not any(program in composed.services[name]["healthcheck"]["test"] for program in ELSEWHERE):
        composed.wait(name, lambda: composed.healthy(name))


def start_all(composed: Composed) -> None:
    """Start every service as soon as those are there on which it depends."""
    there: set[str] = set()
    wanted = [name for name in in_order(composed.services) if name not in APART]
    for name in wanted:
        for other in composed.services[name].get("depends_on", {}):
            if other not in there:
                wait_for(composed, other)
                there.add(other)
        if name == "mongo1":
            make_root_user(composed, composed.given["MONGO_ROOT_PASSWORD"])
        composed.start(name)
    for name in wanted:
        if name not in there:
            wait_for(composed, name)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Everything that compose.yaml lists, started in its order."""
    passwords = {f"{name}_PASSWORD": secrets.token_hex(24) for name in ("MONGO_ROOT", "MONGO", "REDIS")}
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    settings = {
        "FANGPIN_MODE": "production",
        "FANGPIN_SECRET_KEY": secrets.token_hex(32),
        "FANGPIN_FIELD_KEYS": f"k1:{key}",
        "FANGPIN_INDEX_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "FANGPIN_BACKUP_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "FANGPIN_OA_APP_ID": "wxdeploy00000000oa",
        "FANGPIN_OA_SECRET": secrets.token_hex(16),
        "FANGPIN_OA_TOKEN": secrets.token_hex(8),
        "FANGPIN_OA_AES_KEY": base64.b64encode(secrets.token_bytes(32)).decode()[:43],
        "FANGPIN_MP_APP_ID": "wxdeploy00000000mp",
        "FANGPIN_MP_SECRET": secrets.token_hex(16),
    }
    composed = Composed(tmp_path_factory.mktemp("composed"), passwords, settings)
    nginx, simulator = composed.addresses["nginx"], f"http://{composed.elsewhere}:8100"
    url = f"https://{nginx}:8443"
    settings |= {
        "FANGPIN_PUBLIC_URL": url,
        "FANGPIN_WECHAT_API_BASE": simulator,
        "FANGPIN_WECHAT_OPEN_BASE": simulator,
    }
    tls = composed.places["nginx"].folders["/etc/fangpin/tls"]
    certificate = write_certificate(tls, nginx)
    try:
        start_simulator(composed, settings, certificate, f"{url}/wechat/callback")
        start_all(composed)
        # The demo's places and people, which production refuses to write.
        for_tests = {"FANGPIN_MODE": "test", "FANGPIN_DATA_DIR": str(composed.folder), "FANGPIN_ADDRESS": ""}
        for_tests |= {"FANGPIN_WECHAT_API_BASE": simulator}
        given = load_settings({**composed.environment("worker1"), **for_tests})
        # Not `asyncio.run`, which would take the loop away that the first test has been given already.
        loop = asyncio.new_event_loop()
        loop.run_until_complete(seed(given))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        yield Installation(composed, given, url, f"http://{nginx}:8080", certificate)
    finally:
        composed.kill_all()


@pytest.fixture
async def public(installation: Installation) -> AsyncIterator[Phones]:
    """People with phones, who reach the service through nginx alone and trust its certificate."""
    trust = ssl.create_default_context(cafile=str(installation.certificate))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:
        yield Phones(http, installation.settings.wechat_api_base, installation.url)


def asked_of(composed: Composed) -> list[dict[str, str]]:
    """What nginx has written of every request."""
    return [json.loads(line) for line in composed.log("nginx").read_text().splitlines() if line[:1] == "{"]


async def report(installation: Installation, client: Client, number: int) -> dict[str, Any]:
    """Submit a report of 枫木村一组 as phones do: what was not taken comes again under the same key."""
    async with parts_for(installation.settings) as parts:
        place = await place_of(parts, "431021101201001")
    key, form = str(uuid.uuid4()), report_form(place, number)

    async def taken() -> dict[str, Any] | None:
        reply = await client.command("/api/intakes", form, key=key)
        assert reply.status == 201 or reply.problem == (503, "away"), reply
        return reply.body if reply.status == 201 else None

    # A server that dies leaves a transaction open, which MongoDB ends after a while (compose.yaml).
    return await until(taken, seconds=40, what=f"report {number}")


async def test_a_report_reaches_the_cadres_phone(installation: Installation, public: Phones) -> None:
    villager = await public.sign_in("villager_1")
    made = await report(installation, villager, 1)
    assert (await villager.get(f"/api/intakes/{made['id']}")).status == 200
    arrived = await public.arrived("grid_1")
    assert len(arrived) == 1


async def test_the_platform_calls_back_through_nginx(installation: Installation, public: Phones) -> None:
    await public.does("villager_1", "text", content="进度")

    async def answered() -> bool:
        return any("当前进展" in str(message) for message in await public.inbox("villager_1"))

    await until(answered, what="the answer to a text message")


async def test_the_pages_are_there_only_over_tls(installation: Installation, public: Phones) -> None:
    async with public.http.get(f"{installation.url}/healthz") as reply:
        assert reply.status == 200
        assert reply.headers["Strict-Transport-Security"] == "max-age=63072000"
        assert "Server" not in reply.headers or reply.headers["Server"] == "nginx"
    target = f"{installation.plain_url}/m/report?code=planted-code"
    async with public.http.get(target, allow_redirects=False) as reply:
        assert reply.status == 301
        assert (
            reply.headers["Location"]
            == f"https://{installation.composed.addresses['nginx']}/m/report?code=planted-code"
        )
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        only = ssl.create_default_context(cafile=str(installation.certificate))
        only.minimum_version = only.maximum_version = version
        async with public.http.get(f"{installation.url}/healthz", ssl=only) as reply:
            assert reply.status == 200


async def test_metrics_are_for_prometheus_alone(installation: Installation, public: Phones) -> None:
    for path in ("/metrics", "/metrics/", "/m/../metrics", "//metrics"):
        async with public.http.get(f"{installation.url}{path}") as reply:
            assert b"fangpin_" not in await reply.read(), path
            assert reply.status == 404 or "/m/" in path, path
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = [t for job in config["scrape_configs"] for t in job["static_configs"][0]["targets"]]
    assert len(targets) == 4
    place = installation.composed.places["prometheus"]
    for target in targets:
        async with public.http.get(f"http://{place.text(target)}/metrics") as reply:
            assert b"fangpin_outbox_age_seconds" in await reply.read()


async def test_nobody_chooses_the_address_by_which_they_are_limited(
    installation: Installation, public: Phones
) -> None:
    claimed = {"X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.2", "Forwarded": "for=192.0.2.3"}
    async with public.http.post(
        f"{installation.url}/api/session", json={"code": "no-code"}, headers=claimed
    ) as reply:
        assert reply.status in (400, 401, 403, 422), await reply.text()
    with redis.Redis.from_url(installation.settings.redis_url.get_secret_value()) as client:
        counted = [key.decode() for key in client.scan_iter("rate:login:*")]
    assert counted
    # The test's own address, which nginx has seen; neither nginx's nor an invented one.
    assert {key.split(":")[2] for key in counted} == {"127.0.0.1"}


async def test_what_nginx_itself_refuses_is_a_problem_in_words(
    installation: Installation, public: Phones
) -> None:
    client = await public.sign_in("villager_1")
    too_large = await client.call("POST", "/api/intakes", raw=b" " * 200_000)
    # Nothing is held against the API's document by `call` for what is no answer of the API.
    assert too_large.problem == (413, "too_large")
    assert "太大" in too_large.body["title"]


async def test_the_log_holds_no_query(installation: Installation, public: Phones) -> None:
    async with public.http.get(f"{installation.url}/m/?code=planted-code&state=planted-state"):
        pass

    async def written() -> list[dict[str, str]]:
        return [entry for entry in asked_of(installation.composed) if entry["path"] == "/m/"]

    assert (await until(written))[0]["status"] == "200"
    for name in ("nginx", "server1", "server2"):
        assert "planted" not in installation.composed.log(name).read_text()


async def test_a_backup_is_made_and_is_whole(installation: Installation) -> None:
    composed = installation.composed
    composed.start("backup")
    composed.wait_ended("backup")
    [made] = composed.places["backup"].folders["/backup"].iterdir()
    assert made.suffix == ".backup"
    # The command itself has read it through again, and named what is in it.
    assert "intakes" in composed.log("backup").read_text()


async def test_a_server_and_a_worker_less_are_not_missed(installation: Installation, public: Phones) -> None:
    composed = installation.composed
    numbers, gone = itertools.count(2), asyncio.Event()

    async def submits(villager: Client) -> None:
        """Read and write as fast as one person may, and some times more when the server has gone."""
        for _ in range(3):
            while True:
                assert (await villager.get("/api/intakes")).status == 200
                await report(installation, villager, next(numbers))
                await asyncio.sleep(0.2)
                if gone.is_set():
                    break

    villagers = [await public.sign_in(await public.add_villager(number)) for number in range(4)]
    submitting = [asyncio.ensure_future(submits(villager)) for villager in villagers]
    await public.arrived("grid_1", 8)
    # The server dies in the middle of what it does; the worker ends as it should.
    await asyncio.to_thread(composed.kill, "server1")
    await asyncio.to_thread(composed.stop, "worker1")
    gone.set()
    await asyncio.gather(*submitting)
    made = next(numbers) - 1
    assert len(await public.arrived("grid_1", made)) == made
    async with parts_for(installation.settings) as parts:
        assert await count(parts, "intakes", "tasks") == [made, made]
    # nginx heard of the death by failing, went to the other server, and refused nobody by itself.
    asked = asked_of(composed)
    assert [entry for entry in asked if ", " in entry["server"]]
    assert not [e for e in asked if e["status"] == "503" and not e["server_status"].endswith("503")]


async def test_without_any_server_people_read_what_to_do(installation: Installation, public: Phones) -> None:
    villager = await public.sign_in("villager_1")
    await asyncio.to_thread(installation.composed.stop, "server2")
    reply = await villager.get("/api/intakes")
    assert reply.problem == (503, "away")
    assert reply.headers["Retry-After"] == "2"
    assert "不会丢失" in reply.body["title"]
