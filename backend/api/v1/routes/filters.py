"""Filter expressions that you keep under a name."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import IfMatch, IfNoneMatch, PathId, owned
from backend.api.openapi import problems
from backend.api.responses import many, one, one_unless_known, path_of
from backend.api.scopes import scoped
from backend.schemas.filters import FilterChanges, FilterCreate, FilterRead
from backend.schemas.moves import MoveAmong
from backend.schemas.pagination import OrderedPageQuery
from backend.services.filters import FilterNotFound, FilterService
from backend.services.owned import IdInTrash

Filters = Annotated[FilterService, Depends(owned(FilterService))]
_CHANGE_PROBLEMS = problems(400, 401, 403, FilterNotFound, 412)

router = APIRouter(
    prefix="/api/v1/users/{user_id}/filters", tags=["Filters"], dependencies=[Depends(scoped("filters"))]
)


@router.get("", response_model=list[FilterRead], responses=problems(400, 401, 403))
async def list_filters(request: Request, filters: Filters, query: Annotated[OrderedPageQuery, Query()]) -> Response:
    """List saved filters, the newest first or in their order.

    While there is more, the `Link` header has the address of the next page.
    """
    return many(request, await filters.list(query))


@router.post(
    "",
    response_model=FilterRead,
    status_code=201,
    responses={200: {"model": FilterRead, "description": "Created before"}, **problems(400, 401, 403, IdInTrash)},
)
async def create_filter(request: Request, filters: Filters, body: FilterCreate) -> Response:
    """Save a filter. Sending the same `id` again returns the first result with 200, so a retry saves no second one."""
    made, created = await filters.create(body)
    return one(made, status=201 if created else 200, location=f"{path_of(request)}/{made['id']}")


@router.get("/{filter_id}", response_model=FilterRead, responses=problems(400, 401, 403, FilterNotFound))
async def get_filter(filters: Filters, filter_id: PathId, known: IfNoneMatch = None) -> Response:
    """Read a saved filter."""
    return one_unless_known(await filters.get(filter_id), known)


@router.put("/{filter_id}", name="put_filter", response_model=FilterRead, responses=_CHANGE_PROBLEMS)
@router.patch("/{filter_id}", response_model=FilterRead, responses=_CHANGE_PROBLEMS)
async def update_filter(filters: Filters, filter_id: PathId, body: FilterChanges, expected: IfMatch) -> Response:
    """Change a saved filter: what is sent, nothing else."""
    return one(await filters.change(filter_id, body, expected))


@router.post("/{filter_id}/move", response_model=FilterRead, responses=problems(400, 401, 403, FilterNotFound, 412))
async def move_filter(filters: Filters, filter_id: PathId, body: MoveAmong, expected: IfMatch) -> Response:
    """Move a saved filter among the others."""
    return one(await filters.move(filter_id, body, expected))


@router.delete("/{filter_id}", status_code=204, responses=problems(400, 401, 403, FilterNotFound, 412))
async def delete_filter(filters: Filters, filter_id: PathId, expected: IfMatch) -> Response:
    """Delete a saved filter. It cannot be restored."""
    await filters.trash(filter_id, expected)
    return Response(status_code=204)
