"""Whole accounts: taking everything along, and leaving for good."""

from collections.abc import AsyncIterator

import structlog
from sqlalchemy import delete, func
from sqlmodel import col

from backend.auth.principal import Caller, Principal
from backend.database.session import Database
from backend.models.mail import Mail
from backend.models.users import User
from backend.services import audit
from backend.services.current_password import CurrentPassword, WrongPassword
from backend.services.export import everything_of
from backend.services.revocations import Revocations

log = structlog.get_logger()

LEAVING_LIMIT = 60.0
"""Seconds that removing an account may take. 100,000 tasks take about two."""


class AccountService:
    """Exports and deletes accounts. Opens its own transactions."""

    def __init__(self, database: Database, revocations: Revocations, current: CurrentPassword) -> None:
        self._database = database
        self._revocations = revocations
        self._current = current

    async def export(self, who: Principal, caller: Caller) -> AsyncIterator[bytes]:
        """A JSON document with everything that the service holds of the user, in pieces."""
        async with self._database.begin() as session:
            audit.record(session, "user.exported", who.user_id, caller, who.grant_id)
        log.info("user.exported", user_id=who.subject)
        return everything_of(self._database.fast, who.user_id)

    async def delete(self, who: Principal, password: str | None, caller: Caller) -> None:
        """Remove the user and all that is theirs, and end every session and token. Raises as `CurrentPassword` does.

        Who signs in elsewhere has no password here, and needs none.
        """
        user = await self._current.confirm(who.user_id, password or "", caller, if_any=True)
        async with self._database.begin(LEAVING_LIMIT) as session:
            await self._revocations.end_all_of(session, who.user_id)
            # A link that somebody asked for without signing in waits for their address, and names nobody.
            if user.email is not None:
                await session.exec(delete(Mail).where(func.lower(col(Mail.address)) == func.lower(user.email)))
            # What is theirs goes with them: every foreign key cascades.
            same = col(User.password_hash).is_not_distinct_from(user.password_hash)
            removed = await session.exec(delete(User).where(col(User.id) == who.user_id, same))
            if not removed.rowcount:
                raise WrongPassword
        log.info("user.deleted", user_id=who.subject)
