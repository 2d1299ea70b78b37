"""The Host header: what names it may have, for an operator who has named some."""

import re
from collections.abc import Sequence
from functools import lru_cache

HEALTH = "/health"
"""Where orchestrators ask by address; nothing that is answered there depends on who is meant."""

# What else could stand before a suffix of ours, like `evil.example#` or `somebody@`, others read as another host. A
# name may end with a full stop, and an IPv6 address stands in brackets, for it has colons of its own.
_HOST = re.compile(r"(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::[0-9]*)?|(?P<address>\[[0-9a-f:.]+\])(?::[0-9]*)?")


class TrustedHosts:
    """Knows whether a Host header names us."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._names = {pattern for pattern in patterns if not pattern.startswith("*")}
        self._suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*"))
        self.include = lru_cache(self._include)

    def _include(self, host: bytes) -> bool:
        found = _HOST.fullmatch(host.decode("latin-1").lower())
        if found is None:
            return False
        name = found["name"] or found["address"]
        return name in self._names or name.endswith(self._suffixes)
