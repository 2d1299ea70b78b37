"""When a recurring task is due next. Pure.

Everything follows from the rule, the anchor and the date on which the series began, which is stored with the task: the
due date of when the recurrence was set. A date that had to be clamped is never counted from. Occurrences are dates in
the task's zone, else the viewer's; the time of day is put to them afterwards, so nothing drifts at DST.

Three things go beyond RFC 5545, or are left open by it:

- A day of the month that only the start gives is the last one where the month is shorter: monthly from the 31st is
  28 February, then 31 March (RFC 7529 calls it SKIP=BACKWARD). `BYMONTHDAY=31` skips.
- The start counts as the first occurrence for COUNT whether or not the rule matches it.
- BYWEEKNO without BYDAY means the weekday of the start.
"""

import datetime as dt
from calendar import monthrange
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Literal, Self
from zoneinfo import ZoneInfo

from backend.domain.due import Due, instant, local_date
from backend.domain.recurrence_rule import Frequency, InvalidRule, Rule

if TYPE_CHECKING:
    from dateutil.rrule import rrule

type Anchor = Literal["due", "completion"]

EARLIEST = dt.date(1970, 1, 1)
LATEST = dt.date(9999, 12, 30)

PERIODS: dict[Frequency, int] = {"DAILY": 3_000, "WEEKLY": 1_000, "MONTHLY": 500, "YEARLY": 60}
"""How many days, weeks, months or years of a series are looked at for one answer; COUNT, which is counted from the
start, adds as many as it says. A series that has no day in so many is over. 29 February on a Monday is found.
"""
HORIZON = 40_000
"""How many days ahead are looked at where a large INTERVAL would lead further. A thousand months are found."""

_DAYS: dict[Frequency, int] = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28, "YEARLY": 365}


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule, and whether it counts from the series' start or from the day of completion."""

    rule: Rule
    anchor: Anchor = "due"


def check(rule: Rule, start: dt.date) -> None:
    """Raises `InvalidRule` if no series can begin on this day, or the rule has no day within reach of it."""
    if not EARLIEST <= start <= LATEST:
        raise InvalidRule("RRULE", f"a series begins in {EARLIEST.year} or later")
    if next(_matches(replace(rule, count=None), start, start), None) is None:
        raise InvalidRule("RRULE", "no day matches all of its parts")


def next_due(
    recurrence: Recurrence,
    due: Due,
    *,
    start: dt.date,
    now: dt.datetime,
    viewer_zone: str,
    taken: int = 0,
    skip: bool = False,
) -> Due | None:
    """When the task is due after it is completed, or skipped, at `now`; None when the series is over.

    Anchor `due`: the first occurrence after both now and the present due, by days for a task that is due all day; a
    skip is the same. Anchor `completion`: the first day after the local day of completion that matches the rule, the
    interval counted from that day as if the series began on it; a skip counts from today or the present due date,
    whichever is later, since nothing was completed.

    `start` is when the series began. `taken` is how many of its occurrences were completed or skipped before this one;
    only COUNT together with the anchor `completion` asks for it.
    """
    zone = due.zone or viewer_zone
    today = local_date(now, zone)
    if recurrence.anchor == "completion":
        return _after_completion(recurrence.rule, due, max(due.date, today) if skip else today, zone, taken)
    passed = max(now, instant(due, zone) or now)
    # A timed occurrence of today may still be ahead.
    for date in occurrences(recurrence.rule, start, max(due.date, today - dt.timedelta(days=1))):
        candidate = replace(due, date=date)
        at = instant(candidate, zone)
        if date > today if at is None else at > passed:
            return None if _ended(recurrence.rule, candidate, zone) else candidate
    return None


def occurrences(rule: Rule, start: dt.date, after: dt.date) -> Iterator[dt.date]:
    """The dates after a day of the series that began on `start`, in order, up to COUNT; UNTIL is not looked at."""
    series = chain((start,), _matches(rule, start, after))
    return (date for date in islice(series, rule.count) if date > after)


def _after_completion(rule: Rule, due: Due, day: dt.date, zone: str, taken: int) -> Due | None:
    if rule.count is not None and taken + 1 >= rule.count:
        return None
    date = next(_matches(replace(rule, count=None), day, day), None)
    if date is None:
        return None
    candidate = replace(due, date=date)
    return None if _ended(rule, candidate, zone) else candidate


def _ended(rule: Rule, due: Due, zone: str) -> bool:
    """Whether this is beyond UNTIL, which is compared as precisely as both sides are given."""
    until = rule.until
    if until is None:
        return False
    if not isinstance(until, dt.datetime):
        return due.date > until
    if due.time is None:
        return due.date > _last_day(until, zone)
    if until.tzinfo is None:
        return dt.datetime.combine(due.date, due.time) > until
    at = instant(due, zone)
    return at is not None and at > until


def _last_day(until: dt.datetime, zone: str) -> dt.date:
    try:
        return (until if until.tzinfo is None else until.astimezone(ZoneInfo(zone))).date()
    except OverflowError:
        # It is a day beyond the calendar there: the end of the calendar comes to the same.
        return until.date()


