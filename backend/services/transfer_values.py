"""What is stored of an item of a file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from pydantic import ValidationError

from backend.domain import recurrence
from backend.domain.errors import Fault
from backend.domain.recurrence_rule import InvalidRule, parse
from backend.formats.items import Item, Kind
from backend.schemas import transfer

_MODELS: Mapping[Kind, type[transfer.Imported]] = {
    "project": transfer.ImportedProject,
    "label": transfer.ImportedLabel,
    "filter": transfer.ImportedFilter,
    "task": transfer.ImportedTask,
    "occurrence": transfer.ImportedOccurrence,
}
_NEEDS = {"due_time": "due_date", "time_zone": "due_time", "recurrence": "due_date"}


class Refused(Exception):
    """An item cannot be taken in, and why."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(field, code, message)


def values_of(item: Item) -> dict[str, Any]:
    """The columns that an item itself says. Raises `Refused`."""
    try:
        values = _MODELS[item.kind].model_validate(item.fields).model_dump()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Refused(".".join(map(str, first["loc"])), first["type"], first["msg"]) from error
    if item.kind == "occurrence" and (before := values["previous"]["recurrence"]) is not None:
        # Undone, it is the task's again.
        _check("previous.recurrence.rule", before["rule"], before["start"])
    return _task(values) if item.kind == "task" else values


def _check(field: str, rule: str, start: date) -> None:
    try:
        recurrence.check(parse(rule), start)
    except InvalidRule as error:
        raise Refused(field, "invalid_rule", str(error)) from error


def _task(values: dict[str, Any]) -> dict[str, Any]:
    for name, needed in _NEEDS.items():
        if values[name] is not None and values[needed] is None:
            raise Refused(name, f"{needed}_required", f"This needs a due {needed.removeprefix('due_')}")
    recurring = values.pop("recurrence")
    if values.pop("completed") and values["completed_at"] is None:
        values["completed_at"] = datetime.now(UTC)
    if recurring is None:
        return {**values, "recurrence_taken": 0}
    start = recurring["start"] or values["due_date"]
    _check("recurrence.rule", recurring["rule"], start)
    return {**values, **{f"recurrence_{name}": value for name, value in recurring.items()}, "recurrence_start": start}
