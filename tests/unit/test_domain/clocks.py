"""What clocks in the world's zones do, found by asking them hour by hour, without the library's idea of a fold."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)

ODD_ZONES = {
    "America/New_York": 2027,
    "America/St_Johns": 2006,  # at one minute past midnight
    "America/Sao_Paulo": 2018,  # midnight is skipped
    "Europe/Berlin": 2027,
    "Europe/London": 2027,
    "Africa/Cairo": 2027,  # midnight is skipped
    "Africa/Casablanca": 2025,  # an hour back for Ramadan
    "Antarctica/Troll": 2027,  # two hours
    "Asia/Tehran": 2021,
    "Asia/Beirut": 2027,
    "Australia/Lord_Howe": 2027,  # half an hour
    "Australia/Sydney": 2027,
    "Pacific/Apia": 2011,  # 30 December is skipped
    "Pacific/Chatham": 2027,
}
"""Zones, and a year in which their clocks change."""


def offset(zone: str, at: datetime) -> timedelta:
    """How far a zone is from UTC at an instant."""
    found = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert found is not None
    return found


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The hours in which a zone's clocks change in its odd year."""
    return tuple(_changes(zone, datetime(ODD_ZONES[zone], 1, 1, tzinfo=UTC)))


def _changes(zone: str, at: datetime) -> Iterator[datetime]:
    for _ in range(365 * 24):
        if offset(zone, at) != offset(zone, at + HOUR):
            yield at
        at += HOUR


def when(wall: datetime, zone: str) -> datetime:
    """The first instant at which a clock shows this; if none does, when it shows what is later by the gap."""
    around = {offset(zone, wall.replace(tzinfo=UTC) + hours * HOUR) for hours in range(-36, 37, 6)}
    shown = [wall.replace(tzinfo=UTC) - one for one in around if offset(zone, wall.replace(tzinfo=UTC) - one) == one]
    return min(shown) if shown else when(wall + (max(around) - min(around)), zone)
