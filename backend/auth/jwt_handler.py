"""Access tokens: JWTs after RFC 9068, signed with HS256, good for 15 minutes."""

import time
from functools import lru_cache
from uuid import UUID, uuid4

import jwt

from backend.auth.principal import Principal, TokenExpired, TokenForged, TokenInvalid, TokenMalformed, TokenRefused

ISSUER = "donewell"
AUDIENCE = "donewell"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - no secret: RFC 9068 section 2.1
LIFETIME_SECONDS = 15 * 60
CACHED_TOKENS = 10_000
_ALGORITHM = "HS256"
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "sid"]


class AccessTokens:
    """Issues access tokens and tells whose they are."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
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
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM, headers={"typ": TOKEN_TYPE})

    def identify(self, token: str) -> Principal:
        """Whose token this is. Raises `TokenRefused`: malformed, forged, invalid or expired."""
        principal = self._verified(token)
        if principal.expires_at <= time.time():
            raise TokenExpired
        return principal

    def _verify(self, token: str) -> Principal:
        try:
            decoded = jwt.decode_complete(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _REQUIRED, "verify_exp": False},
            )
            claims = decoded["payload"]
            if decoded["header"].get("typ") != TOKEN_TYPE:
                raise TokenInvalid
            return Principal(UUID(claims["sub"]), UUID(claims["sid"]), int(claims["exp"]))
        except jwt.InvalidTokenError as error:
            raise _refusal(error) from error
        except (ValueError, TypeError, OverflowError, AttributeError) as error:  # UUID and int, given anything
            raise TokenInvalid from error


def _refusal(error: jwt.InvalidTokenError) -> TokenRefused:
    # In this order: PyJWT files a wrong signature under the errors of decoding.
    if isinstance(error, jwt.InvalidSignatureError | jwt.InvalidAlgorithmError):
        return TokenForged()
    if isinstance(error, jwt.DecodeError):
        return TokenMalformed()
    return TokenInvalid()