def _matches(rule: Rule, start: dt.date, after: dt.date) -> Iterator[dt.date]:
    """The dates that the rule matches, in order, as far as we look: after `after`, or all if they are to be counted."""
    since = start if rule.count else max(start, after)
    first = _beginning(rule, start, near=since)
    found = iter(_series(rule, start, first, CountedStep(rule.interval, _periods(rule, after - first))))
    # The last week of the calendar leads beyond it, and so dateutil fails at its end.
    with suppress(LookedFarEnough, ValueError, OverflowError):
        for moment in found:
            date = moment.date()
            if _day_is_implied(rule):
                date = date.replace(day=min(start.day, monthrange(date.year, date.month)[1]))
            if date > LATEST:
                return
            if date > since and _in_week(rule, date):
                yield date


def _series(rule: Rule, start: dt.date, first: dt.date, step: "CountedStep") -> "rrule":
    """The rule as dateutil takes it, with what it leaves to the start put into it.

    Where the start gives the day of the month, it is the first of the month here: every month has one.
    """
    # Imported where a task recurs: it takes 15 ms, and most requests have no use for it.
    from dateutil import rrule as dateutil

    months, days = rule.by_month, [dateutil.weekday(day, n) for number, day in rule.by_day for n in _each(rule, number)]
    if _day_is_implied(rule) and rule.frequency == "YEARLY":
        months = months or (start.month,)
    if _weekday_is_implied(rule):
        days = [dateutil.weekday(start.weekday())]
    return dateutil.rrule(
        getattr(dateutil, rule.frequency),
        dtstart=dt.datetime.combine(first, dt.time()),
        interval=step,
        wkst=rule.week_start,
        bymonth=months or None,
        byyearday=rule.by_year_day or None,
        bymonthday=1 if _day_is_implied(rule) else rule.by_month_day or None,
        byweekday=days or None,
        bysetpos=rule.by_set_position or None,
    )


def _beginning(rule: Rule, start: dt.date, near: dt.date) -> dt.date:
    """The first day of the last period of the series that begins no later than `near`, or of the first period."""
    if rule.frequency in {"DAILY", "WEEKLY"}:
        weekly = rule.frequency == "WEEKLY"
        first = start - dt.timedelta(days=(start.weekday() - rule.week_start) % 7 if weekly else 0)
        days = rule.interval * (7 if weekly else 1)
        return first + dt.timedelta(days=max(0, (near - first).days) // days * days)
    yearly = rule.frequency == "YEARLY"
    month = start.year * 12 + (0 if yearly else start.month - 1)
    months = rule.interval * (12 if yearly else 1)
    month += max(0, near.year * 12 + near.month - 1 - month) // months * months
    return dt.date(month // 12, month % 12 + 1, 1)


def _periods(rule: Rule, passed: dt.timedelta) -> int:
    """How many periods to look at when so much time of the series is already over."""
    length = rule.interval * _DAYS[rule.frequency]
    ahead = min(PERIODS[rule.frequency], HORIZON // length + 2)
    return ahead + min(rule.count or 0, max(0, passed.days) // length + 1)


def _in_week(rule: Rule, date: dt.date) -> bool:
    """Whether the week is one of BYWEEKNO's, asked here since dateutil errs about weeks that New Year is in."""
    if not rule.by_week_number:
        return True
    # A week belongs to the year that has most of it, so to that of its fourth day.
    middle = date + dt.timedelta(days=3 - (date.weekday() - rule.week_start) % 7)
    weeks_before = (middle - dt.date(middle.year, 1, 1)).days // 7
    weeks_after = (dt.date(middle.year, 12, 31) - middle).days // 7
    return weeks_before + 1 in rule.by_week_number or -weeks_after - 1 in rule.by_week_number


def _day_is_implied(rule: Rule) -> bool:
    given = rule.by_month_day or rule.by_day or rule.by_year_day or rule.by_week_number
    return rule.frequency in {"MONTHLY", "YEARLY"} and not given


def _weekday_is_implied(rule: Rule) -> bool:
    by_week = rule.frequency == "WEEKLY" or (rule.by_week_number and not rule.by_month_day and not rule.by_year_day)
    return bool(by_week and not rule.by_day)


def _each(rule: Rule, number: int) -> Iterable[int | None]:
    """The numbers that dateutil is to be given for a weekday: it takes `MO,2TU` for days that are both."""
    if number:
        return (number,)
    if any(other for other, _ in rule.by_day):
        return range(1, rule.last_ordinal + 1)
    return (None,)


class LookedFarEnough(Exception):
    """The search for a match has come to its bound."""


class CountedStep(int):
    """An interval that bounds the search: dateutil looks for a match until the year 9999 and cannot be told otherwise,
    but adds the interval once a period.
    """

    left: int

    def __new__(cls, interval: int, periods: int) -> Self:
        step = super().__new__(cls, interval)
        step.left = periods
        return step

    def __radd__(self, other: int) -> int:
        self._take()
        return other + int(self)

    def __mul__(self, other: int) -> int:
        self._take()
        return int(self) * other

    def _take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise LookedFarEnough
