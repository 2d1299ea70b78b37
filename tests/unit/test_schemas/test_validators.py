"""Ids, dates, time zones and e-mail addresses from outside: one form each, nothing that merely resembles it."""

from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from backend.utils.validators import CalendarDate, Email, GivenEmail, Id, TimeZone

ID: TypeAdapter[UUID] = TypeAdapter(Id)
DATE: TypeAdapter[date] = TypeAdapter(CalendarDate)
ZONE: TypeAdapter[str] = TypeAdapter(TimeZone)
EMAIL: TypeAdapter[str] = TypeAdapter(Email)
GIVEN: TypeAdapter[str] = TypeAdapter(GivenEmail)

SOME = "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"


def refused(adapter: TypeAdapter[Any], value: Any) -> bool:
    """Whether the value is refused, as a fault of the input and not as a failure of ours."""
    try:
        adapter.validate_python(value)
    except ValidationError:
        return True
    return False


@given(st.uuids())
def test_an_id_is_taken_in_its_canonical_form_in_either_case(value: UUID) -> None:
    assert ID.validate_python(str(value)) == value
    assert ID.validate_python(str(value).upper()) == value


@given(st.text() | st.uuids().flatmap(lambda value: st.sampled_from([value.hex, f"{{{value}}}", value.urn])))
@example("")
@example(f" {SOME}")
@example(f"{SOME}\n")
@example(SOME[:-1])
@example(f"{SOME}0")
@example(SOME.replace("-", "_"))
@example(SOME.replace("0", "\uff10"))
@example(SOME.replace("f", "g"))
def test_an_id_in_any_other_form_is_refused(text: str) -> None:
    assert refused(ID, text)


@given(st.dates())
def test_a_date_is_taken_as_year_month_and_day(day: date) -> None:
    assert DATE.validate_python(day.isoformat()) == day


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True))
def test_a_date_must_be_in_the_calendar(text: str) -> None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        assert refused(DATE, text)
    else:
        assert DATE.validate_python(text) == day


@pytest.mark.parametrize("text", ["2028-02-29", "2000-02-29", "0004-02-29", "9999-12-30", "0001-01-02"])
def test_a_leap_day_and_nearly_the_ends_of_the_calendar_are_dates(text: str) -> None:
    assert DATE.validate_python(text).isoformat() == text


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01"])
def test_what_the_database_would_keep_as_infinity_is_refused(text: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        DATE.validate_python(text)
    assert [fault["type"] for fault in refusal.value.errors()] == ["date_range"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2027-02-29", id="29 February of a common year"),
        pytest.param("1900-02-29", id="29 February 1900"),
        pytest.param("2100-02-29", id="29 February 2100"),
        pytest.param("2027-04-31", id="31 April"),
        pytest.param("0000-01-01", id="the year 0"),
        pytest.param("2027-1-1", id="no leading zeros"),
        pytest.param("20270101", id="basic form"),
        pytest.param("2027-W01-1", id="week date"),
        pytest.param("2027-001", id="ordinal date"),
        pytest.param("+2027-01-01", id="a sign"),
        pytest.param("12027-01-01", id="five digits of year"),
        pytest.param("2027/01/01", id="slashes"),
        pytest.param("01.02.2027", id="day first"),
        pytest.param(" 2027-01-01", id="a space in front"),
        pytest.param("2027-01-01\n", id="a line break at the end"),
        pytest.param("\uff12027-01-01", id="a full-width digit"),
        pytest.param("2027-01-01T00:00:00", id="a midnight"),
        pytest.param("2027-01-01T00:00:00Z", id="an instant"),
        pytest.param("today", id="a word"),
        pytest.param("1798761600", id="seconds, as text"),
        pytest.param("", id="nothing"),
        pytest.param(0, id="zero"),
        pytest.param(1_798_761_600, id="seconds"),
        pytest.param(20_089.0, id="a float"),
        pytest.param(True, id="true"),
        pytest.param(None, id="null"),
        pytest.param([2027, 1, 1], id="a list"),
        pytest.param(datetime(2027, 1, 1, tzinfo=UTC), id="a datetime at midnight"),
    ],
)
def test_what_is_no_date_is_refused(value: Any) -> None:
    assert refused(DATE, value)


