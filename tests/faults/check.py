"""The checker, as a process of its own: what the villagers were promised against what there is.

``python -m tests.faults.check RECORD…`` compares the load's records with the database and with what arrived
on the phones, and prints one JSON object: each count of `Findings`. It knows nothing of the service's code
but the names of collections.
"""

import json
import os
import sys
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

#: States of a message that went out by the platform.
CARRIED = ("sent", "delivered")


@dataclass
class Findings:
    """How often each promise was broken; all are to be 0 except `reports`, `messages` and `elsewhere`."""

    reports: int = 0
    """Reports that were sent."""
    messages: int = 0
    """Messages that these reports caused."""
    elsewhere: int = 0
    """Messages that went another way than by template."""
    untaken: int = 0
    """Reports that were never answered with 201."""
    lost: int = 0
    """Reports answered with 201 that are not there, or without their task, audit entry or message."""
    doubled: int = 0
    """Keys with more than one report, reports with more than one task, messages that arrived twice."""
    different: int = 0
    """Repeats that were answered with another report than the first time."""
    undelivered: int = 0
    """Messages still on their way, or recorded as sent and on no phone."""


def check(database: Any, arrived: Counter[str], records: list[dict[str, Any]]) -> Findings:
    """Compare.

    Args:
        database: the service's database.
        arrived: how often each template message arrived, by its ``client_msg_id``.
        records: the load's tries.
    """
    found = Findings()
    by_key: dict[str, set[str]] = {}
    for one in records:
        ids = by_key.setdefault(one["key"], set())
        if one["status"] == 201:
            ids.add(one["id"])
    found.reports = len(by_key)
    found.untaken = sum(not ids for ids in by_key.values())
    found.different = sum(len(ids) > 1 for ids in by_key.values())
    promised = {id_ for ids in by_key.values() for id_ in ids}

    made: Counter[str] = Counter()
    for command in database.commands.find({}, {"answer.id": 1}):
        key = command["_id"].rpartition("|")[2]
        if key in by_key:
            made[key] += 1
    intakes = {
        one["_id"]: one for one in database.intakes.find({"_id": {"$in": list(promised)}}, {"task": 1})
    }
    everything = database.intakes.count_documents({})
    tasks: Counter[str] = Counter(
        one["subject"] for one in database.tasks.find({"subject": {"$in": list(promised)}}, {"subject": 1})
    )
    audited: Counter[str] = Counter(
        one["object"].partition(":")[2]
        for one in database.audit.find({"verb": "intake.submit"}, {"object": 1})
    )
    refs = {f"intake:{id_}" for id_ in promised} | {f"task:{one['task']}" for one in intakes.values()}
    notices = list(database.notices.find({"ref": {"$in": list(refs)}}, {"ref": 1, "state": 1}))
    told = Counter(notice["ref"] for notice in notices)
    for id_ in promised:
        intake = intakes.get(id_)
        whole = intake and tasks[id_] and audited[id_] and told[f"task:{intake['task']}"]
        found.lost += not whole
        found.doubled += tasks[id_] > 1
    found.doubled += sum(count > 1 for count in made.values())
    # What nobody was promised, and is there all the same, was made by a try without an answer.
    found.doubled += max(0, everything - len(by_key))
    found.messages = len(notices)
    for notice in notices:
        times = arrived[notice["_id"].replace("-", "")]
        found.doubled += times > 1
        if notice["state"] not in CARRIED and notice["state"] != "inbox":
            found.undelivered += 1
        elif not times:
            found.elsewhere += notice["state"] == "inbox"
            found.undelivered += notice["state"] in CARRIED
    return found


def main() -> None:
    """Read the records, the database and the phones, and compare them."""
    records = [json.loads(line) for path in sys.argv[1:] for line in Path(path).read_text().splitlines()]
    address = f"{os.environ['FANGPIN_WECHAT_API_BASE']}/_sim/inbox?channel=template"
    with urllib.request.urlopen(address) as answer:
        items = json.load(answer)["items"]
    arrived = Counter(item["client_msg_id"] for item in items if item["client_msg_id"])
    with MongoClient[Mapping[str, Any]](os.environ["FANGPIN_MONGODB_URI"]) as client:
        print(json.dumps(asdict(check(client[os.environ["FANGPIN_MONGODB_DATABASE"]], arrived, records))))


if __name__ == "__main__":
    main()
