"""Reminders: instants, or durations before a task is due. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def moved(reminders: Iterable[str], days: int, zone: str) -> list[str]:
    """The reminders of a task that is due so many days later: instants move along, by the clock of the zone."""
    return [reminder if reminder.startswith("P") else _later(reminder, days, ZoneInfo(zone)) for reminder in reminders]


def _later(reminder: str, days: int, zone: ZoneInfo) -> str:
    local = datetime.fromisoformat(reminder).astimezone(zone)
    # Adding to what is aware adds to the clock on the wall; of a time that comes twice, the first is meant.
    later = (local + timedelta(days=days)).replace(fold=0)
    return later.astimezone(UTC).isoformat().replace("+00:00", "Z")
