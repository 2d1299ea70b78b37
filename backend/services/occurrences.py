"""Recurring tasks: completing one records what was done and moves the task on.

What comes next is worked out from what was read, so the task is locked first, in the same transaction.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from backend.database.fast_lane import FastLane, Row, Statement, Transaction
from backend.domain import recurrence, reminders
from backend.domain.due import Due
from backend.domain.errors import Conflict
from backend.domain.pagination import Page, Position
from backend.domain.preconditions import Expected, require_version
from backend.domain.recurrence_rule import parse
from backend.schemas.tasks import TaskRead
from backend.services import occurrence_statements as sql
from backend.services.owned import LONG, OwnedRows, named_new
from backend.services.task_table import TASKS, TaskNotFound

log = structlog.get_logger()

COMPLETED = named_new({"completed": True})

_BEFORE = ("due_date", "due_time", "time_zone", "reminders")
_RECURRED = ("rule", "anchor", "start", "taken")
"""What undoing brings back of the task itself, and of how it recurs."""


class OtherOccurrence(Conflict):
    code = "other_occurrence"
    title = "The task is due on another day than the one that you saw"


class NotRecurring(Conflict):
    code = "not_recurring"
    title = "The task does not recur, or has been completed"


class NothingToUndo(Conflict):
    code = "nothing_to_undo"
    title = "No occurrence of this task has been completed"


class SeriesOver(Conflict):
    code = "series_over"
    title = "There is no further occurrence to skip to: complete the task, or end its recurrence"


class OccurrenceService:
    """The occurrences of one owner's recurring tasks."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def list(self, task_id: UUID, limit: int, after: Position | None) -> Page:
        """A page of what was done of a task, the latest first. Raises `TaskNotFound`."""
        page = await sql.COMPLETED.page(self._lane, self._owner, limit, after, task=task_id)
        if not page.rows:
            await OwnedRows(TASKS, self._lane, self._owner).get(task_id)
        return page

    async def complete(self, task_id: UUID, expected: Expected, seen: date | None = None) -> tuple[Row, bool]:
        """The task, due the next time, or completed if there is none; and whether this call completed it. `seen` is the
        due date that the client saw: what was completed already is not completed again.

        What was completed of its subtasks is open again. What is completed stays as it is. Raises `TaskNotFound`,
        `PreconditionFailed`, or `OtherOccurrence`.
        """
        async with self._lane.transaction(LONG) as transaction:
            return await self.complete_in(transaction, task_id, expected, seen)

    async def complete_in(
        self, transaction: Transaction, task_id: UUID, expected: Expected, seen: date | None = None
    ) -> tuple[Row, bool]:
        """What `complete` does, in a transaction."""
        state = await self._lock(transaction, task_id, expected)
        if state["completed"]:
            return _task_of(state), False
        if state["recurrence_rule"] is None:
            # It did when this was asked, and does no longer.
            once = await OwnedRows(TASKS, transaction, self._owner).write(sql.ONCE, task_id, None, COMPLETED)
            return once or _task_of(state), once is not None
        if seen is not None and seen != state["due_date"]:
            if not await self._was_completed(transaction, task_id, seen):
                raise OtherOccurrence
            return _task_of(state), False
        following = _next(state, skip=False)
        return await self._step(transaction, sql.LAST if following is None else sql.COMPLETE, state, following), True

    async def skip(self, task_id: UUID, expected: Expected, seen: date | None = None) -> Row:
        """The task, due the next time; nothing is recorded. `seen` is the due date that the client saw.

        Raises `TaskNotFound`, `PreconditionFailed`, `NotRecurring`, `OtherOccurrence`, or `SeriesOver`.
        """
        async with self._lane.transaction() as transaction:
            state = await self._lock(transaction, task_id, expected)
            if state["recurrence_rule"] is None or state["completed"]:
                raise NotRecurring
            if seen is not None and seen != state["due_date"]:
                raise OtherOccurrence
            following = _next(state, skip=True)
            if following is None:
                raise SeriesOver
            row = await self._step(transaction, sql.SKIP, state, following)
        log.info("task.skipped", task_id=str(task_id))
        return row

    async def undo(self, task_id: UUID, expected: Expected) -> Row:
        """The task as it was before its latest occurrence was completed: its due, its reminders, how it recurs, and
        those of its subtasks that are still there.

        Raises `TaskNotFound`, `PreconditionFailed`, or `NothingToUndo`.
        """
        async with self._lane.transaction(LONG) as transaction:
            await self._lock(transaction, task_id, expected)
            row = await OwnedRows(TASKS, transaction, self._owner).write(sql.UNDO, task_id, None, {})
            if row is None:
                raise NothingToUndo
        log.info("task.undone", task_id=str(task_id))
        return row

    async def _lock(self, transaction: Transaction, task_id: UUID, expected: Expected) -> Row:
        """The task as it stays until the transaction ends. Raises `TaskNotFound` or `PreconditionFailed`."""
        state = await transaction.fetch_one(sql.LOCK, {"owner": self._owner, "id": task_id})
        if state is None:
            raise TaskNotFound
        require_version(_task_of(state), expected)
        return state

    async def _was_completed(self, transaction: Transaction, task_id: UUID, due: date) -> bool:
        values = {"owner": self._owner, "id": task_id, "due_date": due}
        return await transaction.fetch_one(sql.COMPLETED_ON, values) is not None

    async def _step(self, transaction: Transaction, statement: Statement, state: Row, following: Due | None) -> Row:
        days = 0 if following is None else (following.date - state["due_date"]).days
        recurred = {name: state[f"recurrence_{name}"] for name in _RECURRED}
        before = {name: state[name] for name in _BEFORE}
        values: Mapping[str, Any] = {
            "occurrence": uuid7(),
            "seen": json.dumps({**before, "recurrence": recurred}, default=str),
            **{f"seen_{name}": value for name, value in before.items()},
            "new_due_date": following and following.date,
            "new_recurrence_taken": state["recurrence_taken"] + 1,
            "new_reminders": reminders.moved(state["reminders"], days, state["time_zone"] or state["viewer_zone"]),
        }
        row = await OwnedRows(TASKS, transaction, self._owner).write(statement, state["id"], None, values)
        if row is None:
            raise TaskNotFound
        return row


def _next(state: Row, *, skip: bool) -> Due | None:
    return recurrence.next_due(
        recurrence.Recurrence(parse(state["recurrence_rule"]), state["recurrence_anchor"]),
        Due(state["due_date"], state["due_time"], state["time_zone"]),
        start=state["recurrence_start"],
        now=datetime.now(UTC),
        viewer_zone=state["viewer_zone"],
        taken=state["recurrence_taken"],
        skip=skip,
    )


def _task_of(state: Row) -> Row:
    """What clients see of it."""
    return {name: state[name] for name in TaskRead.model_fields}
