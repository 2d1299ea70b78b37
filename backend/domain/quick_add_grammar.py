"""Parses how a sentence says when its task is due. This imports the parsing library, and is imported when needed."""

from collections.abc import Mapping
from datetime import time, timedelta
from importlib.resources import files

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from backend.domain import quick_add_dates as dates
from backend.domain.filters import DayUnit, Offset
from backend.domain.quick_add_dates import DayAfter, Repetition, When

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_POSITIONS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_KINDS = {"weekday": (0, 1, 2, 3, 4), "workday": (0, 1, 2, 3, 4), "weekend": (5, 6)}

_UNITS: Mapping[str, tuple[str, int, DayUnit]] = {
    "day": ("DAILY", 1, "d"),
    "week": ("WEEKLY", 1, "w"),
    "month": ("MONTHLY", 1, "mo"),
    "quarter": ("MONTHLY", 3, "mo"),
    "year": ("YEARLY", 1, "y"),
}
_ADVERBS = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}

type _MonthDay = tuple[int, int]


def when(words: str) -> When | None:
    """What the words say, all of them together; None if that is nothing we know, or there is no such day."""
    try:
        return _PARSER.parse(words)  # type: ignore[return-value]  # what the transformer makes of the tree
    except (UnexpectedToken, UnexpectedCharacters):
        return None


def _weekday(name: str) -> int:
    return _WEEKDAYS.index(name[:3].lower())


def _number(digits: str) -> int:
    return int(digits.lower().rstrip("stndrh"))


def _unit(name: str) -> tuple[str, int, DayUnit]:
    name = name.lower()
    return _UNITS[_ADVERBS.get(name, name.removesuffix("s"))]


class _Meaning(Transformer[Token, When]):
    """Called by the parser for each rule as it is completed."""

    def start(self, parts: list[DayAfter | time | Repetition]) -> When:
        day = at = repetition = None
        for part in parts:
            match part:
                case time():
                    at = part
                case Repetition():
                    repetition = part
                case _:
                    day = part
        return When(day, at, repetition)

    @v_args(inline=True)
    def delayed(self, amount: Token, unit: Token) -> When:
        count = 1 if amount.type == "ONE" else int(amount)
        return When(delay=timedelta(hours=count) if unit[0] in "hH" else timedelta(minutes=count))

    @v_args(inline=True)
    def day_word(self, word: Token) -> DayAfter:
        return dates.away(Offset(int(word.lower() == "tomorrow"), "d"))

    @v_args(inline=True)
    def weekday(self, name: Token) -> DayAfter:
        return dates.weekday(_weekday(name))

    @v_args(inline=True)
    def next_weekday(self, name: Token) -> DayAfter:
        return dates.weekday_of_next_week(_weekday(name))

    @v_args(inline=True)
    def next_span(self, span: Token) -> DayAfter:
        return dates.weekday_of_next_week(0) if span.lower() == "week" else dates.first_of_next_month

    @v_args(inline=True)
    def away(self, amount: Token, unit: Token) -> DayAfter:
        _, factor, short = _unit(unit)
        return dates.away(Offset(factor * (1 if amount.type == "ONE" else int(amount)), short))

    @v_args(inline=True)
    def month_day(self, nth: Token) -> DayAfter:
        return dates.day_of_month(_number(nth))

    @v_args(inline=True)
    def iso_date(self, text: Token) -> DayAfter:
        year, month, day = map(int, text.split("-"))
        return dates.calendar_day(month, day, year)

    def day_of_year(self, parts: list[Token]) -> _MonthDay:
        [month] = [_MONTHS.index(part[:3].lower()) + 1 for part in parts if part.type == "MONTH"]
        [number] = [_number(part) for part in parts if part.type != "MONTH"]
        return month, number

    @v_args(inline=True)
    def calendar_day(self, day: _MonthDay, year: str | None = None) -> DayAfter:
        return dates.calendar_day(*day, int(year) if year else None)

    @v_args(inline=True)
    def clock(self, text: Token) -> time:
        if text.type == "NOON":
            return time(12)
        hour, _, minute = text.lower().rstrip("apm ").partition(":")
        if text.type == "CLOCK":
            return time(int(hour), int(minute))
        return time(int(hour) % 12 + 12 * ("p" in text.lower()), int(minute or 0))

    @v_args(inline=True)
    def each(self, unit: Token) -> Repetition:
        frequency, interval, _ = _unit(unit)
        return Repetition(frequency, interval)

    @v_args(inline=True)
    def each_few(self, few: Token, unit: Token) -> Repetition:
        frequency, interval, _ = _unit(unit)
        return Repetition(frequency, interval * (2 if few.type == "OTHER" else int(few)))

    def weekly(self, names: list[Token]) -> Repetition:
        return Repetition("WEEKLY", weekdays=tuple(sorted({_weekday(name) for name in names})))

    @v_args(inline=True)
    def fortnightly(self, other: Token, name: Token) -> Repetition:  # noqa: ARG002
        return Repetition("WEEKLY", 2, weekdays=(_weekday(name),))

    @v_args(inline=True)
    def kind(self, kind: Token) -> Repetition:
        return Repetition("WEEKLY", weekdays=_KINDS[kind.lower()])

    @v_args(inline=True)
    def monthly(self, nth: Token) -> Repetition:
        return Repetition("MONTHLY", month_day=_number(nth))

    def month_end(self, _: list[Token]) -> Repetition:
        return Repetition("MONTHLY", month_day=-1)

    @v_args(inline=True)
    def monthly_weekday(self, position: Token, name: Token) -> Repetition:
        number = _number(position) if position.type == "NTH" else _POSITIONS[position.lower()]
        return Repetition("MONTHLY", weekdays=(_weekday(name),), position=number)

    @v_args(inline=True)
    def yearly(self, day: _MonthDay) -> Repetition:
        month, number = day
        return Repetition("YEARLY", month=month, month_day=number)


_PARSER = Lark(
    files("backend.domain").joinpath("quick_add.lark").read_text(encoding="utf-8"),
    parser="lalr",
    transformer=_Meaning(),
    maybe_placeholders=False,
)
