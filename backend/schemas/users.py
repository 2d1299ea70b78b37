"""Users as clients see them."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import MISSING, AwareDatetime, ConfigDict, Field, RootModel
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.utils.validators import GivenPassword, Line, TimeZone

Name = Annotated[str, Field(min_length=1, max_length=255, examples=["Ada Lovelace"]), Line]
Zone = Annotated[TimeZone, Field(examples=["Europe/Berlin"], description="An IANA time zone name")]


USER_EXAMPLE: JsonDict = {
    "id": "0192f3c1-9a70-7c44-8000-5e8f0a6b7c02",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "time_zone": "Europe/Berlin",
    "email_verified_at": "2027-02-26T08:05:00.000000Z",
    "version": 2,
    "created_at": "2027-02-26T08:00:00.000000Z",
    "updated_at": "2027-02-26T08:10:00.000000Z",
}


class UserChanges(RequestModel):
    """What is to change about oneself; what is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"time_zone": "Europe/Berlin"}]})

    name: Name | MISSING = MISSING
    time_zone: Zone | MISSING = MISSING


class AccountDeletion(RequestModel):
    """What it takes to leave for good."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "correct horse battery"}]})

    password: GivenPassword | None = Field(None, description="The current one; not needed by who signs in elsewhere")


class UserRead(ResponseModel):
    """A user, as only they themselves see it."""

    model_config = ConfigDict(json_schema_extra={"examples": [USER_EXAMPLE]})

    id: UUID
    email: str | None = Field(description="Null for those who sign in elsewhere")
    name: str
    time_zone: str
    email_verified_at: AwareDatetime | None
    version: int = Field(description="Grows with every change; also the ETag")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Export(RootModel[dict[str, list[dict[str, Any]]]]):
    """Everything that the service holds of a user: the rows of each table, without secrets."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"users": [{"name": "Ada Lovelace"}], "tasks": []}]})
