"""Makes a replica set of MongoDB servers, and the user as whom fangpin signs in. Repeated, it adds what is
missing.

From the environment: `MEMBERS` (``host:port`` separated by commas; of a new set the first has the user
``root``), `ROOT_PASSWORD`, `USER_PASSWORD`.
"""

import os
import time
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

SET = "rs0"
NAME = "fangpin"
#: What fangpin does: read and write, indexes, and nothing outside its own database.
ROLES = ["readWrite", "dbAdmin"]
WAIT_SECONDS = 120


def make_set(first: str, password: str) -> None:
    """Make a set of the first member alone, where it has none: by itself it need not wait for an election."""
    with MongoClient(first, directConnection=True, username="root", password=password) as client:
        if "setName" not in client.admin.command("hello"):
            members = [{"_id": 0, "host": first}]
            client.admin.command("replSetInitiate", {"_id": SET, "members": members})


def add_members(everybody: MongoClient[dict[str, Any]], members: list[str]) -> None:
    """Add the members that the set lacks, one at a time, as MongoDB wants it."""
    for member in members:
        config = everybody.admin.command("replSetGetConfig")["config"]
        if member not in (known["host"] for known in config["members"]):
            number = max(known["_id"] for known in config["members"]) + 1
            config["members"].append({"_id": number, "host": member})
            config["version"] += 1
            everybody.admin.command("replSetReconfig", config)


def make_user(everybody: MongoClient[dict[str, Any]], password: str) -> None:
    """Make fangpin's user, or give the one that is there this password."""
    given = {"pwd": password, "roles": [{"role": role, "db": NAME} for role in ROLES]}
    known = everybody[NAME].command("usersInfo", NAME)["users"]
    everybody[NAME].command("updateUser" if known else "createUser", NAME, **given)


def main() -> None:
    """Try until the servers are up, for two minutes at most."""
    members = os.environ["MEMBERS"].split(",")
    password, user_password = os.environ["ROOT_PASSWORD"], os.environ["USER_PASSWORD"]
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            make_set(members[0], password)
            with MongoClient(members, replicaSet=SET, username="root", password=password) as everybody:
                add_members(everybody, members)
                make_user(everybody, user_password)
            return
        except PyMongoError:
            # A member is starting, or the set has not settled after the last change.
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


if __name__ == "__main__":
    main()
