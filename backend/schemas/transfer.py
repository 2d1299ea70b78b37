"""Imports: what a file may say of each thing, and what its sender is told about it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from backend.domain.filters import InvalidFilter, parse
from backend.domain.recurrence import Anchor
from backend.schemas.base import RequestModel, ResponseModel
from backend.schemas.labels import LabelName
from backend.schemas.tasks import (
    Description,
    DueDate,
    DueTime,
    DueZone,
    Labels,
    Priority,
    Reminders,
    Rule,
    StartDate,
    Title,
)
from backend.utils.validators import CalendarDate, Id, Line, TrueOrFalse, finite_date

FormatName = Literal["json", "csv", "ics", "todoist", "microsoft", "vikunja"]
Written = Literal["json", "csv", "ics"]


def _instant(value: Any) -> Any:
    # Numbers would pass for seconds since 1970.
    if not isinstance(value, str | datetime):
        raise PydanticCustomError("instant_form", "Write the instant like 2027-03-01T08:00:00Z")
    return value


def _utc(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("date_range", "Choose an instant of the calendar") from error
    finite_date(moment.date())
    return moment


def _readable(query: str) -> str:
    try:
        parse(query)
    except InvalidFilter as error:
        raise PydanticCustomError("invalid_filter", "{message}", {"message": str(error)}) from error
    return query


Instant = Annotated[AwareDatetime, BeforeValidator(_instant), AfterValidator(_utc)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Name = Annotated[str, Field(min_length=1, max_length=255), Line]


class Imported(BaseModel):
    """What is known to every thing in a file. What we do not know is passed over: it may be of a later version."""

    model_config = ConfigDict(extra="ignore")

    created_at: Instant | None = None


class ImportedProject(Imported):
    """A project in a file."""

    name: Name
    color: Color | None = None
    archived: StrictBool = False


class ImportedLabel(Imported):
    """A label in a file."""

    name: LabelName
    color: Color | None = None


class ImportedFilter(Imported):
    """A saved filter in a file."""

    name: Name
    query: Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_readable)]
    color: Color | None = None


class ImportedRecurrence(BaseModel):
    """How a task recurs, since when, and how often it has."""

    model_config = ConfigDict(extra="ignore")

    rule: Rule
    anchor: Anchor = "due"
    start: CalendarDate | None = None
    taken: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 0


class ImportedTask(Imported):
    """A task in a file."""

    title: Title
    description: Description | None = None
    completed: StrictBool = False
    completed_at: Instant | None = None
    priority: Priority = "none"
    start_date: StartDate | None = None
    due_date: DueDate | None = None
    due_time: DueTime | None = None
    time_zone: DueZone | None = None
    recurrence: ImportedRecurrence | None = None
    labels: Labels = []
    reminders: Reminders = []

    @model_validator(mode="after")
    def _open_if_it_says_so(self) -> Self:
        if not self.completed and "completed" in self.model_fields_set:
            self.completed_at = None
        return self


class _Recurred(ImportedRecurrence):
    start: CalendarDate


class _When(BaseModel):
    """When a recurring task was due."""

    due_date: CalendarDate
    due_time: DueTime | None = None
    time_zone: DueZone | None = None

    @field_validator("time_zone")
    @classmethod
    def _of_a_time(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("due_time") is None:
            raise PydanticCustomError("due_time_required", "This needs a due time")
        return value


class _Previous(_When):
    model_config = ConfigDict(extra="ignore")

    reminders: Reminders = []
    recurrence: _Recurred | None = None
    subtasks: Annotated[dict[Id, Instant], Field(max_length=10_000)] = {}
    open_subtasks: Annotated[list[Id], Field(max_length=10_000)] = []


class ImportedOccurrence(Imported, _When):
    """One time that a recurring task in a file was done."""

    completed_at: Instant
    previous: _Previous


class ExportQuery(RequestModel):
    """As what to export."""

    model_config = ConfigDict(frozen=True)

    format: Written = Field("json", description="`json` has all there is; of the others, docs/import-export.md says")


class ImportQuery(RequestModel):
    """What the file is, and whether this is for good."""

    model_config = ConfigDict(frozen=True)

    format: FormatName = Field("json", description="In which format the file is: docs/import-export.md")
    dry_run: Annotated[bool, TrueOrFalse] = Field(False, description="Only tell what would happen")


class Outcomes(ResponseModel):
    """How many of a kind were made, were there already, and were left out."""

    created: int = 0
    exists: int = 0
    skipped: int = 0


class RowReport(ResponseModel):
    """What became of one row of the file."""

    row: int = Field(description="The line, or the number among things of its kind")
    kind: str | None = Field(description="Null where the file broke off")
    outcome: Literal["created", "exists", "skipped"]
    field: str | None = None
    code: str | None = None
    message: str | None = None


_EXAMPLE: JsonDict = {
    "format": "json",
    "dry_run": True,
    "finished": True,
    "projects": {"created": 1, "exists": 0, "skipped": 0},
    "labels": {"created": 0, "exists": 2, "skipped": 0},
    "filters": {"created": 0, "exists": 0, "skipped": 0},
    "tasks": {"created": 2, "exists": 0, "skipped": 1},
    "occurrences": {"created": 0, "exists": 0, "skipped": 0},
    "losses": {"comments": 1},
    "rows": [
        {
            "row": 3,
            "kind": "task",
            "outcome": "skipped",
            "field": "due_date",
            "code": "date_form",
            "message": "Write the date as YYYY-MM-DD",
        }
    ],
    "problems": [],
}


class ImportReport(ResponseModel):
    """What became of a file, or would."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    format: FormatName
    dry_run: bool
    finished: bool = Field(description="Whether the file was read to its end; what was imported before that stays")
    projects: Outcomes
    labels: Outcomes
    filters: Outcomes
    tasks: Outcomes
    occurrences: Outcomes
    losses: dict[str, int] = Field(description="What the file has that has no place here, and how often")
    rows: list[RowReport] = Field(description="The first 1,000 rows")
    problems: list[RowReport] = Field(description="The first 1,000 rows that were left out, wherever they are")
