"""Tokens as somebody might make them: signed and encoded by hand, so that no library refuses to make a bad one."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID

from backend.auth.jwt_handler import AUDIENCE, ISSUER, LIFETIME_SECONDS, TOKEN_TYPE
from tests.factories.applications import SECRET

USER = UUID("0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01")
SESSION = UUID("0192f3c1-b2a4-7d10-8000-3b5d2f1c9e02")
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def base64(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**others: Any) -> dict[str, Any]:
    """Those of a good token, but for the others; `...` leaves one out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(USER),
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": "a3f1",
        "sid": str(SESSION),
    }
    return {name: value for name, value in {**good, **others}.items() if value is not ...}


def token(payload: Any, secret: str = SECRET, *, alg: Any = "HS256", hashed: str = "HS256", **header: Any) -> str:
    """A token whose header says `alg`, whatever its signature was made with."""
    head = {"alg": alg, "typ": TOKEN_TYPE, **header}
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = f"{base64(json.dumps(head).encode())}.{base64(raw)}"
    return f"{signed}.{base64(hmac.digest(secret.encode(), signed.encode(), HASHES[hashed]))}"


def unsigned(payload: Any, alg: Any = "none") -> str:
    """A token without a signature."""
    return token(payload, alg=alg).rpartition(".")[0] + "."


def with_claims_of(other: str, genuine: str) -> str:
    """A genuine token that now says what another one says."""
    header, _, signature = genuine.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"
