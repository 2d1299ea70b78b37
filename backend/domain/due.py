"""When a task is due, and from when it is overdue. Pure.

Wall time first, instant second: a time of day is kept across DST, and becomes an instant only where it is compared. A
time that a clock skips moves forward by the length of the gap; of a time that comes twice, the first is meant. That is
what Python does with `fold=0` (PEP 495).
"""

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from zoneinfo import ZoneInfo

# Zones are those of the tzdata package, pinned like all else: an operating system's may be years behind.
zoneinfo.reset_tzpath(())

_DAY = dt.timedelta(days=1)
_MIDNIGHT = dt.time()


@dataclass(frozen=True, slots=True)
class Due:
    """A date alone is the whole day; with a time and a zone, an instant that keeps its wall time; with a time and no
    zone, whatever instant that is where the viewer is.

    Dates go from 0001-01-02 to 9999-12-30, so that no zone leads out of the calendar; zones are of the IANA database.
    """

    date: dt.date
    time: dt.time | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        if self.zone is not None and self.time is None:
            raise ValueError("A zone needs a time: a whole day is the same day everywhere")


def instant(due: Due, viewer_zone: str) -> dt.datetime | None:
    """The instant a timed task is due, in UTC; None for a whole day."""
    return None if due.time is None else _utc(due.date, due.time, due.zone or viewer_zone)


def overdue_from(due: Due, viewer_zone: str) -> dt.datetime:
    """The instant from which a task is overdue, in UTC: its own, or for a whole day the first of the viewer's next day.

    Where the clock skips midnight, the next day begins with the gap's end; where it skips the whole next day (Apia,
    30 December 2011), with the day after.
    """
    return instant(due, viewer_zone) or _utc(due.date + _DAY, _MIDNIGHT, viewer_zone)


def local_date(now: dt.datetime, zone: str) -> dt.date:
    """The day it is in a zone at an instant."""
    return now.astimezone(ZoneInfo(zone)).date()


def _utc(date: dt.date, time: dt.time, zone: str) -> dt.datetime:
    return dt.datetime.combine(date, time, ZoneInfo(zone)).astimezone(dt.UTC)
