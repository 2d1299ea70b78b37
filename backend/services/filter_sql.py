"""A resolved filter as SQL: its form as conditions, compiled once for all of its form, and its values as parameters.

There are two truth values, as docs/filters.md promises: no condition is ever null. What is exact here is mostly
written on what no index has; `bounds` adds what an index can look for, where that is to lead to the rows.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    Date,
    SmallInteger,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from backend.domain.filters import And, Comparison, Day, Filter, Flag, Instant, Not, Or, Priority
from backend.models.base import metadata
from backend.services.owned import OWNER

type Condition = ColumnElement[bool]

SLACK = timedelta(days=1)
"""How far the instant from which a floating task is overdue may be from its wall time's place: no clock skips more."""

_TASKS = metadata.tables["tasks"].c
_LABELS = metadata.tables["labels"].c
_ZONED = TIMESTAMP(timezone=True)
_PRIORITIES = list(Priority)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_BELOW = frozenset({"<", "<=", "="})
_ABOVE = frozenset({">", ">=", "="})
_URGENT = _PRIORITIES.index(Priority.MEDIUM) + 1
"""From which priority on few tasks are expected to have it."""
_WORD = 3
"""Letters or digits in a row, from which on the index of letters can look for a text."""


def form(tree: Filter) -> Filter:
    """The tree with the kinds of its values in place of them."""
    match tree:
        case Comparison(field, operator):
            return Comparison(field, operator, _kind(tree))
        case Not(term):
            return Not(form(term))
        case And(terms):
            return And(tuple(map(form, terms)))
        case Or(terms):
            return Or(tuple(map(form, terms)))
        case Flag():
            return tree


def values(tree: Filter) -> dict[str, Any]:
    """What the parameters of `condition` and `bounds` of the tree's form are."""
    return {
        f"v{number}_{name}": value for number, leaf in enumerate(_leaves(tree)) for name, value in _parts(leaf).items()
    }


def condition(of: Filter) -> Condition:
    """Whether a task meets a filter of this form."""
    return _condition(of, count())


def bounds(of: Filter) -> Iterator[tuple[str, Condition]]:
    """What must hold of each task that meets a filter of this form, as an index can look for it; and of which field."""
    for number, leaf in _required(of, count()):
        yield from ((leaf.field, bound) for bound in _bounds(leaf, partial(_parameter, number)))


def required(of: Filter) -> Iterator[Comparison]:
    """The comparisons that must hold of each task that meets the filter."""
    return (leaf for _, leaf in _required(of, count()))


def _required(of: Filter, numbers: Iterator[int]) -> Iterator[tuple[int, Comparison]]:
    match of:
        case And(terms):
            for term in terms:
                yield from _required(term, numbers)
        case Comparison():
            yield next(numbers), of
        case _:
            for _ in _leaves(of):
                next(numbers)


def _leaves(tree: Filter) -> Iterator[Comparison]:
    match tree:
        case Comparison():
            yield tree
        case Not(term):
            yield from _leaves(term)
        case And(terms) | Or(terms):
            for term in terms:
                yield from _leaves(term)


def _kind(leaf: Comparison) -> str:
    match leaf.value:
        case None:
            return "none"
        case Day():
            return "day"
        case Instant():
            return "instant"
        case Priority():
            return "urgent" if _parts(leaf)["low"] >= _URGENT else "value"
        case str(text) if _has_a_word(text):
            return "word"
        case _:
            return "value"


