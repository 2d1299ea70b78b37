"""Forgotten, reset and changed passwords."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.password import Passwords
from backend.auth.principal import Caller, Principal
from backend.database.session import Database
from backend.models.users import User
from backend.schemas.passwords import PasswordChange, PasswordReset
from backend.services import audit
from backend.services.current_password import CurrentPassword, WrongPassword, present
from backend.services.one_time_tokens import find, withdraw_all
from backend.services.outbox import Outbox
from backend.services.revocations import Revocations
from backend.services.throttle import Throttle

log = structlog.get_logger()


class PasswordService:
    """Gives people a new password. A new one ends what rests on the old one."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        revocations: Revocations,
        current: CurrentPassword,
        *,
        throttle: Throttle,
        outbox: Outbox,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._current = current
        self._revocations = revocations
        self._outbox = outbox
        self._throttle = throttle

    async def forgot(self, email: str, caller: Caller) -> None:
        """Have a link mailed to the address, if it is somebody's: which the request neither finds out nor tells.

        Raises as the throttle does when too many come from one place.
        """
        self._outbox.require()
        await self._throttle.admit(caller.address)
        async with self._database.begin() as session:
            await self._outbox.add(session, "reset_password", email, caller)

    async def reset(self, reset: PasswordReset, caller: Caller) -> None:
        """Set the password of whoever has the token, and end all their sessions.

        Raises `LinkInvalid`, or `InvalidInput` for a password easily guessed, which leaves the token good.
        """
        async with self._throttle.turn(caller.address):
            await self._throttle.admit(caller.address)
            async with self._database.begin() as session:
                _, user = await find(session, reset.token, ["reset_password"])
            password_hash = await self._hash(reset.password, user, "password")
            async with self._database.begin() as session:
                token, user = await find(session, reset.token, ["reset_password"])
                if user.email_verified_at is None:
                    # The link has shown whose the address is.
                    user.email_verified_at = datetime.now(UTC)
                    user.version += 1
                await withdraw_all(session, user, spent=token)
                ended = await self._set(session, user, password_hash, caller)
                audit.record(session, "password.reset", user.id, caller, None, **ended)
        if user.email is not None:
            # Whoever tried until they had to wait, and then had a link mailed, need not wait with the new password.
            await self._throttle.remember(user.email, caller.address)
        log.info("password.reset", user_id=str(user.id))

    async def change(self, who: Principal, change: PasswordChange, caller: Caller) -> None:
        """Set another password, and end all other sessions. Raises `WrongPassword`, or `InvalidInput`."""
        known = await self._current.confirm(who.user_id, change.current_password, caller)
        async with self._throttle.turn(caller.address):
            password_hash = await self._hash(change.new_password, known, "new_password")
            async with self._database.begin() as session:
                user = await present(session, who.user_id, {"key_share": True})
                if user.password_hash != known.password_hash:
                    raise WrongPassword
                await withdraw_all(session, user)
                ended = await self._set(session, user, password_hash, caller, keep=who.grant_id)
                audit.record(session, "password.changed", user.id, caller, who.grant_id, **ended)
        log.info("password.changed", user_id=str(who.user_id))

    async def _hash(self, password: str, user: User, field: str) -> str:
        return await self._passwords.hash(password, filter(None, (user.email, user.name)), field)

    async def _set(
        self, session: AsyncSession, user: User, password_hash: str, caller: Caller, keep: UUID | None = None
    ) -> Mapping[str, int]:
        """Keep the hash of a new password, and end what began with the old one; gives how much that was."""
        user.password_hash = password_hash
        ended = await self._revocations.end_all_of(session, user.id, but=keep)
        if user.email is not None:
            await self._outbox.add(session, "password_changed", user.email, caller, user.id)
        return ended
