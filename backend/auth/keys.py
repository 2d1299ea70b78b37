"""The keys of access tokens: secrets for HS256, Ed25519 keys for EdDSA."""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Literal, Self

PEM = "-----BEGIN "
THUMBPRINT = 16
"""Characters of a key's thumbprint that name it: 96 bits tell the few keys of a server apart."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key with its `kid`, and the one algorithm that it is for (RFC 8725 section 3.1).

    `signing` is None for a public key. `public` is its JWK (RFC 7517), None for a secret.
    """

    id: str
    algorithm: Literal["HS256", "EdDSA"]
    verifying: Any
    signing: Any
    public: dict[str, str] | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """A secret, or an Ed25519 key in PEM, private or public. Raises `ValueError` for other PEM."""
        text = text.strip()
        return cls._ed25519(text.replace("\\n", "\n")) if text.startswith(PEM) else cls._secret(text)

    @classmethod
    def _secret(cls, text: str) -> Self:
        secret = text.encode()
        kid = _thumbprint({"k": _base64url(secret), "kty": "oct"})
        return cls(kid, "HS256", verifying=secret, signing=secret, public=None)

    @classmethod
    def _ed25519(cls, text: str) -> Self:
        # Not for those who sign with a secret: importing it takes as long as FastAPI.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
            load_pem_public_key,
        )

        try:
            private = load_pem_private_key(text.encode(), None) if "PRIVATE KEY" in text else None
            key = load_pem_public_key(text.encode()) if private is None else private.public_key()
        except (ValueError, TypeError) as error:  # TypeError: it is encrypted
            raise ValueError("not a key in PEM without a passphrase") from error
        if not isinstance(key, Ed25519PublicKey) or not isinstance(private, Ed25519PrivateKey | None):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - the kind of a key is a value
        public = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes_raw())}
        kid = _thumbprint(public)
        return cls(kid, "EdDSA", key, private, {**public, "kid": kid, "alg": "EdDSA", "use": "sig"})


def _thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638: of the required members, which are given in the order of their names."""
    digest = hashlib.sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest()
    return _base64url(digest)[:THUMBPRINT]


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
