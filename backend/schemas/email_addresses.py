"""E-mail addresses: confirmed and changed."""

from pydantic import ConfigDict

from backend.schemas.base import RequestModel
from backend.schemas.passwords import TOKEN_EXAMPLE, GivenToken
from backend.utils.validators import Email, GivenEmail, GivenPassword


class EmailUnverified(RequestModel):
    """Which address is still to be confirmed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.com"}]})

    email: GivenEmail


class EmailVerification(RequestModel):
    """The token that was mailed to the address."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": TOKEN_EXAMPLE}]})

    token: GivenToken


class EmailChange(RequestModel):
    """The address from now on, and the current password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "password": "correct horse battery"}]}
    )

    email: Email
    password: GivenPassword
