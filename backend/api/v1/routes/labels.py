"""The labels that your tasks carry, with their colors. A name is the same label in capitals."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import IfMatch, IfNoneMatch, PathId, owned
from backend.api.openapi import problems
from backend.api.responses import many, one, one_unless_known, path_of
from backend.api.scopes import scoped
from backend.schemas.labels import LabelChanges, LabelCreate, LabelMerge, LabelRead
from backend.schemas.moves import MoveAmong
from backend.schemas.pagination import OrderedPageQuery
from backend.services.labels import LabelExists, LabelNotFound, LabelService
from backend.services.owned import IdInTrash

Labels = Annotated[LabelService, Depends(owned(LabelService))]
_CHANGE_PROBLEMS = problems(400, 401, 403, LabelNotFound, LabelExists, 412)

router = APIRouter(prefix="/api/v1/users/{user_id}/labels", tags=["Labels"], dependencies=[Depends(scoped("labels"))])


@router.get("", response_model=list[LabelRead], responses=problems(400, 401, 403))
async def list_labels(request: Request, labels: Labels, query: Annotated[OrderedPageQuery, Query()]) -> Response:
    """List labels, the newest first or in their order.

    While there is more, the `Link` header has the address of the next page.
    """
    return many(request, await labels.list(query))


@router.post(
    "",
    response_model=LabelRead,
    status_code=201,
    responses={
        200: {"model": LabelRead, "description": "Created before"},
        **problems(400, 401, 403, IdInTrash, LabelExists),
    },
)
async def create_label(request: Request, labels: Labels, body: LabelCreate) -> Response:
    """Create a label. A task that is given a new name makes one by itself.

    Sending the same `id` again returns the first result with 200, so a retry makes no second label.
    """
    label, created = await labels.create(body)
    return one(label, status=201 if created else 200, location=f"{path_of(request)}/{label['id']}")


@router.get("/{label_id}", response_model=LabelRead, responses=problems(400, 401, 403, LabelNotFound))
async def get_label(labels: Labels, label_id: PathId, known: IfNoneMatch = None) -> Response:
    """Read a label."""
    return one_unless_known(await labels.get(label_id), known)


@router.put("/{label_id}", name="put_label", response_model=LabelRead, responses=_CHANGE_PROBLEMS)
@router.patch("/{label_id}", response_model=LabelRead, responses=_CHANGE_PROBLEMS)
async def update_label(labels: Labels, label_id: PathId, body: LabelChanges, expected: IfMatch) -> Response:
    """Change a label: what is sent, nothing else. A new name is at once that of every task that carries the label.

    To the name of another label it is refused: merge the two.
    """
    return one(await labels.change(label_id, body, expected))


@router.post("/{label_id}/merge", response_model=LabelRead, responses=problems(400, 401, 403, LabelNotFound, 412))
async def merge_label(labels: Labels, label_id: PathId, body: LabelMerge, expected: IfMatch) -> Response:
    """Merge a label into another, which is returned. Tasks that carried either carry that one; the first is deleted."""
    return one(await labels.merge(label_id, body, expected))


@router.post("/{label_id}/move", response_model=LabelRead, responses=problems(400, 401, 403, LabelNotFound, 412))
async def move_label(labels: Labels, label_id: PathId, body: MoveAmong, expected: IfMatch) -> Response:
    """Move a label among the others."""
    return one(await labels.move(label_id, body, expected))


@router.delete("/{label_id}", status_code=204, responses=problems(400, 401, 403, LabelNotFound, 412))
async def delete_label(labels: Labels, label_id: PathId, expected: IfMatch) -> Response:
    """Delete a label. It is taken off every task that carries it, and cannot be restored."""
    await labels.trash(label_id, expected)
    return Response(status_code=204)
