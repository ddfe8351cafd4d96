"""Running `fangpin` as people do."""

import asyncio
import os
import sys
from pathlib import Path

from server.settings import Settings

ROOT = Path(__file__).parents[2]


async def fangpin(settings: Settings, *words: str) -> tuple[int | None, str]:
    """Run the command with these settings alone; its exit status and what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FANGPIN_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", *words),
        cwd=ROOT,
        env=kept | settings.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
