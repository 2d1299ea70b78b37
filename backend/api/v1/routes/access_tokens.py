"""Tokens for programs of your own, each with its scopes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import CallerDep, Identity, PathId
from backend.api.openapi import problems
from backend.api.responses import many
from backend.api.scopes import sessions_only
from backend.schemas.access_tokens import AccessTokenCreate, AccessTokenCreated, AccessTokenRead
from backend.schemas.pagination import PageQuery
from backend.services.access_tokens import AccessTokenNotFound, AccessTokenService, TooManyTokens


async def _service(request: Request) -> AccessTokenService:
    service: AccessTokenService = request.app.state.access_tokens
    return service


AccessTokens = Annotated[AccessTokenService, Depends(_service)]

# A token that could make another would outlive its own end, and could widen its scopes.
router = APIRouter(prefix="/api/v1/auth/tokens", tags=["Personal access tokens"], dependencies=[Depends(sessions_only)])


@router.get("", response_model=list[AccessTokenRead], responses=problems(400, 401))
async def list_access_tokens(
    request: Request, tokens: AccessTokens, who: Identity, query: Annotated[PageQuery, Query()]
) -> Response:
    """List one's personal access tokens, the newest first. While there is more, `Link` has the next page."""
    return many(request, await tokens.list(who, query.limit, query.position()))


@router.post("", status_code=201, responses=problems(400, 401, TooManyTokens))
async def create_access_token(
    tokens: AccessTokens, who: Identity, body: AccessTokenCreate, caller: CallerDep
) -> AccessTokenCreated:
    """Make a personal access token. This answer has the token itself, and no other ever will."""
    return await tokens.create(who, body, caller)


@router.delete("/{token_id}", status_code=204, responses=problems(400, 401, AccessTokenNotFound))
async def delete_access_token(tokens: AccessTokens, who: Identity, token_id: PathId, caller: CallerDep) -> Response:
    """Delete a personal access token. Within seconds it is worth nothing any more."""
    await tokens.delete(who, token_id, caller)
    return Response(status_code=204)
