"""The worker process: messages, events, alarms, and the seal. Any number of them may run."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from casework.notices.service import Bundle
from server.backup import last_backup
from server.events import Events
from server.metrics import serve_metrics
from server.parts import Parts, parts_for
from server.settings import Settings
from server.supervisor import interrupts
from server.wake import listen

#: How long a loop sleeps when nothing wakes it.
POLL_SECONDS = 0.5
#: … and while somebody's next message waits for the receipt of the one before it.
EAGER_SECONDS = 0.05
ALARM_SECONDS = 1.0
SEAL_SECONDS = 0.5
ERASE_SECONDS = 60.0
QUOTA_SECONDS = 1.0
FAULT_SECONDS = 1.0
#: How many people are written to at once.
IN_FLIGHT = 64
STOP_SECONDS = 12.0


class Worker:
    """The loops of one worker process. Each piece of work is claimed, so that loops never collide."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._events = Events(parts)
        self._woken = {name: asyncio.Event() for name in ("outbox", "events")}
        self._sending: dict[asyncio.Task[None], Bundle] = {}
        self._stopping = asyncio.Event()
        self._busy: set[str] = set()
        self._log = structlog.get_logger()

    async def run(self, until: Awaitable[object]) -> None:
        """Work until `until` is done. What is being done and sent then is finished first; what that would
        take too long for is left to other workers."""
        listening = asyncio.ensure_future(listen(self._parts.redis, self._woken))
        loops = [
            asyncio.ensure_future(self._loop(self._carry, self._poll_seconds, self._woken["outbox"])),
            asyncio.ensure_future(self._loop(self._apply_events, self._poll_seconds, self._woken["events"])),
            asyncio.ensure_future(self._loop(self._fire_alarms, lambda: ALARM_SECONDS)),
            asyncio.ensure_future(self._loop(self._seal, lambda: SEAL_SECONDS)),
            asyncio.ensure_future(self._loop(self._finish_erasing, lambda: ERASE_SECONDS)),
            asyncio.ensure_future(self._loop(self._write_down_quotas, lambda: QUOTA_SECONDS)),
        ]
        try:
            await until
        finally:
            listening.cancel()
            self._stopping.set()
            for hint in self._woken.values():
                hint.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    # A loop ends between two pieces of work: a claim that is cut off in the middle would
                    # leave messages that wait for a lease to run out.
                    await asyncio.gather(listening, *loops, return_exceptions=True)
                    if self._sending:
                        await asyncio.wait(self._sending)
            for leave in (self._hand_back, self._parts.sealer.leave, self._parts.quotas.write_down):
                # Without this leases run out by themselves, and what was not counted is allowed for.
                with contextlib.suppress(Exception):
                    await leave()

    async def _hand_back(self) -> None:
        """Stop carrying, and let other workers go on at once. A message whose attempt is cut off is to them
        like one whose worker has died."""
        left = dict(self._sending)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        now = self._parts.clock.now()
        for bundle in left.values():
            # All messages of a bundle were claimed together.
            ids, lease = [notice["_id"] for notice in bundle.notices], bundle.notices[0]["lease"]
            await self._parts.stores.notices.release(ids, lease or "", now)

    async def _loop(
        self,
        work: Callable[[], Awaitable[bool]],
        pause: Callable[[], float],
        woken: asyncio.Event | None = None,
    ) -> None:
        """Repeat `work`; when it says that there was nothing, wait for a hint or the pause."""
        while not self._stopping.is_set():
            try:
                busy = await work()
            except Exception as error:  # A loop outlives whatever its database or platform does.
                self._log.error("worker fault", work=work.__name__, exc_info=error)
                await self._wait(self._stopping, FAULT_SECONDS)
                continue
            if not busy:
                await self._wait(woken or self._stopping, pause())
                if woken:
                    woken.clear()

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> None:
        # Not `wait_for`: in Python 3.11 it loses a cancellation that comes together with the event, and a
        # worker that has to stop while a report comes in would run for ever.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    def _poll_seconds(self) -> float:
        """Receipts are looked for eagerly while somebody's next message waits for one."""
        return EAGER_SECONDS if self._parts.postman.hurries else POLL_SECONDS

    async def _carry(self) -> bool:
        """Claim messages and start carrying them; true when there may be more."""
        room = IN_FLIGHT - len(self._sending)
        if room <= 0:  # Whichever comes to its end wakes this loop.
            return False
        bundles = await self._parts.postman.claim(room, self._busy)
        for bundle in bundles:
            task = asyncio.ensure_future(self._carry_bundle(bundle))
            self._sending[task] = bundle
            self._busy.add(bundle.to)
            task.add_done_callback(self._sending.pop)
        return bool(bundles)

    async def _carry_bundle(self, bundle: Bundle) -> None:
        try:
            await self._parts.postman.carry_bundle(bundle)
        except Exception as error:  # The lease brings the messages back.
            self._log.error("carrying failed", exc_info=error)
        finally:
            # What came for this person in the meantime need not wait for a poll.
            self._busy.discard(bundle.to)
            self._woken["outbox"].set()

    async def _apply_events(self) -> bool:
        return await self._events.apply_due() > 0

    async def _fire_alarms(self) -> bool:
        fired = await self._parts.services.tasks.fire_alarms()
        if fired:
            self._woken["outbox"].set()
        return fired > 0

    async def _write_down_quotas(self) -> bool:
        await self._parts.quotas.write_down()
        return False

    async def _finish_erasing(self) -> bool:
        return await self._parts.services.intakes.finish_erasing() > 0

    async def _seal(self) -> bool:
        return await self._parts.sealer.seal() > 0


async def refresh_gauges(parts: Parts) -> None:
    """Bring up to date what the worker's metrics tell of the database."""
    now, metrics = parts.clock.now(), parts.metrics
    oldest = await parts.stores.notices.oldest_due()
    metrics.outbox_age.set((now - oldest).total_seconds() if oldest else 0)
    metrics.outbox_size.set(await parts.stores.notices.count_on_the_way())
    unsealed = await parts.stores.audit.oldest_unsealed()
    metrics.unsealed_age.set((now - unsealed).total_seconds() if unsealed else 0)
    metrics.channels(parts.postman.closed(), parts.quotas.used)
    backup = await last_backup(parts.mongo[parts.settings.mongodb_database])
    metrics.backup_at.set(backup.timestamp() if backup else 0)


async def run_worker(settings: Settings) -> None:
    """Run a worker until it is told to stop."""
    log = structlog.get_logger()
    async with parts_for(settings) as parts:
        server = serve_metrics(
            parts.metrics, settings.metrics_port, settings.metrics_address, partial(refresh_gauges, parts)
        )
        log.info("working")
        with interrupts(lambda: None) as asked:
            await Worker(parts).run(asked.wait())
        log.info("stopping")
        server.stop()
