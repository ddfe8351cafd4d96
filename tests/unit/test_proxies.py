"""Whom a proxy may speak for."""

import pytest

from server.proxies import Proxies, parse_proxies


@pytest.mark.parametrize(
    "text",
    ["10.42.0.1/16", "0.0.0.0/0", "::/0", "10.0.0.0/33", "nginx", "10.0.0.1 10.0.0.2", "10.0.0.1;10.0.0.2"],
)
def test_what_names_no_proxies_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_proxies(text)


@pytest.mark.parametrize(
    ("text", "sender", "known"),
    [
        ("", "127.0.0.1", False),
        ("10.0.0.1, 10.42.0.0/16", "10.42.255.254", True),
        ("10.0.0.1, 10.42.0.0/16", "10.0.0.1", True),
        ("10.0.0.1, 10.42.0.0/16", "10.0.0.2", False),
        ("10.0.0.1, 10.42.0.0/16", "10.43.0.1", False),
        ("10.42.0.0/16", "::ffff:10.42.0.7", True),
        ("10.42.0.0/16", "fd00::1", False),
        ("fd00:42::/64", "fd00:42::abcd", True),
        ("fd00:42::/64", "fd00:43::abcd", False),
        # Whoever listens on a Unix socket sees no address.
        ("10.42.0.0/16", "0.0.0.0", False),
        ("10.42.0.0/16", "", False),
    ],
)
def test_a_proxy_is_known_by_its_address_or_its_network(text: str, sender: str, known: bool) -> None:
    assert Proxies(text).knows(sender) is known


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.6, 203.0.113.5", "203.0.113.5"),
        ("198.51.100.6,203.0.113.5 , 10.42.3.4,10.42.0.9", "203.0.113.5"),
        ("10.42.3.4, 10.42.0.9", "10.42.3.4"),
        ("203.0.113.5, <script>", None),
        ("203.0.113.5,", None),
    ],
)
def test_the_last_one_that_is_no_proxy_is_the_client(forwarded: str, client: str | None) -> None:
    assert Proxies("10.42.0.0/16").client_of(forwarded) == client


def test_without_proxies_there_is_nobody_to_believe() -> None:
    assert not Proxies("")
    assert Proxies("127.0.0.1")
