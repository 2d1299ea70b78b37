"""E-mail addresses: confirmed and changed."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from backend.api.dependencies import CallerDep, Identity
from backend.api.openapi import problems
from backend.api.scopes import sessions_only
from backend.domain.errors import TooManyAttempts
from backend.schemas.email_addresses import EmailChange, EmailUnverified, EmailVerification
from backend.services.current_password import WrongPassword
from backend.services.email_addresses import EmailAddressService
from backend.services.one_time_tokens import LinkInvalid
from backend.services.outbox import MailNotConfigured
from backend.services.sessions import EmailTaken


async def _service(request: Request) -> EmailAddressService:
    service: EmailAddressService = request.app.state.email_addresses
    return service


EmailAddresses = Annotated[EmailAddressService, Depends(_service)]

router = APIRouter(prefix="/api/v1/auth/email", tags=["Sign-in"], dependencies=[Depends(sessions_only)])


@router.post("/verify", name="verify_email", status_code=204, responses=problems(400, LinkInvalid, EmailTaken))
async def verify(addresses: EmailAddresses, body: EmailVerification, caller: CallerDep) -> Response:
    """Confirm an e-mail address with the token of a link that was mailed to it."""
    await addresses.verify(body.token, caller)
    return Response(status_code=204)


@router.post(
    "/resend",
    name="resend_verification",
    status_code=202,
    response_class=Response,
    responses=problems(400, MailNotConfigured),
)
async def resend(addresses: EmailAddresses, body: EmailUnverified, caller: CallerDep) -> Response:
    """Have the link mailed again that confirms an address. The answer is the same for every address."""
    await addresses.resend(body.email, caller)
    return Response(status_code=202)


@router.post(
    "/change",
    name="change_email",
    status_code=202,
    response_class=Response,
    responses=problems(400, 401, WrongPassword, 429, TooManyAttempts, MailNotConfigured),
)
async def change(addresses: EmailAddresses, who: Identity, body: EmailChange, caller: CallerDep) -> Response:
    """Have a link mailed to a new address, which becomes one's own when it is followed."""
    await addresses.change(who, body, caller)
    return Response(status_code=202)
