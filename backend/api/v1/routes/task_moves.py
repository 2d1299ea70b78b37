"""Your own tasks."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from backend.api.dependencies import IfMatch, PathId, owned
from backend.api.openapi import problems
from backend.api.responses import one
from backend.api.scopes import scoped
from backend.schemas.moves import TaskMove
from backend.schemas.tasks import TaskRead
from backend.services.moves import IntoItself
from backend.services.task_moves import TaskMoveService
from backend.services.task_table import TaskNotFound

router = APIRouter(prefix="/api/v1/users/{user_id}/tasks", tags=["Tasks"], dependencies=[Depends(scoped("tasks"))])


@router.post(
    "/{task_id}/move", response_model=TaskRead, responses=problems(400, 401, 403, TaskNotFound, IntoItself, 412)
)
async def move_task(
    tasks: Annotated[TaskMoveService, Depends(owned(TaskMoveService))],
    task_id: PathId,
    body: TaskMove,
    expected: IfMatch,
) -> Response:
    """Move a task among its siblings, into another task or into a project.

    Its subtasks go with it.

    Where a task is put to which place is known to be there already, nothing changes.
    """
    return one(await tasks.move(task_id, body, expected))
