"""A recurring task around the days on which the clocks of its zone change."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain.due import Due, instant
from backend.domain.recurrence import Recurrence, next_due
from backend.domain.recurrence_rule import parse
from tests.unit.test_domain.clocks import HOUR, ODD_ZONES, changes, when
from tests.unit.test_domain.rfc5545 import DAY, Series
from tests.unit.test_domain.rules import DAYS, rules

TIMES = 5 * settings().max_examples

frequent = st.builds(
    lambda days, interval: f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={','.join(days)}",
    st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
    st.integers(1, 2),
) | st.builds(lambda interval: f"FREQ=DAILY;INTERVAL={interval}", st.integers(1, 3))

odd_moments = st.sampled_from(sorted(ODD_ZONES)).flatmap(
    lambda zone: st.tuples(st.just(zone), st.sampled_from(changes(zone)))
)


def expected(series: Series, due: Due, now: datetime, zone: str) -> date | None:
    """The first day after the due one whose moment is still to come, by clocks and calendar alone."""
    for day in series.days(due.date + DAY, due.date + 500 * DAY):
        if due.time is None:
            ahead = day > now.astimezone(ZoneInfo(zone)).date()
        else:
            moment = when(datetime.combine(day, due.time), zone)
            ahead = moment > now and moment > when(datetime.combine(due.date, due.time), zone)
        if ahead:
            return day
    return None


@settings(max_examples=TIMES)
@given(
    text=frequent | rules(),
    moment=odd_moments,
    began=st.integers(-60, 0),
    minutes=st.integers(-180, 180) | st.none(),
    late=st.integers(-72, 72),
    own_zone=st.booleans(),
)
def test_it_comes_back_on_the_first_day_that_is_still_to_come(
    *, text: str, moment: tuple[str, datetime], began: int, minutes: int | None, late: int, own_zone: bool
) -> None:
    zone, change = moment
    wall = change.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    clock = None if minutes is None else (wall + timedelta(minutes=minutes)).time()
    start = wall.date() + began * DAY
    due = Due(start, clock, zone if own_zone and clock else None)
    now = change + late * HOUR

    found = next_due(Recurrence(parse(text)), due, start=start, now=now, viewer_zone="Asia/Tokyo" if due.zone else zone)

    day = expected(Series(text, start), due, now, zone)
    if day is not None:
        assert found == Due(day, due.time, due.zone)
    assert found is None or found.date > due.date + 500 * DAY or found.date == day


@given(text=frequent, moment=odd_moments, minutes=st.integers(-180, 180))
def test_done_in_time_again_and_again_it_keeps_its_wall_time_and_never_comes_twice(
    text: str, moment: tuple[str, datetime], minutes: int
) -> None:
    zone, change = moment
    wall = change.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(minutes=minutes)
    start = wall.date() - 10 * DAY
    due = Due(start, wall.time(), zone)
    for _ in range(12):
        at = instant(due, zone)
        assert at is not None
        following = next_due(Recurrence(parse(text)), due, start=start, now=at - HOUR, viewer_zone="UTC")
        assert following is not None
        assert (following.time, following.zone) == (due.time, due.zone)
        later = instant(following, zone)
        assert later is not None
        assert later > at
        due = following


@given(moment=odd_moments, hour=st.integers(0, 23), interval=st.integers(1, 40), after=st.integers(-48, 48))
def test_counted_from_completion_it_is_counted_from_the_local_day(
    moment: tuple[str, datetime], hour: int, interval: int, after: int
) -> None:
    zone, change = moment
    now = change + after * HOUR
    due = Due(change.date() - 3 * DAY, time(hour), zone)
    recurrence = Recurrence(parse(f"FREQ=DAILY;INTERVAL={interval}"), "completion")

    found = next_due(recurrence, due, start=due.date, now=now, viewer_zone="UTC")

    assert found == Due(now.astimezone(ZoneInfo(zone)).date() + interval * DAY, due.time, zone)
