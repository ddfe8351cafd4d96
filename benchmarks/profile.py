"""Where a report, a callback and a message spend the processor's time of the process that works on them.

For each of them the process' time is counted during three loads, and during another one it is looked into a
hundred times a second (py-spy, whoever holds the interpreter). The time for one, split as the looks say, is
kept as rows and drawn in ``docs/images/profile.svg``. The looks themselves stay as ``var/profile/NAME.txt``,
one stack with its count a line, for a viewer of flame graphs.
"""

import asyncio
import signal
import statistics
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

import aiohttp

from benchmarks import people
from benchmarks.callback import Platform
from benchmarks.callback import Server as Answering
from benchmarks.processors import seconds
from benchmarks.push import LATENCY_MS, drained, fill_outbox
from benchmarks.results import keep
from benchmarks.stage import ROOT, Stage, stage
from benchmarks.submit import load
from server.parts import Parts, parts_for

PY_SPY = Path(sys.executable).parent / "py-spy"
LOOKS_A_SECOND = 100
STACKS = ROOT / "var" / "profile"
PICTURE = ROOT / "docs" / "images" / "profile.svg"
REPORTS, CALLBACKS, MESSAGES = 4000, 30_000, 3000
VILLAGERS = 400
RUNS = 3

#: The parts of the process, each with what its files' names contain. A stack belongs to the part of its
#: innermost frame that is in any of them.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("log and metrics", ("structlog/", "server/logs.py", "prometheus_client/", "server/metrics.py")),
    ("cryptography", ("casework/fields.py", "wechat/codec.py", "cryptography/")),
    (
        "checking the form",
        ("pydantic/", "casework/forms.py", "stdnum/", "intake/model.py", "intake/rules.py"),
    ),
    ("database driver", ("pymongo/", "bson/", "motor/", "casework/unit.py", "store.py")),
    ("Redis", ("redis/", "server/sessions.py", "server/pipelines.py", "server/quotas.py", "server/wake.py")),
    ("HTTP client", ("aiohttp/", "wechat/", "yarl/", "multidict/")),
    ("the work itself", ("casework/", "server/carrier.py", "server/worker.py", "server/events.py")),
    ("HTTP server", ("tornado/", "handlers/", "server/http.py", "server/app.py")),
    ("hops to threads", ("concurrent/futures/",)),
)
REST = "event loop"

#: The picture's measures, in pixels.
PANEL, ROW, NAMES, BARS, TOP = 340, 24, 130, 120, 64
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}"
    ".value{fill:#666}rect.bar{fill:#4c78a8}"
)


@dataclass
class Scene:
    """Something whose time is looked at: who works, and how to load it with so many items."""

    name: str
    item: str
    count: int
    pid: int
    load: Callable[[], Awaitable[object]]


async def run() -> None:
    """Look at each; keep the rows and the picture."""
    found: dict[str, dict[str, float]] = {}
    for scene_of in (submitting, answering, pushing):
        async with stage() as made, parts_for(made.settings) as parts, scene_of(made, parts) as scene:
            await scene.load()
            spent = []
            for _ in range(RUNS):
                before = seconds(scene.pid)
                await scene.load()
                spent.append(1000 * (seconds(scene.pid) - before) / scene.count)
            ms = statistics.median(spent)
            shares = by_part(await looked_at(scene))
            found[scene.name] = {part: share * ms for part, share in shares.items()}
            keep(f"profile/{scene.name}", 1000 * ms, f"µs a {scene.item}")
            for part, share in shares.items():
                print(f"  {part:20} {share:5.1%} {share * ms:6.2f} ms", flush=True)
    PICTURE.write_text(picture(found))
    print(f"  drawn in {PICTURE.relative_to(ROOT)}")


# --- the scenes ------------------------------------------------------------------------------------


