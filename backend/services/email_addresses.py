"""E-mail addresses: confirmed by a link that is sent there, and changed no sooner than the new one is."""

from datetime import UTC, datetime

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.principal import Caller, Principal
from backend.database.session import Database
from backend.models.one_time_tokens import OneTimeToken
from backend.models.users import User
from backend.schemas.email_addresses import EmailChange
from backend.services import audit
from backend.services.current_password import CurrentPassword, present
from backend.services.one_time_tokens import find, spend, withdraw_all
from backend.services.outbox import Outbox
from backend.services.sessions import one_account_an_address
from backend.services.throttle import Throttle

log = structlog.get_logger()


class EmailAddressService:
    """Confirms and changes people's e-mail addresses."""

    def __init__(self, database: Database, current: CurrentPassword, throttle: Throttle, outbox: Outbox) -> None:
        self._database = database
        self._current = current
        self._outbox = outbox
        self._throttle = throttle

    async def resend(self, email: str, caller: Caller) -> None:
        """Have another link mailed to the address, if it is somebody's and yet to be confirmed: nobody is told.

        Raises as the throttle does when too many come from one place.
        """
        self._outbox.require()
        await self._throttle.admit(caller.address)
        async with self._database.begin() as session:
            await self._outbox.add(session, "verify_email", email, caller)

    async def change(self, who: Principal, change: EmailChange, caller: Caller) -> None:
        """Have a link mailed to the new address, which takes effect when it is followed.

        Raises `WrongPassword`, or `TokenInvalid` when the user has gone or is locked out.
        """
        self._outbox.require()
        await self._current.confirm(who.user_id, change.password, caller)
        async with self._database.begin() as session:
            await present(session, who.user_id, {"key_share": True})
            await self._outbox.add(session, "change_email", change.email, caller, who.user_id)
            audit.record(session, "email.change_requested", who.user_id, caller, who.grant_id)

    async def verify(self, text: str, caller: Caller) -> None:
        """Take the address that the token was sent to for its user's own.

        Raises `LinkInvalid`, or `EmailTaken` if it has become somebody else's.
        """
        with one_account_an_address():
            async with self._database.begin() as session:
                token, user = await find(session, text, ["verify_email", "change_email"])
                changed = token.purpose == "change_email"
                if changed:
                    await self._change(session, token, user, caller)
                else:
                    await spend(session, token)
                user.email_verified_at = datetime.now(UTC)
                user.version += 1
                audit.record(session, "email.changed" if changed else "email.verified", user.id, caller)
        log.info("email.changed" if changed else "email.verified", user_id=str(user.id))

    async def _change(self, session: AsyncSession, token: OneTimeToken, user: User, caller: Caller) -> None:
        old = user.email
        await withdraw_all(session, user, spent=token)
        user.email = token.email
        if old is not None:
            await self._outbox.add(session, "email_changed", old, caller, user.id)
