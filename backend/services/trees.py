"""A task with all that is below it, in one statement: no subtask is lost to paging."""

from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Integer, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import array

from backend.database.fast_lane import FastLane, Statement
from backend.domain.pagination import Page, Position, encode_cursor
from backend.models.base import metadata
from backend.services.owned import OWNER
from backend.services.task_table import TASKS, TaskNotFound

_T = metadata.tables["tasks"].c


def _tree() -> CTE:
    """Each task of the tree with the places on the way to it, by which trees are put in order."""
    root = select(_T.id, array([cast(_T.position, Text)]).label("path")).where(
        _T.user_id == OWNER, _T.id == bindparam("id", type_=_T.id.type), _T.deleted_at.is_(None)
    )
    tree = root.cte("tree", recursive=True)
    child = _T.id.table.alias("child")
    return tree.union_all(
        select(child.c.id, func.array_append(tree.c.path, cast(child.c.position, Text))).where(
            child.c.user_id == OWNER, child.c.parent_id == tree.c.id, child.c.deleted_at.is_(None)
        )
    )


def _page(*, resumed: bool) -> Statement:
    tree = _tree()
    query: Any = select(*TASKS.read).join(tree, tree.c.id == _T.id).where(_T.user_id == OWNER)
    if resumed:
        last = tree.alias("last")
        place = select(last.c.path).where(last.c.id == bindparam("after_id", type_=_T.id.type))
        query = query.where(tree.c.path > place.scalar_subquery())
    return Statement(query.order_by(tree.c.path).limit(bindparam("rows", type_=Integer())))


_FIRST, _NEXT = _page(resumed=False), _page(resumed=True)


class TreeService:
    """The trees of one owner's tasks."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def list(self, task_id: UUID, limit: int, after: Position | None) -> Page:
        """A page of the task and all that is below it: each task before its own subtasks, in their order.

        Raises `TaskNotFound`.
        """
        values = {"owner": self._owner, "id": task_id, "rows": limit + 1}
        if after is None:
            rows = await self._lane.fetch(_FIRST, values)
            if not rows:
                raise TaskNotFound
        else:
            rows = await self._lane.fetch(_NEXT, {**values, "after_id": after.id})
        if len(rows) <= limit:
            return Page(rows, None)
        last = rows[limit - 1]
        return Page(rows[:limit], encode_cursor(Position(last["created_at"], last["id"])))
