"""Saved filters as clients see them."""

from typing import Annotated
from uuid import UUID

from pydantic import MISSING, AfterValidator, AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from backend.domain.filters import LONGEST, InvalidFilter, parse
from backend.schemas.base import RequestModel, ResponseModel
from backend.utils.validators import Color, Id, Line


def _understood(query: str) -> str:
    try:
        parse(query)
    except InvalidFilter as error:
        raise PydanticCustomError("invalid_filter", "{message}", {"message": error.faults[0].message}) from error
    return query


FilterName = Annotated[str, Field(min_length=1, max_length=255, examples=["Soon"]), Line]
FilterQuery = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST,
        examples=["due < tomorrow & !completed"],
        description="A filter expression, kept as it is written",
    ),
    Line,
    AfterValidator(_understood),
]

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-e8f9-7a40-8000-8c9d0e1f2a05",
    "user_id": "0192f3c1-9a70-7c44-8000-5e8f0a6b7c02",
    "name": "Soon",
    "query": "due < tomorrow & !completed",
    "color": "#2e86de",
    "position": "l00000000002a",
    "version": 42,
    "created_at": "2027-02-26T08:15:00.000000Z",
    "updated_at": "2027-02-28T17:40:00.000000Z",
}


class FilterCreate(RequestModel):
    """A new filter. With an `id` of your own, sending the request again cannot make a second filter."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Soon", "query": "due < tomorrow & !completed"}]}
    )

    id: Id | MISSING = Field(MISSING, description="Chosen by the client, best a UUIDv7; else by the server")
    name: FilterName
    query: FilterQuery
    color: Color | None = None


class FilterChanges(RequestModel):
    """What is to change; what is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Today"}]})

    name: FilterName | MISSING = MISSING
    query: FilterQuery | MISSING = MISSING
    color: Color | MISSING | None = MISSING


class FilterRead(ResponseModel):
    """A saved filter."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    user_id: UUID
    name: str
    query: str
    color: str | None
    position: str = Field(description="Where it stands among the others: compare them byte by byte")
    version: int = Field(description="Grows with every change; also the ETag")
    created_at: AwareDatetime
    updated_at: AwareDatetime
