"""What comes in at a mail server: headers, text, envelopes; and how it is talked to."""

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiosmtplib
import pytest
import trustme

from backend.config.mail import SmtpServer
from backend.services.letters import Letter, Letters
from backend.services.smtp import hand_in
from tests.factories.clients import PASSWORD, Client
from tests.factories.mailboxes import MAIL_FROM, MailServer, serving

REGISTER = "/api/v1/auth/register"
LETTERS = Letters("https://app.donewell.test/tasks")
LETTER = LETTERS.invitation("reset_password", "ada@example.com", "dwm_token")


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> trustme.CA:
    """An authority that this process trusts."""
    authority = trustme.CA()
    path = f"{tmp_path}/authority.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", path)
    return authority


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_letter_is_plain_text_from_a_machine(mail_server: MailServer) -> None:
    await hand_in(LETTER, SmtpServer.parse(mail_server.url), MAIL_FROM)

    [letter] = mail_server.to("ada@example.com")
    [envelope] = mail_server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@donewell.test", ["ada@example.com"])
    assert {name: letter[name] for name in ("Subject", "From", "To", "Auto-Submitted")} == {
        "Subject": "Set a new password",
        "From": MAIL_FROM,
        "To": "ada@example.com",
        "Auto-Submitted": "auto-generated",
    }
    assert letter["Message-ID"].endswith("@donewell.test>")
    assert abs(parsedate_to_datetime(letter["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert (letter.get_content_type(), letter.get_content_charset()) == ("text/plain", "utf-8")
    assert "\nhttps://app.donewell.test/tasks/reset-password#token=dwm_token\n" in letter.get_content().replace(
        "\r", ""
    )


async def test_text_of_any_language_arrives_as_it_was_written(mail_server: MailServer) -> None:
    letter = Letter("reset_password", "ada@example.com", "Passwort ändern ✓", "Schöne Grüße, 你好\n")

    await hand_in(letter, SmtpServer.parse(mail_server.url), MAIL_FROM)

    [came] = mail_server.to("ada@example.com")
    assert (came["Subject"], came.get_content().strip()) == ("Passwort ändern ✓", "Schöne Grüße, 你好")


@pytest.mark.parametrize(
    ("address", "wire"),
    [("ada@bücher.example", "ada@xn--bcher-kva.example"), ("用户@例子.example", "用户@xn--fsqu00a.example")],
)
async def test_an_address_of_any_language_is_written_to(mail_server: MailServer, address: str, wire: str) -> None:
    await hand_in(LETTERS.notice("email_changed", address), SmtpServer.parse(mail_server.url), MAIL_FROM)

    assert mail_server.envelopes[0].rcpt_tos == [wire]


@pytest.mark.parametrize("planted", ["\r\nBcc: eve@example.com", "\nBcc: eve@example.com", "\r\n\r\nClick here"])
async def test_nothing_that_anybody_wrote_gets_into_a_letter(
    owner: Client, anonymous: Client, mailboxes: MailServer, planted: str
) -> None:
    account = {"email": f"new.{owner.email}", "name": f"Eve{planted}", "password": PASSWORD}

    refused = [
        await anonymous.post(REGISTER, json={**account, "email": f"{local}@example.com{planted[len(local) :]}"})
        for local in ("", "eve")
    ]
    assert (await anonymous.post(REGISTER, json=account)).status_code == 201
    await anonymous.post("/api/v1/auth/password/forgot", json={"email": owner.email + planted})
    [letter] = await mailboxes.wait_for(account["email"])

    assert [reply.status_code for reply in refused] == [400, 400]
    assert "Bcc" not in letter.as_string()
    assert "Eve" not in letter.as_string()
    assert "Click here" not in letter.as_string()


@pytest.mark.parametrize("address", ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com>\r\nDATA"])
async def test_an_address_with_more_in_it_is_never_handed_in(mail_server: MailServer, address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of whichever part refuses it first
        await hand_in(LETTERS.notice("email_changed", address), SmtpServer.parse(mail_server.url), MAIL_FROM)

    assert mail_server.attempts == 0


async def test_a_server_elsewhere_is_talked_to_by_starttls_alone(authority: trustme.CA) -> None:
    async with serving(certified(authority, "127.0.0.1"), password="hunter2", require_starttls=True) as server:
        url = server.url.replace("//", "//donewell:hunter2@") + "?tls=starttls"
        await hand_in(LETTER, SmtpServer.parse(url), MAIL_FROM)

        assert server.sessions[0].ssl is not None
        assert server.sessions[0].authenticated


async def test_a_server_without_tls_gets_nothing_where_tls_is_wanted(mail_server: MailServer) -> None:
    url = mail_server.url.replace("//", "//donewell:hunter2@") + "?tls=starttls"

    with pytest.raises(aiosmtplib.SMTPException):
        await hand_in(LETTER, SmtpServer.parse(url), MAIL_FROM)

    assert mail_server.attempts == 0


@pytest.mark.usefixtures("authority")
async def test_a_server_with_a_certificate_that_nobody_trusts_gets_nothing() -> None:
    async with serving(certified(trustme.CA(), "127.0.0.1")) as server:
        with pytest.raises((aiosmtplib.SMTPException, ssl.SSLError)):
            await hand_in(LETTER, SmtpServer.parse(f"{server.url}?tls=starttls"), MAIL_FROM)

    assert server.attempts == 0


async def test_no_letter_has_its_own_link_twice_or_somebody_elses_name() -> None:
    for purpose in ("verify_email", "change_email", "reset_password"):
        letter = LETTERS.invitation(purpose, "ada@example.com", "dwm_token")
        assert letter.text.count("dwm_token") == 1
        assert max(map(len, letter.text.splitlines())) < 998, "RFC 5322 section 2.1.1"
