"""Quick add as clients see it: one sentence, the task that it says, and which words were taken for what."""

from datetime import date, time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from backend.domain.quick_add import LONGEST_SENTENCE
from backend.schemas.base import RequestModel, ResponseModel
from backend.schemas.tasks import Priority, RecurrenceRead, TaskRead
from backend.utils.validators import Id, Text

Sentence = Annotated[str, Field(min_length=1, max_length=LONGEST_SENTENCE, examples=["Pay rent every 1st !high"]), Text]

_EXAMPLE: JsonDict = {
    "task": None,
    "said": {
        "title": "Pay rent",
        "priority": "high",
        "due_date": "2027-03-01",
        "due_time": "09:00:00",
        "recurrence": {"rule": "FREQ=MONTHLY;BYMONTHDAY=1", "anchor": "due"},
        "project_id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e07",
        "labels": ["bank"],
    },
    "taken": [
        {"start": 9, "end": 25, "text": "every 1st at 9am", "meaning": "when"},
        {"start": 26, "end": 31, "text": "#home", "meaning": "project"},
        {"start": 32, "end": 37, "text": "@bank", "meaning": "label"},
        {"start": 38, "end": 43, "text": "!high", "meaning": "priority"},
    ],
}


class QuickAdd(RequestModel):
    """A task in one sentence."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Pay rent every 1st !high"}]})

    text: Sentence
    id: Id | MISSING = Field(MISSING, description="Of the task, chosen by the client: a retry makes no second task")
    dry_run: StrictBool = Field(False, description="Only tell what the sentence says, and make no task")


class TakenRead(ResponseModel):
    """Words that are no part of the title."""

    start: int = Field(description="Where they begin in `text`, counted in Unicode characters")
    end: int = Field(description="Where they have ended")
    text: str
    meaning: Literal["when", "project", "label", "priority"]


class SaidRead(ResponseModel):
    """What the sentence says of the task."""

    title: str
    priority: Priority
    due_date: date | None
    due_time: time | None
    recurrence: RecurrenceRead | None
    project_id: UUID | None
    labels: list[str]


class QuickAdded(ResponseModel):
    """The task that a sentence became, and how it was read."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    task: TaskRead | None = Field(description="Null in a dry run")
    said: SaidRead
    taken: list[TakenRead] = Field(description="In the order of the sentence")
