"""Asking for the current password: before what a thief of a session must not do."""

from uuid import UUID

import structlog
from sqlalchemy.sql.selectable import ForUpdateParameter
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.password import Passwords
from backend.auth.principal import Caller, TokenInvalid
from backend.database.session import Database
from backend.domain.errors import Forbidden
from backend.models.users import User
from backend.services import audit
from backend.services.throttle import Throttle

log = structlog.get_logger()


class WrongPassword(Forbidden):
    code = "wrong_password"
    title = "This needs your current password"


async def present(session: AsyncSession, user_id: UUID, lock: ForUpdateParameter = None) -> User:
    """The user, locked as `lock` says. Raises `TokenInvalid` for those who have gone or are locked out."""
    user = await session.get(User, user_id, with_for_update=lock)
    if user is None or user.disabled_at is not None:
        raise TokenInvalid
    return user


class CurrentPassword:
    """Checks that whoever is signed in knows the password too."""

    def __init__(self, database: Database, passwords: Passwords, throttle: Throttle) -> None:
        self._database = database
        self._passwords = passwords
        self._throttle = throttle

    async def confirm(self, user_id: UUID, password: str, caller: Caller, *, if_any: bool = False) -> User:
        """The user. Raises `WrongPassword`, also for those who have no password unless it is asked for `if_any`;
        `TokenInvalid` for those who are gone or locked out; as the throttle does after too many attempts, or when too
        many wait for their turn.

        Who changes the user for it compares the hash again: the password may be changed meanwhile.
        """
        async with self._throttle.turn(caller.address):
            async with self._database.begin() as session:
                user = await present(session, user_id)
            if if_any and user.password_hash is None:
                return user
            # Not by the address, as at the sign-in: who has stolen a session must not keep its owner from signing in.
            attempt = await self._throttle.attempt(str(user_id), caller.address, admitting=True)
            correct = await self._passwords.verify(password, user.password_hash)
        # After the turn: neither may keep others waiting for theirs.
        if not correct:
            await audit.record_refusal(self._database.fast, "password.refused", user_id, caller)
            log.info("password.refused", user_id=str(user_id))
            raise WrongPassword
        await attempt.succeeded()
        return user
