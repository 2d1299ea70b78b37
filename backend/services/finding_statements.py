"""The statements that find tasks, each compiled once for the form of a question and planned without its values.

So the form decides what leads to the rows: the order's own index, or what must hold of the rows, where that leaves few.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy import tuple_ as row_of
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.types import TypeEngine

from backend.database.fast_lane import Statement
from backend.domain.filters import And, Comparison, Filter, Flag, Not
from backend.domain.pagination import Key, Rank
from backend.models.base import metadata
from backend.services import searching
from backend.services.filter_sql import bounds, condition, required
from backend.services.owned import OWNER
from backend.services.task_table import TASKS

REMEMBERED = 500
"""Statements that are kept."""

_TASKS = metadata.tables["tasks"].c
_INSTANT = TIMESTAMP(timezone=True)
_ROWS = bindparam("rows", type_=Integer())
_AFTER_ID = bindparam("after_id", type_=Uuid())
_ONCE = func.generate_series(1, bindparam("once", 1, type_=Integer())).alias("once")
"""A row, where a plan that is made without values expects a thousand. It expects of a user as many tasks as all have on
average; where those are few, it may take them all and sort them. Not where it expects a thousand times as many."""


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: its key, of which kind, and the letter that its cursors begin with. A capital means the opposite."""

    letter: str
    key: ColumnElement[Any]
    kind: type[Key]
    field: str = ""
    """What a filter calls what the key is made of."""


SORTS: Mapping[str, Sort] = {
    "created": Sort("c", _TASKS.created_at, datetime, "created"),
    "updated": Sort("u", _TASKS.updated_at, datetime, "updated"),
    "due": Sort("d", _TASKS.overdue_at, datetime, "due"),
    "priority": Sort("y", _TASKS.urgency, int, "priority"),
    "position": Sort("p", _TASKS.position, str),
    "title": Sort("t", func.lower(_TASKS.title), str),
}
BEST_FIRST = Sort("r", _TASKS.created_at, Rank)

FIRST = {"after_key": datetime.min.replace(tzinfo=UTC), "after_id": UUID(int=0)}
LAST = {"after_key": datetime.max.replace(tzinfo=UTC), "after_id": UUID(int=2**128 - 1)}
"""The places before all that is due, in the one direction and in the other."""

type After = Literal["nothing", "key", "no key"]
type Search = Literal["words", "signs"]


@dataclass(frozen=True, slots=True)
class Form:
    """All of a question that its statement depends on."""

    tree: Filter | None
    overdue: bool | None
    search: Search | None
    sort: str
    descending: bool
    after: After


@lru_cache(REMEMBERED)
def statement(asked: Form) -> Statement:
    if asked.sort == "best":
        return Statement(_best(_found(asked, BEST_FIRST.key), asked))
    sort = SORTS[asked.sort]
    if asked.search:
        rows = _found(asked, sort.key)
        return Statement(_sorted(select(*(c for c in rows.c if c.name != "score")), rows, asked))
    lead = _lead(asked)
    if lead == "order":
        return Statement(_walk(asked, sort))
    # Not to be merged with the query around it, whose order would have a plan take the order's index.
    few = _matching(asked, sort.key, lead=lead).offset(literal_column("0")).subquery("few")
    return Statement(_sorted(select(*few.c), few, asked))


def _found(asked: Form, key: ColumnElement[Any]) -> FromClause:
    return searching.found(
        lambda columns: _matching(asked, key, *columns, lead="letters"), has_words=asked.search == "words"
    )


type Lead = Literal["order", "keys", "letters"]


def _lead(asked: Form) -> Lead:
    """What leads to the rows: the order's own index, another one of keys, or the one of labels, words and letters."""
    leaves = list(required(asked.tree)) if asked.tree else []
    if any(_by_letters(leaf) for leaf in leaves):
        return "letters"
    if any(leaf.field in ("project", "parent") and (leaf.operator, leaf.value) == ("=", "value") for leaf in leaves):
        return "keys"
    if asked.sort != "priority" and any(leaf.value == "urgent" for leaf in leaves):
        return "keys"
    if asked.sort != "due" and (asked.overdue or (_is_open(asked.tree) and "<" in _operators(leaves, "due"))):
        return "keys"
    return "keys" if any(_is_short(leaves, field) for field in _RANGES - {asked.sort}) else "order"


_RANGES = frozenset({"due", "updated", "created"})


def _is_short(leaves: Sequence[Comparison], field: str) -> bool:
    """What is from one day to another is expected to be little, and what changed since one; not all that is past."""
    operators = _operators(leaves, field)
    return "=" in operators or operators >= {"<", ">"} or (field == "updated" and ">" in operators)


def _operators(leaves: Sequence[Comparison], field: str) -> set[str]:
    return {leaf.operator[:1] for leaf in leaves if leaf.field == field and leaf.value != "none"}


def _is_open(of: Filter | None) -> bool:
    match of:
        case Not(Flag("completed")):
            return True
        case And(terms):
            return any(map(_is_open, terms))
        case _:
            return False


