"""One's own profile."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from backend.api.dependencies import Identity, IfMatch, IfNoneMatch, SessionDep
from backend.api.openapi import problems
from backend.api.responses import one, one_unless_known
from backend.schemas.users import UserChanges, UserRead
from backend.services.users import UserService


async def _service(session: SessionDep, who: Identity) -> UserService:
    return UserService(session, who.user_id)


Users = Annotated[UserService, Depends(_service)]

router = APIRouter(prefix="/api/v1/users", tags=["Users"])


@router.get("/me", response_model=UserRead, responses=problems(401))
async def get_me(users: Users, known: IfNoneMatch = None) -> Response:
    """Read one's own profile."""
    return one_unless_known(await users.get(), known)


@router.patch("/me", response_model=UserRead, responses=problems(400, 401, 412))
async def update_me(users: Users, body: UserChanges, expected: IfMatch) -> Response:
    """Change one's own profile: what is sent, nothing else."""
    return one(await users.change(body, expected))
