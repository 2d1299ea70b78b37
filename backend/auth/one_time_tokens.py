"""One-time tokens: random text that a link in a mail carries, of which only a hash is kept."""

import hashlib
import secrets
from typing import Literal

type Purpose = Literal["verify_email", "change_email", "reset_password"]

_PREFIX = "dwm_"
_BYTES = 32


def new_token() -> str:
    """256 random bits. The prefix lets those who look for leaked secrets find it."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def hash_of(token: str) -> bytes:
    """What is kept of a token. A fast hash will do: nobody chose the token, so nobody can guess it."""
    return hashlib.sha256(token.encode()).digest()
