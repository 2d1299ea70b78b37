"""Who is asking, as the access token tells."""

from dataclasses import dataclass, field
from uuid import UUID

from backend.domain.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Principal:
    """A user acting through one of their sessions until `expires_at` (Unix seconds). `subject` is `user_id` as text."""

    user_id: UUID
    session_id: UUID
    expires_at: int
    subject: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", str(self.user_id))


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


class TokenInvalid(TokenRefused):
    code = "token_invalid"
    title = "The access token is not one of ours, or not for this use"


class TokenForged(TokenInvalid):
    code = "token_signature_invalid"
    title = "The access token is not signed by us"
