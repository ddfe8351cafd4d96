"""``python -m benchmarks [NAME]``: all of them, or one."""

import asyncio
import importlib
import sys

NAMES = {
    "submit": "benchmarks.submit",
    "scale": "benchmarks.scale",
    "report-to-phone": "benchmarks.report_to_phone",
    "callback": "benchmarks.callback",
    "push": "benchmarks.push",
    "profile": "benchmarks.profile",
    "phone": "benchmarks.phone",
    "faults": "benchmarks.faults",
    "fuzz": "benchmarks.fuzz",
}


def main() -> int:
    """Run the named benchmark, or each in turn."""
    wanted = sys.argv[1:] or list(NAMES)
    for name in wanted:
        if name not in NAMES:
            print(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
            return 2
    for name in wanted:
        print(f"{name}:", flush=True)
        asyncio.run(importlib.import_module(NAMES[name]).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
