"""Tasks as clients see them."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, AwareDatetime, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from backend.domain.recurrence import Anchor
from backend.domain.recurrence_rule import LONGEST, InvalidRule, parse
from backend.schemas.base import RequestModel, ResponseModel
from backend.schemas.labels import LabelName
from backend.utils.validators import (
    AllDifferent,
    CalendarDate,
    Id,
    Line,
    Reminder,
    Text,
    TimeZone,
    WallTime,
)


def _canonical(rule: str) -> str:
    try:
        return str(parse(rule))
    except InvalidRule as error:
        raise PydanticCustomError("invalid_rule", "{message}", {"message": str(error)}) from error


Priority = Literal["none", "low", "medium", "high"]
Title = Annotated[str, Field(min_length=1, max_length=255, examples=["Water the plants"]), Line]
Description = Annotated[str, Field(max_length=16_384, examples=["The fern too"]), Text]
DueDate = Annotated[CalendarDate, Field(description="Alone it is the whole day. Without it nothing recurs")]
DueTime = Annotated[WallTime, Field(examples=["09:00"], description="By the clock on the wall. It needs a due date")]
DueZone = Annotated[
    TimeZone,
    Field(
        examples=["Europe/Berlin"],
        description="Where that clock hangs, in all seasons; without it, wherever you are. It needs a due time",
    ),
]
StartDate = Annotated[CalendarDate, Field(description="Nothing can be done about it before")]
Labels = Annotated[
    list[LabelName],
    Field(max_length=50, examples=[["garden"]], description="In any capitals it is the same"),
    AllDifferent,
]
Reminders = Annotated[
    list[Reminder],
    Field(max_length=20, examples=[["PT15M"]], description="Instants, or ISO 8601 durations before it is due"),
    AllDifferent,
]
Rule = Annotated[
    str,
    Field(max_length=LONGEST, examples=["FREQ=WEEKLY;BYDAY=MO"], description="RFC 5545's RRULE, without DTSTART"),
    AfterValidator(_canonical),
]


_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01",
    "user_id": "0192f3c1-9a70-7c44-8000-5e8f0a6b7c02",
    "title": "Water the plants",
    "description": "The fern too",
    "completed": True,
    "completed_at": "2027-03-01T08:20:00.000000Z",
    "priority": "none",
    "start_date": "2027-02-27",
    "due_date": "2027-03-01",
    "due_time": "09:00:00",
    "time_zone": "Europe/Berlin",
    "due_at": "2027-03-01T08:00:00.000000Z",
    "recurrence": {"rule": "FREQ=WEEKLY;BYDAY=MO", "anchor": "due"},
    "project_id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e06",
    "parent_id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e07",
    "position": "l00000000002a",
    "labels": ["garden"],
    "reminders": ["PT15M"],
    "version": 42,
    "created_at": "2027-02-26T08:15:00.000000Z",
    "updated_at": "2027-03-01T08:20:00.000000Z",
}


class Recurring(RequestModel):
    """How a task comes back once it is completed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rule": "FREQ=WEEKLY;BYDAY=MO"}]})

    rule: Rule
    anchor: Anchor = Field("due", description="Counted from when it was due, or from the day of completion")


class TaskCreate(RequestModel):
    """A new task. With an `id` of your own, sending the request again cannot make a second task."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Water the plants", "due_date": "2027-03-01"}]})

    id: Id | MISSING = Field(MISSING, description="Chosen by the client, best a UUIDv7; else by the server")
    title: Title
    description: Description | None = None
    completed: StrictBool = False
    priority: Priority = "none"
    start_date: StartDate | None = None
    due_date: DueDate | None = None
    due_time: DueTime | None = None
    time_zone: DueZone | None = None
    recurrence: Recurring | None = None
    project_id: Id | MISSING | None = Field(MISSING, description="None is the Inbox; a subtask is where its parent is")
    parent_id: Id | MISSING | None = Field(MISSING, description="The task that this one is a part of")
    labels: Labels = Field([])
    reminders: Reminders = Field([])


class TaskChanges(RequestModel):
    """What is to change; what is absent stays as it is (RFC 7396: null clears, absence does not).

    Without a due date there is no due time either, nor a time zone or a recurrence: clearing it clears them.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": "high"}]})

    title: Title | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    completed: StrictBool | MISSING = MISSING
    priority: Priority | MISSING = MISSING
    start_date: StartDate | MISSING | None = MISSING
    due_date: DueDate | MISSING | None = MISSING
    due_time: DueTime | MISSING | None = MISSING
    time_zone: DueZone | MISSING | None = MISSING
    recurrence: Recurring | MISSING | None = MISSING
    project_id: Id | MISSING | None = Field(MISSING, description="Where it goes with its subtasks; none is the Inbox")
    parent_id: Id | MISSING | None = Field(MISSING, description="The task that it is a part of from now on")
    labels: Labels | MISSING = MISSING
    reminders: Reminders | MISSING = MISSING


class Completion(RequestModel):
    """Whether the task is to be completed or open again. Saying it twice changes nothing more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"completed": True}]})

    completed: StrictBool = True
    due_date: CalendarDate | None = Field(
        None, description="The one you saw, of a task that recurs: what was completed already is not completed again"
    )


class Skip(RequestModel):
    """Which occurrence is to be skipped, so that saying it twice skips one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    due_date: CalendarDate | None = Field(None, description="The one you saw; absent, whatever it is due next")


class RecurrenceRead(ResponseModel):
    """How the task comes back once it is completed."""

    rule: str
    anchor: Anchor


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
    start_date: date | None
    due_date: date | None
    due_time: WallTime | None
    time_zone: str | None
    due_at: AwareDatetime | None = Field(description="The instant at which it is due; null when that is a whole day")
    recurrence: RecurrenceRead | None
    project_id: UUID | None
    parent_id: UUID | None
    position: str = Field(description="Where it stands among its siblings: compare it byte by byte")
    labels: list[str]
    reminders: list[str]
    version: int = Field(description="Grows with every change; also the ETag")
    created_at: AwareDatetime
    updated_at: AwareDatetime
