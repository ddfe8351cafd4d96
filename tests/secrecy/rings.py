"""Key rings of a test."""

import base64

from server.settings import Settings, load_settings


def key(number: int) -> str:
    """The key of this number; 1 is that of the fixture `settings`."""
    return base64.b64encode(bytes(range(number - 1, number + 31))).decode()


def with_keys(settings: Settings, *numbers: int) -> Settings:
    """The settings with these keys, the first one first: ``f1``, ``f2`` for values, ``i1``, ``i2`` for
    digests."""
    rings = {
        f"FANGPIN_{name}_KEYS": ",".join(f"{letter}{n}:{key(n)}" for n in numbers)
        for name, letter in (("FIELD", "f"), ("INDEX", "i"))
    }
    return load_settings({**settings.environment(), **rings})
