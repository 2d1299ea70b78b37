"""The sender of mail: empties the outbox, outside of any request.

It looks up whom a mail is for, makes the token that goes into it, hands it in, and removes its row. While it does, the
row is due again a while later: nothing is lost with a process that ends, but what it had just handed in comes twice.
It asks the database when something was added, at the start, and when a row is due: one that nobody asks may sleep.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from random import uniform
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Double, bindparam, delete, func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.one_time_tokens import Purpose
from backend.auth.principal import Caller
from backend.config.mail import SmtpServer
from backend.database.fast_lane import Row, Statement
from backend.database.session import Database
from backend.domain.errors import Unavailable
from backend.models.mail import Mail
from backend.models.one_time_tokens import OneTimeToken
from backend.models.users import User
from backend.services import audit
from backend.services.letters import AddressRefused, Letter, Letters
from backend.services.one_time_tokens import issue
from backend.services.outbox import Outbox

log = structlog.get_logger()

type Send = Callable[[Letter], Awaitable[None]]

ATTEMPTS = 8
"""How often a mail is tried, over two to three hours."""

FIRST_RETRY = 60.0
"""Seconds after which a mail is due again; after each further attempt, twice as long. More than `DEADLINE`."""

DEADLINE = 40.0
"""Seconds that an attempt may take in all."""

PAUSE = timedelta(minutes=2)
"""How soon after a mail the same address may get another one for the same purpose."""

LAST_WORD = 1.0
"""Seconds that a mail which is being sent has to be sent when the process stops."""

SOON = 0.1
"""Seconds after which what is due is looked for again when somebody else has just taken it."""

OUTAGE_RETRY = 5.0
"""Seconds after which a database that was away is asked again; each time twice as long, `OUTAGE_RETRIES` times."""

OUTAGE_RETRIES = 8

TASK = "mail sender"
"""The name of the task that sends."""

_DUE = (
    select(col(Mail.id))
    .where(col(Mail.next_attempt_at) <= func.now())
    .order_by(col(Mail.next_attempt_at))
    .limit(1)
    .with_for_update(skip_locked=True)
)
# Retries of what failed together do not come together.
_BACK_OFF: ColumnElement[float] = (
    bindparam("first", type_=Double()) * func.power(2, col(Mail.attempts)) * (1 + func.random() / 2)
)
CLAIM = Statement(
    update(Mail)
    .where(col(Mail.id) == _DUE.scalar_subquery())
    .values(
        attempts=col(Mail.attempts) + 1, next_attempt_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, _BACK_OFF)
    )
    .returning(col(Mail.id), col(Mail.purpose), col(Mail.address), col(Mail.user_id), col(Mail.attempts))
)
NEXT = Statement(select(func.extract("epoch", func.min(col(Mail.next_attempt_at)) - func.now()).label("seconds")))
REMOVE = Statement(delete(Mail).where(col(Mail.id) == bindparam("id", type_=Mail.__table__.c.id.type)))  # type: ignore[attr-defined]


class MailSender:
    """Sends what is in the outbox, one mail after another, between `start` and `stop`."""

    def __init__(self, database: Database, outbox: Outbox, letters: Letters, send: Send) -> None:
        self._database = database
        self._outbox = outbox
        self._letters = letters
        self._send = send
        self._stopping = False
        self._outages = 0
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what an earlier process may have left."""
        self._stopping = False
        self._running = asyncio.create_task(self._run(), name=TASK)

    async def stop(self) -> None:
        """Send nothing more. What is being sent has `LAST_WORD` seconds, and comes again if they were too few."""
        self._stopping = True
        self._outbox.filled.set()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=LAST_WORD)
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        while not self._stopping:
            self._outbox.filled.clear()
            wait = await self._send_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._outbox.filled.wait()

    async def _send_due(self) -> float | None:
        """Send what is due; gives the seconds until more will be, or None if nothing waits."""
        try:
            while not self._stopping:
                claimed = await self._database.fast.fetch_one(CLAIM, {"first": FIRST_RETRY})
                if claimed is None:
                    break
                await self._attempt(claimed)
            row = await self._database.fast.fetch_one(NEXT, {})
            self._outages = 0
        except Unavailable as error:
            self._outages += 1
            log.warning("mail.waiting", code=error.code)
            return _outage_delay(self._outages)
        seconds = row["seconds"] if row else None
        return None if seconds is None else max(SOON, float(seconds))

    async def _attempt(self, claimed: Row) -> None:
        purpose, attempts = claimed["purpose"], claimed["attempts"]
        try:
            async with asyncio.timeout(DEADLINE):
                letter = await self._letter(claimed["id"])
                if letter is not None:
                    await self._send(letter)
        except Unavailable:
            raise
        except AddressRefused:
            log.warning("mail.refused", purpose=purpose, attempts=attempts)
        except Exception as error:
            if attempts < ATTEMPTS:
                log.warning("mail.delayed", cause=type(error).__name__, purpose=purpose, attempts=attempts)
                return
            log.exception("mail.given_up", purpose=purpose, attempts=attempts)
        else:
            if letter is not None and self._send is not to_log:
                log.info("mail.sent", purpose=purpose, attempts=attempts)
        await self._database.fast.fetch(REMOVE, {"id": claimed["id"]})

    async def _letter(self, mail_id: UUID) -> Letter | None:
        """What to send, with a fresh token where it takes one; None if nobody is to get anything."""
        async with self._database.begin() as session:
            # Locked: whoever changes the user has withdrawn it before, or waits, and then withdraws the token.
            mail = await session.get(Mail, mail_id, with_for_update=True)
            if mail is None:
                return None
            match mail.purpose:
                case "email_changed" | "password_changed" as notice:
                    return self._letters.notice(notice, mail.address)
                case "verify_email" | "change_email" | "reset_password" as purpose:
                    return await self._invitation(session, mail, purpose)
        raise ValueError(mail.purpose)

    async def _invitation(self, session: AsyncSession, mail: Mail, purpose: Purpose) -> Letter | None:
        recipient = await _recipient(session, mail)
        if recipient is None:
            return None
        user_id, address = recipient
        first = mail.attempts == 1
        if first and await _had_one_lately(session, user_id, purpose, address):
            return None
        if first and purpose == "reset_password":
            audit.record(session, "password.reset_requested", user_id, Caller(**mail.caller))
        return self._letters.invitation(purpose, address, await issue(session, user_id, purpose, address))


