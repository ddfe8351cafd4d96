"""Keeping the demo's logs from growing without end.

In production the system that takes a process's output does this; the demo's children write to files.
"""

import os
import shutil
from pathlib import Path

LIMIT_BYTES = 20 << 20
#: How many older files are kept of each log, `serve.log.1` being the youngest.
KEPT = 3


def rotate(log: Path, limit: int = LIMIT_BYTES, kept: int = KEPT) -> bool:
    """Put a log aside when it has become too long, and let it begin anew; return whether it had.

    The file is copied and emptied, not renamed: whoever writes it holds it open and would go on in the
    renamed one. That needs writers that append (`O_APPEND`); what one writes between the two steps is lost.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return False
    for number in range(kept, 1, -1):
        younger = _aside(log, number - 1)
        if younger.exists():
            younger.replace(_aside(log, number))
    shutil.copyfile(log, _aside(log, 1))
    os.truncate(log, 0)
    return True


def rotate_all(folder: Path) -> None:
    """Do so with every log that lies in a folder, not in those below it: the audit checkpoints stay whole."""
    for log in folder.glob("*.log"):
        rotate(log)


def _aside(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
