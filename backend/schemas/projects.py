"""Projects as clients see them."""

from typing import Annotated
from uuid import UUID

from pydantic import MISSING, AwareDatetime, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.schemas.pagination import OrderedPageQuery
from backend.utils.validators import Color, Id, Line, TrueOrFalse

ProjectName = Annotated[str, Field(min_length=1, max_length=255, examples=["Home"]), Line]

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-d7e8-7f30-8000-7b8c9d0e1f04",
    "user_id": "0192f3c1-9a70-7c44-8000-5e8f0a6b7c02",
    "name": "Home",
    "color": "#2e86de",
    "archived": False,
    "parent_id": None,
    "position": "l00000000002a",
    "version": 42,
    "created_at": "2027-02-26T08:15:00.000000Z",
    "updated_at": "2027-02-28T17:40:00.000000Z",
}


class ProjectCreate(RequestModel):
    """A new project. With an `id` of your own, sending the request again cannot make a second project."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Home", "color": "#2e86de"}]})

    id: Id | MISSING = Field(MISSING, description="Chosen by the client, best a UUIDv7; else by the server")
    name: ProjectName
    color: Color | None = None
    archived: StrictBool = False
    parent_id: Id | None = Field(None, description="The project that this one stands in")


class ProjectChanges(RequestModel):
    """What is to change; what is absent stays as it is. To stand elsewhere it is moved."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"archived": True}]})

    name: ProjectName | MISSING = MISSING
    color: Color | MISSING | None = MISSING
    archived: StrictBool | MISSING = MISSING


class ProjectRead(ResponseModel):
    """A project."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    user_id: UUID
    name: str
    color: str | None
    archived: bool = Field(description="Kept, but out of the way. Its tasks stay as they are")
    parent_id: UUID | None
    position: str = Field(description="Where it stands among its siblings: compare it byte by byte")
    version: int = Field(description="Grows with every change; also the ETag")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ProjectQuery(OrderedPageQuery):
    """Which projects to list."""

    archived: Annotated[bool, TrueOrFalse] | None = Field(None, description="Only archived projects, or only others")
