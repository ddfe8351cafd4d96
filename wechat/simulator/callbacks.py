"""Callbacks to the service: delivered, timed and tried again as the platform does.

Source: 接收普通消息, 接收事件推送 and 被动回复用户消息 in the platform's documentation.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from wechat.simulator.config import Clock, SimulatorConfig
from wechat.simulator.journal import Note
from wechat.simulator.limits import MEMORY, PLATFORM
from wechat.simulator.tokens import AppKind
from wechat.simulator.wire import Address, WrongAnswer, XmlValue

Fields = Mapping[str, XmlValue]
# An event to be delivered in the background: its number, whose callback takes it, and its fields.
Receipt = tuple[int, AppKind, Fields]


@dataclass(frozen=True)
class Try:
    """One try of a delivery: HTTP status (None without an answer), duration, answer and what was wrong."""

    status: int | None
    ms: float
    body: Any
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the try as `/_sim/events` shows one."""
        return {"status": self.status, "ms": self.ms, "body": self.body, "error": self.error}


@dataclass
class Delivery:
    """What became of one callback: its tries, and the passive reply if there was one."""

    tries: list[Try] = field(default_factory=list)
    reply: dict[str, Any] | None = None
    accepted: bool = False


@dataclass
class Counters:
    """How many receipts were asked for, accepted, given up after all tries, and dropped for want of room."""

    queued: int = 0
    accepted: int = 0
    failed: int = 0
    dropped: int = 0


