"""Files of other programs, written after their documentation: what comes of them, and what is lost."""

import json
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime, time
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.formats import FORMATS
from backend.formats.items import Broken, Item, Loss, Unreadable

NOW = datetime(2027, 2, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))
TODOIST = b"""\xef\xbb\xbfTYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DURATION
task,Pay rent @bank,"To the
landlord",1,1,Ada (1),Bob (2),every 1st at 9am,en,Europe/Berlin,15
note,Ask first,,,,Ada (1),,,,,
task,Find the letter,,4,2,Ada (1),,2027-03-05,en,,
section,Later,,,,,,,,,
,,,,,,,,,,
task,Call mum,,2,1,Ada (1),,alle zwei Wochen,de,,
"""
MICROSOFT = [
    {
        "id": "list-1",
        "displayName": "Home",
        "tasks": [
            {
                "id": "task-1",
                "title": "Pay rent",
                "status": "completed",
                "importance": "high",
                "body": {"content": "To the landlord", "contentType": "text"},
                "categories": ["bank"],
                "createdDateTime": "2027-01-01T10:00:00.1234567Z",
                "completedDateTime": {"dateTime": "2027-02-27T23:00:00.0000000", "timeZone": "UTC"},
                "dueDateTime": {"dateTime": "2027-02-28T23:00:00.0000000", "timeZone": "UTC"},
                "reminderDateTime": {"dateTime": "2027-03-01T08:00:00.0000000", "timeZone": "W. Europe Standard Time"},
                "isReminderOn": True,
                "recurrence": {
                    "pattern": {"type": "relativeMonthly", "interval": 2, "daysOfWeek": ["monday"], "index": "last"},
                    "range": {"type": "endDate", "startDate": "2027-03-01", "endDate": "2027-12-31"},
                },
                "checklistItems": [{"id": "step-1", "displayName": "Find the letter", "isChecked": True}],
                "linkedResources": [{"id": "x"}],
            },
            {"no": "title"},
        ],
    }
]
VIKUNJA = [
    {
        "id": 1,
        "title": "Home",
        "hex_color": "E8E8E8",
        "tasks": [
            {
                "id": 7,
                "title": "Find the letter",
                "related_tasks": {"parenttask": [{"id": 8, "title": "Pay rent"}]},
                "due_date": "0001-01-01T00:00:00Z",
            },
            {
                "id": 8,
                "title": "Pay rent",
                "description": "<p>To the <b>landlord</b></p>",
                "done": True,
                "done_at": "2027-02-28T10:00:00Z",
                "due_date": "2027-03-01T08:00:00Z",
                "priority": 5,
                "labels": [{"id": 1, "title": "bank"}],
                "reminders": [{"reminder": "2027-03-01T07:00:00Z"}],
                "repeat_after": 1_209_600,
                "repeat_mode": 2,
                "comments": [{"comment": "Ask first"}],
            },
        ],
    },
    {"id": 2, "title": "Bank", "parent_project_id": 1, "tasks": None},
]


