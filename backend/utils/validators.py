"""The rules for text, ids, dates and zones that arrive from outside, as annotated types."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    EmailStr,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    validate_email,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

_CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WALL_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_DURATION = re.compile(r"P(\d{1,3}W|(?=[\dT])(\d{1,3}D)?(T(?=\d)(\d{1,3}H)?(\d{1,4}M)?(\d{1,5}S)?)?)", re.ASCII)
_CALENDAR_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII)


LONGEST_RUN = 30
"""Combining characters in a row: the bound of UAX #15's Stream-Safe Text Format. Languages need a handful."""

# Starters by their class that decompose into combining characters alone.
_COMBINING_IN_DISGUISE = frozenset("\u0f73\u0f75\u0f81")


def _too_combined(text: str) -> bool:
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) or character in _COMBINING_IN_DISGUISE else 0
        if run > LONGEST_RUN:
            return True
    return False


def storable(value: Any) -> Any:
    """Text in normal form C. PostgreSQL stores any Unicode text but for NUL, which is refused."""
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise PydanticCustomError("nul_character", "The character U+0000 is not allowed")
    if value.isascii():
        return value
    if _too_combined(value):
        # Putting them in order takes quadratic time: 60,000 of them stop the process for five seconds.
        raise PydanticCustomError("combining_marks", "More than 30 combining characters in a row are not allowed")
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
    if type(value) is not date and not (isinstance(value, str) and _CALENDAR_DATE.fullmatch(value)):
        raise PydanticCustomError("date_form", "Write the date as YYYY-MM-DD")
    return value


def wall_time(value: Any) -> Any:
    """Only `HH:MM` or `HH:MM:SS`: pydantic would take a number of seconds, fractions and offsets too."""
    if type(value) is not time and not (isinstance(value, str) and _WALL_TIME.fullmatch(value)):
        raise PydanticCustomError("time_form", "Write the time as HH:MM or HH:MM:SS")
    return value


def reminder(value: str) -> str:
    """An instant (RFC 3339), which becomes UTC, or a duration (ISO 8601: weeks, or days to seconds) as it came."""
    if _DURATION.fullmatch(value):
        return value
    try:
        instant = datetime.fromisoformat(value) if _INSTANT.fullmatch(value) else None
        utc = instant and instant.astimezone(UTC)
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        message = "Write an instant like 2027-03-01T08:00:00Z, or a duration before the due time like PT15M"
        raise PydanticCustomError("reminder_form", message)
    finite_date(utc.date())
    return utc.isoformat().replace("+00:00", "Z")


def all_different(values: list[str]) -> list[str]:
    """The texts, each once, in whatever capitals it is written: the first of them stays."""
    different: dict[str, str] = {}
    for value in values:
        different.setdefault(value.casefold(), value)
    return list(different.values())


def finite_date(value: date) -> date:
    """The first and the last date of Python's calendar are PostgreSQL's minus and plus infinity to the driver."""
    if value in (date.min, date.max):
        raise PydanticCustomError("date_range", "Choose a date from 0001-01-02 to 9999-12-30")
    return value


def instant(value: Any) -> Any:
    """Only RFC 3339 with an offset: pydantic would take a number for seconds since 1970, and much besides."""
    if not (isinstance(value, str) and _INSTANT.fullmatch(value)):
        raise PydanticCustomError("instant_form", "Write the instant as 2027-03-01T09:00:00Z; a + in a URL is %2B")
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("instant_range", "There is no such instant") from error
    finite_date(moment.date())
    return moment


def day_or_instant(value: Any) -> Any:
    """A date or an instant, each in its only form."""
    if isinstance(value, str) and len(value) <= len("YYYY-MM-DD"):
        try:
            day = date.fromisoformat(calendar_date(value))
        except ValueError as error:
            raise PydanticCustomError("date_form", "Name a day there is, as YYYY-MM-DD") from error
        return finite_date(day)
    return instant(value)


def id_or_none(value: Any) -> Any:
    """An id in its canonical form, or the word `none`."""
    if value == "none":
        return value
    return UUID(canonical_uuid(value)) if isinstance(value, str) else value


def true_or_false(value: Any) -> Any:
    """Only what JSON writes, also in a query string: pydantic would take `yes`, `on` and `1` too."""
    if isinstance(value, str) and value not in ("true", "false"):
        raise PydanticCustomError("bool_form", "Write true or false")
    return value


