"""Changing the keys in the documented order, on running processes, while people work."""

import asyncio
import contextlib

import aiohttp
import pytest

from benchmarks.stage import Stage
from server.parts import Parts
from server.reseal import SEALINGS
from server.settings import Settings
from tests.secrecy.load import Tally, at_work, begin
from tests.secrecy.rings import with_keys
from tests.secrecy.test_reseal import named
from tests.support import Phones, report_form

READS_LEAST = 200


class Fleet:
    """Two web processes on one port, and a worker."""

    def __init__(self, settings: Settings) -> None:
        self.stage = Stage(settings)
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, *names: str) -> None:
        """Start what is named after its command: ``serve 1``."""
        started = await asyncio.gather(*(self.stage.start(name.split()[0]) for name in names))
        self._running |= dict(zip(names, started, strict=True))

    async def roll(self, settings: Settings) -> None:
        """Start the processes again with other settings, one web process after the other."""
        self.stage.settings = settings
        await asyncio.gather(self._again("worker"), self._again("serve 1", "serve 2"))

    async def _again(self, *names: str) -> None:
        for name in names:
            # It stops listening at once, and the next one begins while it finishes what it has accepted.
            await asyncio.gather(self.stage.stop(self._running[name]), self.start(name))

    async def aclose(self) -> None:
        """Stop all."""
        await asyncio.gather(*(self.stage.stop(one) for one in self._running.values()))

    async def reseal(self, *words: str) -> tuple[int | None, str]:
        """`fangpin reseal` as a process of its own: (exit status, what it printed)."""
        process = await self.stage.begin("server", "reseal", *words)
        out, _ = await process.communicate()
        return process.returncode, out.decode()


@pytest.mark.gen_test(timeout=240)
async def test_keys_are_changed_while_people_work(
    parts: Parts, settings: Settings, http: aiohttp.ClientSession
) -> None:
    with_ring = {ring: with_keys(settings, *ring) for ring in ((1,), (1, 2), (2, 1), (2,))}
    phones, tally = Phones(http, settings.local_simulator_url, settings.local_url), Tally()
    async with contextlib.aclosing(Fleet(with_ring[1,])) as fleet:
        await fleet.start("serve 1", "serve 2", "worker")
        people, cadre = await begin(phones, tally)
        async with at_work(people, cadre):
            # 1. The new key behind the present one, everywhere; 2. in front of it.
            for ring in ((1, 2), (2, 1)):
                await fleet.roll(with_ring[ring])
            # 3. What is under the old one is sealed anew.
            status, said = await fleet.reseal()
            assert (status, "intakes：改用" in said, "photos：改用" in said) == (0, True, True), said
            status, said = await fleet.reseal("--check")
            assert (status, "f1 已不再需要" in said, "i1 已不再需要" in said) == (0, True, True), said
            # 4. The old one goes, and 5. what was made of it beside the new one.
            await fleet.roll(with_ring[2,])
            status, said = await fleet.reseal()
            assert status == 0, said
        assert tally.wrong == []
        assert tally.reads > READS_LEAST, tally
        stopped = (settings.data_dir / "serve.log").read_text().count('"event":"stopping"')
        assert stopped == 2 * 3, "each web process was started again three times"

        kept = await named(parts)
        assert {kid for one in SEALINGS for kid in kept.get(one.collection, ())} == {"f2", "i2"}
        await asyncio.gather(*(person.read_each() for person in people))
        first, other = people[0].households[0], await phones.sign_in("villager_2")
        place = (await parts.services.regions.by_code("431021101201001"))["_id"]
        again = await other.command("/api/intakes", report_form(place, id_no=first.id_no))
        assert again.body["joined"] is True, "a look-up finds what was indexed under the old key"
        assert tally.wrong == []
