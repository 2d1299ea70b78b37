"""Handing a letter to a mail server. Importing it takes 120 ms, which only those who send a mail should pay."""

from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

import aiosmtplib
from email_validator import validate_email

from backend.config.mail import SmtpServer
from backend.services.letters import AddressRefused, Letter

STEP_TIMEOUT = 10.0
"""Seconds that connecting, and each answer of the server, may take."""

PERMANENT = 500
"""The first of the replies that will be the same next time (RFC 5321 section 4.2.1)."""


async def hand_in(letter: Letter, server: SmtpServer, sender: str) -> None:
    """Return once the server has taken charge of the letter.

    Raises `AddressRefused`, or, when another attempt may succeed, what the library or the network raises.
    """
    domain = parseaddr(sender)[1].rpartition("@")[2]
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        use_tls=server.tls == "implicit",
        start_tls=server.tls == "starttls",
        timeout=STEP_TIMEOUT,
        # Else the library asks the resolver for our name, and blocks meanwhile.
        local_hostname=domain,
    )
    try:
        await client.connect()
        await client.send_message(message_of(letter, sender, domain))
        with suppress(aiosmtplib.SMTPException):  # it has the letter, whatever it says to our farewell
            await client.quit()
    except aiosmtplib.SMTPRecipientsRefused as refusal:
        if all(recipient.code >= PERMANENT for recipient in refusal.recipients):
            raise AddressRefused from refusal
        raise
    finally:
        # Not the library's own context manager: it says farewell to servers that have stopped answering.
        client.close()


def message_of(letter: Letter, sender: str, domain: str) -> EmailMessage:
    """The letter as RFC 5322 has it."""
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"] = sender
    message["To"] = _on_the_wire(letter.to)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is to answer it
    message.set_content(letter.text)
    return message


def _on_the_wire(address: str) -> Address:
    """The address with its domain in ASCII, which every server knows; what is before that may have no such form."""
    valid = validate_email(address, check_deliverability=False)
    return Address(username=valid.ascii_local_part or valid.local_part, domain=valid.ascii_domain)
