"""Reminders that move along with their task, up to the ends of the calendar."""

import pytest

from backend.domain.reminders import moved


def test_instants_move_by_the_clock_of_the_zone_and_durations_stay() -> None:
    before_summer_time = "2027-03-27T08:00:00Z"

    assert moved(["PT15M", before_summer_time], 1, "Europe/Berlin") == ["PT15M", "2027-03-28T07:00:00Z"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
@pytest.mark.parametrize(
    ("reminder", "days"),
    [
        ("9999-12-31T23:00:00Z", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("9999-12-01T23:00:00Z", 40_000),
        ("9999-12-30T12:00:00Z", 1),
        ("0001-01-02T00:00:00Z", -7),
    ],
)
def test_what_would_leave_the_calendar_stays(reminder: str, days: int, zone: str) -> None:
    assert moved([reminder], days, zone) == [reminder]
