"""The rules for text, ids, dates and zones that arrive from outside, as annotated types."""

import re
import unicodedata
from datetime import date
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field
from pydantic_core import PydanticCustomError

_CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CALENDAR_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def storable(value: Any) -> Any:
    """Text in normal form C. PostgreSQL stores any Unicode text but for NUL, which is refused."""
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise PydanticCustomError("nul_character", "The character U+0000 is not allowed")
    return unicodedata.normalize("NFC", value)


def trimmed(value: Any) -> Any:
    """Storable text without white space around it."""
    return storable(value.strip() if isinstance(value, str) else value)


def canonical_uuid(value: Any) -> Any:
    """Only the form of RFC 9562 section 4: pydantic would take braces, URNs and bare digits too."""
    if isinstance(value, str) and not _CANONICAL_UUID.fullmatch(value):
        raise PydanticCustomError("uuid_form", "Write the id as 8-4-4-4-12 hexadecimal digits")
    return value


def calendar_date(value: Any) -> Any:
    """Only `YYYY-MM-DD`: pydantic would take a number for days or seconds since 1970, and a midnight for a date."""
    if not isinstance(value, date) and not (isinstance(value, str) and _CALENDAR_DATE.fullmatch(value)):
        raise PydanticCustomError("date_form", "Write the date as YYYY-MM-DD")
    return value


def iana_zone(name: str) -> str:
    """A name of the IANA time zone database."""
    if name not in available_timezones():
        raise PydanticCustomError("unknown_time_zone", "Name a zone of the IANA database, like Europe/Berlin")
    return name


# Named last in an `Annotated[str, Field(max_length=…), Text]`, these run first: limits count what would be stored.
Text = BeforeValidator(storable)
"""Any Unicode text."""

Line = BeforeValidator(trimmed)
"""Text without white space around it."""

Id = Annotated[UUID, BeforeValidator(canonical_uuid)]
"""A UUID in its canonical form."""

CalendarDate = Annotated[date, BeforeValidator(calendar_date)]
"""A date, `YYYY-MM-DD`."""

TimeZone = Annotated[str, AfterValidator(iana_zone)]
"""An IANA zone name."""

Email = Annotated[EmailStr, Field(max_length=254), Text]
"""An e-mail address that could receive mail; its domain is not looked up."""

Password = Annotated[str, Field(min_length=8, max_length=256), Text]
"""Any 8 to 256 characters (NIST SP 800-63B: no rules of composition)."""
