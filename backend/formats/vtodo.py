"""iCalendar: tasks as VTODO (RFC 5545), as calendar programs and CalDAV servers write them.

A component in icalendar's own form takes it 0.7 ms. Here it reads what is hard, parameters, dates and text, and the
lines are taken apart beside it: a tenth of that.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import chain
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from icalendar import vDDDTypes, vDuration
from icalendar.parser import Contentline, Parameters, split_on_unescaped_comma, unescape_backslash

from backend.formats.items import Broken, Item, Loss, Reading, Sources, Task, Unreadable
from backend.formats.zones import zone_named

type Property = tuple[Parameters, str]
type Properties = dict[str, list[Property]]

_OTHERS = {"VEVENT": "events", "VJOURNAL": "journals"}
_LOST = {
    "LOCATION": "location",
    "GEO": "location",
    "URL": "url",
    "ATTACH": "attachment",
    "ATTENDEE": "attendee",
    "COMMENT": "comment",
    "CONTACT": "contact",
    "RESOURCES": "resources",
    "DURATION": "duration",
    "RDATE": "recurrence dates",
    "EXDATE": "recurrence dates",
}
PROJECT = "X-DONEWELL-PROJECT"
_LONGEST_LINE = 1_000_000
_MOST_LINES = 2_000_000
_MOST_PROPERTIES = 10_000
_MOST_REMINDERS = 20
_MOST_DAYS = 999
"""Of a reminder; and weeks."""


def read(file: BinaryIO, now: datetime) -> Reading:
    """The tasks of a calendar. Raises `Broken`."""
    lines = _unfolded(file)
    first = next(lines, (0, b""))
    if first[1].strip().upper() != b"BEGIN:VCALENDAR":
        raise Broken("malformed_calendar", "This is no iCalendar file: it does not begin with BEGIN:VCALENDAR")
    projects: set[str] = set()
    sources = Sources()
    for row, component in _components(chain([first], lines)):
        if isinstance(component, str):
            yield Loss(row, component)
            continue
        try:
            item = _item(row, component, sources, now.tzinfo)
        except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
            yield Unreadable(row, "malformed_component", f"This VTODO cannot be read: {type(error).__name__}")
            continue
        if isinstance(item, Item) and item.project is not None and item.project not in projects:
            projects.add(item.project)
            yield Item("project", row, item.project, {"name": item.project})
        yield item


def _unfolded(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Content lines, with the number at which each begins (RFC 5545 section 3.1)."""
    begun, parts, left = 1, [b""], _LONGEST_LINE
    for number, raw in enumerate(file, 1):
        if number > _MOST_LINES:
            raise Broken("too_many_lines", f"A calendar may have {_MOST_LINES:,} lines", number)
        content = raw.rstrip(b"\r\n")
        if content[:1] in (b" ", b"\t") and parts[0]:
            parts.append(content[1:])
        else:
            if parts[0]:
                yield begun, b"".join(parts)
            begun, parts = number, [content.removeprefix(b"\xef\xbb\xbf") if number == 1 else content]
            left = _LONGEST_LINE
        left -= len(raw)
        if left < 0:
            raise Broken("line_too_long", "A line is longer than is taken", begun)
    if parts[0]:
        yield begun, b"".join(parts)


def _components(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, Properties | str]]:
    """Each VTODO by its properties, those of its alarms as `VALARM.…`; of others, by what name they are lost."""
    within: list[str] = []
    begun = number = left = 0
    found: Properties = {}
    for number, line in lines:
        name, parameters, value = _parts(number, line)
        if name == "BEGIN":
            within.append(value.strip().upper())
            if within[-1] == "VTODO":
                begun, found, left = number, {}, _MOST_PROPERTIES
        elif name == "END":
            ended = value.strip().upper()
            if not within or within.pop() != ended:
                raise Broken("malformed_calendar", f"Line {number} ends what it is not in", number)
            if ended == "VTODO":
                yield begun, found
            elif ended in _OTHERS:
                yield number, _OTHERS[ended]
        elif (place := _WITHIN.get((*within[-2:],))) is not None:
            left = _one_less(left, begun)
            found.setdefault(place + name, []).append((parameters, value))
    if within:
        raise Broken("malformed_calendar", f"The file ends within {within[-1]}", number)


def _one_less(left: int, row: int) -> int:
    if not left:
        raise Broken("component_too_large", "A VTODO has more properties than are taken", row)
    return left - 1


_WITHIN: Mapping[tuple[str, ...], str] = {("VCALENDAR", "VTODO"): "", ("VTODO", "VALARM"): "VALARM."}


def _parts(number: int, line: bytes) -> tuple[str, Parameters, str]:
    try:
        text = line.decode()
        head, colon, value = text.partition(":")
        if colon and ";" not in head:
            return head.strip().upper(), Parameters(), value
        name, parameters, value = Contentline(text).parts()  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise Broken("malformed_calendar", f"Line {number} is no line of a calendar", number) from error
    return name.upper(), parameters, value


def value_of(text: str) -> Any:
    """A date, a date with a time, or a duration."""
    return vDDDTypes.from_ical(text)  # type: ignore[no-untyped-call]


