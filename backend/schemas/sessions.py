"""Registering, signing in, and the tokens that come of it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.schemas.users import Name, UserRead
from backend.utils.validators import Email, Password, Text

_EXAMPLE: JsonDict = {"email": "ada@example.com", "password": "correct horse battery"}
GivenEmail = Annotated[str, Field(max_length=254), Text]
GivenPassword = Annotated[str, Field(max_length=256), Text]
RefreshToken = Annotated[str, Field(min_length=1, max_length=512), Text]


class Registration(RequestModel):
    """A new account."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ada Lovelace", **_EXAMPLE}]})

    email: Email
    name: Name
    password: Password


class Credentials(RequestModel):
    """What a person signs in with. Nothing is said about its form: a wrong guess is only ever wrong."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    email: GivenEmail
    password: GivenPassword


class TokenRequest(RequestModel):
    """An OAuth 2 token request (RFC 6749 sections 4.3 and 6), sent as a form."""

    # OAuth 2 clients may send parameters that the server does not know, which it then ignores (section 3.2).
    model_config = ConfigDict(extra="ignore")

    grant_type: Literal["password", "refresh_token"]
    username: GivenEmail | None = Field(None, description="The e-mail address")
    password: GivenPassword | None = None
    refresh_token: RefreshToken | None = None


class Tokens(ResponseModel):
    """An access token for `Authorization: Bearer …`, and the refresh token that gets the next pair, once."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds for which the access token is good")
    refresh_token: str


class SignedIn(Tokens):
    """Tokens, and whose they are."""

    user: UserRead
