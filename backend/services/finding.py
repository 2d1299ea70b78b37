"""Finding tasks: whatever is asked for, one statement lists it, sorted by anything and paged by key.

A statement is compiled once for each form of a question, and planned without its values. So the form decides what leads
to the rows: the order's own index, or what must hold of the rows, where that leaves few.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

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
    union_all,
)
from sqlalchemy import tuple_ as row_of
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.types import TypeEngine

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Row, Statement
from backend.domain.errors import Fault, InvalidInput
from backend.domain.filter_dates import resolve
from backend.domain.filters import And, Comparison, Filter, Flag, Not, Or, Relative, parse
from backend.domain.pagination import (
    Key,
    Page,
    Place,
    Position,
    Rank,
    decode_cursor,
    decode_place,
    encode_cursor,
    encode_place,
)
from backend.models.base import metadata
from backend.schemas.finding import NEWEST_FIRST, TaskQuery, joined
from backend.services import searching
from backend.services.filter_sql import bounds, condition, form, required, values
from backend.services.owned import OWNER
from backend.services.task_table import TASKS

REMEMBERED = 500
"""Statements that are kept."""

_TABLE = metadata.tables["tasks"]
_TASKS = _TABLE.c
_USERS = metadata.tables["users"].c
_FILTERS = metadata.tables["filters"].c
_INSTANT = TIMESTAMP(timezone=True)
_ROWS = bindparam("rows", type_=Integer())
_AFTER_ID = bindparam("after_id", type_=Uuid())

VIEWER = Statement(
    select(_USERS.time_zone, func.now().label("now"), _FILTERS.query)
    .select_from(
        _USERS.id.table.outerjoin(
            _FILTERS.id.table,
            and_(
                _FILTERS.user_id == _USERS.id,
                _FILTERS.id == bindparam("filter_id", type_=Uuid()),
                _FILTERS.deleted_at.is_(None),
            ),
        )
    )
    .where(_USERS.id == OWNER)
)
"""What a question depends on besides itself: the viewer's zone, the time, and the saved filter that it names."""


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

type After = Literal["nothing", "key", "no key"]
type Search = Literal["words", "signs"]


@dataclass(frozen=True, slots=True)
class _Form:
    """All of a question that its statement depends on."""

    tree: Filter | None
    overdue: bool | None
    search: Search | None
    sort: str
    descending: bool
    after: After


class Finder:
    """Finds one owner's tasks."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def page(self, query: TaskQuery) -> Page:
        """A page of the tasks that are asked for, in the order that is asked for.

        Raises `InvalidInput` for a cursor of another list or a saved filter that there is not, and `InvalidFilter`.
        """
        order: str = query.sort or ("best" if query.q else NEWEST_FIRST)
        after = None if query.cursor is None else _decode(query.cursor, order)
        tree = await self._resolved(query)
        name = order.removeprefix("-")
        asked = _Form(
            tree=tree and form(tree),
            overdue=query.overdue,
            search=_search(query.q),
            sort=name,
            descending=order != name,
            after="nothing" if after is None else "no key" if after.key is None else "key",
        )
        named = {"owner": self._owner, "rows": query.limit + 1, "q": query.q, **(values(tree) if tree else {})}
        rows = await self._lane.fetch(_statement(asked), {**named, **_after(after)})
        return _page(rows, query.limit, order)

    async def _resolved(self, query: TaskQuery) -> Filter | None:
        """What tasks must meet, for this viewer and now."""
        tree = query.tree
        if query.filter_id is None and (tree is None or not _depends(tree)):
            return tree and resolve(tree, datetime.now(UTC), UTC)
        viewer = await self._lane.fetch_one(VIEWER, {"owner": self._owner, "filter_id": query.filter_id})
        if viewer is None:
            # The account went away while its token was still good.
            raise TokenInvalid
        if query.filter_id is not None:
            if viewer["query"] is None:
                raise InvalidInput([Fault("filter_id", "not_found", "There is no such filter")])
            tree = joined(tree, parse(viewer["query"]))
        return tree and resolve(tree, viewer["now"], ZoneInfo(viewer["time_zone"]))


def _search(q: str | None) -> Search | None:
    return None if q is None else "words" if any(map(str.isalnum, q)) else "signs"


def _depends(tree: Filter) -> bool:
    """Whether what it means depends on the viewer's zone or the time."""
    match tree:
        case Flag(name):
            return name == "overdue"
        case Comparison(field, _, value):
            zoned = field in ("due", "start") or not isinstance(value, datetime)
            return isinstance(value, Relative) or (value is not None and field in _DATES and zoned)
        case Not(term):
            return _depends(term)
        case And(terms) | Or(terms):
            return any(map(_depends, terms))


_DATES = frozenset({"due", "start", "completed_at", "created", "updated"})


def _decode(cursor: str, order: str) -> Place:
    if order == NEWEST_FIRST:
        position = decode_cursor(cursor)
        return Place(position.instant, position.id)
    sort = _sort(order)
    return decode_place(cursor, _letter(order, sort), sort.kind)


def _encode(place: Place, order: str) -> str:
    if order == NEWEST_FIRST and isinstance(place.key, datetime):
        return encode_cursor(Position(place.key, place.id))
    return encode_place(_letter(order, _sort(order)), place)


def _sort(order: str) -> Sort:
    return BEST_FIRST if order == "best" else SORTS[order.removeprefix("-")]


