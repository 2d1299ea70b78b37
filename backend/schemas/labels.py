"""Labels as clients see them."""

from typing import Annotated
from uuid import UUID

from pydantic import MISSING, AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.utils.validators import Color, Id, Line

LabelName = Annotated[str, Field(min_length=1, max_length=100, examples=["garden"]), Line]

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-c5d6-7e20-8000-6a7b8c9d0e03",
    "user_id": "0192f3c1-9a70-7c44-8000-5e8f0a6b7c02",
    "name": "garden",
    "color": "#2e86de",
    "position": "l00000000002a",
    "version": 42,
    "created_at": "2027-02-26T08:15:00.000000Z",
    "updated_at": "2027-02-28T17:40:00.000000Z",
}


class LabelCreate(RequestModel):
    """A new label. With an `id` of your own, sending the request again cannot make a second label."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "garden", "color": "#2e86de"}]})

    id: Id | MISSING = Field(MISSING, description="Chosen by the client, best a UUIDv7; else by the server")
    name: LabelName
    color: Color | None = None


class LabelChanges(RequestModel):
    """What is to change; what is absent stays as it is. A new name is that of every task that carries the label."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "balcony"}]})

    name: LabelName | MISSING = MISSING
    color: Color | MISSING | None = MISSING


class LabelMerge(RequestModel):
    """Which label is to be carried instead."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"into": "0192f3c1-c5d6-7e20-8000-6a7b8c9d0e04"}]})

    into: Id = Field(description="The id of the label that stays")


class LabelRead(ResponseModel):
    """A label."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    user_id: UUID
    name: str
    color: str | None
    position: str = Field(description="Where it stands among the others: compare them byte by byte")
    version: int = Field(description="Grows with every change; also the ETag")
    created_at: AwareDatetime
    updated_at: AwareDatetime
