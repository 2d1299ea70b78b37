"""iCalendar on the way out: tasks as VTODO (RFC 5545)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from icalendar import Alarm, Calendar, Timezone, Todo, vDDDTypes, vRecur, vText

from backend.formats.items import Kind
from backend.formats.vtodo import PROJECT, value_of

_PRIORITIES = {"high": 1, "medium": 5, "low": 9}


class Writer:
    """Writes one calendar, piece by piece. What is lost, docs/import-export.md says."""

    def __init__(self) -> None:
        self._projects: dict[Any, str] = {}
        self._begun = False
        self._zones: set[str] = set()

    def write(self, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The next rows; those of a kind come together, and the kinds in their order."""
        if kind == "project":
            self._projects |= {row["id"]: row["name"] for row in rows}
        if kind != "task":
            return b""
        begin, self._begun = (b"" if self._begun else _calendar()[0]), True
        return begin + b"".join(self._new_zone(row) + self._todo(row).to_ical() for row in rows)

    def end(self) -> bytes:
        """What comes after all of them."""
        begin, end = _calendar()
        return end if self._begun else begin + end

    def _todo(self, row: Mapping[str, Any]) -> Todo:
        todo = Todo()
        todo.add("uid", str(row["id"]))
        todo.add("dtstamp", row["created_at"])
        todo.add("created", row["created_at"])
        todo.add("summary", row["title"])
        if row["description"]:
            todo.add("description", row["description"])
        if row["priority"] in _PRIORITIES:
            todo.add("priority", _PRIORITIES[row["priority"]])
        if row["labels"]:
            todo.add("categories", row["labels"])
        if row["parent_id"]:
            todo.add("related-to", str(row["parent_id"]))
        if row["project_id"] in self._projects:
            todo.add(PROJECT, vText(self._projects[row["project_id"]]))
        if row["completed_at"]:
            todo.add("completed", row["completed_at"].astimezone(UTC))
        todo.add("status", "COMPLETED" if row["completed_at"] else "NEEDS-ACTION")
        self._when(todo, row)
        return todo

    def _new_zone(self, row: Mapping[str, Any]) -> bytes:
        """The zone of a task, where it is the first that is of it: what `TZID` names has to be in the file."""
        zone = row["time_zone"]
        if zone is None or zone == "UTC" or zone in self._zones:
            return b""
        self._zones.add(zone)
        described: bytes = Timezone.from_tzid(zone).to_ical()
        return described

    def _when(self, todo: Todo, row: Mapping[str, Any]) -> None:
        if row["start_date"]:
            # The two have to be of the same type.
            todo.add("dtstart", _wall(row, row["start_date"], time()))
        if row["due_date"]:
            todo.add("due", _wall(row, row["due_date"], row["due_time"]))
        if row["recurrence_rule"]:
            todo.add("rrule", vRecur.from_ical(row["recurrence_rule"]))
        for reminder in row["reminders"]:
            is_before = reminder.startswith("P")
            if is_before and row["due_date"] is None:
                continue
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", row["title"])
            trigger = value_of(f"-{reminder}" if is_before else _compact(reminder))
            alarm.add("trigger", trigger, {"RELATED": "END"} if is_before else {"VALUE": "DATE-TIME"})
            todo.add_component(alarm)


def _wall(row: Mapping[str, Any], day: date, at: time | None) -> Any:
    """A date, or a time by the clock of the task's zone."""
    if row["due_time"] is None or at is None:
        return day
    wall = datetime.combine(day, at)
    zone = row["time_zone"]
    value = vDDDTypes(wall.replace(tzinfo=UTC) if zone == "UTC" else wall)
    if zone not in (None, "UTC"):
        value.params["TZID"] = zone
    return value


def _compact(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%Y%m%dT%H%M%SZ}"


def _calendar() -> tuple[bytes, bytes]:
    calendar = Calendar()
    calendar.add("prodid", "-//Donewell//Tasks//EN")
    calendar.add("version", "2.0")
    begin, end, _ = calendar.to_ical().partition(b"END:VCALENDAR\r\n")
    return begin, end
