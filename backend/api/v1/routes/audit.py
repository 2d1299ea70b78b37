"""What happened to your account: sign-ins, refusals, and what has ended."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import owned
from backend.api.openapi import problems
from backend.api.responses import many
from backend.api.scopes import scoped
from backend.schemas.audit import AuditEntryRead
from backend.schemas.pagination import PageQuery
from backend.services.audit import AuditLog

Audit = Annotated[AuditLog, Depends(owned(AuditLog))]

router = APIRouter(prefix="/api/v1/users/{user_id}/audit", tags=["Audit log"], dependencies=[Depends(scoped("audit"))])


@router.get("", response_model=list[AuditEntryRead], responses=problems(400, 401, 403))
async def list_audit(request: Request, audit: Audit, query: Annotated[PageQuery, Query()]) -> Response:
    """List what happened to one's account, the newest first. While there is more, `Link` has the next page."""
    return many(request, await audit.list(query.limit, query.position()))
