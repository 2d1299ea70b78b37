"""What our mails say. Nothing in them was written by anybody but us: a name would be room for a stranger's text."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from backend.auth.one_time_tokens import Purpose

type Notice = Literal["email_changed", "password_changed"]

_PAGES: dict[Purpose, str] = {
    "verify_email": "verify-email",
    "change_email": "verify-email",
    "reset_password": "reset-password",
}
"""The pages of the frontend, below the base of all links."""

_SUBJECTS: dict[Purpose | Notice, str] = {
    "verify_email": "Confirm your e-mail address",
    "change_email": "Confirm your new e-mail address",
    "reset_password": "Set a new password",
    "email_changed": "Your e-mail address was changed",
    "password_changed": "Your password was changed",
}

_BODIES: dict[Purpose | Notice, str] = {
    "verify_email": """\
An account at {site} was opened with this e-mail address. To confirm that the address is yours, open

{link}

The link is good for 30 minutes, and once. If you did not open the account, do nothing: the address stays unconfirmed.
""",
    "change_email": """\
An account at {site} is to have this e-mail address from now on. To confirm that the address is yours, open

{link}

The link is good for 30 minutes, and once. If you did not ask for this, do nothing: the address is not used.
""",
    "reset_password": """\
Somebody asked for a new password for your account at {site}. To set one, open

{link}

The link is good for 30 minutes, and once. A new password signs the account out everywhere, and ends its access tokens
and calendar feeds. If you did not ask for this, do nothing: your password stays as it is.
""",
    "email_changed": """\
Your account at {site} has another e-mail address now, and this one no longer leads to it.

If it was not you who changed it, tell those who run {site}.
""",
    "password_changed": """\
The password of your account at {site} was changed. Every other device was signed out, and personal access tokens and
calendar feeds have ended: make those that you need anew.

If it was not you who changed it, ask {site} for a new password at once.
""",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it is sent. `link` is the one in its text, if it has one."""

    purpose: Purpose | Notice
    to: str
    subject: str
    text: str
    link: str | None = None


class AddressRefused(Exception):
    """There is no use in trying again: this address takes no mail."""


class Letters:
    """Writes letters whose links begin with `base`, the URL of the frontend."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._site = urlsplit(base).netloc

    def invitation(self, purpose: Purpose, to: str, token: str) -> Letter:
        """A letter with a link. The token is in its fragment, which browsers send to nobody: no log ever has it."""
        link = f"{self._base}/{_PAGES[purpose]}#token={token}"
        return self._letter(purpose, to, link)

    def notice(self, notice: Notice, to: str) -> Letter:
        """A letter that only tells."""
        return self._letter(notice, to, None)

    def _letter(self, purpose: Purpose | Notice, to: str, link: str | None) -> Letter:
        text = _BODIES[purpose].format(site=self._site, link=link)
        return Letter(purpose, to, _SUBJECTS[purpose], text, link)
