"""Tasks: the rules, for one owner."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from uuid_utils.compat import uuid7

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Row
from backend.domain import recurrence
from backend.domain.errors import Fault, InvalidInput
from backend.domain.pagination import Page, Position
from backend.domain.preconditions import Expected
from backend.domain.recurrence_rule import InvalidRule, parse
from backend.schemas.finding import TaskQuery
from backend.schemas.tasks import TaskChanges, TaskCreate
from backend.services.finding import Finder
from backend.services.labels import ensure
from backend.services.occurrences import OccurrenceService
from backend.services.owned import OwnedRows, named_new
from backend.services.task_places import explain
from backend.services.task_table import TASKS

log = structlog.get_logger()

_NEEDS_DATE = "This needs a due date"
_REFUSED = {
    "tasks_due_time_check": Fault("due_time", "due_date_required", _NEEDS_DATE),
    "tasks_time_zone_check": Fault("time_zone", "due_time_required", "This needs a due time"),
    "tasks_recurrence_check": Fault("recurrence", "due_date_required", _NEEDS_DATE),
}
"""What the database refuses, by the constraint, and what a client is told."""


class TaskService:
    """One owner's tasks."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner
        self._tasks = OwnedRows(TASKS, lane, owner)
        self._occurrences = OccurrenceService(lane, owner)

    async def list(self, limit: int, after: Position | None, equal: Mapping[str, Any]) -> Page:
        """A page of the tasks, newest first."""
        return await self._tasks.page(limit, after, equal)

    async def find(self, query: TaskQuery) -> Page:
        """A page of the tasks that are asked for. Raises as `Finder` does."""
        if query.plain:
            return await self.list(query.limit, query.position(), query.filters())
        return await Finder(self._lane, self._owner).page(query)

    async def get(self, task_id: UUID) -> Row:
        """The task. Raises `TaskNotFound`."""
        return await self._tasks.get(task_id)

    async def create(self, task: TaskCreate) -> tuple[Row, bool]:
        """The task, and whether this call made it. Raises `IdInTrash`, or `InvalidInput` where it cannot stand."""
        fields = task.model_dump(exclude_unset=True)
        task_id = fields.pop("id", None) or uuid7()
        fields = {name: value for name, value in fields.items() if value is not None}
        if task.recurrence is not None:
            del fields["recurrence"]
            fields |= _recurring(task.recurrence.model_dump(), task.due_date)
        if "labels" in fields:
            fields["labels"] = await ensure(self._lane, self._owner, fields["labels"])
        try:
            row, created = await self._tasks.insert(task_id, fields)
        except asyncpg.CheckViolationError as error:
            raise _refusal(error) from error
        except TokenInvalid:
            await explain(self._lane, self._owner, fields)
            raise
        if created:
            log.info("task.created", task_id=str(row["id"]))
        return row, created

    async def change(self, task_id: UUID, changes: TaskChanges, expected: Expected) -> Row:
        """The task after the change. Raises `TaskNotFound`, `PreconditionFailed`, or `InvalidInput`.

        What completes it completes its open subtasks too; opening it again opens none.
        """
        fields = changes.model_dump()
        if "recurrence" in fields:
            fields |= await self._recurring(task_id, fields.pop("recurrence"), fields)
        if "labels" in fields:
            fields["labels"] = await ensure(self._lane, self._owner, fields["labels"])
        if fields.get("completed") is True:
            return await self._complete(task_id, fields, expected)
        try:
            row, changed = await self._tasks.change(task_id, fields, expected)
        except asyncpg.CheckViolationError as error:
            raise _refusal(error) from error
        if changed:
            log.info("task.updated", task_id=str(task_id), fields=sorted(fields))
        return row

    async def complete(self, task_id: UUID, expected: Expected, seen: date | None = None) -> Row:
        """The task, completed with its open subtasks; one that recurs is due the next time. Raises as `change` does,
        or `OtherOccurrence` when it is due on another day than was seen.
        """
        return await self._complete(task_id, {"completed": True}, expected, seen)

    async def _complete(
        self, task_id: UUID, fields: Mapping[str, Any], expected: Expected, seen: date | None = None
    ) -> Row:
        try:
            row = await self._tasks.write(TASKS.complete(frozenset(fields)), task_id, expected, named_new(fields))
        except asyncpg.CheckViolationError as error:
            raise _refusal(error) from error
        if row is not None:
            # Both are the instant of the one statement that completed it.
            completed_now = row["completed_at"] == row["updated_at"]
            log.info("task.completed" if completed_now else "task.updated", task_id=str(task_id), fields=sorted(fields))
            return row
        others = {name: value for name, value in fields.items() if name != "completed"}
        if others:
            changed, _ = await self._tasks.change(task_id, others, expected)
            expected = None if expected is None else (changed["version"],)
        return await self._occurrences.complete(task_id, expected, seen)

    async def trash(self, task_id: UUID, expected: Expected) -> None:
        """Put the task into the trash, with its subtasks. Raises `TaskNotFound` or `PreconditionFailed`."""
        await self._tasks.trash(task_id, expected)
        log.info("task.deleted", task_id=str(task_id))

    async def _recurring(
        self, task_id: UUID, recurring: Mapping[str, Any] | None, fields: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        if recurring is None:
            return {"recurrence_rule": None, "recurrence_anchor": None, "recurrence_start": None}
        due = fields["due_date"] if "due_date" in fields else (await self.get(task_id))["due_date"]
        return _recurring(recurring, due)


def _recurring(recurring: Mapping[str, Any], due: date | None) -> Mapping[str, Any]:
    """What is stored of a recurrence: the series begins on the day on which the task is due."""
    if due is None:
        raise InvalidInput([_REFUSED["tasks_recurrence_check"]])
    try:
        recurrence.check(parse(recurring["rule"]), due)
    except InvalidRule as error:
        raise InvalidInput([Fault("recurrence.rule", "invalid_rule", str(error))]) from error
    return {
        "recurrence_rule": recurring["rule"],
        "recurrence_anchor": recurring["anchor"],
        "recurrence_start": due,
        "recurrence_taken": 0,
    }


def _refusal(error: asyncpg.CheckViolationError) -> InvalidInput | asyncpg.CheckViolationError:
    fault = _REFUSED.get(error.as_dict().get("constraint_name", ""))
    return error if fault is None else InvalidInput([fault])
