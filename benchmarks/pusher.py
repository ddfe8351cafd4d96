"""One process that pushes messages to phones, as a process of its own.

``python -m benchmarks.pusher carry COUNT CONCURRENCY`` pushes COUNT messages through the production
composition root's push path: template, clipping, shared token, client, reading of the answer.
``… bare COUNT CONCURRENCY`` posts them by aiohttp and does nothing else; it reads one of those messages, as
the simulator received it, from standard input. Each prints one JSON object, see `at_once`. ``… cold NUMBER``
says when it is ready, waits for the end of its input, and pushes one message.
"""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import aiohttp
import orjson

from benchmarks.people import openid_of
from casework.notices.model import Outcome
from casework.notices.service import Parcel
from server.loop import new_event_loop
from server.parts import Parts, parts_for
from server.settings import Settings, load_settings
from wechat import paths

KIND = "report_accepted"
FIELDS = {
    "number": "1234 5678 9012",
    "village": "测试乡测试村1组",
    "status": "干部已接到您的申报",
    "due": "11月24日 18:00",
    "at": "11月21日 09:30",
}
LINK = "/m/#/pages/progress/index"
PEOPLE = 500

Item = TypeVar("Item")


async def at_once(
    push: Callable[[Item], Awaitable[None]], items: list[Item], concurrency: int
) -> dict[str, float]:
    """Push all items, `concurrency` at a time: ``rate`` (items a second) and ``busy`` (this process's part of
    a processor). The first ones open the connections and are not counted."""

    async def one_by_one(left: Iterable[Item]) -> None:
        for item in left:
            await push(item)

    async def together(some: list[Item]) -> None:
        left = iter(some)
        await asyncio.gather(*(one_by_one(left) for _ in range(concurrency)))

    await together(items[:concurrency])
    counted, start, used = items[concurrency:], time.perf_counter(), time.process_time()
    await together(counted)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    return {"rate": len(counted) / seconds, "busy": used / seconds}


def parcel(app_id: str, number: int) -> Parcel:
    """The `number`th message."""
    return Parcel(
        channel="template",
        app_id=app_id,
        openid=openid_of(number % PEOPLE),
        kind=KIND,
        fields=FIELDS,
        link=LINK,
        client_msg_id=uuid.uuid4().hex,
        possibly_repeated=False,
    )


async def push(parts: Parts, item: Parcel) -> None:
    """Push one message; raises when it was not sent."""
    delivery = await parts.carry(item)
    if delivery["outcome"] is not Outcome.SENT:
        raise RuntimeError(f"not sent: {delivery}")


async def carry(settings: Settings, count: int, concurrency: int) -> None:
    """Through the composition root."""
    items = [parcel(settings.oa_app_id, number) for number in range(count + concurrency)]
    async with parts_for(settings) as parts:
        found = await at_once(lambda item: push(parts, item), items, concurrency)
    print(json.dumps(found))


async def bare(settings: Settings, count: int, concurrency: int) -> None:
    """By the HTTP client alone, with bodies made beforehand."""
    message: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    bodies = [
        orjson.dumps(message | {"touser": openid_of(number % PEOPLE), "client_msg_id": uuid.uuid4().hex})
        for number in range(count + concurrency)
    ]
    asked = {
        "grant_type": "client_credential",
        "appid": settings.oa_app_id,
        "secret": settings.oa_secret.get_secret_value(),
    }
    session = aiohttp.ClientSession(
        settings.wechat_api_base,
        connector=aiohttp.TCPConnector(limit=concurrency),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    async with session:
        async with session.post(paths.STABLE_TOKEN.path, json=asked) as answer:
            query = {"access_token": (await answer.json())["access_token"]}
        headers = {"Content-Type": "application/json; charset=utf-8"}

        async def post(body: bytes) -> None:
            async with session.post(
                paths.TEMPLATE_SEND.path, params=query, data=body, headers=headers
            ) as answer:
                said = orjson.loads(await answer.read())
            if said["errcode"]:
                raise RuntimeError(f"not sent: {said}")

        found = await at_once(post, bodies, concurrency)
    print(json.dumps(found))


async def cold(settings: Settings, number: int) -> None:
    """One message from a process that knows nothing yet."""
    async with parts_for(settings) as parts:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await push(parts, parcel(settings.oa_app_id, number))


if __name__ == "__main__":
    way, *numbers = sys.argv[1:]
    ways: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {"carry": carry, "bare": bare, "cold": cold}
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(ways[way](load_settings(), *map(int, numbers)))
