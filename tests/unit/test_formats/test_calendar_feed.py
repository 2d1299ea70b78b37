"""Events of what recurs are on the days on which the task will be due, whatever the rule and wherever it was put."""

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

import icalendar
from dateutil.rrule import rrulestr
from hypothesis import assume, given
from hypothesis import strategies as st

from backend.domain.due import Due
from backend.domain.recurrence import Recurrence, check, next_due
from backend.domain.recurrence_rule import InvalidRule, parse
from backend.formats import calendar_feed

LONG_AGO = dt.datetime(1000, 1, 1, tzinfo=dt.UTC)
DAYS = st.dates(dt.date(2027, 1, 1), dt.date(2029, 1, 1))
WEEKDAYS = st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=3, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    months = draw(st.lists(st.integers(1, 12), max_size=3, unique=True))
    interval = draw(st.integers(1, 4)) if frequency != "YEARLY" or len(months) < 2 else 1
    parts = [f"FREQ={frequency}", f"INTERVAL={interval}"]
    if months:
        parts.append(f"BYMONTH={','.join(map(str, months))}")
    if frequency != "YEARLY" and draw(st.booleans()):
        parts.append(f"BYDAY={','.join(draw(WEEKDAYS))}")
    elif frequency in ("MONTHLY", "YEARLY") and draw(st.booleans()):
        parts.append(f"BYMONTHDAY={draw(st.sampled_from(['31', '-1', '15']))}")
    count, until = st.integers(1, 12).map("COUNT={}".format), DAYS.map("UNTIL={:%Y%m%d}".format)
    return ";".join(filter(None, [*parts, draw(st.just("") | count | until)]))


def task(rule: str, start: dt.date, due: dt.date) -> dict[str, Any]:
    recurrence = {"recurrence_rule": rule, "recurrence_anchor": "due", "recurrence_start": start}
    plain = {"id": UUID(int=1), "title": "Water", "description": None, "priority": "none", "labels": []}
    return {**plain, "updated_at": LONG_AGO, "due_date": due, "due_time": None, "time_zone": None, **recurrence}


def dues(rule: str, start: dt.date, due: dt.date) -> Iterator[dt.date]:
    """When the task is due now, and each time that it has been done."""
    after: Due | None = Due(due)
    while after is not None:
        yield after.date
        recurrence = Recurrence(parse(rule))
        after = next_due(recurrence, after, start=start, now=LONG_AGO, viewer_zone="UTC")


def shown(event: Any) -> Iterator[dt.date]:
    """The days of an event, of which the first counts whatever the rule (RFC 5545 section 3.8.5.3)."""
    first = event["DTSTART"].dt
    yield first
    if "RRULE" in event:
        rule = event["RRULE"].to_ical().decode()
        found = (each.date() for each in rrulestr(rule, dtstart=dt.datetime.combine(first, dt.time())))
        days = (day for day in found if day != first)
        yield from islice(days, event["RRULE"]["COUNT"][0] - 1 if "COUNT" in event["RRULE"] else 100)


@given(rules(), DAYS, st.integers(0, 4), st.sampled_from([0, 0, 1, -3, 9, 40]))
def test_events_are_on_the_days_on_which_the_task_is_due(rule: str, start: dt.date, done: int, days: int) -> None:
    try:
        check(parse(rule), start)
    except InvalidRule:
        assume(False)
    due = [*islice(dues(rule, start, start), done + 1)][-1] + dt.timedelta(days)

    written = b"".join(calendar_feed.events([task(rule, start, due)], set()))

    calendar = icalendar.Calendar.from_ical(calendar_feed.beginning("x") + written + calendar_feed.END)
    expected = [*islice(dues(rule, start, due), 6)]
    found = sorted({day for event in calendar.walk("VEVENT") for day in shown(event) if day >= due})
    assert found[: len(expected)] == expected
    assert len(expected) == 6 or found == expected
