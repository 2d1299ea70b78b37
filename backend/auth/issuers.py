"""Access tokens that others issue: Better Auth's, and those of whoever else is trusted."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from backend.auth.jwks import KeySet, VerifyingKey, is_kid
from backend.auth.jwt_handler import refusal_of
from backend.auth.principal import (
    ForeignSubject,
    TokenExpired,
    TokenForged,
    TokenInvalid,
)
from backend.config.issuers import TrustedIssuer

CACHED_TOKENS = 10_000

LONGEST_TOKEN = 8 * 1024
"""Characters. What is longer is not looked at: ours have 400, Better Auth's about 700."""

LONGEST_SUBJECT = 255
"""ASCII characters (OpenID Connect Core section 2), which also are the same however they are written."""

LEEWAY = 60
"""Seconds by which the issuer's clock may be ahead of ours. Nothing is added to an expiry."""

LONGEST_LIFETIME = 31 * 24 * 3600
"""Seconds from now for which a token may be good: one for years is a mistake, and cannot be taken back."""

# RFC 9068 section 2.1 and RFC 7519 section 5.1; RFC 7515 section 4.1.9 allows the short form and knows no case.
_TYPES = {None, "jwt", "at+jwt", "application/at+jwt"}

# ID tokens (OpenID Connect Core section 2) and security events such as logouts (RFC 8417) may have our audience too.
_OF_OTHER_TOKENS = {"nonce", "at_hash", "c_hash", "events"}

# What Keycloak and Amazon Cognito call the kinds of their tokens.
_KINDS = (("typ", "Bearer"), ("token_use", "access"))


@dataclass(frozen=True, slots=True)
class _Verified:
    subject: ForeignSubject
    key: VerifyingKey


class Issuers:
    """Tells whose the tokens of trusted issuers are. The issuer that a token names decides how it is verified."""

    def __init__(self, trusted: Sequence[TrustedIssuer], secrets: Mapping[str, str]) -> None:
        """`secrets` are what an issuer shares with us, by its name, for tokens that are signed with HS256."""
        self._verifiers = {issuer.issuer: _Verifier(issuer, secrets.get(issuer.issuer)) for issuer in trusted}
        self._verified: OrderedDict[str, _Verified] = OrderedDict()

    def known(self, token: str) -> ForeignSubject | None:
        """Whose token this is, if it has been verified before and is still good."""
        found = self._verified.get(token)
        if found is None:
            return None
        subject = found.subject
        if subject.expires_at <= time.time() or not self._verifiers[subject.issuer].is_good(found.key):
            del self._verified[token]
            return None
        self._verified.move_to_end(token)
        return subject

    async def identify(self, token: str) -> ForeignSubject | None:
        """Whose token this is; None if it names no issuer that is trusted.

        Raises `TokenRefused`, or `IssuerUnavailable` when the issuer's keys cannot be had.
        """
        header, issuer = _said(token)
        verifier = self._verifiers.get(issuer)
        if verifier is None:
            return None
        found = await verifier.verify(token, header)
        self._verified[token] = found
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return found.subject

    async def close(self) -> None:
        """Give up reading keys."""
        await asyncio.gather(*(verifier.close() for verifier in self._verifiers.values()))


class _Verifier:
    """Takes the tokens of one issuer. Its algorithms and keys are pinned here; a token only says which of them."""

    def __init__(self, issuer: TrustedIssuer, secret: str | None) -> None:
        self._issuer = issuer
        self._keys = KeySet(issuer)
        self._shared = VerifyingKey("HS256", secret) if secret else None

    def is_good(self, key: VerifyingKey) -> bool:
        """Whether the key still verifies what it has verified before."""
        return key is self._shared or (not key.withdrawn and self._keys.is_usable())

    async def verify(self, token: str, header: Mapping[str, Any]) -> _Verified:
        """Raises `TokenRefused` or `IssuerUnavailable`."""
        key = await self._key(header)
        try:
            claims = jwt.decode(
                token,
                key.material,
                algorithms=[key.algorithm],
                audience=self._issuer.audience,
                issuer=self._issuer.issuer,
                leeway=LEEWAY,
                options={"require": ["iss", "aud", "sub", "exp"], "verify_exp": False},
            )
            return _Verified(_subject(claims), key)
        except jwt.InvalidTokenError as error:
            raise refusal_of(error) from error
        except (ValueError, TypeError, OverflowError, AttributeError) as error:  # claims that are anything
            raise TokenInvalid from error

    async def close(self) -> None:
        await self._keys.close()

    async def _key(self, header: Mapping[str, Any]) -> VerifyingKey:
        """The key that the header names. Whatever keys or addresses of keys it brings along are not looked at."""
        kind, algorithm, kid = (header.get(name) for name in ("typ", "alg", "kid"))
        if "crit" in header or not isinstance(kind, str | None) or (kind and kind.lower()) not in _TYPES:
            raise TokenInvalid
        if self._shared and algorithm == self._shared.algorithm:
            return self._shared
        if algorithm not in self._issuer.algorithms or not is_kid(kid):
            raise TokenForged
        key = await self._keys.find(kid)
        if key is None or key.algorithm != algorithm:
            raise TokenForged
        return key


def _said(token: str) -> tuple[Mapping[str, Any], Any]:
    """The header, and the issuer that the token names: nothing of it is certain yet."""
    if len(token) > LONGEST_TOKEN:
        return {}, None
    try:
        decoded = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}, None
    issuer = decoded["payload"].get("iss")
    return decoded["header"], issuer if isinstance(issuer, str) else None


def _subject(claims: Mapping[str, Any]) -> ForeignSubject:
    """Whom the claims of a verified token are about. Raises `TokenRefused` for tokens that are not for access."""
    subject, expiry, name = claims["sub"], claims["exp"], claims.get("name")
    if _OF_OTHER_TOKENS & claims.keys() or any(claims.get(kind, one) not in (one, None) for kind, one in _KINDS):
        raise TokenInvalid
    if not 0 < len(subject) <= LONGEST_SUBJECT or not (subject.isascii() and subject.isprintable()):
        raise TokenInvalid
    now = time.time()
    if not isinstance(expiry, int | float) or not expiry - now <= LONGEST_LIFETIME:
        raise TokenInvalid
    if expiry <= now:
        raise TokenExpired
    return ForeignSubject(claims["iss"], subject, int(expiry), name if isinstance(name, str) else None)
