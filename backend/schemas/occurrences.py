"""Completed occurrences as clients see them."""

from datetime import date
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict
from pydantic.config import JsonDict

from backend.schemas.base import ResponseModel
from backend.utils.validators import WallTime

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e05",
    "task_id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01",
    "due_date": "2027-03-01",
    "due_time": "09:00:00",
    "time_zone": "Europe/Berlin",
    "completed_at": "2027-03-01T17:40:00.000000Z",
    "created_at": "2027-03-01T17:40:00.000000Z",
}


class OccurrenceRead(ResponseModel):
    """One time that a recurring task was done: what was due, and when it was done."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    task_id: UUID
    due_date: date
    due_time: WallTime | None
    time_zone: str | None
    completed_at: AwareDatetime
    created_at: AwareDatetime
