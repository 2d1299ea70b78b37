"""The occurrences of recurring tasks."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import IfMatch, PathId, owned
from backend.api.openapi import problems
from backend.api.responses import many, one
from backend.api.scopes import scoped
from backend.schemas.occurrences import OccurrenceRead
from backend.schemas.pagination import PageQuery
from backend.schemas.tasks import Skip, TaskRead
from backend.services.occurrences import NothingToUndo, NotRecurring, OccurrenceService, OtherOccurrence, SeriesOver
from backend.services.task_table import TaskNotFound

Occurrences = Annotated[OccurrenceService, Depends(owned(OccurrenceService))]

router = APIRouter(
    prefix="/api/v1/users/{user_id}/tasks/{recurring_task_id}", tags=["Tasks"], dependencies=[Depends(scoped("tasks"))]
)


@router.get("/occurrences", response_model=list[OccurrenceRead], responses=problems(400, 401, 403, TaskNotFound))
async def list_occurrences(
    request: Request, occurrences: Occurrences, recurring_task_id: PathId, query: Annotated[PageQuery, Query()]
) -> Response:
    """List when a recurring task was done, the latest first."""
    return many(request, await occurrences.list(recurring_task_id, query.limit, query.position()))


@router.post(
    "/skip",
    response_model=TaskRead,
    responses=problems(400, 401, 403, TaskNotFound, 412, NotRecurring, OtherOccurrence, SeriesOver),
)
async def skip_occurrence(
    occurrences: Occurrences,
    recurring_task_id: PathId,
    expected: IfMatch,
    body: Annotated[Skip, Body(default_factory=Skip)],
) -> Response:
    """Have a recurring task be due the next time without its having been done.

    Send the `due_date` that you saw to be able to say it twice: the second time it is refused.
    """
    return one(await occurrences.skip(recurring_task_id, expected, body.due_date))


@router.post("/undo", response_model=TaskRead, responses=problems(400, 401, 403, TaskNotFound, 412, NothingToUndo))
async def undo_occurrence(occurrences: Occurrences, recurring_task_id: PathId, expected: IfMatch) -> Response:
    """Take back that the latest occurrence was done.

    The task is due and recurs as it did, with its reminders; its subtasks are open or completed as they were.
    """
    return one(await occurrences.undo(recurring_task_id, expected))
