"""Reminders: instants, or durations before a task is due. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def moved(reminders: Iterable[str], days: int, zone: str) -> list[str]:
    """The reminders of a task that is due so many days later: instants move along, by the clock of the zone. What would
    leave the calendar stays.
    """
    return [reminder if reminder.startswith("P") else _later(reminder, days, ZoneInfo(zone)) for reminder in reminders]


def _later(reminder: str, days: int, zone: ZoneInfo) -> str:
    try:
        local = datetime.fromisoformat(reminder).astimezone(zone)
        # Adding to what is aware adds to the clock on the wall; of a time that comes twice, the first is meant.
        later = (local + timedelta(days=days)).replace(fold=0).astimezone(UTC)
    except OverflowError:
        return reminder
    # No reminder is on the first or last day there is, so that no zone leads beyond them.
    return reminder if later.date() in (date.min, date.max) else later.isoformat().replace("+00:00", "Z")