async def _recipient(session: AsyncSession, mail: Mail) -> tuple[UUID, str] | None:
    """Whose the token will be, and their address as we have it, which is not always what somebody typed."""
    same = func.lower(col(User.email)) == func.lower(mail.address)
    user = (await session.exec(select(User).where(same))).first()
    if mail.purpose == "change_email":
        # An address that leads to somebody else already is told nothing.
        free = user is None or user.id == mail.user_id
        return (mail.user_id, mail.address) if mail.user_id and free else None
    if (
        user is None
        or user.email is None
        or user.disabled_at is not None
        or (mail.purpose == "verify_email" and user.email_verified_at is not None)
    ):
        return None
    return user.id, user.email


async def _had_one_lately(session: AsyncSession, user_id: UUID, purpose: Purpose, address: str) -> bool:
    token = await session.get(OneTimeToken, (user_id, purpose))
    return token is not None and token.email == address and token.created_at > datetime.now(UTC) - PAUSE


def _outage_delay(outages: int) -> float | None:
    """Seconds until the database is asked again; None when it has been enough until somebody adds something."""
    return OUTAGE_RETRY * 2**outages * uniform(0.5, 1.0) if outages <= OUTAGE_RETRIES else None  # noqa: S311 - no secret


def by_smtp(server: SmtpServer, sender: str) -> Send:
    """Hands letters to a mail server. What that takes is imported with the first one, in a thread."""

    async def send(letter: Letter) -> None:
        smtp: Any = await asyncio.to_thread(import_module, "backend.services.smtp")
        await smtp.hand_in(letter, server, sender)

    return send


async def to_log(letter: Letter) -> None:
    """Prints the link, if there is one, for whoever tries this out on their own machine: the one place where a token is
    logged. What only tells of something goes to nobody.
    """
    if letter.link is None:
        log.info("mail.left_out", purpose=letter.purpose)
    else:
        log.info("mail.printed", purpose=letter.purpose, link=letter.link)
