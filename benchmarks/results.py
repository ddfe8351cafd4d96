"""Rows of results: the latest one for each name and machine, kept beside the benchmarks."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

PATH = Path(__file__).parent / "results.json"


def machine() -> str:
    """What the numbers were measured on, without anything that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} × {model}, {memory} GiB, Python {platform.python_version()}"


def keep(name: str, value: float, unit: str, against: float | None = None) -> None:
    """Print a row and keep it. `against` is what `value` was measured against in the same run."""
    ratio = round(value / against, 3) if against else None
    row = {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "against": round(against, 1) if against else None,
        "ratio": ratio,
        "machine": machine(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),  # noqa: TID251 - when it was measured.
    }
    rows = json.loads(PATH.read_text()) if PATH.exists() else []
    rows = [r for r in rows if (r["name"], r["machine"]) != (name, row["machine"])] + [row]
    rows.sort(key=lambda r: (r["name"], r["machine"]))
    PATH.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    shown = f"{name:24} {row['value']:>10} {unit}"
    print(shown + (f"   against {row['against']} → ratio {ratio}" if against else ""), flush=True)
