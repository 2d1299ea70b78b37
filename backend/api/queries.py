"""What follows from a query string alone is worked out once: clients ask the same few again and again."""

from collections.abc import Callable
from functools import lru_cache

REMEMBERED = 1_000
LONGEST_REMEMBERED = 200
"""Bytes. Whoever sends longer ones must not fill the memory with them."""


def remembered[T](work_out: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """The same function, which keeps its results for the query strings last asked for. They are shared: change none."""
    known = lru_cache(REMEMBERED)(work_out)

    def look_up(query: bytes) -> T:
        return known(query) if len(query) <= LONGEST_REMEMBERED else work_out(query)

    return look_up
