"""What a filter's dates mean now, to one viewer. Pure: the clock and the zone are given."""

from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import get_args

from backend.domain.filters import And, Comparison, Day, Filter, Flag, Instant, Not, Offset, Or, Relative, Weekday

_WEEKDAYS: tuple[str, ...] = get_args(Weekday.__value__)
_DAYS_FROM_TODAY: Mapping[str, int] = {"yesterday": -1, "today": 0, "tomorrow": 1}

_LENGTHS: Mapping[str, Callable[[int], timedelta]] = {
    "min": lambda amount: timedelta(minutes=amount),
    "h": lambda amount: timedelta(hours=amount),
    "d": lambda amount: timedelta(days=amount),
    "w": lambda amount: timedelta(weeks=amount),
}
_MONTHS: Mapping[str, int] = {"mo": 1, "y": 12}


def resolve(tree: Filter, now: datetime, zone: tzinfo) -> Filter:
    """The tree with a `Day` or an `Instant` in place of every date, as seen at `now` (aware) by a viewer in `zone`.

    `overdue` becomes what it stands for: not completed, and due before now.
    """
    match tree:
        case Flag("overdue"):
            return And((Not(Flag("completed")), Comparison("due", "<", _instant(now, zone))))
        case Comparison(field, operator, Relative() | date() as value):
            return Comparison(field, operator, _resolved(value, now, zone))
        case Not(term):
            return Not(resolve(term, now, zone))
        case And(terms):
            return And(tuple(resolve(term, now, zone) for term in terms))
        case Or(terms):
            return Or(tuple(resolve(term, now, zone) for term in terms))
        case _:
            return tree


def _resolved(value: Relative | date, now: datetime, zone: tzinfo) -> Day | Instant:
    match value:
        case datetime():
            return _instant(value, zone)
        case date():
            return _day(value, zone)
        case Relative("now", offset):
            return _instant(_now(now, offset, zone), zone)
        case Relative(word, offset):
            return _day(later(_named(word, now.astimezone(zone).date()), offset), zone)


def _now(now: datetime, offset: Offset | None, zone: tzinfo) -> datetime:
    if offset is None or offset.unit in ("h", "min"):
        return now + _length(offset)
    # Days are of the calendar: tomorrow at the same time by the clock on the wall, also when the clocks change.
    local = now.astimezone(zone).replace(tzinfo=None)
    return datetime.combine(later(local.date(), offset), local.time(), zone)


def _length(offset: Offset | None) -> timedelta:
    return timedelta() if offset is None else _LENGTHS[offset.unit](offset.amount)


def _named(word: str, today: date) -> date:
    """The day of a word. A day of the week is the next one after today: today is called `today`."""
    if word in _DAYS_FROM_TODAY:
        return today + timedelta(days=_DAYS_FROM_TODAY[word])
    return today + timedelta(days=(_WEEKDAYS.index(word) - today.weekday() - 1) % 7 + 1)


def later(day: date, offset: Offset | None) -> date:
    """The day so much later; a month that is too short for it gives its last day."""
    if offset is None or offset.unit not in _MONTHS:
        return day + _length(offset)
    years, month = divmod(day.year * 12 + day.month - 1 + offset.amount * _MONTHS[offset.unit], 12)
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))


def _day(day: date, zone: tzinfo) -> Day:
    return Day(day, _begin(day, zone), _begin(day + timedelta(days=1), zone))


def _begin(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _instant(at: datetime, zone: tzinfo) -> Instant:
    return Instant(at.astimezone(UTC), at.astimezone(zone).replace(tzinfo=None))
