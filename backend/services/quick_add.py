"""Quick add: a sentence is read where its writer is, and becomes a task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import MISSING, ValidationError
from sqlalchemy import Text, bindparam, cast, exists, func, select

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Row, Statement, Transaction
from backend.domain.errors import Fault, InvalidInput
from backend.domain.quick_add import QuickTask, project_in, quick_add
from backend.models.base import metadata
from backend.schemas.quick_add import QuickAdd
from backend.schemas.tasks import TaskCreate
from backend.services.owned import OWNER
from backend.services.tasks import TaskService

_REVISIONS = metadata.tables["revisions"].c
_USERS = metadata.tables["users"].c
_T = metadata.tables["tasks"].c
_P = metadata.tables["projects"].c
_NAME = bindparam("project", type_=Text())
# Two are as many as it takes to know that the name is not enough. As text: the driver looks up other arrays' types.
_NAMED = (
    select(cast(_P.id, Text))
    .where(_P.user_id == OWNER, func.lower(_P.name) == func.lower(_NAME), _P.deleted_at.is_(None), ~_P.archived)
    .limit(2)
)
_MADE = exists(select(1).where(_T.user_id == OWNER, _T.id == bindparam("id", type_=_T.id.type)))
WHERE = Statement(
    select(_USERS.time_zone, func.array(_NAMED.scalar_subquery()).label("projects"), _MADE.label("made"))
    .where(_USERS.id == OWNER, _REVISIONS.user_id == OWNER)
    .with_for_update(of=_REVISIONS.user_id.table, key_share=True)
)
"""Where the writer is, which of their projects have the name, and whether the task is there already. What the sentence
rests on stays, since nobody else writes the owner's rows until the transaction ends.
"""


class QuickAddService:
    """One owner's sentences."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner
        self._tasks = TaskService(lane, owner)

    async def add(self, asked: QuickAdd) -> tuple[Row, bool]:
        """The task, what the sentence says and what was taken for what; and whether this call made a task.

        Raises `InvalidInput` for what cannot be a task or names no project, or as creating a task does.
        """
        async with self._lane.transaction() as transaction:
            row, created, answer = await self._add_in(transaction, asked)
        if row is not None and created:
            self._tasks.tell_created(row)
        return {"task": row and dict(row), **answer}, created

    async def _add_in(self, transaction: Transaction, asked: QuickAdd) -> tuple[Row | None, bool, Mapping[str, Any]]:
        task_id = None if asked.id is MISSING else asked.id
        # No project is called nothing, and no task has this id.
        values = {"owner": self._owner, "project": project_in(asked.text) or "", "id": task_id or UUID(int=0)}
        found = await transaction.fetch_one(WHERE, values)
        if found is None:
            raise TokenInvalid
        read = quick_add(asked.text, datetime.now(UTC).astimezone(ZoneInfo(found["time_zone"])))
        task = _task(read, _only(found["projects"]) if read.project is not None else None)
        answer = {"said": _said(task), "taken": [asdict(words) for words in read.taken]}
        if asked.dry_run:
            return None, False, answer
        if task_id is not None:
            # Of a task that is there nothing is changed: its labels need not be looked up.
            task = task.model_copy(update={"id": task_id, **({"labels": []} if found["made"] else {})})
        return *await self._tasks.create_in(transaction, task), answer


def _only(projects: Sequence[str]) -> UUID:
    """The project. A sentence makes none, and does not choose among several."""
    match projects:
        case [project]:
            return UUID(project)
        case []:
            message = 'There is no project of this name: make it first, or write "\\#" to have it in the title'
            raise InvalidInput([Fault("text", "project_not_found", message)])
    message = "Several projects have this name: give one another name, or create the task with a project_id"
    raise InvalidInput([Fault("text", "project_ambiguous", message)])


def _task(read: QuickTask, project: UUID | None) -> TaskCreate:
    """Raises `InvalidInput`, on the sentence, for what a task cannot be."""
    fields = {
        "title": read.title,
        "priority": read.priority,
        "due_date": read.due_date,
        "due_time": read.due_time,
        "recurrence": read.recurrence and {"rule": read.recurrence},
        "labels": list(read.labels) or None,
        "project_id": project,
    }
    try:
        return TaskCreate.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise InvalidInput(list(_faults(error))) from error


def _faults(error: ValidationError) -> Iterator[Fault]:
    for one in error.errors(include_url=False, include_input=False):
        yield Fault("text", one["type"], f"{'.'.join(map(str, one['loc']))}: {one['msg']}")


def _said(task: TaskCreate) -> Mapping[str, Any]:
    recurrence = task.recurrence and task.recurrence.model_dump()
    return {
        "title": task.title,
        "priority": task.priority,
        "due_date": task.due_date,
        "due_time": task.due_time,
        "recurrence": recurrence,
        "project_id": None if task.project_id is MISSING else task.project_id,
        "labels": task.labels,
    }
