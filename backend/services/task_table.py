"""The statements of tasks, which hang together: what is done to one is done to its subtasks."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, case, exists, func, literal, literal_column, null, select, update

from backend.database.fast_lane import Statement
from backend.domain.errors import NotFound
from backend.models.base import metadata
from backend.models.tasks import Task
from backend.schemas.tasks import TaskRead
from backend.services.move_statements import DEEPEST
from backend.services.owned import LOCK_OWNER, OWNER, Expressions, OwnedTable

HANG_ON = {
    "due_date": ("due_time", "time_zone", "recurrence_rule", "recurrence_anchor", "recurrence_start"),
    "due_time": ("time_zone",),
}
"""What goes with a field when it is cleared, unless it is sent itself."""

_T = metadata.tables["tasks"].c
_PROJECTS = metadata.tables["projects"].c
# In the text: every statement would have two parameters more.
_RULE: ColumnElement[Any] = literal_column("'rule'")
_ANCHOR: ColumnElement[Any] = literal_column("'anchor'")
_COMPUTED = {
    "due_at": case((_T.due_time.is_not(None), _T.overdue_at)),
    "recurrence": case(
        (
            _T.recurrence_rule.is_not(None),
            func.json_build_object(_RULE, _T.recurrence_rule, _ANCHOR, _T.recurrence_anchor),
        )
    ),
}


class TaskNotFound(NotFound):
    code = "task_not_found"
    title = "There is no such task"


class TaskTable(OwnedTable):
    """The statements of the table `tasks`."""

    def __init__(self) -> None:
        super().__init__(Task, TaskRead, TaskNotFound, _COMPUTED)
        self.complete = lru_cache(maxsize=1_000)(self._complete)
        self.making = Statement(
            LOCK_OWNER.add_columns(exists(select(1).where(_T.user_id == OWNER, _T.id == self._id)).label("made"))
        )
        """What the function `lock` does, and whether there is a task of this id."""

    def stored(self, new: Expressions, current: Expressions | None) -> Expressions:
        stored = dict(new)
        if (completed := stored.pop("completed", None)) is not None:
            # Completing what is completed keeps the time at which it was.
            since = func.now() if current is None else func.coalesce(current["completed_at"], func.now())
            stored["completed_at"] = case((completed, since), else_=null())
        if current is not None:
            for field, others in HANG_ON.items():
                if field in new:
                    kept = {name: current[name] for name in others if name not in stored}
                    stored |= {name: case((new[field].is_not(None), value)) for name, value in kept.items()}
        elif "parent_id" in new:
            parent = select(_T.project_id).where(_T.user_id == OWNER, _T.id == new["parent_id"])
            stored["project_id"] = parent.scalar_subquery()
        return stored

    def fitting(self, new: Expressions) -> list[ColumnElement[bool]]:
        """The project is there; the parent is, in that project, and not too deep."""
        conditions: list[ColumnElement[bool]] = []
        project, parent = new.get("project_id"), new.get("parent_id")
        if project is not None and parent is None:
            there = (_PROJECTS.user_id == OWNER, _PROJECTS.id == project, _PROJECTS.deleted_at.is_(None))
            # A column that only the table has: to look in an index alone may be to read all of the owner's projects.
            conditions.append(select(_PROJECTS.revision).where(*there).scalar_subquery().is_not(None))
        if parent is not None:
            mine = select(1).where(_T.user_id == OWNER, _T.id == parent, _T.deleted_at.is_(None))
            if project is not None:
                mine = mine.where(_T.project_id.is_not_distinct_from(project))
            conditions.append(exists(mine.where(depth_of(parent) < DEEPEST)))
        return conditions

    def _complete(self, fields: frozenset[str]) -> Statement:
        """A change that completes the task, and with it what is open of its subtasks. Not one that recurs."""
        new = self._named(fields)
        once = _T.recurrence_rule.is_(None)
        done = {"completed_at": func.now()}
        return self.write(
            self.stored(new, self._current),
            self._differs(new),
            once,
            along=lambda revision, written: [
                write_subtasks(revision, written, subtasks_of(self._id), done, _T.completed_at.is_(None))
            ],
        )

    def _trash(self) -> Statement:
        """With all its subtasks that are not in the trash already: they come back together."""
        trashed = {"deleted_at": func.now(), "trashed_with": self._id}
        return self.write(
            trashed, along=lambda revision, written: [write_subtasks(revision, written, subtasks_of(self._id), trashed)]
        )


def write_subtasks(
    revision: CTE, written: CTE, found: CTE, values: Mapping[str, Any], *conditions: ColumnElement[bool]
) -> CTE:
    """If the task was written, those of the subtasks that meet the conditions get the values, with its revision."""
    return (
        update(_T.id.table)
        .where(
            _T.user_id == OWNER,
            _T.id.in_(select(found.c.id)),
            _T.deleted_at.is_(None),
            exists(select(1).select_from(written)),
            *conditions,
        )
        .values({**values, "revision": revision.c.revision, "updated_at": func.now()})
        .returning(_T.id)
        .cte("subtasks_written")
    )


def subtasks_of(task: ColumnElement[Any]) -> CTE:
    """The ids of a task's subtasks at any depth, without those in the trash and what is below them."""
    children = select(_T.id).where(_T.user_id == OWNER, _T.parent_id == task, _T.deleted_at.is_(None))
    found = children.cte("subtasks", recursive=True)
    child = metadata.tables["tasks"].alias("child")
    below = select(child.c.id).where(
        child.c.user_id == OWNER, child.c.parent_id == found.c.id, child.c.deleted_at.is_(None)
    )
    return found.union_all(below)


def depth_of(task: ColumnElement[Any]) -> ColumnElement[int]:
    """In how many tasks a task stands, itself counted."""
    # With a column that only the table has: an index of parents alone would be read from the owner's first on.
    up = select(_T.parent_id, _T.revision, literal(1).label("depth")).where(_T.user_id == OWNER, _T.id == task)
    found = up.cte("ancestors", recursive=True)
    parent = metadata.tables["tasks"].alias("parent")
    further = select(parent.c.parent_id, parent.c.revision, found.c.depth + 1).where(
        parent.c.user_id == OWNER, parent.c.id == found.c.parent_id, found.c.depth <= DEEPEST
    )
    return select(func.max(found.union_all(further).c.depth)).scalar_subquery()


TASKS = TaskTable()
