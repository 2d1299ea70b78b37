"""A bearer token is the whole identity: no user is looked up."""

from dataclasses import dataclass
from uuid import UUID

import jwt
from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed


@dataclass(frozen=True)
class TokenUser:
    id: UUID
    is_authenticated: bool = True


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request):
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            claims = jwt.decode(
                token, settings.JWT_SECRET, algorithms=["HS256"], audience="donewell", issuer="donewell"
            )
            return TokenUser(UUID(claims["sub"])), claims
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise AuthenticationFailed("Invalid token") from error

    def authenticate_header(self, request):
        return "Bearer"
