"""The outbox: what is to be mailed, written in the transaction of what it is about and sent by `mail_sender`."""

import asyncio
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import delete, event
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from backend.auth.one_time_tokens import Purpose
from backend.auth.principal import Caller
from backend.domain.errors import Unavailable
from backend.models.mail import Mail
from backend.services.letters import Notice


class MailNotConfigured(Unavailable):
    code = "mail_not_configured"
    title = "The server cannot send mail; whoever runs it has to name a mail server"
    retry_after = 3600


class Outbox:
    """Takes what is to be mailed. `filled` is set when there may be something to send."""

    def __init__(self, *, configured: bool) -> None:
        self._configured = configured
        self.filled = asyncio.Event()

    def require(self) -> None:
        """Raises `MailNotConfigured` where nothing can be mailed."""
        if not self._configured:
            raise MailNotConfigured

    async def add(
        self,
        session: AsyncSession,
        purpose: Purpose | Notice,
        address: str,
        caller: Caller,
        user_id: UUID | None = None,
    ) -> None:
        """Have a mail sent once the transaction has committed. Whether the address is anybody's is not looked at here.

        Nothing is added where nothing can be mailed, where the same waits already, and where too much does.
        """
        if not self._configured:
            return
        if purpose == "change_email":
            # An older wish that still waits must not come after this one.
            same = (col(Mail.user_id) == user_id) & (col(Mail.purpose) == purpose)
            await session.exec(delete(Mail).where(same))
        values = {"purpose": purpose, "address": address, "user_id": user_id, "caller": asdict(caller)}
        await session.exec(insert(Mail).values(id=uuid7(), **values).on_conflict_do_nothing())
        event.listen(session.sync_session, "after_commit", lambda _: self.filled.set(), once=True)
