"""Lists: the owner's newest rows first, paged by key."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Integer, Select, bindparam, select
from sqlalchemy import tuple_ as row_of

from backend.database.fast_lane import Lane, Row, Statement
from backend.domain.pagination import Page, Place, Position, encode_cursor, encode_place, page_of
from backend.schemas.pagination import IN_ORDER


def newest_first(table: FromClause, query: Select[Any], *, resumed: bool) -> Statement:
    """A page of the query, which is on the table: its first, or what follows on a position."""
    c = table.c
    if resumed:
        place = row_of(bindparam("after_instant", type_=c.created_at.type), bindparam("after_id", type_=c.id.type))
        query = query.where(row_of(c.created_at, c.id) < place)
    order = (c.created_at.desc(), c.id.desc())
    return Statement(query.order_by(*order).limit(bindparam("rows", type_=Integer())))


async def fetch_page(
    lane: Lane, statement: Statement, values: Mapping[str, Any], limit: int, after: Position | None
) -> Page:
    """What a statement of `newest_first` finds, and where the next page begins if there is one."""
    place = {} if after is None else {"after_instant": after.instant, "after_id": after.id}
    rows: Sequence[Row] = await lane.fetch(statement, {**values, "rows": limit + 1, **place})
    return page_of(rows, limit, lambda last: encode_cursor(Position(last["created_at"], last["id"])))


def in_order(table: FromClause, query: Select[Any], *, resumed: bool) -> Statement:
    """As `newest_first`, but in the order of `position`."""
    c = table.c
    if resumed:
        place = row_of(bindparam("after_key", type_=c.position.type), bindparam("after_id", type_=c.id.type))
        query = query.where(row_of(c.position, c.id) > place)
    return Statement(query.order_by(c.position, c.id).limit(bindparam("rows", type_=Integer())))


async def fetch_in_order(
    lane: Lane, statement: Statement, values: Mapping[str, Any], limit: int, after: Place | None
) -> Page:
    """What a statement of `in_order` finds, and where the next page begins if there is one."""
    place = {} if after is None else {"after_key": after.key, "after_id": after.id}
    rows: Sequence[Row] = await lane.fetch(statement, {**values, "rows": limit + 1, **place})
    return page_of(rows, limit, lambda last: encode_place(IN_ORDER, Place(last["position"], last["id"])))


class Listing:
    """The list of a table that is no resource to write to: some of its columns, of rows that meet the conditions."""

    def __init__(
        self, table: FromClause, columns: Sequence[ColumnElement[Any]], *conditions: ColumnElement[bool]
    ) -> None:
        owner = table.c.user_id == bindparam("owner", type_=table.c.user_id.type)
        query = select(*columns).where(owner, *conditions)
        self._first = newest_first(table, query, resumed=False)
        self._next = newest_first(table, query, resumed=True)

    async def page(self, lane: Lane, owner: UUID, limit: int, after: Position | None, **values: Any) -> Page:
        """Up to `limit` rows of the owner's after a position; `values` are for parameters of the columns."""
        statement = self._first if after is None else self._next
        return await fetch_page(lane, statement, {"owner": owner, **values}, limit, after)
