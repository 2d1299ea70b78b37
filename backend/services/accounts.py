"""Whole accounts: taking everything along, leaving for good, and being locked out by the operator."""

from collections.abc import AsyncIterator
from uuid import UUID

import structlog
from sqlalchemy import delete, func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.password import Passwords
from backend.auth.principal import Caller, Principal, TokenInvalid
from backend.database.session import Database
from backend.models.users import User
from backend.services import audit
from backend.services.current_password import WrongPassword
from backend.services.export import everything_of
from backend.services.revocations import Revocations

log = structlog.get_logger()

LEAVING_LIMIT = 60.0
"""Seconds that removing an account may take. 100,000 tasks take about two."""


class AccountService:
    """Exports, deletes and disables accounts. Opens its own transactions."""

    def __init__(self, database: Database, passwords: Passwords, revocations: Revocations) -> None:
        self._database = database
        self._passwords = passwords
        self._revocations = revocations

    async def export(self, who: Principal, caller: Caller) -> AsyncIterator[bytes]:
        """A JSON document with everything that the service holds of the user, in pieces."""
        async with self._database.begin() as session:
            audit.record(session, "user.exported", who.user_id, caller, who.grant_id)
        log.info("user.exported", user_id=who.subject)
        return everything_of(self._database.fast, who.user_id)

    async def delete(self, who: Principal, password: str | None) -> None:
        """Remove the user and all that is theirs, and end every session and token. Raises `WrongPassword`.

        Who signs in elsewhere has no password here, and needs none.
        """
        async with self._database.begin() as session:
            user = await session.get(User, who.user_id)
        if user is None:
            raise TokenInvalid
        if user.password_hash is not None and not await self._passwords.verify(password or "", user.password_hash):
            raise WrongPassword
        async with self._database.begin(LEAVING_LIMIT) as session:
            await self._revocations.end_all_of(session, who.user_id)
            # What is theirs goes with them: every foreign key cascades.
            await session.exec(delete(User).where(col(User.id) == who.user_id))
        log.info("user.deleted", user_id=who.subject)

    async def disable(self, email: str) -> UUID | None:
        """Lock a user out: sessions and tokens end, signing in is refused. Gives the id, if there is such a user."""
        async with self._database.begin() as session:
            if (user_id := await _find(session, email)) is None:
                return None
            await session.exec(update(User).where(col(User.id) == user_id).values(disabled_at=func.now()))
            await self._revocations.end_all_of(session, user_id)
            audit.record(session, "user.disabled", user_id, Caller())
        log.info("user.disabled", user_id=str(user_id))
        return user_id

    async def enable(self, email: str) -> UUID | None:
        """Let a user sign in again. Gives the id, if there is such a user."""
        async with self._database.begin() as session:
            if (user_id := await _find(session, email)) is None:
                return None
            await session.exec(update(User).where(col(User.id) == user_id).values(disabled_at=None))
            audit.record(session, "user.enabled", user_id, Caller())
        log.info("user.enabled", user_id=str(user_id))
        return user_id


async def _find(session: AsyncSession, email: str) -> UUID | None:
    return (await session.exec(select(User.id).where(func.lower(col(User.email)) == func.lower(email)))).first()