_LEADING: Collection[tuple[Lead, str]] = {("keys", "due"), ("keys", "priority"), ("letters", "title")}
"""What of the bounds leads to the rows, besides those of the order's own key."""


def _by_letters(leaf: Comparison) -> bool:
    if leaf.field == "label":
        return leaf.operator in ("=", "in") and leaf.value != "none"
    return leaf.field == "title" and leaf.value == "word"


def _matching(asked: Form, key: ColumnElement[Any], *columns: ColumnElement[Any], lead: Lead) -> Select[Any]:
    """The owner's tasks that meet what is asked for, but for the words."""
    owner = array([_TASKS.user_id]).contains(array([OWNER])) if lead == "letters" else _TASKS.user_id == OWNER
    query = select(*TASKS.read, key.label("key"), *columns).where(owner, _TASKS.deleted_at.is_(None))
    if asked.overdue is not None:
        past = and_(not_(_TASKS.completed), _TASKS.overdue_at.is_not(None), _TASKS.overdue_at <= func.now())
        query = query.where(past if asked.overdue else not_(past))
    if asked.tree is not None:
        query = query.where(condition(asked.tree))
        sort = SORTS.get(asked.sort)
        for field, bound in bounds(asked.tree):
            if (lead, field) in _LEADING or (lead == "order" and sort is not None and field == sort.field):
                query = query.where(bound)
    return query


def _walk(asked: Form, sort: Sort) -> Select[Any]:
    """The order's own index, from the place on, until the page is full."""
    query, columns = _matching(asked, sort.key, lead="order").join(_ONCE, true()), (sort.key, _TASKS.id)
    if asked.sort != "due":
        return _one_after_another(query, columns, asked)
    ended = _one_after_another(query.where(sort.key.is_(None)), columns, replace(asked, after=_beyond(asked.after)))
    if asked.after == "no key":
        return ended
    # From a place on in any case, be it before all: what only has an end to its range is else taken whole, and sorted.
    dated = _one_after_another(query.where(sort.key.is_not(None)), columns, replace(asked, after="key"))
    if _is_dated(asked):
        return dated
    # An index gives those without a key first in one of the two directions, so they are asked for apart.
    rows = union_all(select(*dated.subquery("dated").c), select(*ended.subquery("undated").c)).subquery("rows")
    return select(*rows.c).order_by(*_order(rows.c.key, rows.c.id, asked)).limit(_ROWS)


def _beyond(after: After) -> After:
    return "no key" if after == "no key" else "nothing"


def _is_dated(asked: Form) -> bool:
    leaves = required(asked.tree) if asked.tree else ()
    return bool(asked.overdue) or any(
        leaf.field == "due" and (leaf.operator == "!=") == (leaf.value == "none") for leaf in leaves
    )


def _one_after_another(query: Select[Any], columns: Sequence[ColumnElement[Any]], asked: Form) -> Select[Any]:
    """A page of rows of which all have a key, or none has."""
    if asked.after == "key":
        query = query.where(_follows(columns, (_after_key(asked.sort), _AFTER_ID), asked.descending))
    elif asked.after == "no key":
        query = query.where(_follows(columns[1:], (_AFTER_ID,), asked.descending))
    return query.order_by(*(column.desc() if asked.descending else column for column in columns)).limit(_ROWS)


def _sorted(query: Select[Any], rows: FromClause, asked: Form) -> Select[Any]:
    """A page of rows that are few."""
    columns = (rows.c.key, rows.c.id)
    if asked.after == "key":
        follows = _follows(columns, (_after_key(asked.sort), _AFTER_ID), asked.descending)
        query = query.where(or_(rows.c.key.is_(None), follows))
    elif asked.after == "no key":
        query = query.where(rows.c.key.is_(None), _follows(columns[1:], (_AFTER_ID,), asked.descending))
    return query.order_by(*_order(*columns, asked)).limit(_ROWS)


def _best(rows: FromClause, asked: Form) -> Select[Any]:
    columns = (rows.c.score, rows.c.key, rows.c.id)
    query = select(*rows.c).order_by(*(column.desc() for column in columns)).limit(_ROWS)
    if asked.after == "nothing":
        return query
    place = (bindparam("after_score", type_=Float(24)), bindparam("after_key", type_=_INSTANT), _AFTER_ID)
    return query.where(_follows(columns, place, descending=True))


def _order(key: ColumnElement[Any], row_id: ColumnElement[Any], asked: Form) -> list[ColumnElement[Any]]:
    if asked.descending:
        return [key.desc().nulls_last(), row_id.desc()]
    return [key, row_id]


def _follows(
    columns: Sequence[ColumnElement[Any]], place: Sequence[ColumnElement[Any]], descending: bool
) -> ColumnElement[bool]:
    left, right = row_of(*columns), row_of(*place)
    return left < right if descending else left > right


def _after_key(sort: str) -> ColumnElement[Any]:
    kinds: Mapping[type[Key], TypeEngine[Any]] = {datetime: _INSTANT, int: SmallInteger(), str: Text()}
    return bindparam("after_key", type_=kinds[SORTS[sort].kind])
