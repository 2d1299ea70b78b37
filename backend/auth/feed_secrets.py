"""The secrets of calendar feeds: random text in an address, of which only a hash is kept."""

import hashlib
import re
import secrets

_PREFIX = "dwf_"
_BYTES = 32
_FORM = re.compile(rf"{_PREFIX}[\w-]{{43}}", re.ASCII)


def new_secret() -> str:
    """256 random bits. The prefix lets those who look for leaked secrets find it."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def hash_of(secret: str) -> bytes:
    """What is kept of a secret. A fast hash will do: nobody chose it, so nobody can guess it."""
    return hashlib.sha256(secret.encode()).digest()


def has_form(secret: str) -> bool:
    """Whether it can be one of ours."""
    return _FORM.fullmatch(secret) is not None
