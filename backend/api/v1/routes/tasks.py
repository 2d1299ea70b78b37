"""Tasks. The same handlers answer under `/api/v1/users/{user_id}` and at the mission document's own paths."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import IfMatch, IfNoneMatch, PathId, owned
from backend.api.openapi import operation_id, phase2_operation_id, problems
from backend.api.responses import many, one, one_unless_known, path_of
from backend.api.scopes import scoped
from backend.domain.filters import InvalidFilter
from backend.schemas.finding import TaskQuery
from backend.schemas.tasks import Completion, TaskChanges, TaskCreate, TaskRead
from backend.services.moves import IntoItself
from backend.services.occurrences import OtherOccurrence
from backend.services.owned import IdInTrash
from backend.services.task_table import TaskNotFound
from backend.services.tasks import TaskService

Tasks = Annotated[TaskService, Depends(owned(TaskService))]
_CHANGE_PROBLEMS = problems(400, 401, 403, TaskNotFound, IntoItself, 412)


class _TaskId(StringConvertor):
    """Not what else there is at `/tasks/…`: of those paths, only their own routes say which methods they take."""

    regex = "(?!(?:quick|export)$)[^/]+"


register_url_convertor("task_id", _TaskId())
_TASK = "/{task_id:task_id}"

tasks = APIRouter(prefix="/tasks", dependencies=[Depends(scoped("tasks"))])


@tasks.get("", response_model=list[TaskRead], responses=problems(400, InvalidFilter, 401, 403))
async def list_tasks(request: Request, tasks: Tasks, query: Annotated[TaskQuery, Query()]) -> Response:
    """List tasks, or find some: the newest first, unless `sort` says otherwise.

    While there is more, the `Link` header has the address of the next page.
    """
    return many(request, await tasks.find(query))


@tasks.post(
    "",
    response_model=TaskRead,
    status_code=201,
    responses={200: {"model": TaskRead, "description": "Created before"}, **problems(400, 401, 403, IdInTrash)},
)
async def create_task(request: Request, tasks: Tasks, body: TaskCreate) -> Response:
    """Create a task. Sending the same `id` again returns the first result with 200, so a retry makes no second task."""
    task, created = await tasks.create(body)
    return one(task, status=201 if created else 200, location=f"{path_of(request)}/{task['id']}")


@tasks.get(_TASK, response_model=TaskRead, responses=problems(400, 401, 403, TaskNotFound))
async def get_task(tasks: Tasks, task_id: PathId, known: IfNoneMatch = None) -> Response:
    """Read a task."""
    return one_unless_known(await tasks.get(task_id), known)


@tasks.put(_TASK, name="put_task", response_model=TaskRead, responses=_CHANGE_PROBLEMS)
@tasks.patch(_TASK, response_model=TaskRead, responses=_CHANGE_PROBLEMS)
async def update_task(tasks: Tasks, task_id: PathId, body: TaskChanges, expected: IfMatch) -> Response:
    """Change a task: what is sent, nothing else. PUT is the same, so that no client blanks what it does not know."""
    return one(await tasks.change(task_id, body, expected))


@tasks.patch(
    "/{task_id}/complete",
    response_model=TaskRead,
    responses=problems(400, 401, 403, TaskNotFound, 412, OtherOccurrence),
)
async def complete_task(
    tasks: Tasks, task_id: PathId, expected: IfMatch, body: Annotated[Completion, Body(default_factory=Completion)]
) -> Response:
    """Complete a task, or open it again. An empty body completes; saying it twice is the same as saying it once.

    One that recurs is due the next time: send the `due_date` that you saw to be able to say it twice.
    """
    if body.completed:
        return one(await tasks.complete(task_id, expected, body.due_date))
    return one(await tasks.change(task_id, TaskChanges(completed=False), expected))


@tasks.delete(_TASK, status_code=204, responses=problems(400, 401, 403, TaskNotFound, 412))
async def delete_task(tasks: Tasks, task_id: PathId, expected: IfMatch) -> Response:
    """Put a task into the trash."""
    await tasks.trash(task_id, expected)
    return Response(status_code=204)


router = APIRouter()
router.include_router(tasks, prefix="/api/v1/users/{user_id}", tags=["Tasks"], generate_unique_id_function=operation_id)
router.include_router(
    tasks, prefix="/api/{user_id}", tags=["Phase II"], generate_unique_id_function=phase2_operation_id
)
