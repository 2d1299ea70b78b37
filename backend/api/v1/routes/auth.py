"""Registering, signing in, and staying signed in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import CallerDep, Identity, PathId
from backend.api.openapi import problems
from backend.api.responses import many
from backend.api.scopes import sessions_only
from backend.auth.refresh_tokens import InvalidGrant
from backend.domain.errors import Fault, TooManyAttempts
from backend.schemas.pagination import PageQuery
from backend.schemas.sessions import Credentials, Registration, SessionRead, SignedIn, TokenRequest, Tokens
from backend.services.open_sessions import OpenSessionService, SessionNotFound, SignedInElsewhere
from backend.services.sessions import (
    AccountDisabled,
    EmailTaken,
    InvalidCredentials,
    InvalidTokenRequest,
    RefreshTokenReused,
    SessionService,
    UnsupportedGrantType,
)


async def _service(request: Request) -> SessionService:
    service: SessionService = request.app.state.sessions
    return service


Sessions = Annotated[SessionService, Depends(_service)]


async def _open(request: Request, who: Identity) -> OpenSessionService:
    return OpenSessionService(request.app.state.database, request.app.state.revocations, who.user_id)


OpenSessions = Annotated[OpenSessionService, Depends(_open)]

router = APIRouter(prefix="/api/v1/auth", tags=["Sign-in"], dependencies=[Depends(sessions_only)])


@router.post("/register", name="register_user", status_code=201, responses=problems(400, EmailTaken))
async def register(sessions: Sessions, body: Registration, caller: CallerDep) -> SignedIn:
    """Open an account and sign in to it."""
    return await sessions.register(body, caller)


@router.post("/login", responses=problems(400, InvalidCredentials, AccountDisabled, 429, TooManyAttempts))
async def login(sessions: Sessions, body: Credentials, caller: CallerDep) -> SignedIn:
    """Sign in with e-mail address and password."""
    return await sessions.sign_in(body, caller)


@router.post(
    "/token",
    name="issue_token",
    responses=problems(
        InvalidTokenRequest, UnsupportedGrantType, InvalidGrant, RefreshTokenReused, 429, TooManyAttempts
    ),
)
async def token(sessions: Sessions, form: Annotated[TokenRequest, Form()], caller: CallerDep) -> Tokens:
    """Sign in or stay signed in the OAuth 2 way. `password` signs in, `refresh_token` is spent for the next pair."""
    if form.grant_type == "refresh_token":
        return await sessions.refresh(_required(form.refresh_token, "refresh_token"), caller)
    credentials = Credentials(email=_required(form.username, "username"), password=_required(form.password, "password"))
    try:
        signed_in = await sessions.sign_in(credentials, caller)
    except (InvalidCredentials, AccountDisabled) as refusal:
        raise InvalidGrant from refusal
    return Tokens.model_validate(signed_in, from_attributes=True)


@router.post("/logout", status_code=204, responses=problems(401, SignedInElsewhere))
async def logout(sessions: OpenSessions, who: Identity, caller: CallerDep) -> Response:
    """End this session. Its refresh token is worth nothing any more, nor, within seconds, are its access tokens."""
    await sessions.sign_out(who, caller)
    return Response(status_code=204)


@router.get("/sessions", response_model=list[SessionRead], responses=problems(400, 401))
async def list_sessions(
    request: Request, sessions: OpenSessions, who: Identity, query: Annotated[PageQuery, Query()]
) -> Response:
    """List where one is signed in, the newest first. While there is more, the `Link` header has the next page."""
    return many(request, await sessions.list(who.grant_id, query.limit, query.position()))


@router.delete("/sessions", status_code=204, responses=problems(401, SignedInElsewhere))
async def end_other_sessions(sessions: OpenSessions, who: Identity, caller: CallerDep) -> Response:
    """End all sessions of one's own but this one, as signing out everywhere else would."""
    await sessions.end_others(who, caller)
    return Response(status_code=204)


@router.delete("/sessions/{session_id}", status_code=204, responses=problems(400, 401, SessionNotFound))
async def end_session(sessions: OpenSessions, session_id: PathId, caller: CallerDep) -> Response:
    """End a session of one's own, as signing out there would."""
    await sessions.end(session_id, caller)
    return Response(status_code=204)


def _required(value: str | None, field: str) -> str:
    if value is None:
        raise InvalidTokenRequest([Fault(field, "missing", "Field required")])
    return value
