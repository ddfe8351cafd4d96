"""The connections, and what is hidden before anything is logged."""

import pytest

from tests.wechat.canned import (
    Bench,
    Fake,
)
from wechat.http import HttpFailure, HttpPool, redact


async def test_connections_are_kept(fake: Fake, pool: HttpPool) -> None:
    bench = Bench(fake, pool)
    for _ in range(3):
        await bench.api.send_text("o", "好")
    connections = {key: list(kept) for key, kept in pool._session.connector._conns.items()}
    assert [len(kept) for kept in connections.values()] == [1]


async def test_pool_limits_the_answer_and_ends(fake: Fake) -> None:
    small = HttpPool(max_body=10)
    fake.answers["/x"] = [b"x" * 11]
    with pytest.raises(HttpFailure, match="too_large"):
        await small.request("GET", fake.url + "/x")
    await small.close()
    await small.close()
    with pytest.raises(RuntimeError):
        await small.request("GET", fake.url + "/x")


async def test_proxies_of_the_environment_are_ignored(
    bench: Bench, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    await bench.api.send_text("o", "好")
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://h/p?access_token=abc&x=1", "https://h/p?access_token=***&x=1"),
        (
            "GET /sns?appid=a&secret=s.e-c&js_code=j&grant=g",
            "GET /sns?appid=a&secret=***&js_code=***&grant=g",
        ),
        ("code=abc&errcode=40029", "code=***&errcode=40029"),
        ('{"session_key": "a\\"b==", "openid":"o"}', '{"session_key": "***", "openid":"o"}'),
        ("{'appsecret': 'x', 'access_token':'y'}", "{'appsecret': '***', 'access_token':'***'}"),
        ("next=https%3A%2F%2Fh%3Faccess_token%3Dabc&y=2", "next=https%3A%2F%2Fh%3Faccess_token%3D***&y=2"),
        ('errcode 40001 "code": 1', 'errcode 40001 "code": 1'),
        ("Secret=S ACCESS_TOKEN=T", "Secret=*** ACCESS_TOKEN=***"),
        ("plain words", "plain words"),
    ],
)
def test_redact(text: str, hidden: str) -> None:
    assert redact(text) == hidden


def test_redact_known_values() -> None:
    assert redact("the value abc leaked", ("abc", "")) == "the value *** leaked"
