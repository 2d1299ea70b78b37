"""Who is asking, and how they come to be asking."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from backend.domain.errors import Forbidden, Unauthenticated

type GrantKind = Literal["session", "identity", "token"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, until `expires_at` (Unix seconds). `subject` is `user_id` as text.

    `grant_id` is what the access rests on, and ends with: a session, an identity at another issuer, or a personal
    access token. `scope` is what it is limited to; None is no limit.
    """

    user_id: UUID
    grant_id: UUID
    expires_at: int
    kind: GrantKind = "session"
    scope: frozenset[str] | None = None
    subject: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", str(self.user_id))


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, as the audit log tells it: the client's address, what it says it is, the request."""

    address: str | None = None
    device: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """The SHA-256 hash of what looks like a personal access token. Whose it is, if it is one, the database knows."""

    hash: bytes


@dataclass(frozen=True, slots=True, eq=False)
class ForeignSubject:
    """Whom another issuer's verified token is about, until `expires_at` (Unix seconds); `name` as the token gives it.

    Who that is here, the database knows.
    """

    issuer: str
    subject: str
    expires_at: int
    name: str | None


class TokenMissing(Unauthenticated):
    code = "token_missing"
    title = "Sign in first: send an access token as `Authorization: Bearer …`"


class TokenRefused(Unauthenticated):
    """A token came and was not accepted."""


class TokenMalformed(TokenRefused):
    code = "token_malformed"
    title = "The access token cannot be read"


class TokenExpired(TokenRefused):
    code = "token_expired"
    title = "The access token has expired; refresh it"


class TokenRevoked(TokenRefused):
    code = "token_revoked"
    title = "The session or grant that the access token rests on has ended; sign in again"


class TokenInvalid(TokenRefused):
    code = "token_invalid"
    title = "The access token is not one of ours, or not for this use"


class TokenForged(TokenInvalid):
    code = "token_signature_invalid"
    title = "The access token is not signed by us"


class InsufficientScope(Forbidden):
    """A personal access token came that is not good for this; `scope` is what it lacks."""

    code = "insufficient_scope"
    title = "The personal access token lacks the scope for this"

    def __init__(self, scope: str) -> None:
        super().__init__(f"The personal access token lacks the scope {scope}")
        self.scope = scope


class SessionRequired(Forbidden):
    code = "session_required"
    title = "No personal access token may do this, whatever its scopes: sign in"
