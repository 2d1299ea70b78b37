"""What a resolved comparison means, said once more and plainly: for tests to compare with."""

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from backend.domain.filters import Day, Instant

type Due = date | datetime | None
"""A date for an all-day task; an aware datetime for a time in a zone; a naive one for a time that floats."""

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(due: Due, comparison: str, value: Day | Instant | None) -> bool:
    """Whether a due compares so with a value."""
    if due is None or value is None:
        return ((due is None) == (value is None)) == (comparison == "=") and comparison in ("=", "!=")
    return ORDERS[comparison](_side(due, value), 0)


def _side(due: date | datetime, value: Day | Instant) -> int:
    """-1 if it is due before the value, 0 at it, 1 after it."""
    match due, value:
        case datetime(tzinfo=None), Day(day):
            return _sign(due.date(), day)
        case datetime(), Day(_, begin, end):
            return -1 if due < begin else int(due >= end)
        case datetime(tzinfo=None), Instant(_, local):
            return _sign(due, local)
        case datetime(), Instant(at):
            return _sign(due, at)
        case date(), Day(day):
            return _sign(due, day)
        case date(), Instant(_, local):
            return -1 if due < local.date() else 1  # due when its day ends, which is never an instant of that day
    raise AssertionError


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)
