"""An iCalendar feed (RFC 5545): each task that is due is an event, for calendar programs to show. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from backend.domain.recurrence_rule import Rule, parse

MEDIA_TYPE = "text/calendar; charset=utf-8"

VERSION = 1
"""Grows when the same tasks make another feed."""

REFRESHED = dt.timedelta(hours=1)
"""How often programs are asked to look again."""

END = b"END:VCALENDAR\r\n"
"""What comes after the events."""

_SHORTEST_MONTH = 28
_PRIORITIES = {"high": 1, "medium": 5, "low": 9}

type Row = Mapping[str, Any]


def beginning(name: str, rows: Iterable[Row]) -> bytes:
    """What comes before the events: the properties of the calendar, and the time zones of the tasks that recur."""
    from icalendar import Calendar  # noqa: PLC0415 (a start must not pay for it)

    calendar = Calendar()
    calendar.add("prodid", "-//Donewell//Tasks//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESHED, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    zones = {row["time_zone"] for row in rows if row["time_zone"] and _rule_of(row)}
    head: bytes = calendar.to_ical()
    return head.removesuffix(END) + b"".join(map(_time_zone, sorted(zones)))


def events(rows: Iterable[Row]) -> bytes:
    """The events of tasks."""
    return b"".join(_event(row) for row in rows)


@lru_cache(maxsize=100)
def _time_zone(name: str) -> bytes:
    from icalendar import Timezone  # noqa: PLC0415

    zone: bytes = Timezone.from_tzid(name).to_ical()
    return zone


def _event(row: Row) -> bytes:
    from icalendar import Event, vRecur  # noqa: PLC0415

    event = Event()
    event.add("uid", f"{row['id']}@donewell")
    event.add("dtstamp", row["updated_at"])
    event.add("last-modified", row["updated_at"])
    event.add("summary", row["title"])
    if row["description"]:
        event.add("description", row["description"])
    if row["labels"]:
        event.add("categories", list(row["labels"]))
    if row["priority"] in _PRIORITIES:
        event.add("priority", _PRIORITIES[row["priority"]])
    # Something to do is no appointment: nobody is busy because of it.
    event.add("transp", "TRANSPARENT")
    rule = _rule_of(row)
    day = row["recurrence_start"] if rule and rule.count else row["due_date"]
    event.add("dtstart", _starts(day, row["due_time"], row["time_zone"], recurs=rule is not None))
    if rule is not None:
        timed = row["due_time"] is not None
        event.add("rrule", vRecur.from_ical(_told(rule, row["recurrence_start"], row["time_zone"], timed=timed)))
    content: bytes = event.to_ical()
    return content


def _starts(day: dt.date, at: dt.time | None, zone: str | None, *, recurs: bool) -> dt.date | dt.datetime:
    """A day; a time wherever one is; an instant; or, where that comes again by the clocks of a zone, their time."""
    if at is None:
        return day
    wall = dt.datetime.combine(day, at)
    if zone is None:
        return wall
    there = wall.replace(tzinfo=ZoneInfo(zone))
    return there if recurs else there.astimezone(dt.UTC)


def _rule_of(row: Row) -> Rule | None:
    """The rule, unless it counts from when the task is completed: then nobody knows more than the next time."""
    if row["recurrence_rule"] is None or row["recurrence_anchor"] != "due":
        return None
    return parse(row["recurrence_rule"])


def _told(rule: Rule, start: dt.date, zone: str | None, *, timed: bool) -> str:
    """The rule with what the start of the series says of it, as the event begins with another occurrence."""
    return str(replace(rule, **_implied(rule, start), until=_until(rule.until, zone, timed=timed)))


def _implied(rule: Rule, start: dt.date) -> Mapping[str, Any]:
    if rule.by_day or rule.by_month_day or rule.by_year_day or rule.by_week_number:
        return {} if rule.by_day or not rule.by_week_number else {"by_day": ((0, start.weekday()),)}
    if rule.frequency == "WEEKLY":
        return {"by_day": ((0, start.weekday()),)}
    if rule.frequency == "DAILY":
        return {}
    months = {"by_month": rule.by_month or (start.month,)} if rule.frequency == "YEARLY" else {}
    if start.day <= _SHORTEST_MONTH or len(rule.by_month) > 1:
        return {**months, "by_month_day": (start.day,)}
    # Where the month is shorter it is the last day, which RFC 5545 would leave out.
    days = tuple(range(_SHORTEST_MONTH, start.day + 1))
    return {**months, "by_month_day": days, "by_set_position": (-1,)}


def _until(until: dt.date | dt.datetime | None, zone: str | None, *, timed: bool) -> dt.date | dt.datetime | None:
    """In the form that goes with the start (RFC 5545 section 3.3.10): a day, a local time, or UTC."""
    if until is None:
        return None
    there = ZoneInfo(zone) if zone else dt.UTC
    if not timed:
        if isinstance(until, dt.datetime):
            return until.astimezone(there).date() if until.tzinfo else until.date()
        return until
    if not isinstance(until, dt.datetime):
        until = dt.datetime.combine(until, dt.time(23, 59, 59))
    if zone is None:
        return until.replace(tzinfo=None)
    try:
        return (until if until.tzinfo else until.replace(tzinfo=there)).astimezone(dt.UTC)
    except OverflowError:
        # That is beyond the calendar: its end comes to the same.
        return until.replace(tzinfo=dt.UTC)
