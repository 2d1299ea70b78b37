"""Other issuers: their keys, what they sign with them, and a server that publishes them, well or badly."""

import asyncio
import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.factories.applications import FRONTEND, FRONTEND_SECRET
from tests.factories.canaries import CANARY

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

type Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def base64(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True)
class SigningKey:
    """A key that an issuer signs with. `private` is a secret, for HS256."""

    algorithm: str
    private: Any
    kid: str = field(default_factory=lambda: uuid4().hex)

    @classmethod
    def new(cls, algorithm: str) -> "SigningKey":
        if algorithm == "EdDSA":
            return cls(algorithm, ed25519.Ed25519PrivateKey.generate())
        if algorithm == "ES256":
            return cls(algorithm, ec.generate_private_key(ec.SECP256R1()))
        if algorithm == "RS256":
            return cls(algorithm, rsa.generate_private_key(65537, 2048))
        return cls(algorithm, uuid4().hex.encode())

    @property
    def public(self) -> Any:
        return self.private.public_key()

    def jwk(self, **others: Any) -> dict[str, Any]:
        """The public key as it is published, but for the others; `...` leaves one out."""
        jwk = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.public, as_dict=True)
        jwk = {**jwk, "kid": self.kid, "alg": self.algorithm, **others}
        return {name: value for name, value in jwk.items() if value is not ...}

    def sign(self, signed: bytes) -> bytes:
        """A signature (RFC 7518 section 3, RFC 8037 section 3.1)."""
        if self.algorithm in HASHES:
            return hmac.digest(self.private, signed, HASHES[self.algorithm])
        if self.algorithm == "EdDSA":
            return bytes(self.private.sign(signed))
        if self.algorithm == "ES256":
            r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return bytes(self.private.sign(signed, padding.PKCS1v15(), SHA256()))

    def token(self, payload: Any, **header: Any) -> str:
        """A token that this key signs, whatever its header says; `...` leaves something out of it.

        Encoded by hand, so that no library refuses to make a bad one.
        """
        head = {"alg": self.algorithm, "kid": self.kid, **header}
        head = {name: value for name, value in head.items() if value is not ...}
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        signed = f"{base64(json.dumps(head).encode())}.{base64(raw)}"
        return f"{signed}.{base64(self.sign(signed.encode()))}"


@cache
def signing_key(algorithm: str, name: str = "") -> SigningKey:
    """The same key for the same name: an RSA key takes a while to make."""
    return SigningKey(algorithm, SigningKey.new(algorithm).private, f"{algorithm}-{name}-{uuid4().hex}")


def claims_of(
    issuer: str, audience: str, subject: str = "sJ4IsawrFA69IFIAgvzaVC7Gi007wlBM", **more: Any
) -> dict[str, Any]:
    """The claims of a good token, but for what is said here; `...` leaves one out."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + 900, **more}
    return {name: value for name, value in claims.items() if value is not ...}


def token_of_the_frontend(**more: Any) -> str:
    """Somebody whom the frontend has signed in, and who is new here, unless the claims say otherwise."""
    claims = claims_of(FRONTEND, FRONTEND, uuid4().hex, **{"name": f"Ada {CANARY}", **more})
    return SigningKey("HS256", FRONTEND_SECRET.encode()).token(claims)


def reply(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def key_set(*keys: SigningKey | dict[str, Any]) -> bytes:
    """A key set (RFC 7517 section 5)."""
    return json.dumps({"keys": [key.jwk() if isinstance(key, SigningKey) else key for key in keys]}).encode()


class KeyServer:
    """Answers each request with `answer`, bytes or a function that writes, and counts them."""

    def __init__(self) -> None:
        self.answer: bytes | Answer = b""
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.origin = ""
        self.answering: set[asyncio.Task[Any]] = set()

    def publish(self, *keys: SigningKey | dict[str, Any]) -> None:
        self.answer = reply(key_set(*keys))

    @property
    def url(self) -> str:
        return f"{self.origin}/api/auth/jwks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self.answering.add(task)
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked.set()
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
            else:
                await self.answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def key_server(*keys: SigningKey | dict[str, Any], port: int = 0) -> AsyncIterator[KeyServer]:
    """A server of keys on this machine, for as long as the block lasts."""
    served = KeyServer()
    served.publish(*keys)
    server = await asyncio.start_server(served.serve, "127.0.0.1", port)
    served.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        for task in served.answering:
            task.cancel()
        await asyncio.gather(*served.answering, return_exceptions=True)


def public_forms(key: SigningKey) -> Sequence[bytes]:
    """What everybody knows of a key, in the forms in which a careless verifier may take it for a secret."""
    jwk = key.jwk()
    info = PublicFormat.SubjectPublicKeyInfo
    pem, der = (key.public.public_bytes(form, info) for form in (Encoding.PEM, Encoding.DER))
    return [
        pem,
        pem.strip(),
        der,
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode(),
        key_set(key),
        *(str(jwk[name]).encode() for name in ("kid", "x", "n") if name in jwk),
    ]