def _has_a_word(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if character.isalnum() else 0
        if run == _WORD:
            return True
    return False


def _parts(leaf: Comparison) -> Mapping[str, Any]:
    match leaf.value:
        case Day(day, begin, end):
            low, high = end if leaf.operator == ">" else begin, begin if leaf.operator == "<" else end
            return {"day": day, "begin": begin, "end": end, "low": _moved(low, -SLACK), "high": _moved(high, SLACK)}
        case Instant(at, local):
            near = {"low": _moved(at, -SLACK), "high": _moved(at, SLACK)}
            return {"at": at, "local": local, "day": local.date(), **near}
        case Priority() as level:
            names = [name for name in _PRIORITIES if _holds(name, leaf.operator, level)]
            numbers = [_PRIORITIES.index(name) + 1 for name in names] or [0]
            return {"value": [str(name) for name in names], "low": min(numbers), "high": max(numbers)}
        case tuple() as names:
            return {"value": list(names)}
        case value:
            return {"value": value}


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return _FIRST if by < timedelta() else _LAST


def _holds(name: Priority, operator: str, level: Priority) -> bool:
    left, right = _PRIORITIES.index(name), _PRIORITIES.index(level)
    below, at = left < right, left == right
    return {"<": below, "<=": below or at, "=": at, "!=": not at, ">=": not below, ">": not (below or at)}[operator]


type _Parameter = Callable[[str, TypeEngine[Any]], ColumnElement[Any]]


def _parameter(number: int, name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    return bindparam(f"v{number}_{name}", type_=kind)


def _condition(of: Filter, numbers: Iterator[int]) -> Condition:
    match of:
        case Flag(name):
            return _TASKS.completed == true() if name == "completed" else _TASKS.recurrence_rule.is_not(None)
        case Not(term):
            return not_(_condition(term, numbers))
        case And(terms):
            return and_(*(_condition(term, numbers) for term in terms))
        case Or(terms):
            return or_(*(_condition(term, numbers) for term in terms))
        case Comparison(field, operator, value):
            # Of a priority, the parameter names all that are not it.
            opposite = operator == "!=" and field != "priority"
            leaf = Comparison(field, "=" if opposite else operator, value)
            compared = _compared(leaf, partial(_parameter, next(numbers)))
            return not_(compared) if opposite else compared


def _compared(leaf: Comparison, parameter: _Parameter) -> Condition:
    if leaf.value == "none":
        return func.cardinality(_TASKS.labels) == 0 if leaf.field == "label" else _COLUMNS[leaf.field].is_(None)
    match leaf.field:
        case "title" | "description":
            text = func.lower(func.coalesce(_COLUMNS[leaf.field], ""))
            return func.strpos(text, func.lower(parameter("value", Text()))) > 0
        case "priority":
            return _TASKS.priority == any_(parameter("value", ARRAY(Text())))
        case "label":
            return _TASKS.labels.bool_op("&&")(_canonical(leaf.operator, parameter))
        case "project" | "parent":
            target = _COLUMNS[leaf.field]
            return and_(target.is_not(None), target == parameter("value", Uuid()))
        case _:
            before_and_until = _by(leaf.field, str(leaf.value), parameter)
            return and_(_COLUMNS[leaf.field].is_not(None), _ordered(leaf.operator, *before_and_until))


def _canonical(operator: str, parameter: _Parameter) -> ColumnElement[Any]:
    """Names as the owner's labels spell them; of those that are none, nothing."""
    lowered: ColumnElement[Any]
    if operator == "in":
        asked = func.unnest(parameter("value", ARRAY(Text()))).table_valued("name", name="asked").render_derived()
        lowered = any_(func.array(select(func.lower(asked.c.name)).scalar_subquery(), type_=ARRAY(Text())))
    else:
        lowered = func.lower(parameter("value", Text()))
    names = select(cast(_LABELS.name, Text())).where(
        _LABELS.user_id == OWNER, _LABELS.deleted_at.is_(None), func.lower(_LABELS.name) == lowered
    )
    return func.array(names.scalar_subquery(), type_=ARRAY(Text()))


_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "title": _TASKS.title,
    "description": _TASKS.description,
    "project": _TASKS.project_id,
    "parent": _TASKS.parent_id,
    "due": _TASKS.due_date,
    "start": _TASKS.start_date,
    "completed_at": _TASKS.completed_at,
    "created": _TASKS.created_at,
    "updated": _TASKS.updated_at,
}


def _ordered(operator: str, before: Condition, until: Condition) -> Condition:
    """A comparison, of what is before the value and what is before or at it."""
    if operator == "=":
        return and_(until, not_(before))
    edge = before if operator in ("<", ">=") else until
    return edge if operator in _BELOW else not_(edge)


def _by(field: str, kind: str, parameter: _Parameter) -> tuple[Condition, Condition]:
    moment = _COLUMNS[field]
    if field == "due":
        return _due_by_day(parameter) if kind == "day" else _due_by_instant(parameter)
    if field == "start":
        day = parameter("day", Date())
        return moment < day, moment <= day
    if kind == "day":
        return moment < parameter("begin", _ZONED), moment < parameter("end", _ZONED)
    at = parameter("at", _ZONED)
    return moment < at, moment <= at


def _due_by_day(parameter: _Parameter) -> tuple[Condition, Condition]:
    floats, day = _TASKS.time_zone.is_(None), parameter("day", Date())
    return (
        case((floats, _TASKS.due_date < day), else_=_TASKS.overdue_at < parameter("begin", _ZONED)),
        case((floats, _TASKS.due_date <= day), else_=_TASKS.overdue_at < parameter("end", _ZONED)),
    )


def _due_by_instant(parameter: _Parameter) -> tuple[Condition, Condition]:
    # A whole day is due when it ends, which is never an instant of that day.
    whole = (_TASKS.due_time.is_(None), _TASKS.due_date < parameter("day", Date()))
    wall = _TASKS.due_date.op("+", return_type=TIMESTAMP())(_TASKS.due_time)
    floats, local, at = _TASKS.time_zone.is_(None), parameter("local", TIMESTAMP()), parameter("at", _ZONED)
    return (
        case(whole, (floats, wall < local), else_=_TASKS.overdue_at < at),
        case(whole, (floats, wall <= local), else_=_TASKS.overdue_at <= at),
    )


def _bounds(leaf: Comparison, parameter: _Parameter) -> Iterator[Condition]:
    match leaf:
        case Comparison("due", operator, "day" | "instant"):
            if operator in _BELOW:
                yield _TASKS.overdue_at <= parameter("high", _ZONED)
            if operator in _ABOVE:
                yield _TASKS.overdue_at >= parameter("low", _ZONED)
        case Comparison("priority", _, _):
            yield _TASKS.urgency.between(parameter("low", SmallInteger()), parameter("high", SmallInteger()))
        case Comparison("title", _, "word"):
            # What fold() makes of a sign may be one that LIKE takes for another.
            escaped = func.regexp_replace(func.fold(parameter("value", Text())), r"([\\%_])", r"\\\1", "g")
            yield func.fold(_TASKS.title).like(func.concat("%", escaped, "%"))
