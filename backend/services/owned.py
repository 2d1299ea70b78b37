"""Statements on owned rows: each starts from the owner, each write takes the owner's next revision.

What every resource needs is here once, so that a service holds only its own rules. A write is one statement. It
first locks the owner's row in `revisions`, which puts all changes of one owner in order and rules out deadlocks. What
rests on what it has read of other rows takes a transaction that locks that row before it reads.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import CTE

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import Lane, Row, Statement
from backend.domain.errors import Conflict, NotFound
from backend.domain.pagination import Page, Position
from backend.domain.preconditions import Expected, require_version
from backend.models.base import OwnedRow, metadata
from backend.schemas.base import ResponseModel
from backend.schemas.pagination import OrderedPageQuery
from backend.services.listing import fetch_in_order, fetch_page, in_order, newest_first

_REVISIONS = metadata.tables["revisions"]
OWNER = bindparam("owner", type_=_REVISIONS.c.user_id.type)

type Expressions = Mapping[str, ColumnElement[Any]]
type Along = Callable[[CTE, CTE], Sequence[CTE]]
"""What else a statement writes, given the revision that it takes and the row that it has written: nothing, unless there
is one. Of two that change the same version at once, the second finds that out only when it comes to the row.
"""

# In the text: every write would have four parameters more.
_IN_FRONT: ColumnElement[str] = literal_column("'l'")
_TWELVE_DIGITS: tuple[ColumnElement[Any], ...] = (literal_column("12"), literal_column("'0'"))
_ONE: ColumnElement[int] = literal_column("1")
LOCK_OWNER = select(_REVISIONS.c.revision).where(_REVISIONS.c.user_id == OWNER).with_for_update(key_share=True)
_LOCK = Statement(LOCK_OWNER)
_SEEN = (
    *("project_id", "parent_id", "position", "due_date"),
    *("recurrence_rule", "recurrence_anchor", "completed_at"),
)
"""What the function `lock` gives of a row: upon this rests what is written next."""

LONG = 30.0
"""Seconds that a write of any number of tasks may take: 20,000 take two, on a slow machine."""


class IdInTrash(Conflict):
    code = "id_in_trash"
    title = "An object with this id is in the trash"


class OwnedTable:
    """The statements of one table, each compiled once for each set of fields it is asked for.

    `computed` are the fields that are read but are no columns.
    """

    def __init__(
        self,
        model: type[OwnedRow],
        read: type[ResponseModel],
        missing: type[NotFound],
        computed: Expressions | None = None,
    ) -> None:
        self._columns = columns = metadata.tables[str(model.__tablename__)].c
        self._table = columns.id.table
        computed = {"version": columns.revision, **(computed or {})}
        self.read = [computed[name].label(name) if name in computed else columns[name] for name in read.model_fields]
        self._current: Expressions = dict(columns)
        self._id = bindparam("id", type_=columns.id.type)
        self.missing = missing
        self.page = lru_cache(maxsize=None)(self._page)
        self.insert = lru_cache(maxsize=1_000)(self._insert)
        self.change = lru_cache(maxsize=1_000)(self._change)
        self.get = Statement(select(*self.read).where(*self._live()))
        seen = [columns[name] for name in _SEEN if name in columns]
        # Both rows are locked, the owner's first: what others have changed until then is read as it is now.
        self.lock = Statement(LOCK_OWNER.add_columns(*seen).where(*self._live(), self._expected()))
        self.find = Statement(
            select(*self.read, columns.deleted_at.is_not(None).label("trashed")).where(
                columns.user_id == OWNER, columns.id == self._id
            )
        )
        self.trash = self._trash()

    def stored(self, new: Expressions, current: Expressions | None) -> Expressions:
        """What to store in which column, of the fields that are new; `current` are the columns, but of a new row."""
        del current
        return new

    def fitting(self, new: Expressions) -> list[ColumnElement[bool]]:
        """What must hold for a new row, besides what the database refuses itself."""
        del new
        return []

    def _live(self) -> list[ColumnElement[bool]]:
        c = self._columns
        return [c.user_id == OWNER, c.id == self._id, c.deleted_at.is_(None)]

    def _expected(self) -> ColumnElement[bool]:
        # Sent as text: arrays of bigint have the driver look up their type, on each new connection, for 30 ms and more.
        expected = bindparam("expected", type_=ARRAY(Text))
        return or_(expected.is_(None), self._columns.revision == func.any(cast(expected, ARRAY(BigInteger))))

    def _new(self, field: str) -> ColumnElement[Any]:
        return bindparam(f"new_{field}", type_=self._columns[field].type)

    def _named(self, fields: frozenset[str]) -> Expressions:
        if served := fields & OwnedRow.model_fields.keys():
            raise ValueError(f"Not for anyone to assign: {', '.join(sorted(served))}")
        return {field: self._new(field) for field in sorted(fields)}

    def _page(self, equal: frozenset[str], *, resumed: bool, by_position: bool = False) -> Statement:
        c = self._columns
        matching = [c[field] == self._new(field) for field in sorted(equal)]
        query = select(*self.read).where(c.user_id == OWNER, c.deleted_at.is_(None), *matching)
        return (in_order if by_position else newest_first)(self._table, query, resumed=resumed)

    def _insert(self, fields: frozenset[str]) -> Statement:
        new = self._named(fields)
        taken = select(1).where(self._columns.user_id == OWNER, self._columns.id == self._id)
        revision = next_revision(~exists(taken), *self.fitting(new))
        values: dict[str, ColumnElement[Any]] = {
            "user_id": OWNER,
            "id": self._id,
            "revision": revision.c.revision,
        }
        if "position" in self._columns:
            values["position"] = at_the_end(revision.c.revision)
        values |= self.stored(new, None)
        return Statement(
            insert(self._table)
            .from_select(list(values), select(*values.values()).select_from(revision), include_defaults=False)
            .add_cte(revision)
            .on_conflict_do_nothing(index_elements=["user_id", "id"])
            .returning(*self.read)
        )

    def _change(self, fields: frozenset[str]) -> Statement:
        """Touches no row when nothing would be different: an unchanged object keeps its version."""
        new = self._named(fields)
        return self.write(self.stored(new, self._current), self._differs(new))

    def _differs(self, new: Expressions) -> ColumnElement[bool]:
        return or_(*(self._columns[field].is_distinct_from(value) for field, value in new.items()))

    def _trash(self) -> Statement:
        return self.write({"deleted_at": func.now()})

    def write(self, values: Expressions, *conditions: ColumnElement[bool], along: Along | None = None) -> Statement:
        """A change of a row that is there, has an expected version, and meets the conditions; answers the row."""
        target = [*self._live(), self._expected(), *conditions]
        # Only a write that finds its row takes a revision: a refused one, unless it lost a race, leaves all as it was.
        revision = next_revision(exists(select(1).where(*target)))
        changed = (
            update(self._table)
            .where(*target, revision.c.revision.is_not(None))
            .values({**values, "revision": revision.c.revision, "updated_at": func.now()})
            .returning(*self.read)
        )
        if along is None:
            return Statement(changed.add_cte(revision))
        written = changed.cte("written")
        return Statement(select(written).add_cte(revision, *along(revision, written)))


def at_the_end(revision: ColumnElement[int]) -> ColumnElement[str]:
    """A place behind all that were given before: a fractional index of thirteen characters."""
    return _IN_FRONT.op("||")(func.lpad(func.to_hex(revision), *_TWELVE_DIGITS))


def next_revision(*conditions: ColumnElement[bool]) -> CTE:
    return (
        update(_REVISIONS)
        .where(_REVISIONS.c.user_id == OWNER, *conditions)
        .values(revision=_REVISIONS.c.revision + _ONE)
        .returning(_REVISIONS.c.revision)
        .cte("next_revision")
    )


class OwnedRows:
    """One owner's rows of a table. What is not theirs does not exist here."""

    def __init__(self, table: OwnedTable, lane: Lane, owner: UUID) -> None:
        self._table = table
        self._lane = lane
        self._owner = owner

    async def page(self, limit: int, after: Position | None, equal: Mapping[str, Any] | None = None) -> Page:
        """Newest first: up to `limit` rows after a position, of those whose fields equal the given values."""
        equal = equal or {}
        statement = self._table.page(frozenset(equal), resumed=after is not None)
        return await fetch_page(self._lane, statement, {"owner": self._owner, **named_new(equal)}, limit, after)

    async def list(self, query: OrderedPageQuery) -> Page:
        """The page that is asked for. Raises `InvalidInput` for a cursor that is not of this list."""
        equal = query.filters()
        if query.sort is None:
            return await self.page(query.limit, query.position(), equal)
        after = query.place()
        statement = self._table.page(frozenset(equal), resumed=after is not None, by_position=True)
        values = {"owner": self._owner, **named_new(equal)}
        return await fetch_in_order(self._lane, statement, values, query.limit, after)

    async def get(self, row_id: UUID) -> Row:
        """The row. Raises the resource's `NotFound`."""
        row = await self._lane.fetch_one(self._table.get, {"owner": self._owner, "id": row_id})
        if row is None:
            raise self._table.missing
        return row

    async def insert(self, row_id: UUID, fields: Mapping[str, Any]) -> tuple[Row, bool]:
        """The row, and whether this call made it: with an id that is there already, the first result stands.

        Raises `IdInTrash` when that first result has been deleted since.
        """
        values = {"owner": self._owner, "id": row_id, **named_new(fields)}
        row = await self._lane.fetch_one(self._table.insert(frozenset(fields)), values)
        if row is not None:
            return row, True
        first = await self._lane.fetch_one(self._table.find, values)
        if first is None:
            # No revision was to be had: the account went away while its token was still good.
            raise TokenInvalid
        found = dict(first)
        if found.pop("trashed"):
            raise IdInTrash
        return found, False

    async def change(self, row_id: UUID, fields: Mapping[str, Any], expected: Expected = None) -> tuple[Row, bool]:
        """The row after the change, and whether anything is different now.

        Raises the resource's `NotFound`, and `PreconditionFailed` when it has another version than expected.
        """
        if fields:
            statement = self._table.change(frozenset(fields))
            row = await self.write(statement, row_id, expected, named_new(fields))
            if row is not None:
                return row, True
        return await self._unwritten(row_id, expected), False

    async def trash(self, row_id: UUID, expected: Expected = None) -> None:
        """Put the row into the trash. Raises as `change` does."""
        if await self.write(self._table.trash, row_id, expected, {}) is None:
            await self._unwritten(row_id, expected)
            raise self._table.missing

    async def write(self, statement: Statement, row_id: UUID, expected: Expected, new: Mapping[str, Any]) -> Row | None:
        """What the statement answers: the row, if it was there to be written."""
        versions = None if expected is None else [str(version) for version in expected]
        return await self._lane.fetch_one(statement, {"owner": self._owner, "id": row_id, "expected": versions, **new})

    async def lock(self, row_id: UUID, expected: Expected) -> Row:
        """What the function `lock` does, in whose place this is the first statement of a transaction.

        Gives the owner's revision, and of the row where it stands and when it is due. Raises as `change` does.
        """
        locked = await self.write(self._table.lock, row_id, expected, {})
        if locked is None:
            await self._unwritten(row_id, expected)
            raise self._table.missing
        return locked

    async def _unwritten(self, row_id: UUID, expected: Expected) -> Row:
        """The row that a write did not touch; raises what kept it from doing so, if anything did."""
        row = await self.get(row_id)
        require_version(row, expected)
        return row


async def lock(transaction: Lane, owner: UUID) -> None:
    """Let nobody else write the owner's rows until the transaction ends. What it reads after that holds as long."""
    if await transaction.fetch_one(_LOCK, {"owner": owner}) is None:
        # The account went away while its token was still good.
        raise TokenInvalid


def named_new(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values of fields as the statements take them."""
    return {f"new_{field}": value for field, value in fields.items()}
