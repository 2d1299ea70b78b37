"""Tasks as clients see them."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AwareDatetime, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.schemas.pagination import PageQuery
from backend.utils.validators import CalendarDate, Id, Line, Text, TrueOrFalse

Priority = Literal["none", "low", "medium", "high"]
Title = Annotated[str, Field(min_length=1, max_length=255, examples=["Water the plants"]), Line]
Description = Annotated[str, Field(max_length=16_384, examples=["The fern too"]), Text]


_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01",
    "user_id": "0192f3c1-9a70-7c44-8000-5e8f0a6b7c02",
    "title": "Water the plants",
    "description": "The fern too",
    "completed": True,
    "completed_at": "2027-02-28T17:40:00.000000Z",
    "priority": "none",
    "due_date": "2027-03-01",
    "version": 42,
    "created_at": "2027-02-26T08:15:00.000000Z",
    "updated_at": "2027-02-28T17:40:00.000000Z",
}


class TaskCreate(RequestModel):
    """A new task. With an `id` of your own, sending the request again cannot make a second task."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Water the plants", "due_date": "2027-03-01"}]})

    id: Id | MISSING = Field(MISSING, description="Chosen by the client, best a UUIDv7; else by the server")
    title: Title
    description: Description | None = None
    completed: StrictBool = False
    priority: Priority = "none"
    due_date: CalendarDate | None = None


class TaskChanges(RequestModel):
    """What is to change; what is absent stays as it is (RFC 7396: null clears, absence does not)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": "high"}]})

    title: Title | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    completed: StrictBool | MISSING = MISSING
    priority: Priority | MISSING = MISSING
    due_date: CalendarDate | MISSING | None = MISSING


class Completion(RequestModel):
    """Whether the task is to be completed or open again. Saying it twice changes nothing more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"completed": True}]})

    completed: StrictBool = True


class TaskRead(ResponseModel):
    """A task."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    user_id: UUID
    title: str
    description: str | None
    completed: bool
    completed_at: AwareDatetime | None = Field(description="When it was completed; null while it is open")
    priority: Priority
    due_date: date | None
    version: int = Field(description="Grows with every change; also the ETag")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TaskQuery(PageQuery):
    """Which tasks to list."""

    completed: Annotated[bool, TrueOrFalse] | None = Field(None, description="Only completed tasks, or only open ones")
