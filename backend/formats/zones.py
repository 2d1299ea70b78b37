"""Time zones by the names that other programs give them. Pure."""

from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from backend.domain import due

__all__ = ["zone_named"]
del due  # it has zones be those of the tzdata package


_MOST_PARTS = 3
"""`America/Argentina/Ushuaia`."""


@lru_cache(maxsize=1_000)
def zone_named(name: str) -> str | None:
    """The IANA name of a zone, also of Windows' names and of paths that end in one; None if there is none."""
    parts = name.strip().strip("/").split("/")
    candidates = [
        WINDOWS_TO_OLSON.get(name, ""),
        *("/".join(parts[start:]) for start in range(max(0, len(parts) - _MOST_PARTS), len(parts))),
    ]
    return next((candidate for candidate in candidates if candidate and _is_zone(candidate)), None)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True
