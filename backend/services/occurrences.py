"""Recurring tasks: completing one records what was done and moves the task on, in one statement."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from backend.database.fast_lane import Lane, Row, Statement
from backend.domain import recurrence, reminders
from backend.domain.due import Due
from backend.domain.errors import Conflict
from backend.domain.pagination import Page, Position
from backend.domain.preconditions import Expected, require_version
from backend.domain.recurrence_rule import parse
from backend.schemas.tasks import TaskRead
from backend.services import occurrence_statements as sql
from backend.services.task_table import TASKS, TaskNotFound

log = structlog.get_logger()

_BEFORE = ("due_date", "due_time", "time_zone", "reminders", "recurrence_taken")
"""What undoing brings back of the task itself."""

ATTEMPTS = 3
"""How often a step is tried that others get in between."""


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

    def __init__(self, lane: Lane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def list(self, task_id: UUID, limit: int, after: Position | None) -> Page:
        """A page of what was done of a task, the latest first. Raises `TaskNotFound`."""
        page = await sql.COMPLETED.page(self._lane, self._owner, limit, after, task=task_id)
        if not page.rows:
            await self._state(task_id, None)
        return page

    async def complete(self, task_id: UUID, expected: Expected, seen: date | None = None) -> tuple[Row, bool]:
        """The task, due the next time, or completed if there is none; and whether this call completed it. `seen` is the
        due date that the client saw: what was completed already is not completed again.

        What was completed of its subtasks is open again. What does not recur, or is completed, stays as it is. Raises
        `TaskNotFound`, `PreconditionFailed`, or `OtherOccurrence`.
        """
        for _ in range(ATTEMPTS):
            state = await self._state(task_id, expected)
            if state["recurrence_rule"] is None or state["completed"]:
                return _task_of(state), False
            if seen is not None and seen != state["due_date"]:
                if not await self._was_completed(task_id, seen):
                    raise OtherOccurrence
                return _task_of(state), False
            following = _next(state, skip=False)
            row = await self._step(sql.LAST if following is None else sql.COMPLETE, state, following)
            if row is not None:
                return row, True
        return await self._task(task_id), False

    async def skip(self, task_id: UUID, expected: Expected) -> Row:
        """The task, due the next time; nothing is recorded. Raises `TaskNotFound`, `PreconditionFailed`,
        `NotRecurring`, or `SeriesOver`.
        """
        for _ in range(ATTEMPTS):
            state = await self._state(task_id, expected)
            if state["recurrence_rule"] is None or state["completed"]:
                raise NotRecurring
            following = _next(state, skip=True)
            if following is None:
                raise SeriesOver
            row = await self._step(sql.SKIP, state, following)
            if row is not None:
                log.info("task.skipped", task_id=str(task_id))
                return row
        return await self._task(task_id)

    async def undo(self, task_id: UUID, expected: Expected) -> Row:
        """The task as it was before its latest occurrence was completed: its due, its reminders, its subtasks.

        Raises `TaskNotFound`, `PreconditionFailed`, or `NothingToUndo`.
        """
        values = {"owner": self._owner, "id": task_id, "expected": _versions(expected)}
        row = await self._lane.fetch_one(sql.UNDO, values)
        if row is None:
            await self._state(task_id, expected)
            raise NothingToUndo
        log.info("task.undone", task_id=str(task_id))
        return row

    async def _state(self, task_id: UUID, expected: Expected) -> Row:
        state = await self._lane.fetch_one(sql.STATE, {"owner": self._owner, "id": task_id})
        if state is None:
            raise TaskNotFound
        require_version(_task_of(state), expected)
        return state

    async def _task(self, task_id: UUID) -> Row:
        row = await self._lane.fetch_one(TASKS.get, {"owner": self._owner, "id": task_id})
        if row is None:
            raise TaskNotFound
        return row

    async def _was_completed(self, task_id: UUID, due: date) -> bool:
        values = {"owner": self._owner, "id": task_id, "due_date": due}
        return await self._lane.fetch_one(sql.COMPLETED_ON, values) is not None

    async def _step(self, statement: Statement, state: Row, following: Due | None) -> Row | None:
        """Nothing if the task has changed since."""
        days = 0 if following is None else (following.date - state["due_date"]).days
        values: Mapping[str, Any] = {
            "owner": self._owner,
            "id": state["id"],
            "expected": [str(state["version"])],
            "occurrence": uuid7(),
            "seen": json.dumps({name: state[name] for name in _BEFORE}, default=str),
            **{f"seen_{name}": state[name] for name in _BEFORE},
            "new_due_date": following and following.date,
            "new_recurrence_taken": state["recurrence_taken"] + 1,
            "new_reminders": reminders.moved(state["reminders"], days, state["time_zone"] or state["viewer_zone"]),
        }
        return await self._lane.fetch_one(statement, values)


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


def _versions(expected: Expected) -> list[str] | None:
    return None if expected is None else [str(version) for version in expected]
