"""`SMTP_URL` and `MAIL_FROM`: what they say, and what is refused without being quoted."""

import pytest

from backend.config.mail import SmtpServer, Tls, sender


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://mail.example.com", "mail.example.com", 587, "starttls"),
        ("smtp://mail.example.com:2525", "mail.example.com", 2525, "starttls"),
        ("smtps://mail.example.com", "mail.example.com", 465, "implicit"),
        ("smtps://127.0.0.1:465", "127.0.0.1", 465, "implicit"),
        ("smtp://127.0.0.1:1025", "127.0.0.1", 1025, "off"),
        ("smtp://localhost", "localhost", 587, "off"),
        ("smtp://[::1]:25", "::1", 25, "off"),
        ("smtp://localhost?tls=starttls", "localhost", 587, "starttls"),
        ("smtp://mailpit:1025?tls=off", "mailpit", 1025, "off"),
        ("smtp://localhost.example.com", "localhost.example.com", 587, "starttls"),
    ],
)
def test_a_server_is_talked_to_with_tls_unless_it_is_here(url: str, host: str, port: int, tls: Tls) -> None:
    assert SmtpServer.parse(url) == SmtpServer(host, port, tls)


def test_a_user_and_a_password_may_have_any_characters() -> None:
    server = SmtpServer.parse("smtp://ada%40example.com:p%3Ass%2Fw%25rd@mail.example.com")

    assert (server.username, server.password) == ("ada@example.com", "p:ss/w%rd")
    assert "p:ss" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example.com",
        "mail.example.com:587",
        "smtp://",
        "smtp://ada:hunter2@",
        "smtp://ada:hunter2@mail.example.com:port",
        "smtp://ada:hunter2@mail.example.com/path",
        "smtp://ada:hunter2@mail.example.com#there",
        "smtp://ada:hunter2@mail.example.com?tls=none",
        "smtp://ada:hunter2@mail.example.com?tls=off",
        "smtp://ada:hunter2@mail.example.com?from=ada",
        "smtps://ada:hunter2@mail.example.com?tls=off",
        "smtp://ada:hunter2@[mail",
    ],
)
def test_what_cannot_be_right_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  its sentence is looked at below
        SmtpServer.parse(url)

    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("text", ["no-reply@example.com", "Tasks <no-reply@example.com>", "Über <a.b+c@example.co.uk>"])
def test_mail_may_be_from(text: str) -> None:
    assert sender(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "Tasks", "Tasks <>", "a@b@c", "Tasks <a@b.example>\nBcc: eve@example.com", "a@exämple.com", "a b@c.example"],
)
def test_mail_is_not_from(text: str) -> None:
    with pytest.raises(ValueError, match="write whom mail is from"):
        sender(text)
