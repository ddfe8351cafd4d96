"""What processors did, as the kernel counted it."""

import os
from collections.abc import Mapping
from pathlib import Path


def seconds_of(pids: Mapping[str, list[int]]) -> dict[str, float]:
    """The seconds of a processor that each part, given as its process ids, has taken until now."""
    return {part: sum(map(seconds, of_part)) for part, of_part in pids.items()}


def seconds(pid: int) -> float:
    """The seconds of a processor that a process has taken until now."""
    # The name in brackets may hold blanks; of what follows it, fields 12 and 13 are user and system time.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
