"""Turns a bearer token into an identity, or into what is wrong with it. It identifies and never refuses.

An exception raised here would bypass the exception handlers; the `identity` dependency raises it for the routes
that want to know.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.auth.jwt_handler import AccessTokens
from backend.auth.personal_tokens import PREFIX, PersonalTokens
from backend.auth.principal import PresentedToken, Principal, TokenMalformed, TokenMissing
from backend.domain.errors import Unauthenticated


class AuthMiddleware:
    """Leaves a `Principal` or an `Unauthenticated` error as `request.state.identity`.

    Or a `PresentedToken`, of which the database knows whose it is.
    """

    def __init__(self, app: ASGIApp, tokens: AccessTokens, personal: PersonalTokens) -> None:
        self._app = app
        self._tokens = tokens
        self._personal = personal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["identity"] = self._identify(scope)
        await self._app(scope, receive, send)

    def _identify(self, scope: Scope) -> Principal | PresentedToken | Unauthenticated:
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        if not values:
            return TokenMissing()
        scheme, _, token = values[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return TokenMissing()
        if len(values) > 1:
            return TokenMalformed("There is more than one Authorization header")
        try:
            token = token.strip()
            return (self._personal if token.startswith(PREFIX) else self._tokens).identify(token)
        except Unauthenticated as refusal:
            return refusal
