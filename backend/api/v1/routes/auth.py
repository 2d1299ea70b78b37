"""Registering, signing in, and staying signed in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Header
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import Identity
from backend.api.openapi import problems
from backend.domain.errors import Fault
from backend.schemas.sessions import Credentials, Registration, SignedIn, TokenRequest, Tokens
from backend.services.sessions import (
    EmailTaken,
    InvalidCredentials,
    InvalidGrant,
    InvalidTokenRequest,
    SessionService,
    UnsupportedGrantType,
)


async def _service(request: Request) -> SessionService:
    service: SessionService = request.app.state.sessions
    return service


async def _never_stored(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"  # RFC 6749 section 5.1


Sessions = Annotated[SessionService, Depends(_service)]
Device = Annotated[str | None, Header(alias="User-Agent", include_in_schema=False)]

router = APIRouter(prefix="/api/v1/auth", tags=["Sign-in"], dependencies=[Depends(_never_stored)])


@router.post("/register", name="register_user", status_code=201, responses=problems(400, EmailTaken))
async def register(sessions: Sessions, body: Registration, device: Device = None) -> SignedIn:
    """Open an account and sign in to it."""
    return await sessions.register(body, _shortened(device))


@router.post("/login", responses=problems(400, InvalidCredentials))
async def login(sessions: Sessions, body: Credentials, device: Device = None) -> SignedIn:
    """Sign in with e-mail address and password."""
    return await sessions.sign_in(body, _shortened(device))


@router.post("/token", name="issue_token", responses=problems(InvalidTokenRequest, UnsupportedGrantType, InvalidGrant))
async def token(sessions: Sessions, form: Annotated[TokenRequest, Form()], device: Device = None) -> Tokens:
    """Sign in or stay signed in the OAuth 2 way. `password` signs in, `refresh_token` is spent for the next pair."""
    if form.grant_type == "refresh_token":
        return await sessions.refresh(_required(form.refresh_token, "refresh_token"))
    credentials = Credentials(email=_required(form.username, "username"), password=_required(form.password, "password"))
    try:
        signed_in = await sessions.sign_in(credentials, _shortened(device))
    except InvalidCredentials as refusal:
        raise InvalidGrant from refusal
    return Tokens.model_validate(signed_in, from_attributes=True)


@router.post("/logout", status_code=204, responses=problems(401))
async def logout(sessions: Sessions, who: Identity) -> Response:
    """End this session: its refresh token is worth nothing any more."""
    await sessions.sign_out(who)
    return Response(status_code=204)


def _required(value: str | None, field: str) -> str:
    if value is None:
        raise InvalidTokenRequest([Fault(field, "missing", "Field required")])
    return value


def _shortened(device: str | None) -> str | None:
    return device and device[:255]
