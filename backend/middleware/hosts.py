"""The Host header: what names it may have, for an operator who has named some."""

from collections.abc import Sequence
from functools import lru_cache

HEALTH = "/health"
"""Where orchestrators ask by address; nothing that is answered there depends on who is meant."""


class TrustedHosts:
    """Knows whether a Host header names us."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._names = {pattern for pattern in patterns if not pattern.startswith("*")}
        self._suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*"))
        self.include = lru_cache(self._include)

    def _include(self, host: bytes) -> bool:
        name = host.decode("latin-1").lower()
        # An IPv6 address stands in brackets, and has colons of its own.
        name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
        return name in self._names or name.endswith(self._suffixes)
