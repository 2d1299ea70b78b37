"""The trash."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import CallerDep, Identity, PathId, owned
from backend.api.openapi import problems
from backend.api.responses import many, plain
from backend.api.scopes import scoped
from backend.schemas.pagination import PageQuery
from backend.schemas.trash import Restored, TrashedRead
from backend.services.trash import NotInTrash, TrashService

Trash = Annotated[TrashService, Depends(owned(TrashService))]

router = APIRouter(prefix="/api/v1/users/{user_id}/trash", tags=["Trash"], dependencies=[Depends(scoped("trash"))])


@router.get("", response_model=list[TrashedRead], responses=problems(400, 401, 403))
async def list_trash(request: Request, trash: Trash, query: Annotated[PageQuery, Query()]) -> Response:
    """List what is in the trash, the latest first.

    What was deleted at once, a task with its subtasks or a project with its tasks, is one entry. Labels and filters are
    not kept here.
    """
    return many(request, await trash.list(query.limit, query.position()))


@router.post("/{trashed_id}/restore", response_model=Restored, responses=problems(400, 401, 403, NotInTrash))
async def restore(trash: Trash, trashed_id: PathId) -> Response:
    """Bring back what was deleted at once, and nothing that was in the trash before."""
    return plain(await trash.restore(trashed_id))


@router.delete("/{trashed_id}", status_code=204, responses=problems(400, 401, 403, NotInTrash))
async def purge(trash: Trash, who: Identity, caller: CallerDep, trashed_id: PathId) -> Response:
    """Remove for good what was deleted at once."""
    await trash.purge(trashed_id, who, caller)
    return Response(status_code=204)
