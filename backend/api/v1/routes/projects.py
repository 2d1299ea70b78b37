"""The projects that your tasks are in. What is in none is in the Inbox, which needs no name and cannot be deleted."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import IfMatch, IfNoneMatch, PathId, owned
from backend.api.openapi import problems
from backend.api.responses import many, one, one_unless_known, path_of
from backend.api.scopes import scoped
from backend.schemas.moves import Move
from backend.schemas.projects import ProjectChanges, ProjectCreate, ProjectQuery, ProjectRead
from backend.services.moves import IntoItself
from backend.services.owned import IdInTrash
from backend.services.projects import ProjectNotFound, ProjectService

Projects = Annotated[ProjectService, Depends(owned(ProjectService))]
_CHANGE_PROBLEMS = problems(400, 401, 403, ProjectNotFound, 412)

router = APIRouter(
    prefix="/api/v1/users/{user_id}/projects", tags=["Projects"], dependencies=[Depends(scoped("projects"))]
)


@router.get("", response_model=list[ProjectRead], responses=problems(400, 401, 403))
async def list_projects(request: Request, projects: Projects, query: Annotated[ProjectQuery, Query()]) -> Response:
    """List projects, the newest first or in their order. `parent_id` and `position` tell where they stand.

    While there is more, the `Link` header has the address of the next page.
    """
    return many(request, await projects.list(query))


@router.post(
    "",
    response_model=ProjectRead,
    status_code=201,
    responses={200: {"model": ProjectRead, "description": "Created before"}, **problems(400, 401, 403, IdInTrash)},
)
async def create_project(request: Request, projects: Projects, body: ProjectCreate) -> Response:
    """Create a project. It stands behind its siblings.

    Sending the same `id` again returns the first result with 200, so a retry makes no second project.
    """
    project, created = await projects.create(body)
    return one(project, status=201 if created else 200, location=f"{path_of(request)}/{project['id']}")


@router.get("/{project_id}", response_model=ProjectRead, responses=problems(400, 401, 403, ProjectNotFound))
async def get_project(projects: Projects, project_id: PathId, known: IfNoneMatch = None) -> Response:
    """Read a project."""
    return one_unless_known(await projects.get(project_id), known)


@router.put("/{project_id}", name="put_project", response_model=ProjectRead, responses=_CHANGE_PROBLEMS)
@router.patch("/{project_id}", response_model=ProjectRead, responses=_CHANGE_PROBLEMS)
async def update_project(projects: Projects, project_id: PathId, body: ProjectChanges, expected: IfMatch) -> Response:
    """Change a project: what is sent, nothing else."""
    return one(await projects.change(project_id, body, expected))


@router.post(
    "/{project_id}/move",
    response_model=ProjectRead,
    responses=problems(400, 401, 403, ProjectNotFound, IntoItself, 412),
)
async def move_project(projects: Projects, project_id: PathId, body: Move, expected: IfMatch) -> Response:
    """Move a project among its siblings or into another project. What is in it goes with it."""
    return one(await projects.move(project_id, body, expected))


@router.delete("/{project_id}", status_code=204, responses=problems(400, 401, 403, ProjectNotFound, 412))
async def delete_project(projects: Projects, project_id: PathId, expected: IfMatch) -> Response:
    """Put a project into the trash, with the projects in it and all their tasks. They come back together."""
    await projects.trash(project_id, expected)
    return Response(status_code=204)
