"""Quick add."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from backend.api.dependencies import owned
from backend.api.openapi import problems
from backend.api.responses import plain
from backend.api.scopes import scoped
from backend.schemas.quick_add import QuickAdd, QuickAdded
from backend.services.owned import IdInTrash
from backend.services.quick_add import QuickAddService

Sentences = Annotated[QuickAddService, Depends(owned(QuickAddService))]

router = APIRouter(prefix="/api/v1/users/{user_id}/tasks", tags=["Tasks"], dependencies=[Depends(scoped("tasks"))])


@router.post(
    "/quick",
    response_model=QuickAdded,
    status_code=201,
    responses={
        200: {"model": QuickAdded, "description": "Created before, or a dry run"},
        **problems(400, 401, 403, IdInTrash),
    },
)
async def quick_add(sentences: Sentences, body: QuickAdd) -> Response:
    """Create a task from one sentence. The answer tells which words were taken for what; all others are the title."""
    answer, created = await sentences.add(body)
    return plain(answer, status=201 if created else 200)
