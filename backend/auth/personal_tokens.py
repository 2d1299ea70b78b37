"""Personal access tokens: what they look like, and whose those are that were looked up lately."""

import hashlib
import re
import secrets
import string
import time
import zlib
from collections import OrderedDict
from time import monotonic

from backend.auth.principal import PresentedToken, Principal, TokenExpired, TokenMalformed

PREFIX = "dwp_"

REMEMBERED = 10_000
"""How many tokens a process remembers."""

REMEMBERED_FOR = 300.0
"""Seconds. Much less than an ended grant is remembered for, so that no token outlives its deletion here."""

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM = 43
"""Digits in base 62 that make 256 bits."""
_CHECKSUM = 6
_FORM = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_RANDOM}}})([0-9A-Za-z]{{{_CHECKSUM}}})")


def new_token() -> str:
    """A token that nobody can guess. Its last six digits are a checksum, by which scanners know it from other text."""
    random = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return f"{PREFIX}{random}{_checksum(random)}"


def hash_of(token: str) -> bytes:
    """What is kept of a token. It needs no salt and no slow hash: there is nothing to guess."""
    return hashlib.sha256(token.encode()).digest()


def has_form(token: str) -> bool:
    """Whether it can be one of ours."""
    match = _FORM.fullmatch(token)
    return match is not None and _checksum(match[1]) == match[2]


def _checksum(random: str) -> str:
    """CRC-32 in base 62, as in the tokens of GitHub and others."""
    rest = zlib.crc32(random.encode())
    digits = ""
    for _ in range(_CHECKSUM):
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


class PersonalTokens:
    """Tells whose a token is if it was looked up lately, and else whether looking it up is of any use."""

    def __init__(self) -> None:
        # The hashes, not the tokens: what is not kept cannot be read out of a memory dump.
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    def identify(self, token: str) -> Principal | PresentedToken:
        """Whose it is, or what to look up. Raises `TokenMalformed` or `TokenExpired`."""
        token_hash = hash_of(token)
        known = self._known.get(token_hash)
        if known is None or known[1] <= monotonic():
            if not has_form(token):
                raise TokenMalformed
            return PresentedToken(token_hash)
        self._known.move_to_end(token_hash)
        if known[0].expires_at <= time.time():
            raise TokenExpired
        return known[0]

    def remember(self, token: PresentedToken, who: Principal) -> None:
        """What looking it up found. Whether its grant has ended since is for `Revocations` to tell."""
        self._known[token.hash] = (who, monotonic() + REMEMBERED_FOR)
        self._known.move_to_end(token.hash)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
