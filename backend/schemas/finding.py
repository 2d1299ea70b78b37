"""Which tasks to list, and in what order: what a query string says of them, as one filter."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from backend.domain import filters
from backend.domain.filters import LONGEST, And, Comparison, Filter, Flag, Not, parse
from backend.schemas.pagination import PageQuery
from backend.schemas.tasks import Priority
from backend.utils.validators import DayOrInstant, GivenInstant, Id, IdOrNone, Line, Text, TrueOrFalse

LONGEST_CURSOR = 2_000
"""Characters: there is a title in those of a list in the order of titles."""

Sort = Literal[
    "position",
    "-position",
    "due",
    "-due",
    "priority",
    "-priority",
    "created",
    "-created",
    "updated",
    "-updated",
    "title",
    "-title",
]
NEWEST_FIRST: Sort = "-created"
_PLAIN = frozenset({"limit", "cursor", "completed"})
"""The parameters of the list that nearly everybody asks for."""


class TaskQuery(PageQuery):
    """Which tasks to list. What is asked for by several parameters is what meets them all."""

    model_config = ConfigDict(frozen=True)

    cursor: str | None = Field(
        None,
        max_length=LONGEST_CURSOR,
        description="From the Link header of the page before, which was sorted the same",
    )
    completed: Annotated[bool, TrueOrFalse] | None = Field(None, description="Only completed tasks, or only open ones")
    q: Annotated[str, Field(min_length=1, max_length=200), Line] | None = Field(
        None,
        description="Words of the title or the description, or how they begin, without regard to case and accents; or"
        " what looks much like the title. The best come first unless `sort` says otherwise.",
        examples=["water plants"],
    )
    project_id: IdOrNone | None = Field(
        None, description="Tasks of this project; `none` is the Inbox", examples=["none"]
    )
    label: Annotated[str, Field(min_length=1, max_length=100), Line] | None = Field(
        None, description="Tasks with this label, whatever the case of its letters", examples=["work"]
    )
    priority: Priority | None = Field(None, description="Tasks of this priority", examples=["high"])
    due_before: DayOrInstant | None = Field(
        None,
        description="Due before this day of your calendar, or before this instant (RFC 3339, with its offset)",
        examples=["2027-03-01"],
    )
    due_after: DayOrInstant | None = Field(
        None,
        description="Due after this day of your calendar, or after this instant (RFC 3339, with its offset)",
        examples=["2027-02-28T12:00:00Z"],
    )
    overdue: Annotated[bool, TrueOrFalse] | None = Field(
        None, description="Only open tasks whose day has ended or whose time has come, or only the others"
    )
    parent_id: IdOrNone | None = Field(
        None, description="Subtasks of this task, one level down; `none`: tasks that are no subtasks", examples=["none"]
    )
    updated_since: GivenInstant | None = Field(
        None,
        description="Changed at this instant (RFC 3339, with its offset) or later",
        examples=["2027-02-28T12:00:00Z"],
    )
    filter: Annotated[str, Field(min_length=1, max_length=LONGEST), Text] | None = Field(
        None,
        description="An expression of the filter language (docs/filters.md)",
        examples=['due < tomorrow & (priority = high | label = "work") & !completed'],
    )
    filter_id: Id | None = Field(None, description="A saved filter, whose expression tasks must meet too")
    sort: Sort | None = Field(
        None,
        description="In this order, or with `-` in the opposite one. Ties are broken by id; tasks that are not due come"
        " last both ways. Without it: the newest first, or with `q` the best.",
        examples=["due"],
    )

    @cached_property
    def plain(self) -> bool:
        """Whether nothing is asked for but a page of all tasks, of the open or of the completed ones."""
        return self.model_fields_set <= _PLAIN

    def filters(self) -> dict[str, object]:
        """What else was asked for of a plain list."""
        return {} if self.completed is None else {"completed": self.completed}

    @cached_property
    def tree(self) -> Filter | None:
        """What tasks must meet besides `q`, `overdue` and a saved filter. Raises `InvalidFilter`."""
        return joined(*self._terms())

    def _terms(self) -> Iterator[Filter]:
        if self.completed is not None:
            yield Flag("completed") if self.completed else Not(Flag("completed"))
        if self.project_id is not None:
            yield Comparison("project", "=", _or_none(self.project_id))
        if self.parent_id is not None:
            yield Comparison("parent", "=", _or_none(self.parent_id))
        if self.label is not None:
            yield Comparison("label", "=", self.label)
        if self.priority is not None:
            yield Comparison("priority", "=", filters.Priority(self.priority))
        if self.due_before is not None:
            yield Comparison("due", "<", self.due_before)
        if self.due_after is not None:
            yield Comparison("due", ">", self.due_after)
        if self.updated_since is not None:
            yield Comparison("updated", ">=", self.updated_since)
        if self.filter is not None:
            yield parse(self.filter)


def joined(*terms: Filter | None) -> Filter | None:
    """One filter for all of them."""
    there = tuple(term for term in terms if term is not None)
    return And(there) if len(there) > 1 else there[0] if there else None


def _or_none(value: UUID | str) -> UUID | None:
    return None if value == "none" else UUID(str(value))
