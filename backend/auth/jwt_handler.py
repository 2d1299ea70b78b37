"""Access tokens: JWTs after RFC 9068, signed with HS256 or EdDSA, good for 15 minutes."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from uuid import UUID, uuid4

import jwt

from backend.auth.keys import Key
from backend.auth.principal import Principal, TokenExpired, TokenForged, TokenInvalid, TokenMalformed, TokenRefused

ISSUER = "donewell"
AUDIENCE = "donewell"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - no secret: RFC 9068 section 2.1
LIFETIME_SECONDS = 15 * 60
CACHED_TOKENS = 10_000
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "sid"]


class AccessTokens:
    """Issues access tokens and tells whose they are."""

    def __init__(self, *keys: str) -> None:
        """Each key is a secret or an Ed25519 key in PEM. The first signs; what any of them signed is accepted.

        Raises `ValueError` for a key that is none.
        """
        parsed = [Key.parse(key) for key in keys]
        self._signing = parsed[0]
        if self._signing.signing is None:
            raise ValueError("not a private key")
        self._keys: Mapping[str, Key] = {key.id: key for key in parsed}
        # Tokens name their key, unless they were made when there was but a secret.
        self._unnamed = next((key for key in parsed if key.algorithm == "HS256"), None)
        # A signature costs 70 µs to verify, a look-up a fifth of it. Only verified tokens are kept, and what changes
        # with time is checked on every hit.
        self._verified = lru_cache(CACHED_TOKENS)(self._verify)

    def issue(self, user_id: UUID, session_id: UUID) -> str:
        """A token for a user's session, good for `LIFETIME_SECONDS`."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": uuid4().hex,
            "sid": str(session_id),
        }
        key = self._signing
        return jwt.encode(claims, key.signing, algorithm=key.algorithm, headers={"typ": TOKEN_TYPE, "kid": key.id})

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """The JWKs with which others can verify these tokens: none for secrets."""
        return [key.public for key in self._keys.values() if key.public is not None]

    def identify(self, token: str) -> Principal:
        """Whose token this is. Raises `TokenRefused`: malformed, forged, invalid or expired."""
        principal = self._verified(token)
        if principal.expires_at <= time.time():
            raise TokenExpired
        return principal

    def _verify(self, token: str) -> Principal:
        try:
            key = self._key_of(token)
            decoded = jwt.decode_complete(
                token,
                key.verifying,
                algorithms=[key.algorithm],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _REQUIRED, "verify_exp": False},
            )
            claims = decoded["payload"]
            if decoded["header"].get("typ") != TOKEN_TYPE:
                raise TokenInvalid
            return Principal(UUID(claims["sub"]), UUID(claims["sid"]), int(claims["exp"]))
        except jwt.InvalidTokenError as error:
            raise refusal_of(error) from error
        except (ValueError, TypeError, OverflowError, AttributeError) as error:  # UUID and int, given anything
            raise TokenInvalid from error

    def _key_of(self, token: str) -> Key:
        """The key that the token names. What else its header says of keys (jku, jwk, x5u, x5c) is not looked at."""
        kid = jwt.get_unverified_header(token).get("kid")
        key = self._unnamed if kid is None else self._keys.get(kid)
        if key is None:
            raise TokenForged
        return key


def refusal_of(error: jwt.InvalidTokenError) -> TokenRefused:
    """What a token is refused with that PyJWT does not take."""
    # In this order: PyJWT files a wrong signature under the errors of decoding.
    if isinstance(error, jwt.InvalidSignatureError | jwt.InvalidAlgorithmError):
        return TokenForged()
    if isinstance(error, jwt.DecodeError):
        return TokenMalformed()
    return TokenInvalid()
