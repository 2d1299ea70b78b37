"""The trash as its owner sees it."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import ResponseModel

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01",
    "kind": "task",
    "title": "Water the plants",
    "tasks": 3,
    "deleted_at": "2027-02-28T17:40:00.000000Z",
}


class TrashedRead(ResponseModel):
    """What was deleted at once: a task with its subtasks, or a project with all that was in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID = Field(description="Of the task or the project that was deleted")
    kind: Literal["task", "project"]
    title: str
    tasks: int = Field(description="How many tasks come back with it, itself counted")
    deleted_at: AwareDatetime


class Restored(ResponseModel):
    """What came back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tasks": 3, "projects": 0}]})

    tasks: int
    projects: int