def _item(row: int, found: Properties, sources: Sources, here: tzinfo | None) -> Item | Loss:
    if "RECURRENCE-ID" in found:
        return Loss(row, "changed occurrences")
    task = Task()
    task.title(_text(found, "SUMMARY"), _whole(found, "DESCRIPTION"))
    _state(task, found)
    _due(task, found)
    _reminders(task, found, here)
    for name, lost in _LOST.items():
        task.lose(lost, name in found)
    names = [part for _, value in found.get("CATEGORIES", ()) for part in split_on_unescaped_comma(value)]
    task.set("labels", [name.strip() for name in names if name.strip()])
    parents = [value for parameters, value in found.get("RELATED-TO", ()) if _relation(parameters) == "PARENT"]
    task.lose("relation", len(found.get("RELATED-TO", ())) > len(parents))
    source = _text(found, "UID") or sources.name(sorted(map(str, found.items())))
    project = _text(found, PROJECT) or None
    return Item(
        "task", row, source, task.fields, unescape_backslash(parents[0]) if parents else None, project, task.losses
    )


def _relation(parameters: Parameters) -> str:
    return str(parameters.get("RELTYPE", "PARENT")).upper()


def _whole(found: Properties, name: str) -> str:
    return unescape_backslash(found[name][0][1]) if name in found else ""


def _text(found: Properties, name: str) -> str:
    return _whole(found, name).strip()


def _state(task: Task, found: Properties) -> None:
    number = int(_text(found, "PRIORITY") or 0)
    task.set(
        "priority", next((name for name, last in (("high", 4), ("medium", 5), ("low", 9)) if 0 < number <= last), None)
    )
    status = _text(found, "STATUS").upper()
    if "COMPLETED" in found or status in ("COMPLETED", "CANCELLED"):
        task.set("completed", True)
        task.set("completed_at", _instant(found, "COMPLETED"))
    task.lose("status", status in ("CANCELLED", "IN-PROCESS"))
    task.set("created_at", _instant(found, "CREATED"))


def _instant(found: Properties, name: str) -> datetime | None:
    if name not in found:
        return None
    value = value_of(found[name][0][1])
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _due(task: Task, found: Properties) -> None:
    if "DTSTART" in found:
        start, _, _ = _wall(found["DTSTART"][0])
        task.set("start_date", start)
    if "DUE" not in found:
        task.lose("recurrence", "RRULE" in found)
        return
    day, time, zone = _wall(found["DUE"][0])
    task.fields |= {"due_date": day}
    task.set("due_time", time)
    task.set("time_zone", zone)
    if "RRULE" in found:
        task.recur(found["RRULE"][0][1].upper())


def _wall(value: Property) -> tuple[date, str | None, str | None]:
    """A day, and by the clock of which zone when."""
    parameters, text = value
    found = value_of(text)
    if not isinstance(found, date):
        raise TypeError("a duration is no date")
    if not isinstance(found, datetime):
        return found, None, None
    zone = "UTC" if found.tzinfo is not None else None
    if named := parameters.get("TZID"):
        zone = zone_named(str(named))
    return found.date(), f"{found:%H:%M:%S}", zone


def _reminders(task: Task, found: Properties, here: tzinfo | None) -> None:
    reminders: list[str | None] = []
    start = _moment(found, "DTSTART", here)
    due = _moment(found, "DUE", here)
    for parameters, text in found.get("VALARM.TRIGGER", ()):
        is_of_start = str(parameters.get("RELATED", "START")).upper() == "START"
        try:
            reminders.append(_reminder(value_of(text), start if is_of_start else None, due))
        except (ValueError, TypeError, OverflowError):
            reminders.append(None)
    known = list(dict.fromkeys(filter(None, reminders)))
    task.lose("reminder", None in reminders or len(known) > _MOST_REMINDERS)
    task.set("reminders", known[:_MOST_REMINDERS])


def _reminder(trigger: Any, start: datetime | None, due: datetime | None) -> str | None:
    """An instant, or how long before it is due; nothing where that cannot be said.

    An alarm that does not say so is one before the start. Said as one before it is due, it recurs with the task.
    """
    if isinstance(trigger, timedelta):
        if start is None:
            return _before(-trigger)
        if due is not None:
            return _before(due - start - trigger)
        trigger = start + trigger
    if not isinstance(trigger, datetime) or trigger.tzinfo is None:
        return None
    return trigger.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _before(duration: timedelta) -> str | None:
    if duration < timedelta(0):
        return None
    if duration.days <= _MOST_DAYS:
        return str(vDuration(duration).to_ical().decode())  # type: ignore[no-untyped-call]
    weeks, rest = divmod(duration, timedelta(weeks=1))
    return None if rest or weeks > _MOST_DAYS else f"P{weeks}W"


def _moment(found: Properties, name: str, here: tzinfo | None) -> datetime | None:
    """The instant of a date or a time; without a zone, here."""
    if name not in found:
        return None
    day, time, zone = _wall(found[name][0])
    wall = datetime.fromisoformat(f"{day}T{time or '00:00:00'}")
    return wall.replace(tzinfo=ZoneInfo(zone) if zone else here).astimezone(UTC)
