"""Databases as releases have left them, kept in folders beside this file: ``release_<version>``.

Before a release, write its folder with ``python -m tests.server.releases tests/server/release_<version>``. It
holds a small thread of obviously invented people: each collection as canonical Extended JSON, a document a
line, the indexes, and the audit checkpoints.
"""

import asyncio
import base64
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps, loads
from pymongo import MongoClient
from pymongo.database import Database

from server.app import Running
from server.backup import indexes_of
from server.clock import clock_for
from server.embedded import free_port, start_mongod, start_redis
from server.parts import parts_for
from server.seed import seed
from server.settings import Settings, load_settings
from server.simulate import further_configs, simulator_config
from server.worker import Worker
from tests.support import Phones, fake_picture, fake_recording, report_form, until, verification_form
from wechat.simulator import serve as serve_simulator

INDEXES = "indexes.json"
CHECKPOINTS = "checkpoints.jsonl"
_KEY = base64.b64encode(bytes(range(32))).decode()
#: What all of these databases were written with; none of it may ever change.
FIXED = {
    "FANGPIN_MODE": "test",
    "FANGPIN_SECRET_KEY": "a-secret-key-of-a-test-run-only-0000",
    "FANGPIN_FIELD_KEYS": f"f1:{_KEY}",
    "FANGPIN_INDEX_KEYS": f"i1:{_KEY}",
    "FANGPIN_OA_APP_ID": "wxtest0000000000oa",
    "FANGPIN_OA_SECRET": "oa-secret-of-a-test",
    "FANGPIN_OA_TOKEN": "tokenofatest",
    "FANGPIN_OA_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "FANGPIN_MP_APP_ID": "wxtest0000000000mp",
    "FANGPIN_MP_SECRET": "mp-secret-of-a-test",
}


def save(database: Database[Any], folder: Path) -> None:
    """Write all collections of a database into a folder."""
    indexes = {}
    for name in sorted(database.list_collection_names()):
        lines = [
            dumps(document, json_options=CANONICAL_JSON_OPTIONS)
            for document in database[name].find().sort("_id", 1)
        ]
        (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
        indexes[name] = indexes_of(database[name])
    (folder / INDEXES).write_text(dumps(indexes, json_options=CANONICAL_JSON_OPTIONS, indent=1) + "\n")


def load(database: Database[Any], folder: Path) -> None:
    """Fill an empty database with what `save` wrote."""
    for name, indexes in loads((folder / INDEXES).read_text()).items():
        database.create_collection(name)
        lines = (folder / f"{name}.jsonl").read_text().splitlines()
        if documents := [loads(line, json_options=CANONICAL_JSON_OPTIONS) for line in lines]:
            database[name].insert_many(documents)
        if further := [index for index in indexes if index["name"] != "_id_"]:
            database.command({"createIndexes": name, "indexes": further})


async def _thread(phones: Phones, place: str) -> None:
    """One report that was verified, with a photo and a voice note, and one that waits."""
    villager, cadre = await phones.sign_in("villager_1"), await phones.sign_in("grid_1")
    photo = await villager.upload(fake_picture(size=(64, 48)))
    await villager.put("recordings", fake_recording(500))
    form = report_form(place, photos=[{"sha256": photo, "kind": "housing"}])
    first = (await villager.command("/api/intakes", form)).body
    path = f"/api/tasks/{first['task']}"
    await cadre.command(f"{path}/acceptance")
    seen = await cadre.upload(fake_picture("blue", (64, 48)))
    verified = await cadre.command(f"{path}/verification", verification_form(seen), base=2)
    assert verified.status == 200, verified
    waiting = await villager.command("/api/intakes", report_form(place, 2))
    assert waiting.status == 201, waiting


async def _write(settings: Settings, folder: Path) -> None:
    clock = clock_for(settings)
    simulator = await serve_simulator(simulator_config(settings), clock, *further_configs(settings))
    await seed(settings)
    async with parts_for(settings) as parts, aiohttp.ClientSession() as http:
        running, told = Running(parts), asyncio.Event()
        working = asyncio.ensure_future(Worker(parts).run(told.wait()))
        place = (await parts.services.regions.by_code("431021101201001"))["_id"]
        await _thread(Phones(http, settings.local_simulator_url, settings.local_url), place)

        async def quiet() -> bool:
            unsealed = await parts.stores.audit.oldest_unsealed()
            return unsealed is None and not await parts.stores.notices.count_on_the_way()

        await until(quiet, seconds=60, what="everything sent and sealed")
        told.set()
        await working
        await running.close()
    await simulator.close()
    with MongoClient[Any](settings.mongodb_uri.get_secret_value()) as client:
        save(client[settings.mongodb_database], folder)
    (folder / CHECKPOINTS).write_bytes((settings.data_dir / "audit" / CHECKPOINTS).read_bytes())


async def _main(folder: Path) -> None:
    folder.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        data_dir = Path(temporary)
        mongod, redis = await start_mongod(data_dir, cache_gb=0.25), await start_redis(data_dir)
        simulator_port = free_port()
        places = {
            "FANGPIN_MONGODB_URI": mongod.uri,
            "FANGPIN_REDIS_URL": redis.uri,
            "FANGPIN_DATA_DIR": temporary,
            "FANGPIN_PORT": str(free_port()),
            "FANGPIN_METRICS_PORT": str(free_port()),
            "FANGPIN_SIMULATOR_PORT": str(simulator_port),
            "FANGPIN_WECHAT_API_BASE": f"http://127.0.0.1:{simulator_port}",
            "FANGPIN_WECHAT_OPEN_BASE": f"http://127.0.0.1:{simulator_port}",
        }
        try:
            await _write(load_settings(FIXED | places), folder)
        finally:
            await redis.stop()
            await mongod.stop()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
