"""A task with its subtasks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import PathId, owned
from backend.api.openapi import problems
from backend.api.responses import many
from backend.api.scopes import scoped
from backend.schemas.tasks import TaskRead
from backend.schemas.trees import TreeQuery
from backend.services.task_table import TaskNotFound
from backend.services.trees import TreeService

Trees = Annotated[TreeService, Depends(owned(TreeService))]

router = APIRouter(prefix="/api/v1/users/{user_id}/tasks", tags=["Tasks"], dependencies=[Depends(scoped("tasks"))])


@router.get("/{task_id}/tree", response_model=list[TaskRead], responses=problems(400, 401, 403, TaskNotFound))
async def list_tree(request: Request, trees: Trees, task_id: PathId, query: Annotated[TreeQuery, Query()]) -> Response:
    """List a task and all that is below it.

    The task comes first, and each of its subtasks before what is below that, in their order.
    """
    return many(request, await trees.list(task_id, query))
