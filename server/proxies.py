"""The proxies that may say for whom they ask: addresses, and networks of which nobody knows the addresses
beforehand (the pods of an ingress controller)."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

#: Addresses about which has been decided are remembered; whoever comes is nearly always a proxy.
_REMEMBERED = 1024


def parse_proxies(text: str) -> list[IPv4Network | IPv6Network]:
    """Read addresses and networks (``10.42.0.0/16``), separated by commas.

    Raises:
        ValueError: one of them is neither, has bits beyond its mask, or is everybody (``/0``).
    """
    networks = [ip_network(part.strip()) for part in text.split(",") if part.strip()]
    if not all(network.prefixlen for network in networks):
        raise ValueError("a network of everybody")
    return networks


class Proxies:
    """Tells for whom a request was made, when one of our proxies brought it."""

    def __init__(self, text: str) -> None:
        """`text` is what `parse_proxies` reads; an empty one means that there is no proxy."""
        self._networks = parse_proxies(text)
        self.knows = lru_cache(_REMEMBERED)(self._knows)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _knows(self, sender: str) -> bool:
        """Whether an address is one of ours; whatever is no address is not."""
        address = _address(sender)
        return address is not None and any(address in network for network in self._networks)

    def client_of(self, forwarded: str) -> str | None:
        """Whom a list of ``X-Forwarded-For`` speaks for, as one of our proxies handed it on.

        Each proxy adds its sender at the end, so the last one that is none of ours is the first that nobody
        of ours vouches for: what stands before it is its own word. None when that is no address.
        """
        told = [part.strip() for part in forwarded.split(",")]
        client = next((one for one in reversed(told) if not self.knows(one)), told[0])
        return client if _address(client) else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket of both families shows the older one inside the newer.
    return getattr(address, "ipv4_mapped", None) or address
