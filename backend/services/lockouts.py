"""Locking accounts out, and letting them in again: what an operator does, by address."""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.principal import Caller
from backend.database.session import Database
from backend.models.users import User
from backend.services import audit
from backend.services.one_time_tokens import withdraw_all
from backend.services.revocations import Revocations

log = structlog.get_logger()


class Lockouts:
    """Disables and enables accounts. Opens its own transactions."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database = database
        self._revocations = revocations

    async def disable(self, account: str) -> UUID | None:
        """Lock a user out: sessions, tokens, feeds and links end, signing in is refused. Gives the id, if there is
        such a user."""
        async with self._database.begin() as session:
            if (user := await _locked(session, account)) is None:
                return None
            user.disabled_at = datetime.now(UTC)
            # Whoever has taken the mailbox must not be let in with its owner.
            await withdraw_all(session, user)
            ended = await self._revocations.end_all_of(session, user.id)
            audit.record(session, "user.disabled", user.id, Caller(), None, **ended)
        log.info("user.disabled", user_id=str(user.id))
        return user.id

    async def enable(self, account: str) -> UUID | None:
        """Let a user sign in again, here or elsewhere. Gives the id, if there is such a user."""
        async with self._database.begin() as session:
            if (user := await _locked(session, account)) is None:
                return None
            user.disabled_at = None
            await self._revocations.let_in_again(session, user.id)
            audit.record(session, "user.enabled", user.id, Caller())
        log.info("user.enabled", user_id=str(user.id))
        return user.id


async def account_of(database: Database, account: str) -> UUID | None:
    """Who it is, by address or by id."""
    async with database.begin() as session:
        return (await session.exec(select(User.id).where(_named(account)))).first()


async def _locked(session: AsyncSession, account: str) -> User | None:
    return (await session.exec(select(User).where(_named(account)).with_for_update(key_share=True))).first()


def _named(account: str) -> ColumnElement[bool]:
    """By address, or by id: people who sign in elsewhere have no address here."""
    try:
        return col(User.id) == UUID(account)
    except ValueError:
        return func.lower(col(User.email)) == func.lower(account)
