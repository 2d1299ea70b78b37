"""The filter language of docs/filters.md: from text to a small, fully validated tree and back. Pure.

The tree says what a client asked for; `filter_dates.resolve` says what that means now, to one viewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from backend.domain.errors import Fault, InvalidInput

LONGEST = 1_000
"""Characters of an expression."""

MOST_TESTS = 50
"""How many tests an expression may have. Each label of a list is one."""

DEEPEST = 20
"""How deep parentheses and negations may be nested."""

type FlagName = Literal["completed", "overdue", "recurring"]
type TextField = Literal["title", "description"]
type ReferenceField = Literal["project", "parent"]
type DateField = Literal["due", "start", "completed_at", "created", "updated"]
type Field = TextField | ReferenceField | DateField | Literal["priority", "label"]
type Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~", "in"]
type DayUnit = Literal["d", "w", "mo", "y"]
type HourUnit = Literal["h", "min"]
type Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
type Word = Literal["now", "today", "tomorrow", "yesterday"] | Weekday


class Priority(StrEnum):
    """From the least to the greatest."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Offset:
    """So much later, or earlier if negative. Hours and minutes go with `now` only."""

    amount: int
    unit: DayUnit | HourUnit


@dataclass(frozen=True, slots=True)
class Relative:
    """A day or, for `now`, an instant that depends on when and where it is asked for."""

    word: Word
    offset: Offset | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the viewer's calendar, with the instants at which it and the next one begin, in UTC."""

    day: date
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant in UTC, and what the viewer's clock on the wall shows then."""

    at: datetime
    local: datetime


type Value = str | Priority | UUID | date | datetime | Relative | tuple[str, ...] | Day | Instant | None


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false by itself. There is no `overdue` in a resolved tree."""

    name: FlagName


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a value of its type, which is None for `none`.

    Texts are NFC, instants UTC. A `Relative` is only in a tree as parsed; a `Day` or an `Instant`, in place of every
    date, only in a resolved one.
    """

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Not:
    term: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    """At least two terms."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least two terms."""

    terms: tuple["Filter", ...]


type Filter = Flag | Comparison | Not | And | Or


class InvalidFilter(InvalidInput):
    """Not an expression of the filter language.

    `position` counts characters from 0, up to the length for an end that comes too soon; `expected` has what could have
    stood there, as words for people, and is empty where the form is right and the value is not.
    """

    code = "invalid_filter"
    title = "The filter cannot be understood"

    def __init__(self, position: int, message: str, expected: Sequence[str] = ()) -> None:
        super().__init__([Fault("filter", "invalid_filter", f"At character {position}: {message}")])
        self.position = position
        self.expected = tuple(expected)


def parse(text: str) -> Filter:
    """The tree of an expression. Raises `InvalidFilter`, and nothing else, for whatever is not one.

    Takes linear time, about 2 µs a character; the parser is imported and built when it is first needed.
    """
    if len(text) > LONGEST:
        raise InvalidFilter(LONGEST, f"a filter has at most {LONGEST:,} characters, this one has {len(text):,}")
    from backend.domain.filter_grammar import parsed  # noqa: PLC0415 (a start must not pay for a parser)

    return parsed(text)


def render(tree: Filter) -> str:
    """The canonical text of a tree as parsed: `parse(render(tree)) == tree`, if it is not longer than `LONGEST`."""
    match tree:
        case Flag(name):
            return name
        case Comparison(field, operator, value):
            return f"{field} {operator} {_value(value)}"
        case Not(term):
            return f"!{_within(term, And, Or)}"
        case And(terms):
            return " & ".join(_within(term, And, Or) for term in terms)
        case Or(terms):
            return " | ".join(_within(term, Or) for term in terms)


def _within(term: Filter, *in_parentheses: type[Filter]) -> str:
    return f"({render(term)})" if isinstance(term, in_parentheses) else render(term)


def _value(value: Value) -> str:
    match value:
        case None:
            return "none"
        case tuple():
            return f"({', '.join(map(_quoted, value))})"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Relative():
            return _relative(value)
        case UUID() | date() | Priority():
            return str(value)
        case str():
            return _quoted(value)
        case Day() | Instant():
            raise TypeError("a resolved tree has no text: render the one that was parsed")


def _relative(value: Relative) -> str:
    if (offset := value.offset) is None:
        return value.word
    return f"{value.word} {'-' if offset.amount < 0 else '+'} {abs(offset.amount)}{offset.unit}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
