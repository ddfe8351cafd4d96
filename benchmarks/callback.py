"""Answering a text message in safe mode: the service against a bare Tornado handler and against WeRoBot.

Every message is another one: signed and encrypted anew, with a MsgId of its own. What WeChat does is done by
the simulator's code over wechatpy's cryptography, none of it by the codec that is measured.
"""

import base64
import itertools
import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from benchmarks import people
from benchmarks.load import SAMPLE_EVERY
from benchmarks.results import keep
from benchmarks.rivals import PATH
from benchmarks.stage import Stage, stage
from server.clock import clock_for
from server.embedded import free_port
from server.parts import parts_for
from server.settings import Settings
from wechat.simulator.wire import Address, XmlValue

CONCURRENCY = 32
RUNS = 5
PER_RUN = 6000
WARM_UP = 500
PEOPLE = 500
#: What the villagers write; the account has an answer to it.
QUESTION = "帮扶政策"


class Platform:
    """WeChat's side of the account's callback."""

    def __init__(self, settings: Settings) -> None:
        self._clock = clock_for(settings)
        self._msg_ids: Iterator[int] = itertools.count(24_000_000_000_000_001)
        self._address = Address(
            app_id=settings.oa_app_id,
            username="gh_0123456789ab",
            token=settings.oa_token.get_secret_value(),
            aes_key=settings.oa_aes_key.get_secret_value(),
            url=None,
            mode="safe",
        )

    def requests(self, count: int) -> list[bytes]:
        """Whole HTTP requests, each a new message, signed now; the people write in turn."""
        return [self._request(people.openid_of(number % PEOPLE)) for number in range(count)]

    def _request(self, openid: str) -> bytes:
        now = self._clock.time()
        message: dict[str, XmlValue] = {
            "ToUserName": self._address.username,
            "FromUserName": openid,
            "CreateTime": int(now),
            "MsgType": "text",
            "Content": QUESTION,
            "MsgId": next(self._msg_ids),
        }
        query, text = self._address.write(message, now)
        body = text.encode()
        head = (
            f"POST {PATH}?{urlencode(query)} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/4.0\r\n"
            f"Accept: */*\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def words(self, body: bytes, number: int) -> str:
        """The text of the reply to the `number`th request of a run; raises `WrongAnswer` for a reply that
        WeChat would not take, or that is for somebody else."""
        reply = self._address.read(body.decode(), people.openid_of(number % PEOPLE), self._clock.time())
        return str(reply and reply["Content"])


@dataclass
class Server:
    """A server under load: where it listens, what it must answer (None: anything), its rates so far."""

    port: int
    words: str | None
    rates: list[float] = field(default_factory=list)

    async def load(self, made: Stage, platform: Platform, requests: list[bytes]) -> tuple[float, int]:
        """Send the requests, check the answers and note the rate.

        The part of a processor that the load took, and the size of an answer in bytes.
        """
        argv = ("closed", "127.0.0.1", str(self.port), str(CONCURRENCY))
        found = json.loads(await made.run("benchmarks.load", *argv, given=people.encoded(requests)))
        if found["statuses"] != {"200": len(requests)}:
            raise RuntimeError(f"not all were answered: {found['statuses']}")
        bodies = [base64.b64decode(body) for body in found["bodies"]]
        for index, body in enumerate(bodies):
            if self.words is not None and platform.words(body, index * SAMPLE_EVERY) != self.words:
                raise RuntimeError("an answer is not the account's")
        self.rates.append(found["rate"])
        return found["busy"], len(bodies[0])


async def run() -> None:
    """Five interleaved runs of the three servers; the medians, and the service's ratio to each."""
    async with stage() as made:
        settings = made.settings
        async with parts_for(settings) as parts:
            await people.followers(parts, PEOPLE)
            answer = await parts.services.account.answer_to(settings.oa_app_id, QUESTION)
        if answer is None:
            raise RuntimeError(f"the account has no answer to {QUESTION}")
        words, platform = answer["text"], Platform(settings)

        async def rival(name: str, argument: str, words: str | None) -> Server:
            port = free_port()
            argv = (name, str(port), argument)
            await made.start(*argv, module="benchmarks.rivals", ready=f"tcp://127.0.0.1:{port}")
            return Server(port, words)

        await made.start("serve", ready=f"{settings.local_url}/healthz")
        service = Server(settings.port, words)
        _, size = await service.load(made, platform, platform.requests(WARM_UP))
        servers = {
            "service": service,
            "bare Tornado": await rival("bare", str(size), None),
            "WeRoBot": await rival("werobot", words, words),
        }
        for server in servers.values():
            await server.load(made, platform, platform.requests(WARM_UP))
            server.rates.clear()
        for index in range(RUNS):
            # The same messages for all three; made here, so that their signatures are fresh.
            requests, shown = platform.requests(PER_RUN), []
            for name, server in servers.items():
                busy, _ = await server.load(made, platform, requests)
                shown.append(f"{name} {server.rates[-1]:.0f}/s (load {busy:.0%} busy)")
            print(f"  run {index + 1}: {', '.join(shown)}", flush=True)
    rate, bare, werobot = (statistics.median(server.rates) for server in servers.values())
    keep("callback", rate, "messages/s", bare)
    keep("callback-vs-werobot", rate, "messages/s", werobot)
