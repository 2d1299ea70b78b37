"""Tasks: the rules, for one owner."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import case, func, null
from uuid_utils.compat import uuid7

from backend.database.fast_lane import FastLane, Row
from backend.domain.errors import NotFound
from backend.domain.pagination import Page, Position
from backend.domain.preconditions import Expected
from backend.models.tasks import Task
from backend.schemas.tasks import TaskChanges, TaskCreate, TaskRead
from backend.services.owned import Derived, OwnedRows, OwnedTable

log = structlog.get_logger()


class TaskNotFound(NotFound):
    code = "task_not_found"
    title = "There is no such task"


TASKS = OwnedTable(
    Task,
    TaskRead,
    missing=TaskNotFound,
    # Completing what is completed keeps the time at which it was.
    derived={
        "completed": Derived(
            "completed_at", lambda new, current: case((new, func.coalesce(current, func.now())), else_=null())
        )
    },
)


class TaskService:
    """One owner's tasks."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._tasks = OwnedRows(TASKS, lane, owner)

    async def list(self, limit: int, after: Position | None, equal: Mapping[str, Any]) -> Page:
        """A page of the tasks, newest first."""
        return await self._tasks.page(limit, after, equal)

    async def get(self, task_id: UUID) -> Row:
        """The task. Raises `TaskNotFound`."""
        return await self._tasks.get(task_id)

    async def create(self, task: TaskCreate) -> tuple[Row, bool]:
        """The task, and whether this call made it. Raises `IdInTrash`."""
        fields = task.model_dump()
        row, created = await self._tasks.insert(fields.pop("id", None) or uuid7(), fields)
        if created:
            log.info("task.created", task_id=str(row["id"]))
        return row, created

    async def change(self, task_id: UUID, changes: TaskChanges, expected: Expected) -> Row:
        """The task after the change. Raises `TaskNotFound` or `PreconditionFailed`."""
        fields = changes.model_dump()
        row, changed = await self._tasks.change(task_id, fields, expected)
        if changed:
            # Both are the instant of the one statement that completed it.
            completed_now = row["completed_at"] == row["updated_at"]
            log.info("task.completed" if completed_now else "task.updated", task_id=str(task_id), fields=sorted(fields))
        return row

    async def trash(self, task_id: UUID, expected: Expected) -> None:
        """Put the task into the trash. Raises `TaskNotFound` or `PreconditionFailed`."""
        await self._tasks.trash(task_id, expected)
        log.info("task.deleted", task_id=str(task_id))
