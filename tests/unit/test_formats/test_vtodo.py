"""iCalendar: what comes of alarms, zones and text, and what is written."""

from datetime import UTC, date, datetime, time
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from icalendar import Calendar

from backend.formats import vtodo, vtodo_writer
from backend.formats.items import Item
from tests.unit.test_formats.test_foreign import NOW


def todo(*lines: str) -> Item:
    text = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VTODO", "SUMMARY:Water", *lines, "END:VTODO", "END:VCALENDAR", ""])
    (item,) = vtodo.read(BytesIO(text.encode()), NOW)
    assert isinstance(item, Item), item
    return item


def alarm(trigger: str) -> list[str]:
    return ["BEGIN:VALARM", f"TRIGGER{trigger}", "END:VALARM"]


DUE = "DUE;TZID=Europe/Berlin:20270301T090000"


@pytest.mark.parametrize(
    ("when", "trigger", "reminder"),
    [
        ([DUE], ";RELATED=END:-PT90S", "PT1M30S"),
        ([DUE], ";RELATED=END:-P200W", "P200W"),
        ([DUE], ";RELATED=END:-P1400D", "P200W"),
        ([DUE], ";RELATED=END:PT0S", "P0D"),
        ([DUE], ";RELATED=END:-P1DT2H", "P1DT2H"),
        ([DUE], ":-PT15M", "PT15M"),
        ([DUE, "DTSTART;TZID=Europe/Berlin:20270301T080000"], ":-PT15M", "PT1H15M"),
        ([DUE, "DTSTART:20270301T070000Z"], ":PT15M", "PT45M"),
        ([DUE, "DTSTART;TZID=Europe/Berlin:20270301T080000"], ";RELATED=END:-PT15M", "PT15M"),
        (["DTSTART:20270301T080000"], ":-PT15M", "2027-03-01T06:45:00Z"),
        (["DTSTART;VALUE=DATE:20270301"], ":PT8H", "2027-03-01T07:00:00Z"),
        ([], ";VALUE=DATE-TIME:20270301T080000Z", "2027-03-01T08:00:00Z"),
        ([], ";VALUE=DATE-TIME:09990301T080000Z", "0999-03-01T08:00:00Z"),
    ],
)
def test_an_alarm_is_a_reminder(when: list[str], trigger: str, reminder: str) -> None:
    item = todo(*when, *alarm(trigger))

    assert (item.fields["reminders"], item.losses) == ([reminder], [])


@pytest.mark.parametrize(
    "trigger",
    [
        ";RELATED=END:-P1401D",
        ";RELATED=END:-P1000W",
        ";RELATED=END:PT15M",
        ":soon",
        ";VALUE=DATE-TIME:20270301T080000",
        ";VALUE=DATE:20270301",
        ":-P99999999999D",
    ],
)
def test_an_alarm_that_cannot_be_one_is_lost_and_the_task_is_not(trigger: str) -> None:
    item = todo(DUE, *alarm(trigger), *alarm(";RELATED=END:-PT15M"))

    assert (item.fields["reminders"], item.losses) == (["PT15M"], ["reminder"])


def test_of_many_alarms_twenty_are_reminders() -> None:
    item = todo(DUE, *(line for minutes in range(30) for line in alarm(f";RELATED=END:-PT{minutes}M")))

    assert (len(item.fields["reminders"]), item.losses) == (20, ["reminder"])


@pytest.mark.parametrize("zone", ["/freeassociation.sourceforge.net/Europe/Berlin", "W. Europe Standard Time"])
def test_a_zone_is_taken_by_any_of_its_names(zone: str) -> None:
    assert todo(f"DUE;TZID={zone}:20270301T090000").fields["time_zone"] == "Europe/Berlin"


def test_a_zone_that_there_is_not_leaves_the_time_wherever_you_are() -> None:
    fields = todo("DUE;TZID=Custom:20270301T090000").fields

    assert (fields["due_time"], "time_zone" in fields) == ("09:00:00", False)


