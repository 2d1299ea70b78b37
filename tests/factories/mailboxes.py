"""A mail server on this machine, which takes what the application hands in, and mailboxes to look into."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

MAIL_FROM = "Tasks <no-reply@donewell.test>"
APP_URL = "https://app.donewell.test"

SILENCE, HANG_UP, SLOWLY = "silence", "hang up", "250 slowly"
"""What a mail server may do besides answering."""

LIMIT = 20
"""Seconds after which a mail that should come has not."""


@dataclass(slots=True)
class MailServer:
    """What has come in, by whom it is for. `answers` has, per mail, what the server says instead of taking it."""

    port: int = 0
    letters: dict[str, list[EmailMessage]] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    attempts: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 There is nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.attempts += 1
        self.came.set()
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer == SILENCE:
            await asyncio.sleep(LIMIT)
        if answer == SLOWLY:
            await asyncio.sleep(0.3)
        if answer == HANG_UP and smtp.transport is not None:
            smtp.transport.close()
        if answer.startswith("250"):
            assert isinstance(envelope.original_content, bytes)
            message = message_from_bytes(envelope.original_content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.envelopes.append(envelope)
            self.sessions.append(session)
            for address in envelope.rcpt_tos:
                self.letters.setdefault(address.casefold(), []).append(message)
        self.came.set()
        return answer

    async def wait_for(self, address: str, number: int = 1) -> list[EmailMessage]:
        """The letters to the address, once there are so many."""
        async with asyncio.timeout(LIMIT):
            while len(self.to(address)) < number:
                self.came.clear()
                await self.came.wait()
        return self.to(address)

    async def tried(self, number: int) -> None:
        """Return once so many attempts have been made."""
        async with asyncio.timeout(LIMIT):
            while self.attempts < number:
                self.came.clear()
                await self.came.wait()

    def to(self, address: str) -> list[EmailMessage]:
        """The letters to the address so far."""
        return self.letters.get(address.casefold(), [])


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None, password: str | None = None, **options: Any
) -> AsyncIterator[MailServer]:
    """A mail server: with STARTTLS if it is given a certificate, and a user `donewell` if it is given a password."""
    server = MailServer()

    def authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        wanted = LoginPassword(b"donewell", (password or "").encode())
        return AuthResult(success=given == wanted)

    if password is not None:
        options |= {"authenticator": authenticate, "auth_required": True}
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(server, enable_SMTPUTF8=True, hostname="mail.test", tls_context=tls, loop=loop, **options)

    listener = await loop.create_server(protocol, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def settings_of(server: MailServer, **others: Any) -> dict[str, Any]:
    """What an application is told to send its mail by the server."""
    return {"smtp_url": server.url, "mail_from": MAIL_FROM, "app_url": APP_URL, **others}


def read_settings_of(server: MailServer) -> dict[str, Any]:
    """The same, as settings have it once they are read."""
    return settings_of(server, smtp_url=SecretStr(server.url))


def token_in(letter: EmailMessage) -> str:
    """The token of the link in the letter."""
    found = re.search(r"#token=(\S+)", letter.get_content())
    assert found
    return found[1]


@pytest.fixture(scope="session")
async def mailboxes() -> AsyncIterator[MailServer]:
    """The mail server of this worker's application."""
    async with serving() as server:
        yield server
