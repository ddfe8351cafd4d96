"""The yardstick of `submit`: the bare driver writing the same documents in the same transaction.

``python -m benchmarks.bare COUNT CONCURRENCY WAY`` takes the documents of one real report from the stage's
database, and writes COUNT copies with fresh ids. Nothing else is done: no HTTP, session, check, seal
or log. WAY is ``motor``, the driver as its documentation uses it, or ``hop``, the blocking driver with one
hop to a thread for each transaction, as `casework.unit` does it. Prints one JSON object.
"""

import asyncio
import copy
import functools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern

from casework.ids import new_id, new_number
from casework.unit import HOP_THREADS, Tx, Unit
from server.loop import new_event_loop
from server.parts import mongo_client
from server.settings import load_settings

COLLECTIONS = ("intakes", "tasks", "notices", "audit", "commands")


async def main() -> None:
    """Write, and print the rate."""
    count, concurrency, way = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    settings = load_settings()
    client = mongo_client(settings.mongodb_uri.get_secret_value())
    database = client[settings.mongodb_database]
    # The oldest of each are the real ones: copies of an earlier run have later ids.
    intake = await database["intakes"].find_one({"task": {"$ne": None}}, sort=[("_id", 1)])
    if intake is None:
        raise SystemExit("no report to copy")
    ref = {"$in": [f"task:{intake['task']}", f"intake:{intake['_id']}"]}
    samples: dict[str, list[dict[str, Any]]] = {
        "intakes": [intake],
        "tasks": await database["tasks"].find({"_id": intake["task"]}).to_list(None),
        "notices": await database["notices"].find({"ref": ref}).sort("_id", 1).to_list(2),
        "audit": await database["audit"].find({"object": f"intake:{intake['_id']}"}).to_list(1),
        "commands": await database["commands"].find({"answer.id": intake["_id"]}).to_list(1),
    }

    def documents() -> dict[str, list[dict[str, Any]]]:
        made = copy.deepcopy(samples)
        for group in made.values():
            for document in group:
                document["_id"] = new_id()
        number = new_number()
        made["intakes"][0] |= {"number": number, "household_key": f"bare:{made['intakes'][0]['_id']}"}
        made["tasks"][0] |= {"number": number}
        return made

    # Made before the clock runs, so that only the driver and the database are measured.
    work = iter([documents() for _ in range(count)])

    async def write() -> None:
        for made in work:
            async with (
                await client.start_session() as tx,
                tx.start_transaction(
                    read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
                ),
            ):
                for name in COLLECTIONS:
                    if len(made[name]) == 1:
                        await database[name].insert_one(made[name][0], session=tx)
                    else:
                        await database[name].insert_many(made[name], session=tx)

    unit = Unit(client)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(HOP_THREADS))

    async def write_in_one_hop() -> None:
        for made in work:
            await unit.run(functools.partial(note, made))

    async def note(made: dict[str, list[dict[str, Any]]], tx: Tx) -> None:
        for name in COLLECTIONS:
            tx.insert(database[name], *made[name])

    writer = {"motor": write, "hop": write_in_one_hop}[way]
    start = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(concurrency)))
    seconds = time.perf_counter() - start
    client.close()
    print(json.dumps({"seconds": seconds, "rate": count / seconds}))


if __name__ == "__main__":
    # The same loop as the service's, so that the ratio is not the loop's.
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
