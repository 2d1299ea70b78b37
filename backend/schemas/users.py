"""Users as clients see them."""

from typing import Annotated
from uuid import UUID

from pydantic import MISSING, AwareDatetime, ConfigDict, Field

from backend.schemas.base import RequestModel, ResponseModel
from backend.utils.validators import Line, TimeZone

Name = Annotated[str, Field(min_length=1, max_length=255, examples=["Ada Lovelace"]), Line]
Zone = Annotated[TimeZone, Field(examples=["Europe/Berlin"], description="An IANA time zone name")]


class UserChanges(RequestModel):
    """What is to change about oneself; what is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"time_zone": "Europe/Berlin"}]})

    name: Name | MISSING = MISSING
    time_zone: Zone | MISSING = MISSING


class UserRead(ResponseModel):
    """A user, as only they themselves see it."""

    id: UUID
    email: str
    name: str
    time_zone: str
    email_verified_at: AwareDatetime | None
    version: int = Field(description="Grows with every change; also the ETag")
    created_at: AwareDatetime
    updated_at: AwareDatetime
