"""iCalendar on the way out: tasks as VTODO (RFC 5545)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from icalendar import Alarm, Calendar, Todo, vDDDTypes, vRecur, vText

from backend.formats.items import Kind
from backend.formats.vtodo import PROJECT, value_of

_PRIORITIES = {"high": 1, "medium": 5, "low": 9}


class Writer:
    """Writes one calendar, piece by piece. What is lost, docs/import-export.md says."""

    def __init__(self) -> None:
        self._projects: dict[Any, str] = {}
        self._begun = False

    def write(self, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The next rows; those of a kind come together, and the kinds in their order."""
        if kind == "project":
            self._projects |= {row["id"]: row["name"] for row in rows}
        if kind != "task":
            return b""
        begin, self._begun = (b"" if self._begun else _calendar()[0]), True
        return begin + b"".join(self._todo(row).to_ical() for row in rows)

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

    def _when(self, todo: Todo, row: Mapping[str, Any]) -> None:
        if row["start_date"]:
            todo.add("dtstart", row["start_date"])
        if row["due_date"] is None:
            return
        if row["due_time"] is None:
            todo.add("due", row["due_date"])
        else:
            wall = datetime.combine(row["due_date"], row["due_time"])
            zone = row["time_zone"]
            due = vDDDTypes(wall.replace(tzinfo=UTC) if zone == "UTC" else wall)
            if zone not in (None, "UTC"):
                due.params["TZID"] = zone
            todo.add("due", due)
        if row["recurrence_rule"]:
            todo.add("rrule", vRecur.from_ical(row["recurrence_rule"]))
        for reminder in row["reminders"]:
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", row["title"])
            trigger = value_of(f"-{reminder}" if reminder.startswith("P") else _compact(reminder))
            alarm.add("trigger", trigger, {"RELATED": "END"} if reminder.startswith("P") else {"VALUE": "DATE-TIME"})
            todo.add_component(alarm)


def _compact(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%Y%m%dT%H%M%SZ}"


def _calendar() -> tuple[bytes, bytes]:
    calendar = Calendar()
    calendar.add("prodid", "-//Donewell//Tasks//EN")
    calendar.add("version", "2.0")
    begin, end, _ = calendar.to_ical().partition(b"END:VCALENDAR\r\n")
    return begin, end
