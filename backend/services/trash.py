"""The trash: what was deleted together comes back together, or is gone for good together.

A batch is the rows whose `trashed_with` is the id of what was deleted. They have the same `deleted_at`, by which an
index finds them.
"""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy import tuple_ as row_of

from backend.auth.principal import Caller, Principal
from backend.database.fast_lane import FastLane, Lane, Row, Statement
from backend.domain.errors import NotFound
from backend.domain.pagination import Page, Position, encode_cursor, page_of
from backend.models.base import metadata
from backend.services import audit
from backend.services.owned import LONG, OWNER, at_the_end, lock, next_revision

log = structlog.get_logger()

_TASKS = metadata.tables["tasks"]
_PROJECTS = metadata.tables["projects"]
_ID = bindparam("id", type_=_TASKS.c.id.type)
_ROWS = bindparam("rows", type_=Integer())

REPLANNED: ColumnElement[Any] = func.set_config("plan_cache_mode", "auto", literal_column("true")).label("replanned")
"""Asked for by what deletes tasks: its foreign keys look for what stands in each of them. A plan for any task at all
would read all of the owner's every time, if most of them stand in one.
"""


class NotInTrash(NotFound):
    code = "trashed_not_found"
    title = "There is no such thing in the trash"


class TrashService:
    """One owner's trash."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def list(self, limit: int, after: Position | None) -> Page:
        """A page of what was deleted, the latest first: one entry for what was deleted at once."""
        place = {} if after is None else {"after_instant": after.instant, "after_id": after.id}
        values = {"owner": self._owner, "rows": limit + 1, **place}
        rows = await self._lane.fetch(_FIRST if after is None else _NEXT, values)
        return page_of(rows, limit, lambda last: encode_cursor(Position(last["deleted_at"], last["id"])))

    async def restore(self, root_id: UUID) -> Row:
        """Bring back what was deleted with this task or project; gives how many tasks and projects that were.

        What it stood in may be in the trash itself, or gone: then it stands in nothing. Raises `NotInTrash`.
        """
        async with self._lane.transaction(LONG) as transaction:
            restored = await self._write(transaction, _RESTORE, root_id)
        log.info("trash.restored", id=str(root_id), tasks=restored["tasks"], projects=restored["projects"])
        return restored

    async def purge(self, root_id: UUID, who: Principal, caller: Caller) -> None:
        """Remove for good what was deleted with this task or project. Raises `NotInTrash`."""
        async with self._lane.transaction(LONG) as transaction:
            await audit.hold(transaction, self._owner)
            purged = await self._write(transaction, _PURGE, root_id)
            counts = {kind: purged[kind] for kind in ("tasks", "projects")}
            await audit.write(transaction, "trash.purged", self._owner, caller, who.grant_id, **counts)
        log.info("trash.purged", id=str(root_id), tasks=purged["tasks"], projects=purged["projects"])

    async def _write(self, transaction: Lane, statement: Statement, root_id: UUID) -> Row:
        await lock(transaction, self._owner)
        written = await transaction.fetch_one(statement, {"owner": self._owner, "id": root_id})
        if written is None or not written["tasks"] + written["projects"]:
            raise NotInTrash
        return written


def _root(table: Table) -> ColumnElement[bool]:
    c = table.c
    return and_(c.user_id == OWNER, c.id == _ID, c.trashed_with == _ID, c.deleted_at.is_not(None))


def _batch(table: Table) -> ColumnElement[bool]:
    """The rows of a table that were deleted with the root, which is a task or a project."""
    roots = [select(each.c.deleted_at).where(_root(each)) for each in (_TASKS, _PROJECTS)]
    since = func.coalesce(*(root.scalar_subquery() for root in roots))
    return and_(table.c.user_id == OWNER, table.c.deleted_at == since, table.c.trashed_with == _ID)


def _entries(table: Table, kind: str, title: ColumnElement[str], *, resumed: bool) -> Select[Any]:
    c = table.c
    with_it = _TASKS.alias("with_it")
    tasks = select(func.count()).where(
        with_it.c.user_id == OWNER, with_it.c.deleted_at == c.deleted_at, with_it.c.trashed_with == c.id
    )
    query = select(
        c.id,
        literal(kind).label("kind"),
        title.label("title"),
        tasks.scalar_subquery().label("tasks"),
        c.deleted_at,
    ).where(c.user_id == OWNER, c.deleted_at.is_not(None), c.trashed_with == c.id)
    if resumed:
        place = row_of(bindparam("after_instant", type_=c.deleted_at.type), bindparam("after_id", type_=c.id.type))
        query = query.where(row_of(c.deleted_at, c.id) < place)
    # Counted after the limit: each is one walk of an index.
    return query.order_by(c.deleted_at.desc(), c.id.desc()).limit(_ROWS)


def _page(*, resumed: bool) -> Statement:
    entries = union_all(
        _entries(_TASKS, "task", _TASKS.c.title, resumed=resumed),
        _entries(_PROJECTS, "project", _PROJECTS.c.name, resumed=resumed),
    ).subquery("entries")
    return Statement(select(entries).order_by(entries.c.deleted_at.desc(), entries.c.id.desc()).limit(_ROWS))


_FIRST, _NEXT = _page(resumed=False), _page(resumed=True)


def _counts(tasks: CTE, projects: CTE) -> Select[Any]:
    return select(
        select(func.count()).select_from(tasks).scalar_subquery().label("tasks"),
        select(func.count()).select_from(projects).scalar_subquery().label("projects"),
    )


def _there(table: Table, reference: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether what a row refers to is there, and will not stay in the trash."""
    target = table.alias("target")
    return exists(
        select(1).where(
            target.c.user_id == OWNER,
            target.c.id == reference,
            (target.c.deleted_at.is_(None)) | (target.c.trashed_with == _ID),
        )
    )


def _restored(table: Table, revision: CTE, references: dict[str, Table]) -> CTE:
    values: dict[str, Any] = {
        name: case((_there(target, table.c[name]), table.c[name]), else_=null()) for name, target in references.items()
    }
    lost = (table.c[name].is_not(None) & ~_there(target, table.c[name]) for name, target in references.items())
    # What stands in another keeps its place there, whatever that one stands in.
    alone = ~_there(table, table.c.parent_id)
    values["position"] = case((alone & or_(*lost), at_the_end(revision.c.revision)), else_=table.c.position)
    return (
        update(table)
        .where(_batch(table), revision.c.revision.is_not(None))
        .values(
            {
                **values,
                "deleted_at": None,
                "trashed_with": None,
                "revision": revision.c.revision,
                "updated_at": func.now(),
            }
        )
        .returning(table.c.id)
        .cte(f"{table.name}_restored")
    )


def _restore() -> Statement:
    revision = next_revision(exists(select(1).where(_root(_TASKS))) | exists(select(1).where(_root(_PROJECTS))))
    tasks = _restored(_TASKS, revision, {"parent_id": _TASKS, "project_id": _PROJECTS})
    projects = _restored(_PROJECTS, revision, {"parent_id": _PROJECTS})
    return Statement(_counts(tasks, projects).add_cte(revision))


def _purge() -> Statement:
    revision = next_revision(exists(select(1).where(_root(_TASKS))) | exists(select(1).where(_root(_PROJECTS))))
    purged = (
        delete(table)
        .where(_batch(table), exists(select(1).select_from(revision)))
        .returning(table.c.id)
        .cte(f"{table.name}_purged")
        for table in (_TASKS, _PROJECTS)
    )
    return Statement(_counts(*purged).add_columns(REPLANNED).add_cte(revision))


_RESTORE, _PURGE = _restore(), _purge()