def plain_number(value: Any) -> Any:
    """Only digits, in a query string: pydantic would take `5.0`, `1_0` and spaces around too."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise PydanticCustomError("int_form", "Write a whole number in digits")
    return value


def json_number(value: Any) -> Any:
    """Only what JSON takes for a number: pydantic would take `"5"` and `true` too. `5.0` is the same number as `5`."""
    if isinstance(value, str | bool):
        raise PydanticCustomError("int_form", "Write a whole number in digits")
    return value


@cache
def _zones() -> frozenset[str]:
    # The same everywhere. The machine's own list takes 100 ms to walk, and has files such as `localtime` beside it.
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


_TAKEN_FOR_OFFSETS = {
    "CET": "Europe/Brussels",
    "MET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}
"""Old names of zones, with those they are links to: PostgreSQL takes them for abbreviations, without summer time."""


def iana_zone(name: str) -> str:
    """A name of the IANA time zone database."""
    if name not in _zones():
        raise PydanticCustomError("unknown_time_zone", "Name a zone of the IANA database, like Europe/Berlin")
    return _TAKEN_FOR_OFFSETS.get(name, name)


def bare_address(value: Any) -> Any:
    """Only the address: pydantic would take `Ada <ada@example.com>` too, and drop the name."""
    if isinstance(value, str) and "<" in value:
        raise PydanticCustomError("email_form", "Write the address alone, like ada@example.com")
    return value


def as_registered(address: str) -> str:
    """The address as `Email` would keep it, so that it is found again. What is no address stays: it is only wrong."""
    try:
        return validate_email(address)[1]
    except PydanticCustomError:
        return address


@dataclass(frozen=True, slots=True)
class _Cleaning(BeforeValidator):
    """Cleans text before it is validated. The JSON schema's `pattern` says what text it refuses."""

    pattern: str = ""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        return schema if "format" in schema else {**schema, "pattern": self.pattern}


# Named last in an `Annotated[str, Field(max_length=…), Text]`, these run first: limits count what would be stored.
Text = _Cleaning(storable, pattern=r"^[^\u0000]*$")
"""Any Unicode text."""

Line = _Cleaning(trimmed, pattern=r"^\s*[^\s\u0000][^\u0000]*$")
"""Text without white space around it."""

TrueOrFalse = BeforeValidator(true_or_false)
"""`true` or `false`, of a query string."""

PlainNumber = BeforeValidator(plain_number)
"""A whole number, of a query string."""

WholeNumber = BeforeValidator(json_number)
"""A whole number, of a body."""

GivenInstant = Annotated[AwareDatetime, BeforeValidator(instant)]
"""An instant with its offset, of a query string; in UTC."""

DayOrInstant = Annotated[AwareDatetime | date, BeforeValidator(day_or_instant)]
"""A date or an instant with its offset, of a query string; an instant is in UTC."""

IdOrNone = Annotated[UUID | Literal["none"], BeforeValidator(id_or_none)]
"""An id or `none`, of a query string."""

Color = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$", examples=["#2e86de"]), AfterValidator(str.lower)]
"""A color as CSS writes it in full, in small letters."""

Id = Annotated[UUID, BeforeValidator(canonical_uuid)]
"""A UUID in its canonical form."""

CalendarDate = Annotated[date, BeforeValidator(calendar_date), AfterValidator(finite_date)]
"""A date, `YYYY-MM-DD`."""

# JSON Schema's own "time" has an offset from UTC, which no clock on a wall shows.
WallTime = Annotated[
    time, BeforeValidator(wall_time), WithJsonSchema({"type": "string", "pattern": f"^{_WALL_TIME.pattern}$"})
]
"""A time of day, `HH:MM` or `HH:MM:SS`."""

_REMINDER_FORMS: JsonSchemaValue = {
    "anyOf": [
        {"type": "string", "format": "date-time", "maxLength": 40},
        {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
    ]
}
Reminder = Annotated[str, Field(max_length=40), AfterValidator(reminder), WithJsonSchema(_REMINDER_FORMS)]
"""An instant, or a duration before the due time."""

AllDifferent = AfterValidator(all_different)
"""Each text of a list once, whatever its capitals."""

TimeZone = Annotated[str, AfterValidator(iana_zone)]
"""An IANA zone name."""

Email = Annotated[EmailStr, Field(max_length=254), BeforeValidator(bare_address), Text]
"""An e-mail address that could receive mail; its domain is not looked up."""

GivenEmail = Annotated[str, Field(max_length=254), AfterValidator(as_registered), Text]
"""What somebody typed as their e-mail address."""

Password = Annotated[str, Field(min_length=8, max_length=256), Text]
"""Any 8 to 256 characters (NIST SP 800-63B: no rules of composition)."""

GivenPassword = Annotated[str, Field(max_length=256), Text]
"""What somebody typed as their password."""
