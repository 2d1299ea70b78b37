"""Refresh tokens: opaque text that names a session and proves the right to it, once."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from backend.domain.errors import InvalidInput

_PREFIX = "dwr_"
_NONCE_BYTES = 32
_TOKEN_BYTES = 16 + 16 + _NONCE_BYTES + 32
_SUCCESSOR = b"successor"


class InvalidGrant(InvalidInput):
    code = "invalid_grant"
    title = "The credentials or the refresh token are not valid"
    extensions: ClassVar = {"error": "invalid_grant"}  # RFC 6749 section 5.2


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """An opaque token that names its session and proves the right to it with 256 bits, random in the first of a family.

    They are followed by their MAC under the session's own key: so that one we spent can be told from one we never
    gave out, and nobody can end a session by inventing a token for it.
    """

    user_id: UUID
    session_id: UUID
    secret: bytes

    @classmethod
    def new(cls, user_id: UUID, session_id: UUID, family_key: bytes) -> "RefreshToken":
        """The first token of a family."""
        return cls._of(user_id, session_id, secrets.token_bytes(_NONCE_BYTES), family_key)

    @classmethod
    def _of(cls, user_id: UUID, session_id: UUID, nonce: bytes, family_key: bytes) -> "RefreshToken":
        return cls(user_id, session_id, nonce + hmac.digest(family_key, nonce, "sha256"))

    def successor(self, family_key: bytes) -> "RefreshToken":
        """The next of the family: always the same, so that it can be given again though only its hash is kept.

        It follows from the token and the key together: neither a thief of the one nor a reader of the other has it.
        """
        nonce = hmac.digest(family_key, _SUCCESSOR + self.secret[:_NONCE_BYTES], "sha256")
        return self._of(self.user_id, self.session_id, nonce, family_key)

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """Raises `InvalidGrant` for anything `str` did not make."""
        try:
            raw = urlsafe_b64decode(text.removeprefix(_PREFIX).encode("ascii"))
        except (UnicodeEncodeError, Base64Error) as error:
            raise InvalidGrant from error
        if len(raw) != _TOKEN_BYTES:
            raise InvalidGrant
        token = cls(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:])
        if str(token) != text:
            raise InvalidGrant
        return token

    def __str__(self) -> str:
        return _PREFIX + urlsafe_b64encode(self.user_id.bytes + self.session_id.bytes + self.secret).decode()

    def hash(self) -> bytes:
        return hashlib.sha256(self.secret).digest()

    def is_of(self, family_key: bytes) -> bool:
        """Whether this token was once made with the key."""
        nonce, mac = self.secret[:_NONCE_BYTES], self.secret[_NONCE_BYTES:]
        return hmac.compare_digest(mac, hmac.digest(family_key, nonce, "sha256"))
