"""Statistics as clients see them."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import RequestModel, ResponseModel
from backend.utils.validators import PlainNumber

MOST_DAYS = 366

_EXAMPLE: JsonDict = {
    "today": "2027-02-28",
    "time_zone": "Europe/Berlin",
    "open": 12,
    "completed": 240,
    "overdue": 2,
    "due_today": 3,
    "trashed": 5,
    "completed_per_day": [{"date": "2027-02-27", "completed": 4}, {"date": "2027-02-28", "completed": 0}],
    "current_streak": 9,
    "longest_streak": 31,
}


class StatisticsQuery(RequestModel):
    """Of how many days to tell."""

    model_config = ConfigDict(frozen=True)

    days: Annotated[int, PlainNumber] = Field(30, ge=1, le=MOST_DAYS, description="Today and the days before it")


class DayRead(ResponseModel):
    """What was completed on a day."""

    date: date
    completed: int


class StatisticsRead(ResponseModel):
    """How things stand, and what was done. Days are those of the viewer's time zone."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    today: date
    time_zone: str
    open: int
    completed: int
    overdue: int = Field(description="Of the open ones")
    due_today: int = Field(description="Of the open ones, overdue or not")
    trashed: int
    completed_per_day: list[DayRead] = Field(description="Each day once, the oldest first, today last")
    current_streak: int = Field(description="Days in a row with something completed, up to today or yesterday")
    longest_streak: int
