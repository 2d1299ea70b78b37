"""The lines of an iCalendar file (RFC 5545 section 3.1): values as text, and lines folded. Pure.

The `icalendar` library takes ten times as long, which is others' time too, and takes `\\N` in a text for a line break.
"""

import datetime as dt
import re
from functools import cache

PRIORITIES = {"high": "1", "medium": "5", "low": "9"}
"""As RFC 5545 counts them (section 3.8.1.9)."""

_LONGEST = 75
"""Octets of a line, without its end."""
_WITHIN_A_CHARACTER = 0x80, 0xBF
"""Octets of UTF-8 that begin none."""
# RFC 5545 has no way to write them (section 3.3.11).
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPED = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\r\n": "\\n", "\r": "\\n", "\n": "\\n"}


def text(value: str) -> str:
    """A value of type TEXT. What no calendar may have, a control character, becomes U+FFFD."""
    # Faster than a table of characters, and than a pattern.
    for plain, escaped in _ESCAPED.items():
        value = value.replace(plain, escaped)
    return _CONTROL.sub("\ufffd", value)


def line(name: str, value: str) -> bytes:
    """A property; `name` with its parameters. No character and no escape is split where it is folded."""
    octets = f"{name}:{value}".encode()
    parts, begin, room = [], 0, _LONGEST
    while len(octets) - begin > room:
        end = _fold(octets, begin, begin + room)
        parts.append(octets[begin:end])
        # Those that continue it begin with a space.
        begin, room = end, _LONGEST - 1
    return b"\r\n ".join([*parts, octets[begin:]]) + b"\r\n"


def _fold(octets: bytes, begin: int, end: int) -> int:
    first, last = _WITHIN_A_CHARACTER
    while first <= octets[end] <= last:
        end -= 1
    backslashes = end - begin - len(octets[begin:end].rstrip(b"\\"))
    return end - backslashes % 2


def date(value: dt.date) -> str:
    """A value of type DATE."""
    return value.isoformat().replace("-", "")


def wall(value: dt.datetime) -> str:
    """A value of type DATE-TIME, by the clock that it is of: whole seconds, and no zone."""
    return value.replace(tzinfo=None).isoformat(timespec="seconds").replace("-", "").replace(":", "")


def instant(value: dt.datetime) -> str:
    """A value of type DATE-TIME, in UTC."""
    return f"{wall(value.astimezone(dt.UTC))}Z"


# For good: there are some 600, and each takes 20 ms.
@cache
def time_zone(name: str) -> bytes:
    """The description of a zone, which has to be in a file whose times name it."""
    from icalendar import Timezone  # noqa: PLC0415 (a start must not pay for it)

    described: bytes = Timezone.from_tzid(name).to_ical()
    return described