def zipped(name: str, content: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def read(form: str, content: bytes) -> list[Any]:
    return list(FORMATS[form].read(BytesIO(content), NOW))


def test_a_file_of_todoist() -> None:
    rent, comment, letter, section, mum = read("todoist", TODOIST)

    assert rent.fields == {
        "title": "Pay rent",
        "description": "To the\nlandlord",
        "labels": ["bank"],
        "priority": "high",
        "due_date": date(2027, 3, 1),
        "due_time": time(9),
        "recurrence": {"rule": "FREQ=MONTHLY;BYMONTHDAY=1", "anchor": "due"},
        "time_zone": "Europe/Berlin",
    }
    assert list(rent.losses) == ["assignee", "duration"]
    assert (comment.name, section.name) == ("comments", "sections")
    assert (letter.parent, letter.fields) == (rent.source, {"title": "Find the letter", "due_date": "2027-03-05"})
    assert (mum.parent, list(mum.losses), mum.fields) == (None, ["date"], {"title": "Call mum", "priority": "medium"})


def test_a_backup_of_todoist_has_a_project_a_file() -> None:
    project, *tasks = read("todoist", zipped("Home [220].csv", TODOIST))

    assert project == Item("project", 3, "Home", {"name": "Home"})
    assert {task.project for task in tasks if isinstance(task, Item)} == {"Home"}


@pytest.mark.parametrize("wrap", [lambda lists: lists, lambda lists: {"value": lists}])
def test_lists_of_microsoft_to_do(wrap: Any) -> None:
    project, rent, step, broken = read("microsoft", json.dumps(wrap(MICROSOFT)).encode())

    assert project == Item("project", 1, "list-1", {"name": "Home"})
    assert rent.fields == {
        "title": "Pay rent",
        "description": "To the landlord",
        "priority": "high",
        "labels": ["bank"],
        "created_at": "2027-01-01T10:00:00.1234567Z",
        "completed": True,
        "completed_at": datetime(2027, 2, 27, 23, tzinfo=UTC),
        "due_date": date(2027, 3, 1),
        "reminders": ["2027-03-01T07:00:00Z"],
        "recurrence": {"rule": "FREQ=MONTHLY;INTERVAL=2;UNTIL=20271231;BYDAY=MO;BYSETPOS=-1", "anchor": "due"},
    }
    assert list(rent.losses) == ["links"]
    assert (step.parent, step.fields) == ("task-1", {"title": "Find the letter", "completed": True})
    assert isinstance(broken, Unreadable)


def test_an_export_of_vikunja() -> None:
    home, bank, letter, rent = read("vikunja", zipped("data.json", json.dumps(VIKUNJA).encode()))

    assert home.fields == {"name": "Home", "color": "#e8e8e8", "archived": False}
    assert bank.parent == "1"
    assert (letter.parent, letter.fields) == ("8", {"title": "Find the letter"})
    assert rent.fields == {
        "title": "Pay rent",
        "description": "To the landlord",
        "priority": "high",
        "labels": ["bank"],
        "completed": True,
        "completed_at": datetime(2027, 2, 28, 10, tzinfo=UTC),
        "due_date": date(2027, 3, 1),
        "due_time": "09:00:00",
        "time_zone": "Europe/Berlin",
        "reminders": ["2027-03-01T07:00:00Z"],
        "recurrence": {"rule": "FREQ=WEEKLY;INTERVAL=2", "anchor": "completion"},
    }
    assert list(rent.losses) == ["comments"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<p>The <b>fern</b> &amp; the<br>cactus</p><ul><li>one</li><li>two</li></ul>",
            "The fern & the\ncactus\none\ntwo",
        ),
        ('<p><a target="_blank" href="https://example.com/?a=1&amp;b=2">here</a></p>', "here"),
        ("<p>1 &lt; 2</p>", "1 < 2"),
        ("1 < 2", "1 < 2"),
        ("a < b > c", "a < b > c"),
        ("no tags &amp;", "no tags &amp;"),
        ("<a " * 200_000, ("<a " * 200_000).strip()),
        ("<" + "a" * 1_000_000, "<" + "a" * 1_000_000),
    ],
    ids=lambda text: text[:20],
)
def test_a_description_in_html_is_its_text(html: str, text: str) -> None:
    content = json.dumps([{"id": 1, "title": "a", "tasks": [{"id": 1, "title": "a", "description": html}]}]).encode()

    _, task = read("vikunja", zipped("data.json", content))

    assert task.fields["description"] == text[:16_384]


@pytest.mark.parametrize(
    ("field", "value", "lost"),
    [("repeat_after", 86_400 * 1_002, "recurrence"), ("description", "x" * 20_000, "end of description")],
)
def test_of_what_we_do_not_take_vikunja_loses_the_field_and_not_the_task(field: str, value: Any, lost: str) -> None:
    task = {"id": 7, "title": "Pay rent", "due_date": "2027-03-01T08:00:00Z", field: value}
    content = json.dumps([{"id": 1, "title": "Home", "tasks": [task]}]).encode()

    _, rent = read("vikunja", zipped("data.json", content))

    assert list(rent.losses) == [lost]
    assert len(rent.fields.get("description", "")) in (0, 16_384)
    assert "recurrence" not in rent.fields


NO_FILES = {
    "nothing": b"",
    "nul": b"\0",
    "utf-16": b"\xff\xfe",
    "half an object": b"{",
    "numbers": b"[1]",
    "half a calendar": b"BEGIN:VCALENDAR\r\nX",
    "half an archive": b"PK\3\4",
    "an archive of nothing": zipped("x", b""),
}


@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize("content", NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_of_a_format_is_broken_or_empty(form: str, content: bytes) -> None:
    found: list[Any] = []
    with suppress(Broken):
        found = read(form, content)

    assert not [one for one in found if isinstance(one, Item | Loss)]
