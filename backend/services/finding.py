"""Finding tasks: whatever is asked for, one statement lists it, sorted by anything and paged by key."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Uuid, bindparam, func, select

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Row, Statement
from backend.domain.errors import Fault, InvalidInput
from backend.domain.filter_dates import resolve
from backend.domain.filters import And, Comparison, Filter, Flag, Not, Or, Relative, parse
from backend.domain.pagination import (
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
from backend.services.filter_sql import form, values
from backend.services.finding_statements import BEST_FIRST, FIRST, LAST, SORTS, Form, Search, Sort, statement
from backend.services.owned import OWNER

_USERS = metadata.tables["users"].c
_FILTERS = metadata.tables["filters"].c

_SAVED = select(_FILTERS.query).where(
    _FILTERS.user_id == OWNER, _FILTERS.id == bindparam("filter_id", type_=Uuid()), _FILTERS.deleted_at.is_(None)
)
_VIEWER = select(_USERS.time_zone, func.now().label("now")).where(_USERS.id == OWNER)
VIEWER = Statement(_VIEWER)
VIEWER_AND_FILTER = Statement(_VIEWER.add_columns(_SAVED.scalar_subquery().label("query")))
"""What a question depends on besides itself: the viewer's zone, the time, and the saved filter that it names."""


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
        asked = Form(
            tree=tree and form(tree),
            overdue=query.overdue,
            search=_search(query.q),
            sort=name,
            descending=order != name,
            after="nothing" if after is None else "no key" if after.key is None else "key",
        )
        named = {"owner": self._owner, "rows": query.limit + 1, "q": query.q, **(values(tree) if tree else {})}
        rows = await self._lane.fetch(statement(asked), {**named, **_after(after, descending=asked.descending)})
        return _page(rows, query.limit, order)

    async def _resolved(self, query: TaskQuery) -> Filter | None:
        """What tasks must meet, for this viewer and now."""
        tree = query.tree
        if query.filter_id is None and (tree is None or not _depends(tree)):
            return tree and resolve(tree, datetime.now(UTC), UTC)
        look_up = VIEWER if query.filter_id is None else VIEWER_AND_FILTER
        viewer = await self._lane.fetch_one(look_up, {"owner": self._owner, "filter_id": query.filter_id})
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


def cursor_at(place: Place, order: str) -> str:
    """The cursor of a place in a list of this order."""
    if order == NEWEST_FIRST and isinstance(place.key, datetime):
        return encode_cursor(Position(place.key, place.id))
    return encode_place(_letter(order, _sort(order)), place)


def _sort(order: str) -> Sort:
    return BEST_FIRST if order == "best" else SORTS[order.removeprefix("-")]


def _letter(order: str, sort: Sort) -> str:
    return sort.letter.upper() if order.startswith("-") else sort.letter


def _after(place: Place | None, *, descending: bool) -> dict[str, Any]:
    if place is None:
        return LAST if descending else FIRST
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
    return Page(plain, cursor_at(place, order))
