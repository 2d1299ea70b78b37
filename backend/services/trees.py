"""A task with all that is below it, in one statement: no subtask is lost to paging."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CTE, ColumnElement, Integer, Text, bindparam, cast, func, literal_column, select

from backend.database.fast_lane import FastLane, Statement
from backend.domain.pagination import Page, page_of
from backend.models.base import metadata
from backend.schemas.trees import TreeQuery, encode_way
from backend.services.owned import OWNER
from backend.services.task_table import TASKS, TaskNotFound

_T = metadata.tables["tasks"].c
# With the order of positions, byte by byte.
_NOWHERE: ColumnElement[Any] = literal_column('ARRAY[]::text[] COLLATE "C"', ARRAY(Text()))


def _tree() -> CTE:
    """Each task of the tree with the places on the way down to it, by which trees are put in order."""
    root = select(_T.id, _NOWHERE.label("way")).where(
        _T.user_id == OWNER, _T.id == bindparam("id", type_=_T.id.type), _T.deleted_at.is_(None)
    )
    tree = root.cte("tree", recursive=True)
    child = _T.id.table.alias("child")
    return tree.union_all(
        select(child.c.id, func.array_append(tree.c.way, cast(child.c.position, Text))).where(
            child.c.user_id == OWNER, child.c.parent_id == tree.c.id, child.c.deleted_at.is_(None)
        )
    )


def _page(*, resumed: bool) -> Statement:
    tree = _tree()
    query: Any = select(*TASKS.read, tree.c.way).join(tree, tree.c.id == _T.id).where(_T.user_id == OWNER)
    if resumed:
        query = query.where(tree.c.way > bindparam("after_way", type_=ARRAY(Text)))
    return Statement(query.order_by(tree.c.way).limit(bindparam("rows", type_=Integer())))


_FIRST, _NEXT = _page(resumed=False), _page(resumed=True)


class TreeService:
    """The trees of one owner's tasks."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def list(self, task_id: UUID, query: TreeQuery) -> Page:
        """A page of the task and all that is below it: each task before its own subtasks, in their order.

        Raises `TaskNotFound`, or `InvalidInput` for a cursor that is not of a tree.
        """
        after = query.way()
        values = {"owner": self._owner, "id": task_id, "rows": query.limit + 1, "after_way": after}
        found = await self._lane.fetch(_FIRST if after is None else _NEXT, values)
        if not found and (after is None or await self._lane.fetch_one(TASKS.get, values) is None):
            raise TaskNotFound
        page = page_of(found, query.limit, lambda last: encode_way(last["way"], last["id"]))
        tasks = [{name: value for name, value in row.items() if name != "way"} for row in page.rows]
        return Page(tasks, page.next_cursor)
