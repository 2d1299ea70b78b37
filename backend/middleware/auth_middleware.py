"""Turns a bearer token into an identity, or into what is wrong with it. It identifies and never refuses.

An exception raised here would bypass the exception handlers; the `identity` dependency raises it for the routes
that want to know.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.auth.issuers import Issuers
from backend.auth.jwt_handler import AccessTokens
from backend.auth.personal_tokens import PREFIX, PersonalTokens
from backend.auth.principal import (
    ForeignSubject,
    PresentedToken,
    Principal,
    TokenMalformed,
    TokenMissing,
    TokenRefused,
)
from backend.domain.errors import DonewellError


class AuthMiddleware:
    """Leaves a `Principal`, or the error that is to be raised, as `request.state.identity`.

    Or a `PresentedToken` or `ForeignSubject`, of which the database knows who it is.
    """

    def __init__(
        self, app: ASGIApp, tokens: AccessTokens, personal: PersonalTokens, issuers: Issuers | None = None
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._personal = personal
        self._issuers = issuers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["identity"] = await self._identify(scope)
        await self._app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Principal | PresentedToken | ForeignSubject | DonewellError:
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        if not values:
            return TokenMissing()
        scheme, _, token = values[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return TokenMissing()
        if len(values) > 1:
            return TokenMalformed("There is more than one Authorization header")
        token = token.strip()
        if self._issuers and (known := self._issuers.known(token)):
            return known
        try:
            return (self._personal if token.startswith(PREFIX) else self._tokens).identify(token)
        except TokenRefused as refusal:
            return await self._of_others(self._issuers, token, refusal) if self._issuers else refusal

    @staticmethod
    async def _of_others(issuers: Issuers, token: str, refusal: TokenRefused) -> ForeignSubject | DonewellError:
        """What an issuer says that the token names; if it names none that is trusted, what we say."""
        try:
            return await issuers.identify(token) or refusal
        except DonewellError as error:
            return error