@pytest.mark.parametrize(
    "name",
    ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kathmandu", "Etc/GMT+12", "Australia/Lord_Howe"],
)
def test_a_zone_of_the_iana_database_is_taken(name: str) -> None:
    assert ZoneInfo(ZONE.validate_python(name)).key == name


@pytest.mark.parametrize(
    ("name", "place"), [("CET", "Europe/Brussels"), ("EET", "Europe/Athens"), ("WET", "Europe/Lisbon")]
)
def test_a_zone_that_postgresql_takes_for_an_offset_is_kept_as_the_place_it_stands_for(name: str, place: str) -> None:
    assert ZONE.validate_python(name) == place


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Europe/Atlantis", id="a place that is not"),
        pytest.param("europe/berlin", id="another case"),
        pytest.param("CEST", id="an abbreviation"),
        pytest.param("+02:00", id="an offset"),
        pytest.param("Europe", id="a folder"),
        pytest.param(" UTC", id="a space"),
        pytest.param("UTC\0", id="NUL"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("", id="nothing"),
        pytest.param("localtime", id="whatever the server is set to"),
        pytest.param("posixrules", id="a file beside the zones"),
        pytest.param("right/UTC", id="a zone that counts leap seconds"),
        pytest.param("../zoneinfo/UTC", id="a path"),
        pytest.param("/etc/localtime", id="a file"),
        pytest.param(None, id="null"),
        pytest.param(1, id="a number"),
    ],
)
def test_what_is_no_zone_is_refused(value: Any) -> None:
    assert refused(ZONE, value)


@pytest.mark.parametrize(
    ("given_address", "kept"),
    [
        pytest.param("ada@example.com", "ada@example.com", id="plain"),
        pytest.param("Ada.Lovelace+tasks@Example.COM", "Ada.Lovelace+tasks@example.com", id="only hosts have no case"),
        pytest.param("e\u0301va@example.com", "\u00e9va@example.com", id="normal form"),
        pytest.param("ada@xn--bcher-kva.example.com", "ada@b\u00fccher.example.com", id="punycode"),
        pytest.param("a" * 64 + "@example.com", "a" * 64 + "@example.com", id="longest local part"),
    ],
)
def test_an_address_that_could_receive_mail_is_taken(given_address: str, kept: str) -> None:
    assert EMAIL.validate_python(given_address) == kept
    assert EMAIL.validate_python(kept) == kept
    assert GIVEN.validate_python(given_address) == kept, "so that signing in finds it"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("ada", id="no host"),
        pytest.param("@example.com", id="nobody"),
        pytest.param("ada@", id="nowhere"),
        pytest.param("ada@localhost", id="this machine"),
        pytest.param("ada@[127.0.0.1]", id="an IP address"),
        pytest.param("ada@example", id="a host without a dot"),
        pytest.param("ada@@example.com", id="two at signs"),
        pytest.param("ada lovelace@example.com", id="a space inside"),
        pytest.param("Ada <ada@example.com>", id="a display name"),
        pytest.param("<ada@example.com>", id="angle brackets"),
        pytest.param("ada@example.com, eve@example.com", id="two addresses"),
        pytest.param("ada@example.com\r\nBcc: eve@example.com", id="a header of its own"),
        pytest.param("ada\0@example.com", id="NUL"),
        pytest.param("ada\ud800@example.com", id="a lone surrogate"),
        pytest.param("a" * 250 + "@example.com", id="too long"),
        pytest.param("", id="nothing"),
        pytest.param(None, id="null"),
        pytest.param(1, id="a number"),
    ],
)
def test_what_could_not_receive_mail_is_refused(value: Any) -> None:
    assert refused(EMAIL, value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0@"), max_size=80).map(partial(normalize, "NFC")))
def test_signing_in_with_what_is_no_address_is_only_wrong(text: str) -> None:
    assert GIVEN.validate_python(text) == text
