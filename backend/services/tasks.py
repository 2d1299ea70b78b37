"""Tasks: the rules, for one owner."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from pydantic import MISSING
from uuid_utils.compat import uuid7

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Lane, Row, Transaction
from backend.domain import recurrence
from backend.domain.errors import Fault, InvalidInput
from backend.domain.pagination import Page, Position
from backend.domain.preconditions import Expected
from backend.domain.recurrence_rule import InvalidRule, parse
from backend.schemas.finding import TaskQuery
from backend.schemas.tasks import TaskChanges, TaskCreate
from backend.services.finding import Finder
from backend.services.labels import ensure
from backend.services.moves import move_in
from backend.services.occurrence_statements import ONCE
from backend.services.occurrences import COMPLETED, OccurrenceService
from backend.services.owned import LONG, OwnedRows, named_new
from backend.services.task_moves import MOVES
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

_PLACE = ("project_id", "parent_id")
_RESTING = {*_PLACE, "labels", "recurrence"}
"""Fields that rest on what is there: it must stay as it is read until the task is written."""


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
        if not task.model_fields_set & _RESTING - {"recurrence"}:
            row, created = await self._insert(self._lane, task)
        else:
            async with self._lane.transaction() as transaction:
                row, created = await self.create_in(transaction, await self._unless_made(transaction, task))
        if created:
            self.tell_created(row)
        return row, created

    async def create_in(self, transaction: Transaction, task: TaskCreate) -> tuple[Row, bool]:
        """What `create` does, in a transaction that has locked the owner's revision, and whose caller tells of it."""
        labels = await ensure(transaction, self._owner, task.labels)
        return await self._insert(transaction, task.model_copy(update={"labels": labels}))

    async def _unless_made(self, transaction: Transaction, task: TaskCreate) -> TaskCreate:
        """What `lock` does; and the task, which needs no labels when it is there already: nothing is changed of it."""
        values = {"owner": self._owner, "id": UUID(int=0) if task.id is MISSING else task.id}
        found = await transaction.fetch_one(TASKS.making, values)
        if found is None:
            raise TokenInvalid
        return task.model_copy(update={"labels": []}) if found["made"] else task

    def tell_created(self, row: Row) -> None:
        """Once it is committed."""
        log.info("task.created", task_id=str(row["id"]))

    async def _insert(self, lane: Lane, task: TaskCreate) -> tuple[Row, bool]:
        fields = task.model_dump(exclude_unset=True)
        task_id = fields.pop("id", None) or uuid7()
        fields = {name: value for name, value in fields.items() if value is not None}
        if task.recurrence is not None:
            del fields["recurrence"]
            fields |= _recurring(task.recurrence.model_dump(), task.due_date)
        try:
            with _refusing():
                return await OwnedRows(TASKS, lane, self._owner).insert(task_id, fields)
        except TokenInvalid:
            await explain(lane, self._owner, fields)
            raise

    async def change(self, task_id: UUID, changes: TaskChanges, expected: Expected) -> Row:
        """The task after the change. Raises `TaskNotFound`, `PreconditionFailed`, `IntoItself`, or `InvalidInput`.

        What completes it completes its open subtasks too; opening it again opens none. To another place it goes as it
        is moved, behind what is there.
        """
        fields = changes.model_dump()
        completes = fields.get("completed") is True
        if completes and len(fields) == 1:
            return await self.complete(task_id, expected)
        with _refusing():
            if completes or fields.keys() & _RESTING:
                seconds = LONG if completes or fields.keys() & _PLACE else None
                async with self._lane.transaction(seconds) as transaction:
                    row, changed, completed = await self._change_in(transaction, task_id, fields, expected)
            else:
                (row, changed), completed = await self._tasks.change(task_id, fields, expected), False
        if changed or completed:
            log.info("task.completed" if completed else "task.updated", task_id=str(task_id), fields=sorted(fields))
        return row

    async def complete(self, task_id: UUID, expected: Expected, seen: date | None = None) -> Row:
        """The task, completed with its open subtasks; one that recurs is due the next time. Raises as `change` does,
        or `OtherOccurrence` when it is due on another day than was seen.
        """
        row, completed = await self._tasks.write(ONCE, task_id, expected, COMPLETED), True
        if row is None:
            row, completed = await self._occurrences.complete(task_id, expected, seen)
        if completed:
            log.info("task.completed", task_id=str(task_id), fields=["completed"])
        return row

    async def trash(self, task_id: UUID, expected: Expected) -> None:
        """Put the task into the trash, with its subtasks. Raises `TaskNotFound` or `PreconditionFailed`."""
        async with self._lane.transaction() as transaction:
            tasks = OwnedRows(TASKS, transaction, self._owner)
            await tasks.lock(task_id, expected)
            await tasks.trash(task_id, expected)
        log.info("task.deleted", task_id=str(task_id))

    async def _change_in(
        self, transaction: Transaction, task_id: UUID, fields: Mapping[str, Any], expected: Expected
    ) -> tuple[Row, bool, bool]:
        """The task after the change, and whether that changed it, and completed it."""
        tasks = OwnedRows(TASKS, transaction, self._owner)
        current = await tasks.lock(task_id, expected)
        new, moved = dict(fields), False
        if new.get("completed") and current["completed_at"] is not None:
            # It is, and what is below it has been since: what is new there is not meant.
            del new["completed"]
        place = {name: new.pop(name) for name in _PLACE if name in new}
        if any(current[name] != value for name, value in place.items()):
            asked = {"after": None, "before": None, **place}
            _, moved = await move_in(MOVES, transaction, self._owner, task_id, current=current, asked=asked)
            expected = None
        if "labels" in new:
            new["labels"] = await ensure(transaction, self._owner, new["labels"])
        if _goes_on(new, current):
            # As it is, from when it began: to set it again would begin a series anew.
            del new["recurrence"]
        if "recurrence" in new:
            new |= _recurring(new.pop("recurrence"), new.get("due_date", current["due_date"]))
        if new.get("completed") is not True:
            row, changed = await tasks.change(task_id, new, expected)
            return row, changed or moved, False
        if current["recurrence_rule"] is not None or "recurrence_rule" in new:
            # First what else is new: it may be that the task recurs, or that it does no longer.
            del new["completed"]
            _, changed = await tasks.change(task_id, new, expected)
            row, completed = await self._occurrences.complete_in(transaction, task_id, None)
            return row, changed or moved, completed
        done = await tasks.write(TASKS.complete(frozenset(new)), task_id, expected, named_new(new))
        if done is None:
            return await tasks.get(task_id), moved, False
        # Both are the instant of the one statement that completed it.
        return done, True, done["completed_at"] == done["updated_at"]


def _goes_on(new: Mapping[str, Any], current: Row) -> bool:
    """Whether the recurrence that is sent is the one that is there."""
    sent = new.get("recurrence")
    if sent is None or new.get("due_date", current["due_date"]) is None:
        return False
    return bool((sent["rule"], sent["anchor"]) == (current["recurrence_rule"], current["recurrence_anchor"]))


def _recurring(recurring: Mapping[str, Any] | None, due: date | None) -> Mapping[str, Any]:
    """What is stored of a recurrence: the series begins on the day on which the task is due."""
    if recurring is None:
        return {"recurrence_rule": None, "recurrence_anchor": None, "recurrence_start": None}
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


@contextmanager
def _refusing() -> Iterator[None]:
    """What the database refuses is told as a fault of the field."""
    try:
        yield
    except asyncpg.CheckViolationError as error:
        fault = _REFUSED.get(error.as_dict().get("constraint_name", ""))
        if fault is None:
            raise
        raise InvalidInput([fault]) from error
