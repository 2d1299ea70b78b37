"""Locking accounts out, and letting them in again: what an operator does, by address."""

from uuid import UUID

import structlog
from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.principal import Caller
from backend.database.session import Database
from backend.models.users import User
from backend.services import audit
from backend.services.revocations import Revocations

log = structlog.get_logger()


class Lockouts:
    """Disables and enables accounts. Opens its own transactions."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database = database
        self._revocations = revocations

    async def disable(self, account: str) -> UUID | None:
        """Lock a user out: sessions and tokens end, signing in is refused. Gives the id, if there is such a user."""
        async with self._database.begin() as session:
            if (user_id := await _find(session, account)) is None:
                return None
            await session.exec(update(User).where(col(User.id) == user_id).values(disabled_at=func.now()))
            await self._revocations.end_all_of(session, user_id)
            audit.record(session, "user.disabled", user_id, Caller())
        log.info("user.disabled", user_id=str(user_id))
        return user_id

    async def enable(self, account: str) -> UUID | None:
        """Let a user sign in again. Gives the id, if there is such a user."""
        async with self._database.begin() as session:
            if (user_id := await _find(session, account)) is None:
                return None
            await session.exec(update(User).where(col(User.id) == user_id).values(disabled_at=None))
            audit.record(session, "user.enabled", user_id, Caller())
        log.info("user.enabled", user_id=str(user_id))
        return user_id


async def account_of(database: Database, account: str) -> UUID | None:
    """Who it is, by address or by id."""
    async with database.begin() as session:
        return await _find(session, account)


async def _find(session: AsyncSession, account: str) -> UUID | None:
    """Who it is, by address, or by id: people who sign in elsewhere have no address here."""
    try:
        named = col(User.id) == UUID(account)
    except ValueError:
        named = func.lower(col(User.email)) == func.lower(account)
    return (await session.exec(select(User.id).where(named))).first()
