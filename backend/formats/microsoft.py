"""Microsoft To Do: lists and tasks as Microsoft Graph has them, which is what its exporters write."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import msgspec

from backend.formats.items import Broken, Found, Item, Reading, Task, Unreadable
from backend.formats.raw_json import MALFORMED, Object, decoded, whole
from backend.formats.zones import zone_named

_DAYS = {
    name: name[:2].upper() for name in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_FREQUENCIES = {
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "absoluteMonthly": "MONTHLY",
    "relativeMonthly": "MONTHLY",
    "absoluteYearly": "YEARLY",
    "relativeYearly": "YEARLY",
}
_LOST = {
    "linkedResources": "links",
    "attachments": "attachment",
    "hasAttachments": "attachment",
    "extensions": "extensions",
}


class _Values(msgspec.Struct):
    value: list[msgspec.Raw]


class _List(msgspec.Struct, rename="camel"):
    """A list with its tasks, as an array or as Graph's own page of one."""

    display_name: str
    id: str = ""
    tasks: list[msgspec.Raw] | _Values = []


def read(file: BinaryIO, now: datetime) -> Reading:
    """The lists and their tasks. Raises `Broken`."""
    document = decoded(file.read(), list[msgspec.Raw] | _Values, "Microsoft To Do")
    for number, raw in enumerate(document.value if isinstance(document, _Values) else document, 1):
        try:
            found = msgspec.json.decode(raw, type=_List)
        except MALFORMED as error:
            raise Broken("malformed_json", f"List {number} is no list of Microsoft To Do: {error}", number) from error
        source = found.id or found.display_name
        yield Item("project", number, source, {"name": " ".join(found.display_name.split())[:255]})
        tasks = found.tasks.value if isinstance(found.tasks, _Values) else found.tasks
        for row, raw_task in enumerate(tasks, 1):
            yield from _read_task(row, raw_task, source, now)


def _read_task(row: int, raw: msgspec.Raw, project: str, now: datetime) -> Iterator[Found]:
    try:
        given = whole(raw)
        task, source = _task(given, now), str(given["id"])
    except MALFORMED:
        yield Unreadable(row, "malformed_task", "This is no task of Microsoft To Do")
        return
    yield Item("task", row, source, task.fields, None, project, task.losses)
    steps = given.get("checklistItems")
    for step in steps if isinstance(steps, list) else ():
        yield _step(row, step, source, project)


def _step(row: int, given: Any, task: str, project: str) -> Found:
    try:
        step = Task()
        step.title(str(given["displayName"]))
        step.set("completed", given.get("isChecked") is True)
        return Item("task", row, f"{task}/{given['id']}", step.fields, task, project)
    except MALFORMED:
        return Unreadable(row, "malformed_task", "This is no step of Microsoft To Do")


def _task(given: Object, now: datetime) -> Task:
    task = Task()
    body = given.get("body") or {}
    task.title(str(given["title"]), str(body.get("content") or ""))
    task.set("priority", {"high": "high", "low": "low"}.get(given.get("importance", "")))
    task.set("labels", list(given.get("categories") or ()))
    task.set("created_at", given.get("createdDateTime"))
    if given.get("status") == "completed":
        task.set("completed", True)
        task.set("completed_at", _instant(given.get("completedDateTime")))
    task.lose("status", given.get("status") in ("waitingOnOthers", "deferred", "inProgress"))
    for name, lost in _LOST.items():
        task.lose(lost, given.get(name))
    task.set("start_date", _day(given.get("startDateTime"), now))
    due = _day(given.get("dueDateTime"), now)
    task.set("due_date", due)
    if given.get("isReminderOn") and (reminder := _instant(given.get("reminderDateTime"))):
        task.set("reminders", [f"{reminder:%Y-%m-%dT%H:%M:%SZ}"])
    if given.get("recurrence"):
        task.recur(_rule(given["recurrence"]))
    return task


def _moment(value: Mapping[str, str] | None) -> datetime | None:
    """Graph's `dateTimeTimeZone`."""
    if not value:
        return None
    # Seven digits of a second are one more than Python takes.
    wall = datetime.fromisoformat(value["dateTime"].rstrip("Z")[:26])
    return wall.replace(tzinfo=ZoneInfo(zone_named(value.get("timeZone", "UTC")) or "UTC"))


def _instant(value: Mapping[str, str] | None) -> datetime | None:
    moment = _moment(value)
    return moment and moment.astimezone(UTC)


def _day(value: Mapping[str, str] | None, now: datetime) -> date | None:
    """A day. Graph gives midnight where the user was, often in UTC: 23:00 the day before in Berlin."""
    moment = _moment(value)
    if moment is None:
        return None
    is_midnight = not (moment.hour or moment.minute)
    return moment.date() if is_midnight else moment.astimezone(now.tzinfo).date()


def _rule(recurrence: Mapping[str, Any]) -> str | None:
    pattern, reach = recurrence["pattern"], recurrence.get("range") or {}
    frequency = _FREQUENCIES.get(pattern.get("type"))
    if frequency is None:
        return None
    days = [_DAYS[day] for day in pattern.get("daysOfWeek") or ()]
    parts = {"FREQ": frequency, "INTERVAL": pattern.get("interval") or 1}
    if frequency == "YEARLY" and pattern.get("month"):
        parts["BYMONTH"] = pattern["month"]
    if pattern["type"].startswith("relative"):
        parts |= {"BYDAY": ",".join(days), "BYSETPOS": _ORDINALS[pattern.get("index") or "first"]}
    elif pattern["type"].startswith("absolute"):
        # Of a month that is shorter, they take the last day: so do we where the day follows from the due date.
        parts |= {"BYMONTHDAY": pattern["dayOfMonth"]} if (pattern.get("dayOfMonth") or 31) < 29 else {}  # noqa: PLR2004
    elif days:
        parts["BYDAY"] = ",".join(days)
        parts["WKST"] = _DAYS.get(pattern.get("firstDayOfWeek") or "sunday", "SU")
    if reach.get("type") == "endDate":
        parts["UNTIL"] = reach["endDate"].replace("-", "")
    elif reach.get("type") == "numbered":
        parts["COUNT"] = reach["numberOfOccurrences"]
    return ";".join(f"{name}={value}" for name, value in parts.items())
