"""Calendar feeds as clients see them."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.utils.validators import Line

Name = Annotated[str, Field(min_length=1, max_length=255, examples=["Phone"]), Line]

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e06",
    "name": "Phone",
    "created_at": "2027-02-26T08:00:00.000000Z",
}


class FeedCreate(RequestModel):
    """A new calendar feed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Phone"}]})

    name: Name = Field(description="Which program has it; also what calendars show")


class FeedRead(ResponseModel):
    """A calendar feed, without its address."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    name: str
    created_at: AwareDatetime


class FeedCreated(FeedRead):
    """A new calendar feed. This answer alone has its address, which is all that it takes to read it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**_EXAMPLE, "path": "/feeds/dwf_3q2-7wCkzXyZ0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0.ics"}]
        }
    )

    path: str = Field(description="Where calendar programs find it, below the address of this server")
