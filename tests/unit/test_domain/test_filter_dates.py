"""What today, tomorrow and now are depends on who asks, and a day is as long as it is where they are."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.domain.filter_dates import resolve
from backend.domain.filters import And, Comparison, Day, Filter, Flag, Instant, Not, Or, parse
from tests.unit.test_domain.filter_oracle import holds

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2027, 2, 28, 23, 30, tzinfo=UTC)  # in Berlin, Monday 1 March, 0:30
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",  # changes at midnight
    "America/Sao_Paulo",  # did until 2019
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # skipped a day in 2011
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
]


def value(text: str, now: datetime = NOW, zone: str = "Europe/Berlin") -> Day | Instant:
    tree = resolve(parse(f"due = {text}"), now, ZoneInfo(zone))
    assert isinstance(tree, Comparison)
    assert isinstance(tree.value, Day | Instant)
    return tree.value


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2027-03-01"),
        ("tomorrow", "2027-03-02"),
        ("yesterday", "2027-02-28"),
        ("monday", "2027-03-08"),
        ("tuesday", "2027-03-02"),
        ("sunday", "2027-03-07"),
        ("sunday - 1w", "2027-02-28"),
        ("7d", "2027-03-08"),
        ("-2w", "2027-02-15"),
        ("today - 1d", "2027-02-28"),
        ("yesterday + 1mo", "2027-03-28"),
        ("today - 1mo", "2027-02-01"),
        ("today + 15mo", "2028-06-01"),
        ("today + 999y", "3026-03-01"),
        ("today - 999y", "1028-03-01"),
        ("2028-02-29", "2028-02-29"),
    ],
)
def test_a_day_is_the_viewers(text: str, day: str) -> None:
    resolved = value(text)

    assert isinstance(resolved, Day)
    assert resolved.day == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("today", "offset", "day"),
    [
        ("2027-01-31", "1mo", "2027-02-28"),
        ("2028-01-31", "+1mo", "2028-02-29"),
        ("2027-03-31", "-1mo", "2027-02-28"),
        ("2028-02-29", "1y", "2029-02-28"),
        ("2027-01-31", "-2mo", "2026-11-30"),
        ("2027-12-31", "12mo", "2028-12-31"),
    ],
)
def test_a_month_that_is_too_short_gives_its_last_day(today: str, offset: str, day: str) -> None:
    resolved = value(offset, datetime.fromisoformat(f"{today}T12:00Z"), "UTC")

    assert isinstance(resolved, Day)
    assert str(resolved.day) == day


@pytest.mark.parametrize(
    ("text", "at", "local"),
    [
        ("now", "2027-03-27T19:00Z", "2027-03-27T20:00"),
        ("now + 24h", "2027-03-28T19:00Z", "2027-03-28T21:00"),
        ("now + 1d", "2027-03-28T18:00Z", "2027-03-28T20:00"),
        ("now - 1mo", "2027-02-27T19:00Z", "2027-02-27T20:00"),
        ("-90min", "2027-03-27T17:30Z", "2027-03-27T18:30"),
        ("2027-07-01T00:00:00+02:00", "2027-06-30T22:00Z", "2027-07-01T00:00"),
    ],
)
def test_an_instant_is_the_same_everywhere_and_shown_as_the_viewers_clock_does(text: str, at: str, local: str) -> None:
    resolved = value(text, datetime(2027, 3, 27, 19, tzinfo=UTC))  # the night before the clocks change

    assert resolved == Instant(datetime.fromisoformat(at), datetime.fromisoformat(local))


@pytest.mark.parametrize(
    ("zone", "day", "begin", "hours"),
    [
        ("Europe/Berlin", "2027-03-28", "2027-03-27T23:00Z", 23),
        ("Europe/Berlin", "2027-10-31", "2027-10-30T22:00Z", 25),
        ("America/Havana", "2025-03-09", "2025-03-09T05:00Z", 23),  # 0:00 to 1:00 does not exist
        ("America/Havana", "2025-11-02", "2025-11-02T04:00Z", 25),  # and here comes twice
        ("Australia/Lord_Howe", "2027-10-03", "2027-10-02T13:30Z", 23.5),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z", 0),
    ],
)
def test_a_day_is_as_long_as_it_is(zone: str, day: str, begin: str, hours: float) -> None:
    resolved = value(day, zone=zone)

    assert isinstance(resolved, Day)
    assert resolved.begin == datetime.fromisoformat(begin)
    assert resolved.end - resolved.begin == timedelta(hours=hours)


dues = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)


@given(dues, st.sampled_from(ZONES), st.integers(-2, 2))
@example(datetime(2011, 12, 30, 10, tzinfo=UTC), "Pacific/Apia", 0)
@example(datetime(2025, 3, 9, 5, tzinfo=UTC), "America/Havana", 0)
def test_a_time_counts_for_the_day_on_which_it_falls_there(due: datetime, zone: str, days: int) -> None:
    local = due.astimezone(ZoneInfo(zone)).date()
    day = local + timedelta(days=days)
    resolved = value(str(day), zone=zone)

    for comparison in ("<", "=", ">"):
        assert holds(due, comparison, resolved) == holds(local, comparison, resolved), comparison


@given(dues, st.sampled_from(ZONES))
def test_today_and_overdue_are_told_apart_by_the_end_of_the_day(now: datetime, zone: str) -> None:
    today = now.astimezone(ZoneInfo(zone)).date()
    instant = value("now", now, zone)

    assert holds(today - timedelta(days=1), "<", instant)
    assert not holds(today, "<", instant)
    assert holds(today, ">", instant)


def test_overdue_is_what_is_open_and_was_due_before_now() -> None:
    now = Instant(NOW, NOW.astimezone(BERLIN).replace(tzinfo=None))
    overdue = And((Not(Flag("completed")), Comparison("due", "<", now)))

    assert resolve(Flag("overdue"), NOW, BERLIN) == overdue
    assert resolve(parse("!(overdue | recurring)"), NOW, BERLIN) == Not(Or((overdue, Flag("recurring"))))


@pytest.mark.parametrize("text", ["due = none", "completed", 'label in ("a", "b")', "priority > low"])
def test_what_has_no_dates_stays(text: str) -> None:
    tree: Filter = parse(text)

    assert resolve(tree, NOW, BERLIN) == tree


def test_the_last_days_have_an_end_everywhere() -> None:
    for zone in ZONES:
        assert isinstance(value("9999-12-30", zone=zone), Day)
        assert isinstance(value("0001-01-02", zone=zone), Day)
        assert isinstance(value("9999-12-30T23:59:59Z", zone=zone), Instant)
        assert isinstance(value("0001-01-02T00:00:00Z", zone=zone), Instant)
