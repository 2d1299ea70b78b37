"""Registering, signing in, and the tokens that come of it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.schemas.users import USER_EXAMPLE, Name, UserRead
from backend.utils.validators import Email, GivenEmail, GivenPassword, Password, Text

_EXAMPLE: JsonDict = {"email": "ada@example.com", "password": "correct horse battery"}
_FORM_EXAMPLE: JsonDict = {
    "grant_type": "password",
    "username": "ada@example.com",
    "password": "correct horse battery",
}
_TOKENS_EXAMPLE: JsonDict = {
    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJkb25ld2VsbCJ9.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "dwr_AZLzwZpwfESAAF6PCmt8AgGS88GypH0QgAA7XS8cngE",
}
GivenRefreshToken = Annotated[str, Field(max_length=512), Text]


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
    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [_FORM_EXAMPLE]})

    grant_type: Literal["password", "refresh_token"]
    username: GivenEmail | None = Field(None, description="The e-mail address", examples=[_EXAMPLE["email"]])
    password: GivenPassword | None = Field(None, examples=[_EXAMPLE["password"]])
    refresh_token: GivenRefreshToken | None = None


class Tokens(ResponseModel):
    """An access token for `Authorization: Bearer …`, and the refresh token that gets the next pair, once."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TOKENS_EXAMPLE]})

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme
    expires_in: int = Field(description="Seconds for which the access token is good")
    refresh_token: str


class SignedIn(Tokens):
    """Tokens, and whose they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_TOKENS_EXAMPLE, "user": USER_EXAMPLE}]})

    user: UserRead


_SESSION_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e03",
    "current": True,
    "device": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "created_at": "2027-02-26T08:00:00.000000Z",
    "last_used_at": "2027-02-28T17:40:00.000000Z",
    "expires_at": "2027-03-30T17:40:00.000000Z",
}


class SessionRead(ResponseModel):
    """A sign-in that has not ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SESSION_EXAMPLE]})

    id: UUID
    current: bool = Field(description="Whether it is the one that asks")
    device: str | None = Field(description="What the client said it is: its User-Agent")
    created_at: AwareDatetime
    last_used_at: AwareDatetime = Field(description="When it was opened or last got new tokens")
    expires_at: AwareDatetime = Field(description="When it ends if it is not used until then")


_KEY_EXAMPLE: JsonDict = {
    "crv": "Ed25519",
    "kty": "OKP",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kid": "kPrK_qmxVWaYVA9w",
    "alg": "EdDSA",
    "use": "sig",
}


class PublicKey(ResponseModel):
    """A key with which an access token can be verified (RFC 8037)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY_EXAMPLE]})

    crv: Literal["Ed25519"]
    kty: Literal["OKP"]
    x: str
    kid: str
    alg: Literal["EdDSA"]
    use: Literal["sig"]


class KeySet(ResponseModel):
    """The keys that are good now, and those that were until lately."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keys": [_KEY_EXAMPLE]}]})

    keys: list[PublicKey]