def _letter(order: str, sort: Sort) -> str:
    return sort.letter.upper() if order.startswith("-") else sort.letter


def _after(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {}
    if isinstance(place.key, Rank):
        return {"after_score": place.key.score, "after_key": place.key.instant, "after_id": place.id}
    return {"after_key": place.key, "after_id": place.id}


def _page(rows: Sequence[Row], limit: int, order: str) -> Page:
    plain = []
    key, score = None, None
    for row in rows[:limit]:
        fields = dict(row)
        key = fields.pop("key")
        score = fields.pop("score", None)
        plain.append(fields)
    if len(rows) <= limit:
        return Page(plain, None)
    last = plain[-1]
    place = Place(key if score is None or key is None else Rank(score, key), last["id"])
    return Page(plain, _encode(place, order))


@lru_cache(REMEMBERED)
def _statement(asked: _Form) -> Statement:
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


def _found(asked: _Form, key: ColumnElement[Any]) -> FromClause:
    return searching.found(
        lambda columns: _matching(asked, key, *columns, lead="letters"), has_words=asked.search == "words"
    )


type Lead = Literal["order", "keys", "letters"]


def _lead(asked: _Form) -> Lead:
    """What leads to the rows: the order's own index, another one of keys, or the one of labels, words and letters."""
    leaves = list(required(asked.tree)) if asked.tree else []
    if any(_by_letters(leaf) for leaf in leaves):
        return "letters"
    if any(leaf.field in ("project", "parent") and (leaf.operator, leaf.value) == ("=", "value") for leaf in leaves):
        return "keys"
    for field in {"due", "updated", "created"} - {asked.sort}:
        operators = {leaf.operator[:1] for leaf in leaves if leaf.field == field and leaf.value != "none"}
        # All that was changed lately, or is due or was made from one day to another; not all that is past.
        if "=" in operators or {"<", ">"} <= operators or (field == "updated" and ">" in operators):
            return "keys"
    return "order"


_LEADING: Collection[tuple[Lead, str]] = {("keys", "due"), ("letters", "title")}
"""What of the bounds leads to the rows, besides those of the order's own key."""


def _by_letters(leaf: Comparison) -> bool:
    if leaf.field == "label":
        return leaf.operator in ("=", "in") and leaf.value != "none"
    return leaf.field == "title" and leaf.value == "word"


def _matching(asked: _Form, key: ColumnElement[Any], *columns: ColumnElement[Any], lead: Lead) -> Select[Any]:
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


def _walk(asked: _Form, sort: Sort) -> Select[Any]:
    """The order's own index, from the place on, until the page is full."""
    query, columns = _matching(asked, sort.key, lead="order"), (sort.key, _TASKS.id)
    if asked.sort != "due":
        return _one_after_another(query, columns, asked)
    ended = _one_after_another(query.where(sort.key.is_(None)), columns, replace(asked, after=_beyond(asked.after)))
    if asked.after == "no key":
        return ended
    dated = _one_after_another(query.where(sort.key.is_not(None)), columns, asked)
    if _is_dated(asked):
        return dated
    # An index gives those without a key first in one of the two directions, so they are asked for apart.
    rows = union_all(select(*dated.subquery("dated").c), select(*ended.subquery("undated").c)).subquery("rows")
    return select(*rows.c).order_by(*_order(rows.c.key, rows.c.id, asked)).limit(_ROWS)


def _beyond(after: After) -> After:
    return "no key" if after == "no key" else "nothing"


def _is_dated(asked: _Form) -> bool:
    leaves = required(asked.tree) if asked.tree else ()
    return bool(asked.overdue) or any(
        leaf.field == "due" and (leaf.operator == "!=") == (leaf.value == "none") for leaf in leaves
    )


def _one_after_another(query: Select[Any], columns: Sequence[ColumnElement[Any]], asked: _Form) -> Select[Any]:
    """A page of rows of which all have a key, or none has."""
    if asked.after == "key":
        query = query.where(_follows(columns, (_after_key(asked.sort), _AFTER_ID), asked.descending))
    elif asked.after == "no key":
        query = query.where(_follows(columns[1:], (_AFTER_ID,), asked.descending))
    return query.order_by(*(column.desc() if asked.descending else column for column in columns)).limit(_ROWS)


def _sorted(query: Select[Any], rows: FromClause, asked: _Form) -> Select[Any]:
    """A page of rows that are few."""
    columns = (rows.c.key, rows.c.id)
    if asked.after == "key":
        follows = _follows(columns, (_after_key(asked.sort), _AFTER_ID), asked.descending)
        query = query.where(or_(rows.c.key.is_(None), follows))
    elif asked.after == "no key":
        query = query.where(rows.c.key.is_(None), _follows(columns[1:], (_AFTER_ID,), asked.descending))
    return query.order_by(*_order(*columns, asked)).limit(_ROWS)


def _best(rows: FromClause, asked: _Form) -> Select[Any]:
    columns = (rows.c.score, rows.c.key, rows.c.id)
    query = select(*rows.c).order_by(*(column.desc() for column in columns)).limit(_ROWS)
    if asked.after == "nothing":
        return query
    place = (bindparam("after_score", type_=Float(24)), bindparam("after_key", type_=_INSTANT), _AFTER_ID)
    return query.where(_follows(columns, place, descending=True))


def _order(key: ColumnElement[Any], row_id: ColumnElement[Any], asked: _Form) -> list[ColumnElement[Any]]:
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