@asynccontextmanager
async def submitting(made: Stage, parts: Parts) -> AsyncIterator[Scene]:
    """The web process, under reports."""
    signed_in = await people.villagers(parts, VILLAGERS)
    places = await people.places(parts)
    host = f"127.0.0.1:{made.settings.port}"
    numbers = iter(range(10 * REPORTS))

    async def work() -> None:
        some = [next(numbers) for _ in range(REPORTS)]
        await load(
            made,
            [
                people.request_bytes(
                    host, signed_in[n % VILLAGERS][1], people.report(places[n % len(places)], n)
                )
                for n in some
            ],
        )

    process = await made.start("serve", ready=f"{made.settings.local_url}/healthz")
    yield Scene("submit", "report", REPORTS, process.pid, work)


@asynccontextmanager
async def answering(made: Stage, parts: Parts) -> AsyncIterator[Scene]:
    """The web process, under messages of people to the account."""
    await people.followers(parts, VILLAGERS)
    platform = Platform(made.settings)
    server = Answering(made.settings.port, None)
    process = await made.start("serve", ready=f"{made.settings.local_url}/healthz")
    yield Scene(
        "callback",
        "callback",
        CALLBACKS,
        process.pid,
        lambda: server.load(made, platform, platform.requests(CALLBACKS)),
    )


@asynccontextmanager
async def pushing(made: Stage, parts: Parts) -> AsyncIterator[Scene]:
    """A worker that carries messages from the outbox to their recorded outcome."""
    async with aiohttp.ClientSession(made.settings.local_simulator_url) as simulator:
        recipients = [person_id for _, person_id in await people.followers(parts, MESSAGES)]
        await people.in_simulator(simulator, MESSAGES, 0)
        await simulator.post("/_sim/config", json={"latency_ms": LATENCY_MS, "callback_url": None})
        process = await made.start("worker")

        async def work() -> None:
            await fill_outbox(parts, recipients)
            await drained(parts)

        yield Scene("push", "message", MESSAGES, process.pid, work)


async def looked_at(scene: Scene) -> Counter[tuple[str, ...]]:
    """How often each stack was seen while the scene's load ran once more."""
    STACKS.mkdir(parents=True, exist_ok=True)
    path = STACKS / f"{scene.name}.txt"
    path.unlink(missing_ok=True)
    argv = ("record", "--pid", str(scene.pid), "--gil", "--nonblocking", "--rate", str(LOOKS_A_SECOND))
    spy = await asyncio.create_subprocess_exec(
        PY_SPY, *argv, "--format", "raw", "--output", path, stdout=asyncio.subprocess.DEVNULL
    )
    await scene.load()
    spy.send_signal(signal.SIGINT)
    await spy.wait()
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        stacks[tuple(stack.split(";"))] += int(count)
    return stacks


# --- what was seen ---------------------------------------------------------------------------------


def part_of(stack: Iterable[str]) -> str:
    """The part of the process that a stack (outermost frame first, each ``function (file:line)``) belongs
    to."""
    for frame in reversed(list(stack)):
        for part, names in PARTS:
            if any(name in frame for name in names):
                return part
    return REST


def by_part(stacks: Counter[tuple[str, ...]]) -> dict[str, float]:
    """The share of each part, the largest first."""
    seen: Counter[str] = Counter()
    for stack, count in stacks.items():
        seen[part_of(stack)] += count
    return {part: count / seen.total() for part, count in seen.most_common()}


def picture(found: Mapping[str, Mapping[str, float]]) -> str:
    """An SVG with a panel for each of `found`: the milliseconds of each part, the largest first."""
    rows = max(map(len, found.values()))
    width, height = PANEL * len(found), TOP + ROW * rows + ROW // 2
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for column, (name, parts) in enumerate(found.items()):
        left, longest = column * PANEL + ROW // 2, max(parts.values())
        drawn.append(_text(left, 24, name, "title"))
        drawn.append(_text(left, 44, f"{sum(parts.values()):.2f} ms of a processor", "value"))
        for row, (part, ms) in enumerate(parts.items()):
            y, bar = TOP + row * ROW, max(1.0, BARS * ms / longest)
            drawn.append(_text(left, y + 15, part))
            drawn.append(f'<rect class="bar" x="{left + NAMES}" y="{y + 3}" width="{bar:.1f}" height="16"/>')
            drawn.append(_text(left + NAMES + bar + 6, y + 15, f"{ms:.3f}", "value"))
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}">{escape(words)}</text>'
