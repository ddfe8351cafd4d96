"""Access tokens: one fetch for many, bounded refreshes, and what happens without Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from tests.wechat.canned import AwayRedis, no_pause
from wechat.errcodes import Disposition
from wechat.http import HttpPool
from wechat.tokens import FORCED_A_DAY, Tokens, TokenUnavailable

APP_ID = "wx0123456789abcdef"
SECRET = "app-secret-value"
START = 1_800_000_000.0


class Platform:
    """stable_token as the platform does it, with a clock that the test moves."""

    def __init__(self) -> None:
        self.time = START
        self.serial = 1
        self.length = 40
        self.lifetime = 7200
        self.calls: list[dict[str, Any]] = []
        self.canned: list[bytes | int] = []
        self.stuck = False
        self.gate: asyncio.Event | None = None
        self.url = ""

    def now(self) -> float:
        return self.time

    @property
    def token(self) -> str:
        return f"secret-token-{self.serial}-".ljust(self.length, "x")

    @property
    def forced(self) -> int:
        return sum(1 for call in self.calls if call.get("force_refresh"))

    async def answer(self, call: dict[str, Any]) -> bytes | int:
        self.calls.append(call)
        if self.gate is not None:
            await self.gate.wait()
        if self.canned:
            return self.canned.pop(0)
        if call.get("force_refresh") and not self.stuck:
            self.serial += 1
        return orjson.dumps({"access_token": self.token, "expires_in": self.lifetime})


class Endpoint(RequestHandler):
    def initialize(self, platform: Platform) -> None:
        self.platform = platform

    async def post(self) -> None:
        answer = await self.platform.answer(orjson.loads(self.request.body))
        if isinstance(answer, int):
            self.set_status(answer)
            answer = b"<html>busy</html>"
        self.finish(answer)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    made = Platform()
    socket, port = bind_unused_port()
    server = HTTPServer(
        Application([("/cgi-bin/stable_token", Endpoint, {"platform": made})], log_function=id)
    )
    server.add_sockets([socket])
    made.url = f"http://127.0.0.1:{port}"
    yield made
    server.stop()
    await server.close_all_connections()


@pytest.fixture
def make(platform: Platform, pool: HttpPool, redis: Redis) -> Callable[..., Tokens]:
    def made(**changes: Any) -> Tokens:
        settings = {"redis": redis, "sleep": no_pause, **changes}
        return Tokens(
            settings["redis"],
            pool,
            APP_ID,
            SECRET,
            platform.url,
            platform.now,
            sleep=settings["sleep"],
        )

    return made


async def test_posts_what_the_platform_asks_for(make: Callable[..., Tokens], platform: Platform) -> None:
    assert await make().get() == platform.token
    assert platform.calls == [{"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET}]


async def test_own_copy_needs_neither_redis_nor_the_platform(
    make: Callable[..., Tokens], platform: Platform, redis: Redis
) -> None:
    tokens = make()
    first = await tokens.get()
    tokens._shared._redis = None
    platform.time += 7200 - 301
    assert await tokens.get() == first
    assert len(platform.calls) == 1


async def test_renewed_from_five_minutes_before_the_end(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    tokens = make()
    await tokens.get()
    platform.time += 7200 - 300
    platform.serial += 1
    assert await tokens.get() == platform.token
    assert len(platform.calls) == 2


async def test_eight_processes_fetch_once(make: Callable[..., Tokens], platform: Platform) -> None:
    platform.gate = asyncio.Event()
    waiting = asyncio.Event()

    async def pause(_seconds: float) -> None:
        # Whoever pauses has found the lock taken, so that the owner may have its answer now.
        waiting.set()
        await asyncio.sleep(0)

    async def open_gate() -> None:
        await waiting.wait()
        platform.gate.set()

    everyone = [make(sleep=pause) for _ in range(8)]
    got = await asyncio.gather(open_gate(), *(tokens.get() for tokens in everyone for _ in range(5)))
    assert set(got[1:]) == {platform.token}
    assert len(platform.calls) == 1


async def test_eight_processes_replace_once(make: Callable[..., Tokens], platform: Platform) -> None:
    everyone = [make() for _ in range(8)]
    bad = (await asyncio.gather(*(tokens.get() for tokens in everyone)))[0]
    got = await asyncio.gather(*(tokens.refresh(bad) for tokens in everyone for _ in range(5)))
    assert set(got) == {platform.token} != {bad}
    assert platform.forced == 1


async def test_a_cancelled_caller_does_not_take_the_fetch_away(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    platform.gate = asyncio.Event()
    tokens = make()
    impatient = asyncio.ensure_future(tokens.get())
    patient = asyncio.ensure_future(tokens.get())
    while not platform.calls:
        await asyncio.sleep(0)
    impatient.cancel()
    platform.gate.set()
    assert await patient == platform.token
    assert impatient.cancelled()
    assert len(platform.calls) == 1


async def test_refresh_takes_what_another_process_has(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    one, other = make(), make()
    bad = await one.get()
    assert await other.get() == bad
    better = await one.refresh(bad)
    assert await other.refresh(bad) == better
    assert platform.forced == 1
    # And one's own copy may already be the better one.
    assert await one.refresh(bad) == better


async def test_forced_refreshes_are_thirty_seconds_apart(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    tokens = make()
    second = await tokens.refresh(await tokens.get())
    platform.time += 29.9
    with pytest.raises(TokenUnavailable, match="30 秒") as refused:
        await tokens.refresh(second)
    assert refused.value.disposition is Disposition.retry
    assert platform.forced == 1
    platform.time += 0.2
    assert await tokens.refresh(second) != second
    assert platform.forced == 2


async def test_at_most_twenty_forced_refreshes_a_day(make: Callable[..., Tokens], platform: Platform) -> None:
    # Begin at midnight in China, so that all of them fall on one day.
    platform.time = START - (START + 8 * 3600) % 86400
    tokens = make()
    token = await tokens.get()
    for _ in range(FORCED_A_DAY):
        token = await tokens.refresh(token)
        platform.time += 31
    with pytest.raises(TokenUnavailable, match="20 次"):
        await make().refresh(token)
    assert platform.forced == FORCED_A_DAY == 20
    platform.time += 86400
    assert await tokens.refresh(token) != token


async def test_refused_force_still_finds_a_token_that_someone_else_forced(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    tokens = make()
    second = await tokens.refresh(await tokens.get())
    platform.serial += 1
    assert await tokens.refresh(second) == platform.token
    assert platform.forced == 1


async def test_platform_that_gives_the_refused_token_again(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    platform.stuck = True
    tokens = make()
    with pytest.raises(TokenUnavailable, match="没有给出新的凭证"):
        await tokens.refresh(await tokens.get())


async def test_without_redis_each_process_fetches_once(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    tokens = make(redis=AwayRedis())
    got = await asyncio.gather(*(tokens.get() for _ in range(20)))
    assert set(got) == {platform.token}
    assert len(platform.calls) == 1
    # A refused token cannot be forced when nobody can count, but a newer one is taken.
    with pytest.raises(TokenUnavailable, match="Redis"):
        await tokens.refresh(platform.token)
    bad = platform.token
    platform.serial += 1
    assert await tokens.refresh(bad) == platform.token
    assert platform.forced == 0


async def test_the_old_token_bridges_a_failed_renewal(
    make: Callable[..., Tokens], platform: Platform
) -> None:
    tokens = make()
    first = await tokens.get()
    platform.time += 7200 - 299
    platform.canned = [503] * 6
    assert await tokens.get() == first
    platform.time += 299
    with pytest.raises(TokenUnavailable):
        await tokens.get()
    assert await tokens.get() == platform.token


async def test_busy_platform_is_asked_again(make: Callable[..., Tokens], platform: Platform) -> None:
    platform.canned = [b'{"errcode":-1,"errmsg":"system error"}', 502]
    assert await make().get() == platform.token
    assert len(platform.calls) == 3


async def test_the_lock_is_left_free(make: Callable[..., Tokens], platform: Platform, redis: Redis) -> None:
    platform.canned = [b'{"errcode":40125,"errmsg":"invalid appsecret"}']
    with pytest.raises(TokenUnavailable):
        await make().get()
    assert await redis.exists(f"wechat:token:{APP_ID}:lock") == 0
    await make().get()
    assert await redis.exists(f"wechat:token:{APP_ID}:lock") == 0
    assert 0 < await redis.ttl(f"wechat:token:{APP_ID}") <= 7200


async def test_a_lock_that_was_lost_is_not_released_for_its_new_owner(
    make: Callable[..., Tokens], redis: Redis
) -> None:
    await redis.set("lock", "somebody else")
    await make()._shared._release("lock", "me")
    assert await redis.get("lock") == b"somebody else"


async def test_waiting_for_a_dead_owner_is_bounded(
    make: Callable[..., Tokens], platform: Platform, redis: Redis
) -> None:
    pauses = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    await redis.set(f"wechat:token:{APP_ID}:lock", "dead")
    tokens = make(sleep=pause)
    assert await tokens.get() == platform.token
    assert 5 <= sum(pauses) <= 15
    with pytest.raises(TokenUnavailable, match="被占用"):
        await tokens.refresh(platform.token)
    assert (len(platform.calls), platform.forced) == (2, 0)


@pytest.mark.parametrize(
    ("answer", "disposition"),
    [
        (b'{"errcode":40125,"errmsg":"invalid appsecret"}', Disposition.halt),
        (b'{"errcode":40001,"errmsg":"secret=app-secret-value"}', Disposition.halt),
        (b'{"errcode":40013,"errmsg":"invalid appid"}', Disposition.halt),
        (b'{"errcode":40164,"errmsg":"invalid ip 1.2.3.4, not in whitelist"}', Disposition.halt),
        (b'{"errcode":50002,"errmsg":"user limited"}', Disposition.halt),
        (b'{"errcode":99999,"errmsg":"unknown to the table"}', Disposition.halt),
        (b'{"errcode":45009,"errmsg":"quota"}', Disposition.wait),
        (b'{"errcode":-1,"errmsg":"busy"}', Disposition.retry),
        (b"<html>busy</html>", Disposition.retry),
        (b"[]", Disposition.retry),
        (b'{"access_token":"","expires_in":7200}', Disposition.retry),
        (b'{"access_token":"' + b"x" * 2049 + b'","expires_in":7200}', Disposition.retry),
        (b'{"access_token":"secret-token-1"}', Disposition.retry),
    ],
)
async def test_refusals(
    make: Callable[..., Tokens],
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
    disposition: Disposition,
) -> None:
    caplog.set_level(logging.DEBUG)
    platform.canned = [answer] * 3
    with pytest.raises(TokenUnavailable) as refused:
        await make().get()
    assert refused.value.disposition is disposition
    for told in (str(refused.value), repr(refused.value), caplog.text):
        assert SECRET not in told
        assert "secret-token" not in told


async def test_long_tokens_and_short_lives(make: Callable[..., Tokens], platform: Platform) -> None:
    platform.length, platform.lifetime = 2048, 300
    tokens = make()
    assert await tokens.get() == platform.token
    # A token that ends within the five minutes is used for half its life, not fetched at every call.
    platform.time += 149
    await tokens.get()
    assert len(platform.calls) == 1
    assert len(await make().get()) == 2048
    assert len(platform.calls) == 1


async def test_spoilt_value_in_redis_is_replaced(
    make: Callable[..., Tokens], platform: Platform, redis: Redis
) -> None:
    for spoilt in (b"token", b"{}", b'{"token":1}'):
        await redis.set(f"wechat:token:{APP_ID}", spoilt)
        assert await make().get() == platform.token


async def test_redis_that_answers_in_text(
    make: Callable[..., Tokens], platform: Platform, redis_url: str
) -> None:
    redis = Redis.from_url(redis_url, decode_responses=True)
    tokens = make(redis=redis)
    assert await tokens.refresh(await tokens.get()) == platform.token
    await redis.aclose()
    assert SECRET not in repr(tokens)
