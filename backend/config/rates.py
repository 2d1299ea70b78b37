"""Rates as settings name them: `100/minute`."""

import re
from typing import NamedTuple

OFF = "off"

_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(_SECONDS)})")


class Rate(NamedTuple):
    """So many requests in so many seconds."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate | None":
        """`N/second`, `N/minute`, `N/hour` or `N/day`; None for `off`. Raises `ValueError` for anything else."""
        if text == OFF:
            return None
        match = _RATE.fullmatch(text)
        if match is None:
            raise ValueError("must be `off` or a number of requests in a time, like 100/minute (or second, hour, day)")
        return cls(int(match[1]), _SECONDS[match[2]])
