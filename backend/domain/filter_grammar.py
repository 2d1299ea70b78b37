"""Parses the filter language. This imports the parsing library, and is itself imported when it is first needed."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import NamedTuple
from unicodedata import normalize
from uuid import UUID

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from backend.domain.filters import (
    DEEPEST,
    MOST_TESTS,
    And,
    Comparison,
    Filter,
    Flag,
    InvalidFilter,
    Not,
    Offset,
    Or,
    Priority,
    Relative,
    Value,
)

_WORD = re.compile(r"\w{1,30}|.", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")

_FOR_PEOPLE: Mapping[str, Sequence[str]] = {
    "_OR": ["|"],
    "_AND": ["&"],
    "NOT": ["!"],
    "LPAR": ["("],
    "RPAR": [")"],
    "_COMMA": [","],
    "FLAG": ["completed", "overdue", "recurring"],
    "TEXT_FIELD": ["title", "description"],
    "PRIORITY": ["priority"],
    "LABEL": ["label"],
    "REFERENCE": ["project", "parent"],
    "OPTIONAL_DATE": ["due", "start", "completed_at"],
    "DATE_FIELD": ["created", "updated"],
    "CONTAINS": ["~"],
    "EQUALITY": ["=", "!="],
    "ORDER": ["<", "<=", ">", ">="],
    "IN": ["in"],
    "SIGN": ["+", "-"],
    "LEVEL": [*Priority],
    "NONE": ["none"],
    "NOW": ["now"],
    "DAY_WORD": ["today", "tomorrow", "yesterday", "a day of the week"],
    "DAYS": ["a number of days like 7d, 2w, 1mo, 1y"],
    "HOURS": ["a number of hours like 12h, 30min"],
    "DATE": ["a date like 2027-03-01"],
    "INSTANT": ["an instant like 2027-03-01T09:00:00Z"],
    "UUID": ["an id"],
    "STRING": ['a text in double quotes, in which " and \\ are written \\" and \\\\'],
    "$END": ["the end"],
}
"""What the terminals of the grammar are called in messages, in their order there."""


class _Part(NamedTuple):
    """A part of the tree, with what is limited: how deep it is nested, and where its tests begin."""

    tree: Filter
    depth: int
    tests: tuple[int, ...]


def parsed(text: str) -> Filter:
    """The tree of an expression of bounded length. Raises `InvalidFilter`."""
    try:
        part: _Part = _PARSER.parse(text)  # type: ignore[assignment]  # what the transformer makes of the tree
    except (UnexpectedToken, UnexpectedCharacters) as error:
        raise _unexpected(text, error) from None
    if len(part.tests) > MOST_TESTS:
        raise InvalidFilter(part.tests[MOST_TESTS], f"a filter has at most {MOST_TESTS} tests")
    return part.tree


def _unexpected(text: str, error: UnexpectedToken | UnexpectedCharacters) -> InvalidFilter:
    names: set[str] = error.accepts if isinstance(error, UnexpectedToken) else error.allowed
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    position: int = len(text) if at_end else error.pos_in_stream  # type: ignore[assignment]  # declared as None
    expected = [label for name, labels in _FOR_PEOPLE.items() if name in names for label in labels]
    return InvalidFilter(position, f"expected {_listed(expected)}, found {_found(text, position)}", expected)


def _found(text: str, position: int) -> str:
    word = _WORD.match(text, position)
    if word is None:
        return "the end"
    return f'"{word[0]}"' if word[0].isprintable() else f"U+{ord(word[0]):04X}"


def _at(token: Token) -> int:
    return token.start_pos or 0


def _listed(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _nested(part: _Part, tree: Filter, at: Token) -> _Part:
    if part.depth == DEEPEST:
        raise InvalidFilter(_at(at), f"parentheses and negations are nested at most {DEEPEST} deep")
    return _Part(tree, part.depth + 1, part.tests)


def _joined(parts: list[_Part], kind: type[And | Or]) -> _Part:
    tests = tuple(start for part in parts for start in part.tests)
    return _Part(kind(tuple(part.tree for part in parts)), max(part.depth for part in parts), tests)


def _test(field: Token, operator: str, value: Value) -> _Part:
    return _Part(Comparison(field.lower(), str(operator), value), 0, (_at(field),))  # type: ignore[arg-type]


def _text(token: Token) -> str:
    return normalize("NFC", _ESCAPED.sub(r"\1", token[1:-1]))


def _calendar_date(text: str, position: int) -> date:
    try:
        return _in_range(date.fromisoformat(text), position)
    except ValueError:
        raise InvalidFilter(position, f"there is no day {text}") from None


def _in_range[Moment: date](moment: Moment, position: int) -> Moment:
    # Whatever the zone, the day before and the day after can be named too; and the very first and the very last day are
    # infinities to the database driver.
    if not date(1, 1, 2).toordinal() <= moment.toordinal() <= date(9999, 12, 30).toordinal():
        raise InvalidFilter(position, "dates go from 0001-01-02 to 9999-12-30, by UTC")
    return moment


class _Tree(Transformer[Token, _Part]):
    """Called by the parser for each rule as it is completed, so that no tree of tokens is built and none walked."""

    @v_args(inline=True)
    def not_(self, sign: Token, part: _Part) -> _Part:
        return _nested(part, Not(part.tree), sign)

    @v_args(inline=True)
    def group(self, opening: Token, part: _Part, closing: Token) -> _Part:  # noqa: ARG002
        return _nested(part, part.tree, opening)

    def and_(self, parts: list[_Part]) -> _Part:
        return _joined(parts, And)

    def or_(self, parts: list[_Part]) -> _Part:
        return _joined(parts, Or)

    @v_args(inline=True)
    def flag(self, name: Token) -> _Part:
        return _Part(Flag(name.lower()), 0, (_at(name),))  # type: ignore[arg-type]

    @v_args(inline=True)
    def text(self, field: Token, operator: Token, text: Token) -> _Part:
        return _test(field, operator, _text(text))

    @v_args(inline=True)
    def level(self, field: Token, operator: Token, level: Token) -> _Part:
        return _test(field, operator, Priority(level.lower()))

    @v_args(inline=True)
    def label(self, field: Token, operator: Token, name: Token) -> _Part:
        return _test(field, operator, None if name.type == "NONE" else _text(name))

    def labels(self, parts: list[Token]) -> _Part:
        field, _, _, *names, _ = parts
        tree = Comparison("label", "in", tuple(map(_text, names)))
        return _Part(tree, 0, (_at(field), *(_at(name) for name in names[1:])))

    @v_args(inline=True)
    def reference(self, field: Token, operator: Token, target: Token) -> _Part:
        return _test(field, operator, None if target.type == "NONE" else UUID(target))

    @v_args(inline=True)
    def no_date(self, field: Token, operator: Token, none: Token) -> _Part:  # noqa: ARG002
        return _test(field, operator, None)

    @v_args(inline=True)
    def moment_test(self, field: Token, operator: Token, moment: Value) -> _Part:
        return _test(field, operator, moment)

    @v_args(inline=True)
    def day(self, token: Token) -> date:
        return _calendar_date(token, _at(token))

    @v_args(inline=True)
    def instant(self, token: Token) -> datetime:
        try:
            return _in_range(datetime.fromisoformat(token.upper()).astimezone(UTC), _at(token))
        except (ValueError, OverflowError):
            raise InvalidFilter(_at(token), f"there is no instant {token}") from None

    @v_args(inline=True)
    def relative(self, word: Token, sign: str = "+", length: str | None = None) -> Relative:
        return Relative(word.lower(), _offset(sign, length) if length else None)  # type: ignore[arg-type]

    def days_away(self, parts: list[str]) -> Relative:
        return Relative("today", _offset(*parts))

    def hours_away(self, parts: list[str]) -> Relative:
        return Relative("now", _offset(*parts))


def _offset(*sign_and_length: str) -> Offset:
    *sign, length = sign_and_length
    unit = length.lstrip("0123456789")
    amount = int(length.removesuffix(unit))
    return Offset(-amount if sign == ["-"] else amount, unit.lower())  # type: ignore[arg-type]


_PARSER = Lark(
    files("backend.domain").joinpath("filters.lark").read_text(encoding="utf-8"),
    parser="lalr",
    transformer=_Tree(),
    maybe_placeholders=False,
)