class Deliverer:
    """Sends callbacks over one kept-alive session, and receipts in the background.

    Arguments:
        config: time-outs, and the addresses callbacks go to at first.
        clock: stamps and signs with the demo's time.
        note: has receipts kept until the account has been told.

    Attributes:
        addresses: where the callbacks of each application go; changed at run time by `/_sim/config`.
        receipts: what became of everything that was queued.
    """

    def __init__(self, config: SimulatorConfig, clock: Clock, note: Note) -> None:
        self.addresses: dict[AppKind, Address] = {
            "oa": Address(
                app_id=config.oa_app_id,
                username=config.oa_username,
                token=config.oa_token,
                aes_key=config.oa_aes_key,
                url=config.callback_url,
                mode=config.callback_mode,
            ),
            "mp": Address(
                app_id=config.mp_app_id,
                username=config.mp_username,
                token=config.mp_token,
                aes_key=config.mp_aes_key,
                url=config.mp_callback_url,
                mode=config.callback_mode,
            ),
        }
        self.receipts = Counters()
        self._config = config
        self._clock = clock
        self._note = note
        self._last = 0
        self._taken_up: dict[int, tuple[AppKind, Fields, float]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._waiting: deque[Receipt] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._workers: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[Any]] = set()

    def queue(self, app: AppKind, fields: Fields, *, delay_ms: float = 0, copies: int = 1) -> None:
        """Have an event delivered in the background, `copies` times; returns at once.

        Arguments:
            app: whose callback takes it; without an address there nothing is queued.
            fields: the whole message, without tuples, which the journal could not tell from lists.
            delay_ms: real time to wait first, in milliseconds.
            copies: how many times the same event is delivered.
        """
        if self.addresses[app].url is None:
            return
        for _ in range(copies):
            if self.receipts_pending >= MEMORY.receipts_waiting:
                self.receipts.queued += 1
                self.receipts.dropped += 1
                continue
            self.take_up(self._last + 1, app, fields, delay_ms)
            self._note("receipt", self._last, app, fields, delay_ms)
        self.resume()

    def take_up(self, number: int, app: AppKind, fields: Fields, delay_ms: float) -> None:
        """Take up a receipt, which `resume` sends on its way."""
        self._last = number
        self.receipts.queued += 1
        self._taken_up[number] = (app, fields, delay_ms)

    def told(self, number: int, accepted: bool) -> None:
        """Note that a receipt's tries are over."""
        self._taken_up.pop(number, None)
        if accepted:
            self.receipts.accepted += 1
        else:
            self.receipts.failed += 1
        self._note("told", number, accepted)

    def resume(self) -> None:
        """Send what was taken up on its way; the delay of a receipt that a kill cut off begins anew."""
        waiting, self._taken_up = self._taken_up, {}
        for number, (app, fields, delay_ms) in waiting.items():
            if delay_ms > 0:
                self._later(delay_ms / 1000, (number, app, fields))
            else:
                self._now((number, app, fields))

    @property
    def receipts_pending(self) -> int:
        """How many receipts wait or are on their way."""
        return self.receipts.queued - self.receipts.accepted - self.receipts.failed - self.receipts.dropped

    def start(self, work: Coroutine[Any, Any, list[Delivery]]) -> asyncio.Task[list[Delivery]]:
        """Run deliveries in a task that outlives the request that asked for them, and ends with `close`."""
        job = asyncio.get_running_loop().create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def deliver(self, app: AppKind, fields: Fields) -> Delivery:
        """Deliver a callback, with up to three tries if it times out, breaks or is answered wrongly.

        Arguments:
            app: whose callback takes it.
            fields: the message's fields, `ToUserName` and so on.
        """
        delivery, address = Delivery(), self.addresses[app]
        for number in range(PLATFORM.callback_tries):
            url = address.url
            if url is None:
                break
            if number and delivery.tries[-1].ms < self._config.callback_timeout_ms:
                await asyncio.sleep(self._config.callback_retry_pause_ms / 1000)
            attempt, reply = await self._try(address, url, fields)
            delivery.tries.append(attempt)
            if attempt.error is None:
                delivery.accepted = True
                delivery.reply = reply
                break
        return delivery

    async def verify_url(self, app: AppKind) -> Try:
        """Ask what the platform asks when a URL is set: the callback must answer the bare `echostr`."""
        address = self.addresses[app]
        if address.url is None:
            return Try(None, 0, None, "no callback URL is set")
        query = address.query(self._clock.time())
        query["echostr"] = str(secrets.randbelow(10**19))
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with self._open_session().get(address.url, params=query, allow_redirects=False) as response:
                body = await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Try(None, _ms(loop.time() - started), None, type(error).__name__)
        right = response.status == 200 and body == query["echostr"]
        return Try(
            response.status, _ms(loop.time() - started), body, None if right else "echostr was not echoed"
        )

    async def close(self) -> None:
        """Stop what is on its way and close the session."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        tasks = [*self._workers, *self._jobs]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _later(self, seconds: float, receipt: Receipt) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._now(receipt)

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def _now(self, receipt: Receipt) -> None:
        self._waiting.append(receipt)
        if len(self._workers) < self._config.receipt_concurrency:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        # A worker ends when nothing waits; the next receipt starts another, so an idle simulator has no
        # tasks.
        while self._waiting:
            number, app, fields = self._waiting.popleft()
            self.told(number, (await self.deliver(app, fields)).accepted)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._config.callback_timeout_ms / 1000),
                connector=aiohttp.TCPConnector(limit=200),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Mozilla/4.0"},
            )
        return self._session

    async def _try(self, address: Address, url: str, fields: Fields) -> tuple[Try, dict[str, Any] | None]:
        # Every try is signed anew; the message inside, with its MsgId and CreateTime, stays the same.
        query, body = address.write(fields, self._clock.time())
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with self._open_session().post(
                url,
                params=query,
                data=body.encode(),
                headers={"Content-Type": "text/xml"},
                allow_redirects=False,
            ) as response:
                text = (await response.read()).decode("utf-8", "replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Try(None, _ms(loop.time() - started), None, type(error).__name__), None
        ms = _ms(loop.time() - started)
        if response.status != 200:
            return Try(response.status, ms, text, f"HTTP status {response.status}"), None
        try:
            reply = address.read(text, query["openid"], self._clock.time())
        except WrongAnswer as wrong:
            return Try(response.status, ms, text, str(wrong)), None
        return Try(response.status, ms, text if reply is None else reply), reply


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
