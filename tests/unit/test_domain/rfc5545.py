"""An oracle for recurrence: RFC 5545 section 3.3.10 read as a question about a single day, asked of one day after the
other. It shares nothing with `backend.domain` or the library inside it; it is slow, and looks only where it is told to.
"""

from calendar import isleap, monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cached_property

DAY = timedelta(days=1)
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


class Series:
    """What a rule means when it begins on a day; COUNT and UNTIL are for those who ask."""

    def __init__(self, text: str, start: date) -> None:
        self.parts = dict(part.split("=") for part in text.split(";"))
        self.start = start
        self.frequency = self.parts["FREQ"]
        self.interval = int(self.parts.get("INTERVAL", 1))
        self.week_start = DAYS.index(self.parts.get("WKST", "MO"))
        self._filters = [check for name, check in self._checks.items() if name in self.parts] + self._implied()

    def has(self, day: date) -> bool:
        """Whether the series, without an end, has an occurrence on this day."""
        if day <= self.start:
            return day == self.start  # which always counts, says the RFC where it defines COUNT
        return self._in_turn(day) and self._selected(day)

    def days(self, first: date, last: date) -> Iterator[date]:
        """The occurrences from one day to another."""
        day = first
        while day <= last:
            if self.has(day):
                yield day
            day += DAY

    def _numbers(self, name: str) -> frozenset[int]:
        return self._listed[name]

    @cached_property
    def _listed(self) -> dict[str, frozenset[int]]:
        lists = self.parts.keys() & {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}
        return {name: frozenset(map(int, self.parts[name].split(","))) for name in lists}

    # The period of a day, and whether it is its turn

    def _period(self, day: date) -> int:
        match self.frequency:
            case "DAILY":
                return day.toordinal()
            case "WEEKLY":
                return (self._week(day).toordinal() - 1) // 7
            case "MONTHLY":
                return day.year * 12 + day.month
            case _:
                return day.year

    def _in_turn(self, day: date) -> bool:
        return (self._period(day) - self._period(self.start)) % self.interval == 0

    def _week(self, day: date) -> date:
        """The first day of the week that a day is in."""
        return day - (day.weekday() - self.week_start) % 7 * DAY

    # BYxxx

    def _selected(self, day: date) -> bool:
        if not self._passes(day):
            return False
        if "BYSETPOS" not in self.parts:
            return True
        chosen = [other for other in self._around(day) if self._passes(other)]
        place = chosen.index(day)
        return place + 1 in self._numbers("BYSETPOS") or place - len(chosen) in self._numbers("BYSETPOS")

    def _passes(self, day: date) -> bool:
        return all(check(day) for check in self._filters)

    def _around(self, day: date) -> Iterator[date]:
        """All days of the period that a day is in."""
        first = day
        while self._period(first - DAY) == self._period(day):
            first -= DAY
        while self._period(first) == self._period(day):
            yield first
            first += DAY

    @cached_property
    def _checks(self) -> dict[str, Callable[[date], bool]]:
        return {
            "BYMONTH": lambda day: day.month in self._numbers("BYMONTH"),
            "BYMONTHDAY": self._by_month_day,
            "BYYEARDAY": self._by_year_day,
            "BYWEEKNO": self._by_week_number,
            "BYDAY": self._by_day,
        }

    def _by_month_day(self, day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        return day.day in self._numbers("BYMONTHDAY") or day.day - length - 1 in self._numbers("BYMONTHDAY")

    def _by_year_day(self, day: date) -> bool:
        number = (day - date(day.year, 1, 1)).days + 1
        length = 365 + isleap(day.year)
        return number in self._numbers("BYYEARDAY") or number - length - 1 in self._numbers("BYYEARDAY")

    def _first_week(self, year: int) -> date:
        """The beginning of week 1, which is the first with at least four days in the year."""
        return self._week(date(year, 1, 4))

    def _by_week_number(self, day: date) -> bool:
        week = self._week(day)
        year = day.year + 1 if week >= self._first_week(day.year + 1) else day.year
        year = year - 1 if week < self._first_week(year) else year
        number = (week - self._first_week(year)).days // 7 + 1
        last = (self._first_week(year + 1) - self._first_week(year)).days // 7
        return number in self._numbers("BYWEEKNO") or number - last - 1 in self._numbers("BYWEEKNO")

    def _by_day(self, day: date) -> bool:
        return any(self._is_weekday(day, item) for item in self.parts["BYDAY"].split(","))

    def _is_weekday(self, day: date, item: str) -> bool:
        if DAYS[day.weekday()] != item[-2:]:
            return False
        if not item[:-2]:
            return True
        in_month = self.frequency == "MONTHLY" or "BYMONTH" in self.parts
        length = monthrange(day.year, day.month)[1] if in_month else 365 + isleap(day.year)
        place = day.day if in_month else day.timetuple().tm_yday
        return int(item[:-2]) in {(place - 1) // 7 + 1, -((length - place) // 7 + 1)}

    # What the start says where the rule does not

    def _implied(self) -> list[Callable[[date], bool]]:
        given = set(self.parts)
        if self.frequency == "DAILY" or given & {"BYDAY", "BYMONTHDAY", "BYYEARDAY"}:
            return []
        if self.frequency == "WEEKLY" or "BYWEEKNO" in given:
            return [lambda day: day.weekday() == self.start.weekday()]
        same_day: list[Callable[[date], bool]] = [
            # Ours, not the RFC's: the last day where the month is too short.
            lambda day: day.day == min(self.start.day, monthrange(day.year, day.month)[1])
        ]
        if self.frequency == "YEARLY" and "BYMONTH" not in given:
            same_day.append(lambda day: day.month == self.start.month)
        return same_day
