"""When a task comes back: the promises of the contract, one by one."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

import dateutil.rrule
import pytest
from dateutil.rrule import rrule

from backend.domain.due import Due, instant
from backend.domain.recurrence import (
    PERIODS,
    Anchor,
    CountedStep,
    LookedFarEnough,
    Recurrence,
    check,
    next_due,
    occurrences,
)
from backend.domain.recurrence_rule import InvalidRule, parse

BERLIN = "Europe/Berlin"


def day(text: str) -> date:
    return date.fromisoformat(text)


def due(text: str) -> Due:
    """`2027-01-04`, or `2027-01-04 09:00` in Berlin."""
    on, _, at = text.partition(" ")
    return Due(day(on), time.fromisoformat(at), BERLIN) if at else Due(day(on))


def after(
    rule: str,
    text: str,
    now: str,
    *,
    start: str | None = None,
    anchor: Anchor = "due",
    taken: int = 0,
    skip: bool = False,
) -> str | None:
    """What comes after `text` when it is done at `now`, a wall time in Berlin in winter."""
    at = datetime.fromisoformat(f"{now}+01:00")
    begun = day(start) if start else due(text).date
    found = next_due(
        Recurrence(parse(rule), anchor), due(text), start=begun, now=at, viewer_zone=BERLIN, taken=taken, skip=skip
    )
    if found is None:
        return None
    return str(found.date) if found.time is None else f"{found.date} {found.time:%H:%M}"


@pytest.mark.parametrize(
    ("rule", "task", "now", "expected"),
    [
        # All day, by days: what is done today comes back tomorrow at the earliest.
        ("FREQ=DAILY", "2027-01-04", "2027-01-04 00:00", "2027-01-05"),
        ("FREQ=DAILY", "2027-01-04", "2027-01-04 23:59", "2027-01-05"),
        ("FREQ=DAILY", "2027-01-04", "2027-01-05 00:00", "2027-01-06"),
        ("FREQ=DAILY", "2027-01-04", "2027-01-02 12:00", "2027-01-05"),
        # Missed for a month: not in the past, and still on a Monday.
        ("FREQ=WEEKLY", "2027-01-04", "2027-02-10 12:00", "2027-02-15"),
        ("FREQ=WEEKLY;INTERVAL=2", "2027-01-04", "2027-02-10 12:00", "2027-02-15"),
        ("FREQ=WEEKLY;INTERVAL=4", "2027-01-04", "2027-02-10 12:00", "2027-03-01"),
        # Timed: today's may still be ahead.
        ("FREQ=DAILY", "2027-01-04 09:00", "2027-01-06 08:59", "2027-01-06 09:00"),
        ("FREQ=DAILY", "2027-01-04 09:00", "2027-01-06 09:00", "2027-01-07 09:00"),
        ("FREQ=DAILY", "2027-01-04 09:00", "2027-01-04 08:00", "2027-01-05 09:00"),
        # Done early, it does not come back before it was due.
        ("FREQ=WEEKLY;BYDAY=MO,TH", "2027-01-07 09:00", "2027-01-03 08:00", "2027-01-11 09:00"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2027-01-29", "2027-01-29 12:00", "2027-02-26"),
    ],
)
def test_anchored_at_the_due_date_it_comes_after_both_now_and_the_present_due(
    rule: str, task: str, now: str, expected: str
) -> None:
    assert after(rule, task, now) == expected
    assert after(rule, task, now, skip=True) == expected


@pytest.mark.parametrize(
    ("rule", "task", "now", "expected"),
    [
        ("FREQ=DAILY;INTERVAL=3", "2027-01-04", "2027-01-10 23:59", "2027-01-13"),
        ("FREQ=DAILY;INTERVAL=3", "2027-01-04 09:00", "2027-01-10 00:01", "2027-01-13 09:00"),
        ("FREQ=DAILY;INTERVAL=3", "2027-01-08", "2027-01-04 12:00", "2027-01-07"),
        ("FREQ=MONTHLY", "2027-01-01", "2027-01-31 12:00", "2027-02-28"),
        ("FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=1", "2027-01-01", "2027-01-05 12:00", "2027-03-01"),
        ("FREQ=WEEKLY;BYDAY=SA", "2027-01-02", "2027-01-09 12:00", "2027-01-16"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2027-01-04", "2027-01-06 12:00", "2027-01-18"),
        ("FREQ=YEARLY", "2027-01-04", "2028-02-29 12:00", "2029-02-28"),
    ],
)
def test_anchored_at_completion_it_is_counted_from_that_day(rule: str, task: str, now: str, expected: str) -> None:
    assert after(rule, task, now, anchor="completion") == expected


@pytest.mark.parametrize(
    ("task", "now", "expected"),
    [
        ("2027-01-04", "2027-01-02 12:00", "2027-01-07"),
        ("2027-01-04", "2027-01-20 12:00", "2027-01-23"),
    ],
)
def test_skipped_it_is_counted_from_today_or_the_due_date_whichever_is_later(
    task: str, now: str, expected: str
) -> None:
    assert after("FREQ=DAILY;INTERVAL=3", task, now, anchor="completion", skip=True) == expected


def test_the_local_day_is_the_tasks_else_the_viewers() -> None:
    """Eight in the evening in New York is the next day in UTC."""
    evening = datetime(2027, 1, 5, 1, 0, tzinfo=UTC)
    weekly = Recurrence(parse("FREQ=WEEKLY;BYDAY=MO,TU"), "completion")

    def following(task: Due, viewer: str) -> date:
        found = next_due(weekly, task, start=task.date, now=evening, viewer_zone=viewer)
        assert found is not None
        return found.date

    assert following(Due(day("2027-01-04")), "America/New_York") == day("2027-01-05")
    assert following(Due(day("2027-01-04")), "UTC") == day("2027-01-11")
    assert following(Due(day("2027-01-04"), time(9), "America/New_York"), "UTC") == day("2027-01-05")
    assert following(Due(day("2027-01-04"), time(9)), "America/New_York") == day("2027-01-05")


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=MONTHLY", "2027-01-31", ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        ("FREQ=MONTHLY;INTERVAL=13", "2027-01-30", ["2028-02-29", "2029-03-30"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2027-01-31", ["2027-03-31", "2027-05-31", "2027-07-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2027-01-31", ["2027-02-28", "2027-03-31", "2027-04-30"]),
        ("FREQ=YEARLY", "2024-02-29", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2024-02-29", ["2028-02-29", "2032-02-29"]),
        ("FREQ=YEARLY;BYMONTH=1,2;INTERVAL=2", "2027-01-31", ["2027-02-28", "2029-01-31", "2029-02-28"]),
    ],
)
def test_the_day_of_the_start_is_clamped_and_comes_back_and_a_day_of_the_rule_skips(
    rule: str, start: str, expected: list[str]
) -> None:
    found = list(islice(occurrences(parse(rule), day(start), day(start)), len(expected)))

    assert [str(date) for date in found] == expected
    # And one by one, as a task does: counted from the start, never from the clamped date.
    for earlier, later in zip([start, *expected], expected, strict=False):
        assert after(rule, earlier, f"{earlier} 12:00", start=start) == later


@pytest.mark.parametrize(
    ("rule", "start", "last"),
    [
        ("FREQ=DAILY;COUNT=3", "2027-01-04", "2027-01-06"),
        ("FREQ=DAILY;COUNT=1", "2027-01-04", "2027-01-04"),
        ("FREQ=WEEKLY;BYDAY=MO;COUNT=3", "2027-01-05", "2027-01-18"),  # a Tuesday, which counts
        ("FREQ=MONTHLY;COUNT=2", "2027-01-31", "2027-02-28"),
        ("FREQ=DAILY;UNTIL=20270106", "2027-01-04", "2027-01-06"),
        ("FREQ=DAILY;UNTIL=20270106T000000", "2027-01-04", "2027-01-06"),
        ("FREQ=DAILY;UNTIL=20270106T235959Z", "2027-01-04", "2027-01-07"),  # the 7th in Berlin
        ("FREQ=DAILY;UNTIL=20270106", "2027-01-04 09:00", "2027-01-06 09:00"),
        ("FREQ=DAILY;UNTIL=20270106T090000", "2027-01-04 09:00", "2027-01-06 09:00"),
        ("FREQ=DAILY;UNTIL=20270106T085959", "2027-01-04 09:00", "2027-01-05 09:00"),
        ("FREQ=DAILY;UNTIL=20270106T080000Z", "2027-01-04 09:00", "2027-01-06 09:00"),
        ("FREQ=DAILY;UNTIL=20270106T075959Z", "2027-01-04 09:00", "2027-01-05 09:00"),
        ("FREQ=DAILY;UNTIL=20261231", "2027-01-04", "2027-01-04"),
    ],
)
def test_a_series_runs_out(rule: str, start: str, last: str) -> None:
    seen = start
    while following := after(rule, seen, f"{seen[:10]} 08:00", start=start[:10]):
        seen = following

    assert seen == last


def test_a_day_that_a_zone_skips_is_not_due_once_more_on_the_day_after() -> None:
    """Nine o'clock of 30 December 2011, which Apia had not, is nine o'clock of the 31st."""
    daily, seen = Recurrence(parse("FREQ=DAILY")), [Due(day("2011-12-29"), time(9), "Pacific/Apia")]
    for _ in range(3):
        at = instant(seen[-1], "UTC")
        assert at is not None
        following = next_due(daily, seen[-1], start=seen[0].date, now=at - timedelta(hours=1), viewer_zone="UTC")
        assert following is not None
        seen.append(following)

    assert [str(due.date) for due in seen] == ["2011-12-29", "2011-12-30", "2012-01-01", "2012-01-02"]


def test_what_was_missed_counts() -> None:
    assert after("FREQ=DAILY;COUNT=10", "2027-01-04", "2027-01-09 12:00") == "2027-01-10"
    assert after("FREQ=DAILY;COUNT=10", "2027-01-04", "2027-01-13 12:00") is None


def test_from_completion_count_counts_what_was_taken() -> None:
    rule = "FREQ=DAILY;COUNT=3"

    assert after(rule, "2027-01-04", "2027-02-04 12:00", anchor="completion", taken=0) == "2027-02-05"
    assert after(rule, "2027-01-04", "2027-02-04 12:00", anchor="completion", taken=1) == "2027-02-05"
    assert after(rule, "2027-01-04", "2027-02-04 12:00", anchor="completion", taken=2) is None
    assert after("FREQ=DAILY;UNTIL=20270204", "2027-01-04", "2027-02-04 12:00", anchor="completion") is None


@pytest.mark.parametrize(
    ("rule", "start", "now", "expected"),
    [
        ("FREQ=DAILY;INTERVAL=3", "1970-01-01", "2027-01-04 12:00", "2027-01-05"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH", "1970-01-01", "2027-01-04 12:00", "2027-01-14"),
        ("FREQ=MONTHLY;INTERVAL=7", "1970-01-31", "2027-01-04 12:00", "2027-03-31"),
        ("FREQ=YEARLY;INTERVAL=4", "1972-02-29", "2027-01-04 12:00", "2028-02-29"),
    ],
)
def test_a_series_that_began_in_1970_is_as_near_as_one_of_today(rule: str, start: str, now: str, expected: str) -> None:
    assert after(rule, start, now) == expected


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;INTERVAL=1000",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=366",
        "FREQ=YEARLY;BYMONTH=6;BYWEEKNO=53",
        "FREQ=YEARLY;BYYEARDAY=1;BYMONTH=2",
    ],
)
def test_a_rule_without_a_day_is_refused_and_if_it_is_there_all_the_same_it_is_over(rule: str) -> None:
    with pytest.raises(InvalidRule, match="no day"):
        check(parse(rule), day("2027-01-04"))
    assert after(rule, "2027-01-04", "2027-01-04 12:00") is None
    assert after(rule, "2027-01-04", "2027-01-04 12:00", anchor="completion") is None
    assert after(f"{rule};COUNT=1000", "2027-01-04", "2027-01-04 12:00") is None


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=MONTHLY;INTERVAL=1000",
        "FREQ=DAILY;COUNT=1",
        "FREQ=DAILY;UNTIL=19991231",
    ],
)
def test_a_rare_day_is_no_reason_to_refuse(rule: str) -> None:
    check(parse(rule), day("2096-03-01"))


def test_a_series_begins_within_the_calendar_that_we_follow() -> None:
    with pytest.raises(InvalidRule, match="1970"):
        check(parse("FREQ=DAILY"), day("1969-12-31"))
    assert after("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31", "9997-12-31", "9997-12-31 12:00") == "9998-12-31"
    assert after("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31", "9998-12-31", "9998-12-31 12:00") is None
    for frequency in PERIODS:
        assert after(f"FREQ={frequency}", "9999-12-30", "9999-12-30 12:00") is None


@pytest.mark.parametrize(
    ("rule", "task", "expected"),
    [
        ("FREQ=WEEKLY", "9999-12-19", "9999-12-26"),
        ("FREQ=WEEKLY", "9999-12-26", None),
        ("FREQ=WEEKLY;BYDAY=MO,TU,SU", "9999-12-27", "9999-12-28"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,SU", "9999-12-28", None),
        ("FREQ=YEARLY;BYWEEKNO=52;BYDAY=TH;WKST=TH", "9999-12-24", None),
    ],
)
def test_the_last_days_of_the_calendar_are_found_and_nothing_after_them(
    rule: str, task: str, expected: str | None
) -> None:
    assert after(rule, task, f"{task} 12:00") == expected


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    ("until", "expected"), [("99991231T235959Z", day("2027-01-05")), ("00010101T000000Z", None)], ids=["last", "first"]
)
@pytest.mark.parametrize("at", [None, time(9)], ids=["all day", "timed"])
def test_a_series_may_end_at_either_end_of_the_calendar(
    zone: str, until: str, expected: date | None, at: time | None
) -> None:
    now = datetime(2027, 1, 4, 0, 0, tzinfo=UTC)
    daily = Recurrence(parse(f"FREQ=DAILY;UNTIL={until}"))

    found = next_due(daily, Due(day("2027-01-04"), at), start=day("2027-01-04"), now=now, viewer_zone=zone)

    assert (found and found.date) == expected


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY", "FREQ=WEEKLY;COUNT=50", "FREQ=WEEKLY;BYDAY=WE"])
def test_a_series_that_is_still_to_begin_begins_with_its_start(rule: str) -> None:
    """A Monday, which counts even where the rule does not match it."""
    assert after(rule, "2027-12-01", "2027-12-01 12:00", start="2027-12-06") == "2027-12-06"


@pytest.mark.parametrize("frequency", PERIODS)
def test_the_search_for_a_day_has_a_bound(frequency: str) -> None:
    """dateutil would go on to the year 9999, but adds the interval once for each period that it looks at."""
    step = CountedStep(1, 50)
    never = rrule(
        getattr(dateutil.rrule, frequency),
        dtstart=datetime(2027, 1, 1, tzinfo=UTC),
        interval=step,
        byweekday=0,
        bysetpos=366,
    )

    with pytest.raises(LookedFarEnough):
        next(iter(never))

    assert step.left == -1
