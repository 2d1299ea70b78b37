"""iCalendar on the way out: tasks as VTODO (RFC 5545)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from icalendar import vDuration

from backend.formats import ical_lines
from backend.formats.ical_lines import PRIORITIES, instant, line, text, time_zone, wall
from backend.formats.items import Kind
from backend.formats.vtodo import PROJECT, value_of

_BEGIN = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Donewell//Tasks//EN\r\n"
_END = b"END:VCALENDAR\r\n"


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
        begin, self._begun = (b"" if self._begun else _BEGIN), True
        return begin + b"".join(self._new_zone(row) + self._todo(row) for row in rows)

    def end(self) -> bytes:
        """What comes after all of them."""
        return _END if self._begun else _BEGIN + _END

    def _todo(self, row: Mapping[str, Any]) -> bytes:
        created = instant(row["created_at"])
        lines = [
            b"BEGIN:VTODO\r\n",
            line("UID", str(row["id"])),
            line("DTSTAMP", created),
            line("CREATED", created),
            line("SUMMARY", text(row["title"])),
        ]
        if row["description"]:
            lines.append(line("DESCRIPTION", text(row["description"])))
        if row["priority"] in PRIORITIES:
            lines.append(line("PRIORITY", PRIORITIES[row["priority"]]))
        if row["labels"]:
            lines.append(line("CATEGORIES", ",".join(map(text, row["labels"]))))
        if row["parent_id"]:
            lines.append(line("RELATED-TO", str(row["parent_id"])))
        if row["project_id"] in self._projects:
            lines.append(line(PROJECT, text(self._projects[row["project_id"]])))
        if row["completed_at"]:
            lines.append(line("COMPLETED", instant(row["completed_at"])))
        lines.append(line("STATUS", "COMPLETED" if row["completed_at"] else "NEEDS-ACTION"))
        return b"".join([*lines, *_when(row), b"END:VTODO\r\n"])

    def _new_zone(self, row: Mapping[str, Any]) -> bytes:
        """The zone of a task, where it is the first that is of it: what `TZID` names has to be in the file."""
        zone = row["time_zone"]
        if zone is None or zone == "UTC" or zone in self._zones:
            return b""
        self._zones.add(zone)
        return time_zone(zone)


def _when(row: Mapping[str, Any]) -> Iterator[bytes]:
    if row["start_date"]:
        # The two have to be of the same type.
        yield line(*_at("DTSTART", row, row["start_date"], time()))
    if row["due_date"]:
        yield line(*_at("DUE", row, row["due_date"], row["due_time"]))
    if row["recurrence_rule"]:
        yield line("RRULE", row["recurrence_rule"])
    for reminder in row["reminders"]:
        is_before = reminder.startswith("P")
        if is_before and row["due_date"] is None:
            continue
        yield b"BEGIN:VALARM\r\nACTION:DISPLAY\r\n"
        yield line("DESCRIPTION", text(row["title"]))
        if is_before:
            yield line("TRIGGER;RELATED=END", _duration(f"-{reminder}"))
        else:
            yield line("TRIGGER;VALUE=DATE-TIME", instant(datetime.fromisoformat(reminder)))
        yield b"END:VALARM\r\n"


def _at(name: str, row: Mapping[str, Any], day: date, at: time | None) -> tuple[str, str]:
    """A date, or a time by the clock of the task's zone."""
    if row["due_time"] is None or at is None:
        return f"{name};VALUE=DATE", ical_lines.date(day)
    local = wall(datetime.combine(day, at))
    zone = row["time_zone"]
    if zone is None:
        return name, local
    return (name, f"{local}Z") if zone == "UTC" else (f"{name};TZID={zone}", local)


def _duration(said: str) -> str:
    """Of the forms that we take, RFC 5545 has not all: between an hour and a second there are minutes."""
    written: bytes = vDuration(value_of(said)).to_ical()  # type: ignore[no-untyped-call]
    return written.decode()
