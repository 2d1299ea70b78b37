"""An iCalendar feed (RFC 5545): each task that is due is an event, for calendar programs to show. Pure."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from backend.domain.due import Due
from backend.domain.recurrence import Recurrence, next_due, occurrences
from backend.domain.recurrence_rule import Frequency, Rule, parse
from backend.formats.ical_lines import PRIORITIES, date, instant, line, text, time_zone, wall

MEDIA_TYPE = "text/calendar; charset=utf-8"

VERSION = 3
"""Grows when the same tasks make another feed."""

REFRESHED = "PT1H"
"""How often programs are asked to look again."""

END = b"END:VCALENDAR\r\n"
"""What comes after the events."""

_SHORTEST_MONTH = 28
_DAY = dt.timedelta(days=1)
_LONG_AGO = dt.datetime(1000, 1, 1, tzinfo=dt.UTC)

type Row = Mapping[str, Any]


def beginning(name: str) -> bytes:
    """What comes before the events: the properties of the calendar."""
    name = text(" ".join(name.split()))
    return b"BEGIN:VCALENDAR\r\n" + b"".join(
        line(*each)
        for each in (
            ("PRODID", "-//Donewell//Tasks//EN"),
            ("VERSION", "2.0"),
            ("METHOD", "PUBLISH"),
            ("NAME", name),
            ("X-WR-CALNAME", name),
            ("REFRESH-INTERVAL;VALUE=DURATION", REFRESHED),
            ("X-PUBLISHED-TTL", REFRESHED),
        )
    )


def events(rows: Iterable[Row], told: set[str]) -> Iterator[bytes]:
    """Each event of tasks, behind the time zone of one that recurs but for what was told, which then has it too."""
    for row in rows:
        for event, zone in _events(row):
            if zone is None or zone in told:
                yield event
            else:
                told.add(zone)
                yield time_zone(zone) + event


def _events(row: Row) -> Iterator[tuple[bytes, str | None]]:
    """What shows a task, each with the zone by whose clocks it comes again.

    A task that was postponed to a day that is none of its series is an event of its own, before the series goes on.
    """
    series = _series(row)
    if series is None or series[0] > row["due_date"]:
        yield _event(row, row["due_date"]), None
    if series is not None:
        zone = row["time_zone"]
        yield _event(row, *series), None if zone == "UTC" else zone


def _event(row: Row, day: dt.date, rule: Rule | None = None) -> bytes:
    updated = instant(row["updated_at"])
    lines = [
        b"BEGIN:VEVENT\r\n",
        line("UID", f"{row['id']}{'-next' if day > row['due_date'] else ''}@donewell"),
        line("DTSTAMP", updated),
        line("LAST-MODIFIED", updated),
        line("SUMMARY", text(row["title"])),
        # Something to do is no appointment: nobody is busy because of it.
        b"TRANSP:TRANSPARENT\r\n",
        line(*_starts(day, row["due_time"], row["time_zone"], recurs=rule is not None)),
    ]
    if row["description"]:
        lines.append(line("DESCRIPTION", text(row["description"])))
    if row["labels"]:
        lines.append(line("CATEGORIES", ",".join(map(text, row["labels"]))))
    if row["priority"] in PRIORITIES:
        lines.append(line("PRIORITY", PRIORITIES[row["priority"]]))
    if rule is not None:
        lines.append(line("RRULE", str(rule)))
    return b"".join([*lines, b"END:VEVENT\r\n"])


def _starts(day: dt.date, at: dt.time | None, zone: str | None, *, recurs: bool) -> tuple[str, str]:
    """A day; a time wherever one is; an instant; or, where that comes again by the clocks of a zone, their time."""
    if at is None:
        return "DTSTART;VALUE=DATE", date(day)
    local = dt.datetime.combine(day, at)
    if zone is None:
        return "DTSTART", wall(local)
    if recurs and zone != "UTC":
        return f"DTSTART;TZID={zone}", wall(local)
    return "DTSTART", instant(local.replace(tzinfo=ZoneInfo(zone)))


def _series(row: Row) -> tuple[dt.date, Rule] | None:
    """The day on which what recurs begins and the rule by which it goes on; nothing if nobody knows, or can say it.

    It begins on the present due date, or with COUNT on the first of all; if that is none of its days, on the next one.
    """
    # What counts from when it is completed has one day that anybody knows.
    if row["recurrence_rule"] is None or row["recurrence_anchor"] != "due":
        return None
    rule, start, zone = parse(row["recurrence_rule"]), row["recurrence_start"], row["time_zone"]
    told = _implied(rule, start)
    if told is None:
        return None
    told = replace(told, until=_until(rule.until, zone, timed=row["due_time"] is not None))
    due = Due(row["due_date"], row["due_time"], zone)
    if next(occurrences(rule, start, due.date - _DAY), None) == due.date:
        return start if rule.count else due.date, told
    following = next_due(Recurrence(rule), due, start=start, now=_LONG_AGO, viewer_zone=zone or "UTC")
    if following is None:
        return None
    left = sum(1 for _ in occurrences(rule, start, due.date)) if rule.count else None
    return following.date, replace(told, count=left)


def _implied(rule: Rule, start: dt.date) -> Rule | None:
    """The rule with what the start of the series says of it, as it may begin with another day; nothing if RFC 5545 has
    no words for it.
    """
    given = rule.by_day or rule.by_month_day or rule.by_year_day
    if rule.frequency == "WEEKLY" or rule.by_week_number:
        return rule if given else replace(rule, by_day=((0, start.weekday()),))
    if given or rule.frequency == "DAILY":
        return rule
    if rule.frequency == "YEARLY":
        rule = replace(rule, by_month=rule.by_month or (start.month,))
    return _day_of_month(rule, start.day)


def _day_of_month(rule: Rule, day: int) -> Rule | None:
    """The rule for this day of the month, or the last where the month is shorter, which RFC 5545 would leave out."""
    if day <= _SHORTEST_MONTH:
        return replace(rule, by_month_day=(day,))
    # The last of each of several months is a choice of a month, not of a year.
    several = rule.frequency == "YEARLY" and len(rule.by_month) > 1
    if rule.by_set_position or (several and rule.interval > 1):
        return None
    days = tuple(range(_SHORTEST_MONTH, day + 1))
    frequency: Frequency = "MONTHLY" if several else rule.frequency
    return replace(rule, frequency=frequency, by_month_day=days, by_set_position=(-1,))


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
