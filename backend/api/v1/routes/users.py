"""One's own profile."""

from collections.abc import AsyncIterator
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Body, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from backend.api.dependencies import CallerDep, Identity, IfMatch, IfNoneMatch, SessionDep
from backend.api.openapi import problems
from backend.api.responses import nothing, one, one_unless_known
from backend.api.scopes import scoped, sessions_only
from backend.domain.errors import TooManyAttempts
from backend.schemas.users import AccountDeletion, Export, UserChanges, UserRead
from backend.services.accounts import AccountService, ExportInProgress
from backend.services.current_password import WrongPassword
from backend.services.owned import LONG
from backend.services.users import UserService


async def _service(session: SessionDep, who: Identity) -> UserService:
    return UserService(session, who.user_id)


class _Asked(NamedTuple):
    users: UserService
    body: UserChanges


async def _asked(request: Request, who: Identity, body: UserChanges) -> AsyncIterator[_Asked]:
    # What is due is due elsewhere in another time zone: that may be every task that somebody has.
    seconds = LONG if "time_zone" in body.model_fields_set else None
    async with request.app.state.database.begin(seconds) as session:
        yield _Asked(UserService(session, who.user_id), body)


async def _accounts(request: Request) -> AccountService:
    service: AccountService = request.app.state.accounts
    return service


Accounts = Annotated[AccountService, Depends(_accounts)]


async def _export(
    request: Request, accounts: Accounts, who: Identity, caller: CallerDep
) -> AsyncIterator[AsyncIterator[bytes]]:
    if request.scope["state"].get("head"):
        # Nothing of it would be sent: none is made, told of in the audit log, or in the way of the next.
        yield nothing()
        return
    async with accounts.export(who, caller) as pieces:
        yield pieces


# It is over when the answer has been sent, or its reader has gone: not when the route returns.
ExportDep = Annotated[AsyncIterator[bytes], Depends(_export, scope="request")]
Users = Annotated[UserService, Depends(_service)]
Asked = Annotated[_Asked, Depends(_asked, scope="function")]

profile = APIRouter(dependencies=[Depends(scoped("profile"))])
account = APIRouter(dependencies=[Depends(sessions_only)])


@profile.get("/me", response_model=UserRead, responses=problems(401))
async def get_me(users: Users, known: IfNoneMatch = None) -> Response:
    """Read one's own profile."""
    return one_unless_known(await users.get(), known)


@profile.patch("/me", response_model=UserRead, responses=problems(400, 401, 412))
async def update_me(asked: Asked, expected: IfMatch) -> Response:
    """Change one's own profile: what is sent, nothing else."""
    return one(await asked.users.change(asked.body, expected))


@account.delete("/me", status_code=204, responses=problems(400, 401, WrongPassword, 429, TooManyAttempts))
async def delete_me(
    accounts: Accounts,
    who: Identity,
    caller: CallerDep,
    body: Annotated[AccountDeletion, Body(default_factory=AccountDeletion)],
) -> Response:
    """Delete one's account and everything in it, now and for good. Every session and token ends."""
    await accounts.delete(who, body.password, caller)
    return Response(status_code=204)


@account.get("/me/export", response_model=Export, responses=problems(401, 429, ExportInProgress))
async def export_me(pieces: ExportDep) -> Response:
    """Read everything that the service holds of one. An array for each table, in one object."""
    return StreamingResponse(pieces, media_type="application/json")


router = APIRouter(prefix="/api/v1/users", tags=["Users"])
router.include_router(profile)
router.include_router(account)
