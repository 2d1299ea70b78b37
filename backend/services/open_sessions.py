"""Where a user is signed in: listed and ended."""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import bindparam, func
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.principal import Caller, Principal
from backend.database.session import Database
from backend.domain.errors import Forbidden, NotFound
from backend.domain.pagination import Page, Position
from backend.models.base import metadata
from backend.models.sessions import Session
from backend.services import audit
from backend.services.listing import Listing
from backend.services.revocations import Revocations, end_sessions

log = structlog.get_logger()

_S = metadata.tables["sessions"].c
_LIVE = Listing(
    _S.id.table,
    [
        _S.id,
        (_S.id == bindparam("current", type_=_S.id.type)).label("current"),
        _S.device,
        _S.created_at,
        func.coalesce(_S.rotated_at, _S.created_at).label("last_used_at"),
        func.least(_S.idle_expires_at, _S.expires_at).label("expires_at"),
    ],
    _S.revoked_at.is_(None),
    func.least(_S.idle_expires_at, _S.expires_at) > func.now(),
)


class SessionNotFound(NotFound):
    code = "session_not_found"
    title = "There is no such session, or it has ended"


class SignedInElsewhere(Forbidden):
    code = "signed_in_elsewhere"
    title = "There is no session of ours to end: sign out where you signed in"


class OpenSessionService:
    """One owner's sessions. It opens its own transactions. `current` is the grant of whoever asks."""

    def __init__(self, database: Database, revocations: Revocations, owner: UUID) -> None:
        self._database = database
        self._revocations = revocations
        self._owner = owner

    async def list(self, current: UUID, limit: int, after: Position | None) -> Page:
        """A page of the sessions that have not ended, the newest first."""
        return await _LIVE.page(self._database.fast, self._owner, limit, after, current=current)

    async def end(self, session_id: UUID, caller: Caller) -> None:
        """End one of them, and the access tokens that rest on it. Raises `SessionNotFound`."""
        async with self._database.begin() as session:
            if not await self._end(session, session_id, caller):
                raise SessionNotFound
        log.info("session.closed", session_id=str(session_id))

    async def end_others(self, who: Principal, caller: Caller) -> None:
        """End all but the one that asks, and the access tokens that rest on them. Raises `SignedInElsewhere`."""
        if who.kind != "session":
            raise SignedInElsewhere
        async with self._database.begin() as session:
            ids = (await session.exec(end_sessions(self._owner, but=who.grant_id))).scalars().all()
            if ids:
                audit.record(session, "session.closed", self._owner, caller, sessions=len(ids))
                await self._revocations.end(session, ids)
        if ids:
            log.info("session.closed", sessions=len(ids))

    async def sign_out(self, who: Principal, caller: Caller) -> None:
        """End the session that the access token is of. Ending it twice is no error. Raises `SignedInElsewhere`."""
        if who.kind != "session":
            raise SignedInElsewhere
        async with self._database.begin() as session:
            await self._end(session, who.grant_id, caller)
        log.info("session.closed", session_id=str(who.grant_id))

    async def _end(self, session: AsyncSession, session_id: UUID, caller: Caller) -> bool:
        current = await session.get(Session, (self._owner, session_id), with_for_update=True)
        if current is None or current.revoked_at is not None:
            return False
        current.revoked_at = datetime.now(UTC)
        audit.record(session, "session.closed", self._owner, caller, session_id)
        await self._revocations.end(session, [session_id])
        return True
