"""Forgotten, reset and changed passwords."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import CallerDep, Identity
from backend.api.openapi import problems
from backend.api.scopes import sessions_only
from backend.domain.errors import TooManyAttempts
from backend.schemas.passwords import PasswordChange, PasswordForgotten, PasswordReset
from backend.services.current_password import WrongPassword
from backend.services.one_time_tokens import LinkInvalid
from backend.services.outbox import MailNotConfigured
from backend.services.passwords import PasswordService


async def _service(request: Request) -> PasswordService:
    service: PasswordService = request.app.state.passwords
    return service


Passwords = Annotated[PasswordService, Depends(_service)]

router = APIRouter(prefix="/api/v1/auth/password", tags=["Sign-in"], dependencies=[Depends(sessions_only)])


@router.post(
    "/forgot",
    name="forgot_password",
    status_code=202,
    response_class=Response,
    responses=problems(400, MailNotConfigured),
)
async def forgot(passwords: Passwords, body: PasswordForgotten, caller: CallerDep) -> Response:
    """Have a link mailed with which a new password can be set. The answer is the same for every address."""
    await passwords.forgot(body.email, caller)
    return Response(status_code=202)


@router.post("/reset", name="reset_password", status_code=204, responses=problems(400, LinkInvalid))
async def reset(passwords: Passwords, body: PasswordReset, caller: CallerDep) -> Response:
    """Set a new password with the token of a link. Every session of the account ends."""
    await passwords.reset(body, caller)
    return Response(status_code=204)


@router.post(
    "/change",
    name="change_password",
    status_code=204,
    responses=problems(400, 401, WrongPassword, 429, TooManyAttempts),
)
async def change(passwords: Passwords, who: Identity, body: PasswordChange, caller: CallerDep) -> Response:
    """Change one's own password. Every other session of the account ends."""
    await passwords.change(who, body, caller)
    return Response(status_code=204)
