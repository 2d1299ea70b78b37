"""Forgotten, reset and changed passwords."""

from typing import Annotated

from pydantic import ConfigDict, Field

from backend.schemas.base import RequestModel
from backend.utils.validators import GivenEmail, GivenPassword, Password, Text

TOKEN_EXAMPLE = "dwm_gQZ0Ds3mXx7aJkUQ2mGfZ0Yb2dJkqkq1s9yZ3v8Wn4E"  # noqa: S105 - nobody's
GivenToken = Annotated[str, Field(max_length=128, description="What the link has after `#token=`"), Text]


class PasswordForgotten(RequestModel):
    """Whose password it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.com"}]})

    email: GivenEmail


class PasswordReset(RequestModel):
    """The token that was mailed, and the password from now on."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": TOKEN_EXAMPLE, "password": "correct horse battery"}]}
    )

    token: GivenToken
    password: Password


class PasswordChange(RequestModel):
    """The password until now, and the one from now on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"current_password": "correct horse battery", "new_password": "staple the horse again"}]
        }
    )

    current_password: GivenPassword
    new_password: Password
