"""What is sent instead of a good access token, and how it is refused."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import jwt
from uuid_utils.compat import uuid7

from backend.auth.jwt_handler import AUDIENCE, ISSUER, TOKEN_TYPE
from tests.factories.applications import SECRET
from tests.factories.clients import Client

type Headers = Mapping[str, Any]


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def signed(
    client: Client, *, secret: str = SECRET, algorithm: str = "HS256", typ: str = TOKEN_TYPE, **others: Any
) -> Headers:
    """A token like the client's own, but for what is named; a claim of None is left out."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(client.user_id),
        "iat": now,
        "exp": now + 60,
        "jti": uuid4().hex,
        "sid": str(client.session_id),
    } | others
    present = {name: value for name, value in claims.items() if value is not None}
    return bearer(jwt.encode(present, secret, algorithm, headers={"typ": typ}))


def altered(client: Client) -> Headers:
    """The client's own token with another user's id put into it, its signature as it was."""
    _, _, signature = client.access_token.split(".")
    header, payload, _ = signed(client, sub=str(uuid7()))["Authorization"].removeprefix("Bearer ").split(".")
    return bearer(f"{header}.{payload}.{signature}")


CREDENTIALS: Mapping[str, tuple[Callable[[Client], Headers], str]] = {
    "none": (lambda _: {}, "token_missing"),
    "another scheme": (lambda client: {"Authorization": f"Basic {client.access_token}"}, "token_missing"),
    "an empty token": (lambda _: {"Authorization": "Bearer "}, "token_malformed"),
    "garbage": (lambda _: bearer("not.a.token"), "token_malformed"),
    "bytes that are no text": (lambda _: {"Authorization": b"Bearer \xff\xfe"}, "token_malformed"),
    "a refresh token": (lambda client: bearer(client.refresh_token), "token_malformed"),
    "an expired token": (lambda client: signed(client, exp=int(time.time()) - 1), "token_expired"),
    "another key": (lambda client: signed(client, secret="0123456789abcdef" * 4), "token_signature_invalid"),
    "no signature": (lambda client: signed(client, secret="", algorithm="none"), "token_signature_invalid"),
    "another algorithm": (
        lambda client: signed(client, secret=SECRET * 2, algorithm="HS512"),
        "token_signature_invalid",
    ),
    "an altered token": (altered, "token_signature_invalid"),
    "another type": (lambda client: signed(client, typ="JWT"), "token_invalid"),
    "another audience": (lambda client: signed(client, aud="another"), "token_invalid"),
    "another issuer": (lambda client: signed(client, iss="another"), "token_invalid"),
    "no end": (lambda client: signed(client, exp=None), "token_invalid"),
    "no session": (lambda client: signed(client, sid=None), "token_invalid"),
}
"""By name: the headers, made of the client's own, and the code of the refusal."""
