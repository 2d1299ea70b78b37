"""When a task is due that was told in words: days to be counted from today, and repetitions. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from backend.domain.filter_dates import later
from backend.domain.filters import Offset

type DayAfter = Callable[[date], date | None]
"""A day, given today; None where there is no such day."""

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

LONGEST_INTERVAL = 1_000
"""As long as a rule's may be."""

_LONGEST_GAP = 8 * 366
"""Days until any day that comes at all has come: 29 February may take eight years."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """What an RFC 5545 rule can say of it. `position` is of the weekday in its month, or counts days from its end."""

    frequency: str
    interval: int = 1
    weekdays: tuple[int, ...] = ()
    position: int = 0
    month_day: int = 0
    month: int = 0

    @property
    def rule(self) -> str:
        """The RRULE, without DTSTART."""
        parts = [f"FREQ={self.frequency}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.month:
            parts.append(f"BYMONTH={self.month}")
        if self.month_day:
            parts.append(f"BYMONTHDAY={self.month_day}")
        if self.weekdays:
            place = str(self.position or "")
            parts.append("BYDAY=" + ",".join(place + WEEKDAYS[weekday] for weekday in self.weekdays))
        return ";".join(parts)

    def first(self, today: date, *, after: bool) -> date | None:
        """The first day that it falls on, from today or `after` it, if any; the interval counts from there."""
        if self.interval > LONGEST_INTERVAL:
            return None
        if not (self.weekdays or self.month_day):
            unit = {"DAILY": Offset(1, "d"), "WEEKLY": Offset(1, "w"), "MONTHLY": Offset(1, "mo")}
            return later(today, unit.get(self.frequency, Offset(1, "y"))) if after else today
        return next(filter(self._falls_on, _days(today + timedelta(days=after))), None)

    def _falls_on(self, day: date) -> bool:
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        if self.position and not _in_week_of_month(day, self.position):
            return False
        if self.month_day == -1:
            return (day + timedelta(days=1)).day == 1
        return self.month_day in (0, day.day) and self.month in (0, day.month)


@dataclass(frozen=True, slots=True)
class When:
    """What was said: some of a day, a time, a repetition, or how long from now."""

    day: DayAfter | None = None
    at: time | None = None
    repetition: Repetition | None = None
    delay: timedelta | None = None

    def due(self, now: datetime) -> tuple[date, time | None] | None:
        """The first day and time that are meant at `now`, aware and in the viewer's zone; None if there is no such day.

        A time without a day, or of a repetition, is the next one: tomorrow's if today's has passed.
        """
        if self.delay is not None:
            then = (now.astimezone(UTC) + self.delay).astimezone(now.tzinfo)
            return then.date(), then.time().replace(second=0, microsecond=0)
        passed = self.at is not None and self.at <= now.time()
        if self.repetition is not None:
            first = self.repetition.first(now.date(), after=passed)
        elif self.day is not None:
            first = self.day(now.date())
        else:
            first = now.date() + timedelta(days=passed)
        return None if first is None else (first, self.at)


def weekday(number: int) -> DayAfter:
    """The next such day after today."""
    return lambda today: today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)


def weekday_of_next_week(number: int) -> DayAfter:
    """That day of the week, from Monday, after this one."""
    return lambda today: today + timedelta(days=7 - today.weekday() + number)


def first_of_next_month(today: date) -> date:
    return later(today.replace(day=1), Offset(1, "mo"))


def away(offset: Offset) -> DayAfter:
    return lambda today: later(today, offset)


def day_of_month(number: int) -> DayAfter:
    """The next day with this number, which may be today."""
    return lambda today: next((day for day in _days(today) if day.day == number), None)


def calendar_day(month: int, number: int, year: int | None) -> DayAfter:
    """That day, of the year or else the next one there is, which may be today."""
    if year is not None:
        return lambda _: _date(year, month, number)
    return lambda today: next((day for day in _days(today) if (day.month, day.day) == (month, number)), None)


def _date(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None


def _days(begin: date) -> Iterator[date]:
    return (begin + timedelta(days=days) for days in range(_LONGEST_GAP))


def _in_week_of_month(day: date, position: int) -> bool:
    return (day.day - 1) // 7 + 1 == position or (position == -1 and (day + timedelta(days=7)).day <= 7)  # noqa: PLR2004
