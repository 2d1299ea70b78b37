"""iCalendar: tasks as VTODO (RFC 5545), as calendar programs and CalDAV servers write them.

A component in icalendar's own form takes it 0.7 ms. Here it reads what is hard, parameters, dates and text, and the
lines are taken apart beside it: a tenth of that.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any, BinaryIO

from icalendar import vDDDTypes
from icalendar.parser import Contentline, Parameters, split_on_unescaped_comma, unescape_backslash

from backend.domain.recurrence_rule import InvalidRule, parse
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
_MOST_PROPERTIES = 10_000


def read(file: BinaryIO, now: datetime) -> Reading:  # noqa: ARG001 - nothing in it depends on when it is read
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
            item = _item(row, component, sources)
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


def _item(row: int, found: Properties, sources: Sources) -> Item | Loss:
    if "RECURRENCE-ID" in found:
        return Loss(row, "changed occurrences")
    task = Task()
    task.title(_text(found, "SUMMARY"), _text(found, "DESCRIPTION"))
    _state(task, found)
    _due(task, found)
    _reminders(task, found)
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


def _text(found: Properties, name: str) -> str:
    return unescape_backslash(found[name][0][1]).strip() if name in found else ""


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
        try:
            task.set("recurrence", {"rule": str(parse(found["RRULE"][0][1].upper()))})
        except InvalidRule:
            task.lose("recurrence")


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


def _reminders(task: Task, found: Properties) -> None:
    reminders = []
    for _, text in found.get("VALARM.TRIGGER", ()):
        trigger = value_of(text)
        if isinstance(trigger, datetime) and trigger.tzinfo is not None:
            reminders.append(f"{trigger.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        elif isinstance(trigger, timedelta) and trigger <= timedelta(0):
            seconds = -trigger
            reminders.append(f"P{seconds.days}DT{seconds.seconds // 3600}H{seconds.seconds // 60 % 60}M")
        else:
            task.lose("reminder")
    task.set("reminders", reminders)
