"""When something is due, and from when it is overdue, in zones whose clocks do odd things."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.due import Due, instant, local_date, overdue_from
from tests.unit.test_domain.clocks import ODD_ZONES, changes, when


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "expected"),
    [
        ("2027-03-27", "09:00", "Europe/Berlin", "2027-03-27T08:00"),
        ("2027-03-28", "09:00", "Europe/Berlin", "2027-03-28T07:00"),  # the same wall time after the change
        ("2027-03-28", "02:30", "Europe/Berlin", "2027-03-28T01:30"),  # skipped: 03:30
        ("2027-10-31", "02:30", "Europe/Berlin", "2027-10-31T00:30"),  # twice: the first
        ("2027-10-31", "03:00", "Europe/Berlin", "2027-10-31T02:00"),
        ("2027-10-03", "02:15", "Australia/Lord_Howe", "2027-10-02T15:45"),  # skipped: 02:45
        ("2027-04-04", "01:45", "Australia/Lord_Howe", "2027-04-03T14:45"),  # twice: the first
        ("2027-03-28", "01:30", "Antarctica/Troll", "2027-03-28T01:30"),  # skipped: 03:30
        ("2011-12-29", "09:00", "Pacific/Apia", "2011-12-29T19:00"),
        ("2011-12-30", "09:00", "Pacific/Apia", "2011-12-30T19:00"),  # the day is skipped: the 31st
        ("2011-12-31", "09:00", "Pacific/Apia", "2011-12-30T19:00"),
    ],
)
def test_a_time_becomes_an_instant_in_its_zone(day: str, clock: str, zone: str, expected: str) -> None:
    due = Due(date.fromisoformat(day), time.fromisoformat(clock), zone)

    assert instant(due, "Asia/Tokyo") == overdue_from(due, "Asia/Tokyo") == utc(expected)


def test_a_time_without_a_zone_is_the_viewers() -> None:
    due = Due(date(2027, 1, 4), time(9))

    assert instant(due, "America/New_York") == utc("2027-01-04T14:00")
    assert instant(due, "Asia/Tokyo") == utc("2027-01-04T00:00")


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2027-01-04", "Europe/Berlin", "2027-01-04T23:00"),
        ("2027-03-28", "Europe/Berlin", "2027-03-28T22:00"),  # a day of 23 hours
        ("2027-01-04", "Pacific/Kiritimati", "2027-01-04T10:00"),
        ("2027-01-04", "Etc/GMT+12", "2027-01-05T12:00"),
        ("2018-11-03", "America/Sao_Paulo", "2018-11-04T03:00"),  # the next day begins at 01:00
        ("2018-02-17", "America/Sao_Paulo", "2018-02-18T03:00"),  # a day of 25 hours, ended by one midnight
        ("2027-04-29", "Africa/Cairo", "2027-04-29T22:00"),  # the next day begins at 01:00
        ("2006-10-28", "America/St_Johns", "2006-10-29T02:30"),  # midnight comes twice: the first
        ("2011-12-29", "Pacific/Apia", "2011-12-30T10:00"),  # the next day is the 31st
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00"),
    ],
)
def test_a_whole_day_is_overdue_when_the_viewers_next_day_begins(day: str, zone: str, expected: str) -> None:
    due = Due(date.fromisoformat(day))

    assert instant(due, zone) is None
    assert overdue_from(due, zone) == utc(expected)
    before = local_date(utc(expected) - timedelta(microseconds=1), zone)
    assert before <= due.date < local_date(utc(expected), zone)


def test_a_zone_needs_a_time() -> None:
    with pytest.raises(ValueError, match="whole day"):
        Due(date(2027, 1, 4), zone="Europe/Berlin")


@given(
    change=st.sampled_from(sorted(ODD_ZONES)).flatmap(
        lambda zone: st.tuples(st.just(zone), st.sampled_from(changes(zone)))
    ),
    minutes=st.integers(-3_000, 3_000),
)
def test_around_a_change_of_clocks_it_is_what_the_clocks_show(change: tuple[str, datetime], minutes: int) -> None:
    zone, at = change
    wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(minutes=minutes)

    assert instant(Due(wall.date(), wall.time(), zone), "UTC") == when(wall, zone)
    assert overdue_from(Due(wall.date()), zone) == when(datetime.combine(wall.date() + timedelta(days=1), time()), zone)


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+12", "Pacific/Kiritimati", "Asia/Manila", "America/Juneau"])
def test_the_ends_of_the_calendar_are_within_it(zone: str) -> None:
    assert zone in available_timezones()
    for day in (date(1, 1, 2), date(9999, 12, 30)):
        for due in (Due(day), Due(day, time(), zone), Due(day, time(23, 59), zone)):
            assert overdue_from(due, zone).tzinfo is UTC
