"""Personal access tokens as clients see them."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.utils.validators import Line, Text, WholeNumber

DEFAULT_LIFETIME = 90
LONGEST_LIFETIME = 365
"""Days."""

Name = Annotated[str, Field(min_length=1, max_length=255, examples=["Nightly backup"]), Line]
# Which there are, the routes decide.
Scope = Annotated[str, Field(max_length=64), Text]

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e05",
    "name": "Nightly backup",
    "scopes": ["tasks:read"],
    "created_at": "2027-02-26T08:00:00.000000Z",
    "expires_at": "2027-05-27T08:00:00.000000Z",
}


class AccessTokenCreate(RequestModel):
    """A new token for a program of one's own."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Nightly backup", "scopes": ["tasks:read"]}]})

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=64, description="All that the token may do")
    expires_in_days: Annotated[int, WholeNumber] = Field(DEFAULT_LIFETIME, ge=1, le=LONGEST_LIFETIME)


class _Token(ResponseModel):
    id: UUID
    name: str
    scopes: list[str]
    created_at: AwareDatetime
    expires_at: AwareDatetime


class AccessTokenCreated(_Token):
    """A new token. This answer alone has the token itself: keep it safe."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "token": "dwp_k7Jx0Zq3VbN5mWc8RtY1uHs4LgE6oPdA9fXiKe2BnQ01yQCms"}]}
    )

    token: str = Field(description="For `Authorization: Bearer …`")


class AccessTokenRead(_Token):
    """A token, without what it is used with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "last_used_at": "2027-02-28T17:40:00.000000Z"}]}
    )

    last_used_at: AwareDatetime | None = Field(description="To within a quarter of an hour; null if never")
