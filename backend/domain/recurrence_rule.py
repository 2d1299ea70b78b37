"""Recurrence rules as text: RFC 5545 section 3.3.10, as far as it concerns dates. Pure.

What the RFC forbids is refused, and so is what a task has elsewhere: its time of day (BYHOUR and below) and its start.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, cast

type Frequency = Literal["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
type Weekday = tuple[int, int]
"""Which one in the month or year, from the end if negative, 0 for each; and the day, from Monday = 0."""

LONGEST = 500
"""Characters in a rule. Every day of the month by number takes a hundred."""
MOST = 1_000
"""The largest INTERVAL and COUNT."""

_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBERS = {
    "BYMONTH": (1, 12),
    "BYWEEKNO": (-53, 53),
    "BYYEARDAY": (-366, 366),
    "BYMONTHDAY": (-31, 31),
    "BYSETPOS": (-366, 366),
}
_ELSEWHERE = {
    **dict.fromkeys(("BYHOUR", "BYMINUTE", "BYSECOND"), "the time of day is the task's due_time"),
    "DTSTART": "the series begins with the task's due_date",
    **dict.fromkeys(("RDATE", "EXDATE", "EXRULE"), "a task recurs by one rule, without dates added or left out"),
    **dict.fromkeys(("RSCALE", "SKIP"), "the calendar is the Gregorian one"),
}
_NOT_WITH: dict[Frequency, tuple[str, ...]] = {
    "DAILY": ("BYWEEKNO", "BYYEARDAY", "BYSETPOS"),
    "WEEKLY": ("BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"),
    "MONTHLY": ("BYWEEKNO", "BYYEARDAY"),
    "YEARLY": (),
}

_NUMBER = re.compile(r"[+-]?[0-9]{1,4}")
_WEEKDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")


class InvalidRule(ValueError):
    """The rule cannot be taken; `part` is the one at fault, or `RRULE` for the whole."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(f"{part}: {message}")
        self.part = part


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is valid. `str` gives its canonical text: parts in one order, values sorted, defaults left out."""

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    """Inclusive: a day, a local date and time, or an instant in UTC."""
    by_month: tuple[int, ...] = ()
    by_week_number: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[Weekday, ...] = ()
    by_set_position: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def last_ordinal(self) -> int:
        """The greatest number before a weekday: a month may have a fifth Monday, a year a 53rd."""
        if self.frequency == "MONTHLY" or (self.frequency == "YEARLY" and self.by_month):
            return 5
        return 53 if self.frequency == "YEARLY" and not self.by_week_number else 0

    def __str__(self) -> str:
        parts = {
            "FREQ": self.frequency,
            "INTERVAL": "" if self.interval == 1 else str(self.interval),
            "COUNT": "" if self.count is None else str(self.count),
            "UNTIL": _until_text(self.until),
            "BYMONTH": ",".join(map(str, self.by_month)),
            "BYWEEKNO": ",".join(map(str, self.by_week_number)),
            "BYYEARDAY": ",".join(map(str, self.by_year_day)),
            "BYMONTHDAY": ",".join(map(str, self.by_month_day)),
            "BYDAY": ",".join(f"{ordinal or ''}{_DAYS[day]}" for ordinal, day in self.by_day),
            "BYSETPOS": ",".join(map(str, self.by_set_position)),
            "WKST": "" if self.week_start == 0 else _DAYS[self.week_start],
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def parse(text: str) -> Rule:
    """The rule that a text says, with or without `RRULE:` before it, in any case. Raises `InvalidRule`."""
    if len(text) > LONGEST:
        raise InvalidRule("RRULE", f"at most {LONGEST} characters")
    parts = _split(text.upper().removeprefix("RRULE:"))
    frequency = _frequency(parts.pop("FREQ", None))
    if "COUNT" in parts and "UNTIL" in parts:
        raise InvalidRule("UNTIL", "a rule ends by COUNT or by UNTIL, not by both")
    for name in _NOT_WITH[frequency]:
        if name in parts:
            raise InvalidRule(name, f"not with FREQ={frequency}")
    if "BYSETPOS" in parts and "BYWEEKNO" in parts:
        raise InvalidRule("BYSETPOS", "not with BYWEEKNO")
    if "BYSETPOS" in parts and not any(name.startswith("BY") for name in parts if name != "BYSETPOS"):
        raise InvalidRule("BYSETPOS", "chooses among the days that another BY part gives: add one")
    number = {name: _numbers(name, parts[name]) for name in _NUMBERS if name in parts}
    rule = Rule(
        frequency=frequency,
        interval=_amount("INTERVAL", parts.get("INTERVAL", "1")),
        count=_amount("COUNT", parts["COUNT"]) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        by_month=number.get("BYMONTH", ()),
        by_week_number=number.get("BYWEEKNO", ()),
        by_year_day=number.get("BYYEARDAY", ()),
        by_month_day=number.get("BYMONTHDAY", ()),
        by_day=_weekdays(parts["BYDAY"]) if "BYDAY" in parts else (),
        by_set_position=number.get("BYSETPOS", ()),
        week_start=_week_start(parts.get("WKST", "MO")),
    )
    _check_ordinals(rule)
    return rule


_KNOWN = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST", *_NUMBERS}


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if name in _ELSEWHERE:
            raise InvalidRule(name, f"leave it out: {_ELSEWHERE[name]}")
        if not equals or name not in _KNOWN:
            raise InvalidRule("RRULE", f"the parts are NAME=VALUE with ; between them, of {', '.join(sorted(_KNOWN))}")
        if name in parts:
            raise InvalidRule(name, "given twice")
        parts[name] = value
    return parts


def _frequency(value: str | None) -> Frequency:
    if value in {"HOURLY", "MINUTELY", "SECONDLY"}:
        raise InvalidRule("FREQ", f"{value} is more often than daily, and a task is due once a day at most")
    if value not in _FREQUENCIES:
        raise InvalidRule("FREQ", f"required, one of {', '.join(_FREQUENCIES)}")
    return cast("Frequency", value)


def _amount(name: str, value: str) -> int:
    if _NUMBER.fullmatch(value) and 1 <= int(value) <= MOST:
        return int(value)
    raise InvalidRule(name, f"a number from 1 to {MOST}")


def _numbers(name: str, value: str) -> tuple[int, ...]:
    first, last = _NUMBERS[name]
    numbers = [int(item) for item in value.split(",") if _NUMBER.fullmatch(item)]
    if len(numbers) != value.count(",") + 1 or not all(first <= number <= last and number for number in numbers):
        also = f", or from {first} to -1 counted from the end" if first < 0 else ""
        raise InvalidRule(name, f"numbers from 1 to {last}{also}, with commas between them")
    return tuple(sorted(set(numbers)))


def _weekdays(value: str) -> tuple[Weekday, ...]:
    found = [match for item in value.split(",") if (match := _WEEKDAY.fullmatch(item))]
    if len(found) != value.count(",") + 1 or any(match[1] and not int(match[1]) for match in found):
        raise InvalidRule("BYDAY", f"days of {', '.join(_DAYS)}, like 2MO or -1FR, with commas between them")
    return tuple(sorted({(int(match[1] or 0), _DAYS.index(match[2])) for match in found}))


def _check_ordinals(rule: Rule) -> None:
    last = rule.last_ordinal
    if all(abs(ordinal) <= last for ordinal, _ in rule.by_day):
        return
    if not last:
        raise InvalidRule("BYDAY", "a number before the day only with FREQ=MONTHLY or YEARLY, and not with BYWEEKNO")
    raise InvalidRule("BYDAY", f"the number before a day goes from 1 to {last} here, or from -{last} to -1")


def _week_start(value: str) -> int:
    if value not in _DAYS:
        raise InvalidRule("WKST", f"one of {', '.join(_DAYS)}")
    return _DAYS.index(value)


def _until(value: str) -> date | datetime:
    if _UNTIL.fullmatch(value):
        with suppress(ValueError):
            return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
    raise InvalidRule("UNTIL", "a date like 20271231, a local time like 20271231T235959, or UTC with Z")


def _until_text(until: date | datetime | None) -> str:
    if until is None:
        return ""
    if not isinstance(until, datetime):
        return until.isoformat().replace("-", "")
    return until.isoformat().replace("-", "").replace(":", "").removesuffix("+0000") + ("Z" if until.tzinfo else "")
