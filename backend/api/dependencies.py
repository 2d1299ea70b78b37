"""What routes ask for, as annotated aliases: who is asking, in which transaction, with which service."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Depends, Header, Path
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from backend.api import scopes
from backend.auth.principal import Caller, ForeignSubject, PresentedToken, Principal
from backend.database.fast_lane import FastLane
from backend.domain.errors import DonewellError, Fault, Forbidden, InvalidInput
from backend.domain.preconditions import Expected
from backend.services.access_tokens import AccessTokenService
from backend.services.identities import Identities
from backend.utils.validators import Id

LONGEST_DEVICE = 255
"""Characters of a User-Agent that are kept."""

_ENTITY_TAG = r'\s*(W/)?"[!#-~]*"\s*'
_IF_MATCH = re.compile(rf"\s*\*\s*|{_ENTITY_TAG}(,{_ENTITY_TAG})*")
_STRONG_VERSION = re.compile(r'(?<!W/)"(0|[1-9][0-9]{0,17})"')


class NotYours(Forbidden):
    code = "not_yours"
    title = "This path belongs to another user; use your own id or `me`"


async def identity(request: Request) -> Principal:
    """Who is asking. Raises what is wrong with their token, that its grant has ended, or that it may not do this."""
    state = request.scope["state"]
    found: Principal | PresentedToken | ForeignSubject | DonewellError = state["identity"]
    if not isinstance(found, Principal):
        found = state["identity"] = await _found(request, found)
    await request.app.state.revocations.check(found)
    if found.scope is not None:
        scopes.check(found.scope, request)
    return found


async def _found(request: Request, presented: PresentedToken | ForeignSubject | DonewellError) -> Principal:
    """Who it is of whom the database knows."""
    if isinstance(presented, DonewellError):
        raise presented
    if isinstance(presented, ForeignSubject):
        identities: Identities = request.app.state.identities
        return identities.known(presented) or await identities.find(presented, await caller(request))
    tokens: AccessTokenService = request.app.state.access_tokens
    return await tokens.find(presented)


async def caller(request: Request) -> Caller:
    """Where the request comes from."""
    client = request.scope.get("client")
    device = request.headers.get("User-Agent")
    return Caller(client and client[0], device and device[:LONGEST_DEVICE], request.scope["state"]["request_id"])


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """One transaction for the request, committed before the response is sent."""
    async with request.app.state.database.begin() as session:
        yield session


Identity = Annotated[Principal, Depends(identity)]
CallerDep = Annotated[Caller, Depends(caller)]
# With the default scope the commit would come after the answer, and a failing one behind a 201.
SessionDep = Annotated[AsyncSession, Depends(transaction, scope="function")]

OwnerPath = Annotated[str, Path(description="Your own id, or `me`", examples=["me"])]


async def owner(user_id: OwnerPath, who: Identity) -> UUID:
    """Whose rows the path is about: one's own, or nobody's. Raises `NotYours`."""
    if user_id != "me" and user_id.lower() != who.subject:
        raise NotYours
    return who.user_id


Owner = Annotated[UUID, Depends(owner)]


class OwnedService(Protocol):
    """A service of owned rows: it cannot be built without their owner."""

    def __init__(self, lane: FastLane, owner: UUID) -> None: ...


def owned[Service: OwnedService](service: type[Service]) -> Callable[..., Awaitable[Service]]:
    """A dependency that builds the service for the owner of the path."""

    async def build(request: Request, owner: Owner) -> Service:
        return service(request.app.state.database.fast, owner)

    return build


async def expected_versions(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="Act only on this version: the ETag that was seen",
            json_schema_extra={"pattern": f"^({_IF_MATCH.pattern})$"},
        ),
    ] = None,
) -> Expected:
    """The versions in `If-Match`. Weak tags never match (RFC 9110 section 13.1.1). Raises `InvalidInput`."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = ", ".join(request.headers.getlist("If-Match"))  # several lines are one list (RFC 9110 section 5.3)
    if not _IF_MATCH.fullmatch(tags):
        raise InvalidInput([Fault("If-Match", "invalid_etag", 'Send the ETag as it came, like "42"')])
    return tuple(int(version) for version in _STRONG_VERSION.findall(tags))


IfMatch = Annotated[Expected, Depends(expected_versions)]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="Answer 304 if this is still the version: the ETag last seen")
]
PathId = Annotated[Id, Path(description="The id of the object")]
