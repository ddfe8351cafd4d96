"""Looks for known weaknesses in what is locked, and for secrets in what is tracked; `make audit` runs it.

The advisories come from PyPI (by pip-audit) and from npm's registry (by npm audit). A database that cannot be
asked is no good news: it fails the audit, unless ``OFFLINE=1`` says that nobody is to ask. What is found and
accepted stands with its reason in ``deploy/audit.toml``.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ACCEPTED = ROOT / "deploy" / "audit.toml"
PYTHON_LOCKS = ("requirements.lock", "deploy/node.txt", "deploy/audit.txt")
NPM_LOCK = "package-lock.json"
#: Nothing but hashes.
NOT_SEARCHED = (*PYTHON_LOCKS, NPM_LOCK, "deploy/audit.toml")
PIP_AUDIT = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner=off")
NPM_AUDIT = ("npm", "audit", "--package-lock-only", "--json")
#: Without asking those whose secret it might be.
SEARCH = (sys.executable, "-m", "detect_secrets", "scan", "--all-files", "--no-verify")
#: A made-up secret, in two halves so that it is none here: a scanner that overlooks it sees nothing at all.
PLANTED = "AKIA" + "QYLPMN5HFIQR7XYA"


class Advisory(NamedTuple):
    """A known weakness of a locked package; `mended` says in which versions it is not."""

    id: str
    package: str
    mended: str
    url: str


class Secret(NamedTuple):
    """What looks like a secret; `sha1` is that of its text, so that it can be named without being shown."""

    sha1: str
    kind: str
    where: str


class Unreachable(Exception):
    """A database has not answered for everything that it was asked."""


def read_pip_audit(text: str) -> list[Advisory]:
    """The advisories in pip-audit's JSON; raises `Unreachable` where there is none, and for each package that
    it has skipped: of those it says that nothing is known."""
    try:
        dependencies = json.loads(text)["dependencies"]
    except (ValueError, KeyError):
        raise Unreachable from None
    if skipped := [one for one in dependencies if "skip_reason" in one]:
        raise Unreachable(f"{len(skipped)} of {len(dependencies)} packages: {skipped[0]['skip_reason']}")
    return [
        Advisory(
            next((alias for alias in found["aliases"] if alias.startswith("GHSA-")), found["id"]),
            f"{one['name']} {one['version']}",
            " or ".join(found["fix_versions"]) or "no version yet",
            f"https://osv.dev/vulnerability/{found['id']}",
        )
        for one in dependencies
        for found in one["vulns"]
    ]


def read_npm_audit(text: str) -> list[Advisory]:
    """The advisories in npm's JSON; raises `Unreachable` where it tells of something else."""
    try:
        said = json.loads(text)
    except ValueError:
        raise Unreachable from None
    if "vulnerabilities" not in said:
        raise Unreachable(said.get("message", ""))
    found = {}
    for package in said["vulnerabilities"].values():
        # What is a text here is the name of another package in the list, whose weakness this one has.
        for one in package["via"]:
            if not isinstance(one, str):
                id_ = one["url"].rsplit("/", 1)[-1]
                found[id_] = Advisory(id_, one["name"], f"those outside {one['range']}", one["url"])
    return list(found.values())


def read_secrets(text: str) -> list[Secret]:
    """What detect-secrets' JSON names; raises `ValueError` for what is none."""
    return [
        Secret(one["hashed_secret"], one["type"], f"{file}:{one['line_number']}")
        for file, found in json.loads(text)["results"].items()
        for one in found
    ]


def _run(*command: str, folder: Path = ROOT) -> tuple[str, str]:
    """What a command says, and its complaints; its status says less than that."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout, done.stderr


def _is_npm_lock(file: str) -> bool:
    return Path(file).name == NPM_LOCK


def _tracked() -> list[str]:
    """The files that git knows and that are there."""
    return [file for file in _run("git", "ls-files", "-z")[0].split("\0") if Path(file).is_file()]


def advisories(lock: str) -> list[Advisory]:
    """What is known of the packages in a lock; raises `Unreachable`."""
    if _is_npm_lock(lock):
        folder = (ROOT / lock).parent
        said, complaint = _run(*NPM_AUDIT, folder=folder)
        read = read_npm_audit
    else:
        said, complaint = _run(*PIP_AUDIT, "--format=json", "--requirement", lock)
        read = read_pip_audit
    try:
        return read(said)
    except Unreachable as error:
        last = (complaint.strip().splitlines() or ["no answer"])[-1]
        raise Unreachable(str(error) or last) from None


def search(files: Iterable[str], folder: Path = ROOT) -> list[Secret]:
    """What looks like a secret in these files of a folder; raises `ValueError` where the search fails."""
    return read_secrets(_run(*SEARCH, *files, folder=folder)[0])


def _search_works() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "planted.py").write_text(f'key = "{PLANTED}"\n')
        return bool(search(["planted.py"], Path(folder)))


def _look_up(lock: str, known: Collection[str]) -> int:
    """Print what is known of a lock; how many troubles that are."""
    if os.environ.get("OFFLINE") == "1":
        print(f"{lock}: NOT LOOKED UP, because of OFFLINE=1")
        return 0
    try:
        found = [one for one in advisories(lock) if one.id not in known]
    except Unreachable as error:
        print(f"{lock}: UNKNOWN, the database of advisories has not answered: {error}")
        return 1
    print(f"{lock}: {len(found)} known weaknesses")
    for one in found:
        print(f"  {one.package}: {one.id}; mended: {one.mended}; {one.url}")
    return len(found)


def _look_through(files: Collection[str], fakes: Collection[str]) -> int:
    """Print what looks like a secret and is not known to be none; how many troubles that are."""
    if not _search_works():
        print("secrets: UNKNOWN, the search overlooks a planted one")
        return 1
    seen = search(files)
    new = [one for one in seen if one.sha1 not in fakes]
    gone = set(fakes) - {one.sha1 for one in seen}
    print(f"secrets: {len(new)} in {len(files)} files")
    for one in new:
        print(f"  {one.where}: {one.kind}, sha1 {one.sha1}")
    for sha1 in sorted(gone):
        print(f"  {ACCEPTED.name} accepts {sha1}, which is nowhere any more")
    return len(new) + len(gone)


def main() -> int:
    """Audit; 0 when there is nothing to do, 1 otherwise."""
    os.chdir(ROOT)
    accepted = tomllib.loads(ACCEPTED.read_text())
    known = {one["id"] for one in accepted.get("advisory", ())}
    fakes = {sha1 for one in accepted.get("secret", ()) for sha1 in one["sha1"]}
    tracked = _tracked()
    troubles = sum(_look_up(lock, known) for lock in (*PYTHON_LOCKS, *filter(_is_npm_lock, tracked)))
    troubles += _look_through([file for file in tracked if not file.endswith(NOT_SEARCHED)], fakes)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