def test_white_space_stays_within_a_title_and_around_a_description() -> None:
    fields = todo(r"DESCRIPTION:  The fern\n too \n").fields

    assert fields["description"] == "  The fern\n too \n"


def test_a_description_that_is_too_long_loses_its_end() -> None:
    item = todo("DESCRIPTION:" + "x" * 20_000)

    assert (len(item.fields["description"]), item.losses) == (16_384, ["end of description"])


def row(**values: Any) -> dict[str, Any]:
    return {
        "id": UUID(int=1),
        "title": "Water  the plants",
        "description": None,
        "priority": "none",
        "labels": [],
        "parent_id": None,
        "project_id": None,
        "completed_at": None,
        "created_at": datetime(2027, 1, 1, tzinfo=UTC),
        "start_date": None,
        "due_date": None,
        "due_time": None,
        "time_zone": None,
        "recurrence_rule": None,
        "reminders": [],
        **values,
    }


TIMED = {"due_date": date(2027, 3, 1), "due_time": time(9), "time_zone": "Europe/Berlin"}


def test_each_zone_is_described_once() -> None:
    writer = vtodo_writer.Writer()
    pieces = [writer.write("task", [row(**TIMED), row(**TIMED)]), writer.write("task", [row(**TIMED)]), writer.end()]

    calendar = Calendar.from_ical(b"".join(pieces))

    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["Europe/Berlin"]
    assert len(calendar.walk("VTODO")) == 3


def test_a_start_is_of_the_type_of_the_due_date() -> None:
    written = vtodo_writer.Writer().write("task", [row(**TIMED, start_date=date(2027, 2, 28))])

    assert b"DTSTART;TZID=Europe/Berlin:20270228T000000\r\nDUE;TZID=Europe/Berlin:20270301T090000\r\n" in written
    all_day = vtodo_writer.Writer().write("task", [row(due_date=date(2027, 3, 1), start_date=date(2027, 2, 28))])
    assert b"DTSTART;VALUE=DATE:20270228\r\nDUE;VALUE=DATE:20270301\r\n" in all_day


@pytest.mark.parametrize("reminder", ["PT90S", "P200W", "P1DT2H", "2027-02-28T08:00:00Z"])
def test_what_is_written_is_read(reminder: str) -> None:
    given = row(**TIMED, start_date=date(2027, 2, 28), reminders=[reminder], description=" The fern\ntoo ")
    writer = vtodo_writer.Writer()

    (item,) = vtodo.read(BytesIO(writer.write("task", [given]) + writer.end()), NOW)

    assert isinstance(item, Item)
    assert (item.fields["title"], item.fields["description"]) == (given["title"], given["description"])
    assert (item.fields["start_date"], item.fields["due_date"]) == (given["start_date"], given["due_date"])
    assert item.fields["reminders"] == ["PT1M30S" if reminder == "PT90S" else reminder]


def test_a_text_comes_back_but_for_control_characters() -> None:
    writer = vtodo_writer.Writer()
    written = writer.write("task", [row(title="See C:\\New\x07, or\ttabs", labels=["a,b", "c\\;"])]) + writer.end()

    (item,) = vtodo.read(BytesIO(written), NOW)

    assert isinstance(item, Item)
    assert (item.fields["title"], item.fields["labels"]) == ("See C:\\New\ufffd, or\ttabs", ["a,b", "c\\;"])
    assert b"\x07" not in written


def test_an_instant_reminds_of_what_is_due_never() -> None:
    writer = vtodo_writer.Writer()
    written = writer.write("task", [row(reminders=["2027-02-28T08:00:00Z", "PT15M"])]) + writer.end()

    (item,) = vtodo.read(BytesIO(written), NOW)

    assert isinstance(item, Item)
    assert item.fields["reminders"] == ["2027-02-28T08:00:00Z"]
