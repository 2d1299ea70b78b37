"""Whole accounts: taking everything along, and leaving for good."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import structlog
from sqlalchemy import delete, func
from sqlmodel import col

from backend.auth.principal import Caller, Principal
from backend.database.session import Database
from backend.domain.errors import TooManyRequests
from backend.models.mail import Mail
from backend.models.users import User
from backend.services import audit
from backend.services.current_password import CurrentPassword, WrongPassword, present
from backend.services.export import everything_of
from backend.services.revocations import Revocations
from backend.services.turns import Turns

log = structlog.get_logger()

LEAVING_LIMIT = 60.0
"""Seconds that removing an account may take. 100,000 tasks take about two."""


class ExportInProgress(TooManyRequests):
    code = "export_in_progress"
    title = "Another export of yours is not finished; wait for it, or break it off"


class AccountService:
    """Exports and deletes accounts. Opens its own transactions. A worker exports for a user once at a time."""

    def __init__(self, database: Database, revocations: Revocations, current: CurrentPassword) -> None:
        self._database = database
        self._revocations = revocations
        self._current = current
        self._turns = Turns(ExportInProgress)

    @asynccontextmanager
    async def export(self, who: Principal, caller: Caller) -> AsyncIterator[AsyncIterator[bytes]]:
        """A JSON document with everything that the service holds of the user, in pieces, until the block ends.

        Raises `ExportInProgress` while there is another of the user's: what a slow reader has yet to take is in memory;
        `TokenInvalid` when the account has gone.
        """
        with self._turns.take(who.user_id) as turn:
            await audit.write(self._database.fast, "user.exported", who.user_id, caller, who.grant_id)
            log.info("user.exported", user_id=who.subject)
            async with aclosing(everything_of(self._database.fast, who.user_id, ended=turn.close)) as pieces:
                yield pieces

    async def delete(self, who: Principal, password: str | None, caller: Caller) -> None:
        """Remove the user and all that is theirs, and end every session and token. Raises as `CurrentPassword` does.

        Who signs in elsewhere has no password here, and needs none.
        """
        known = await self._current.confirm(who.user_id, password or "", caller, if_any=True)
        async with self._database.begin(LEAVING_LIMIT) as session:
            # Before whatever is theirs: who changes that and needs them has them first, too.
            user = await present(session, who.user_id, lock=True)
            if user.password_hash != known.password_hash:
                raise WrongPassword
            await self._revocations.end_all_of(session, who.user_id)
            # A link that somebody asked for without signing in waits for their address, and names nobody.
            if user.email is not None:
                await session.exec(delete(Mail).where(func.lower(col(Mail.address)) == func.lower(user.email)))
            # What is theirs goes with them: every foreign key cascades.
            await session.exec(delete(User).where(col(User.id) == who.user_id))
        log.info("user.deleted", user_id=who.subject)
