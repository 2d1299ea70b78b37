"""Files that are small, or malformed, and would take gigabytes, minutes, or the process with them."""

import json
import struct
import zipfile
from io import BytesIO
from typing import Any

import pytest

from backend.formats.archives import LARGEST
from backend.formats.items import Broken, Item, Unreadable
from backend.formats.raw_json import MOST_VALUES
from tests.unit.test_formats.test_foreign import VIKUNJA, read, zipped

OWN = b'{"format":"donewell","version":1,"tasks":[%b]}'
MANY = b"0," * MOST_VALUES + b"0"
CALENDAR = b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\n%bEND:VTODO\r\nEND:VCALENDAR\r\n"


def packed(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def many_files() -> bytes:
    """A list of 30,000 files, and an end that says how long it is; what is in none of them."""
    one = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 2, 0, 0, 0, 0, 0x10, 0) + b"a/"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 30_000, 30_000, 30_000 * len(one), 0, 0)
    return 30_000 * one + end


def end_elsewhere() -> bytes:
    whole = packed("data.json", b"[]")
    return whole[:-22] + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1) + whole[-22:]


@pytest.mark.parametrize(
    ("form", "content", "code"),
    [
        ("json", OWN % MANY, "too_many_values"),
        ("json", OWN % (b'{"title":"a","labels":[%b]}' % (b"[]," * MOST_VALUES + b"[]")), "too_many_values"),
        ("microsoft", b'[{"displayName":"a","tasks":[%b]}]' % MANY, "too_many_values"),
        ("vikunja", packed("data.json", b'[{"id":1,"title":"a","tasks":[%b]}]' % MANY), "too_many_values"),
        ("vikunja", packed("data.json", b" " * (LARGEST + 1)), "archive_too_large"),
        ("vikunja", many_files(), "archive_too_large"),
        ("vikunja", end_elsewhere(), "archive_too_large"),
        ("vikunja", packed("data.json", b"[]", zipfile.ZIP_LZMA), "malformed_zip"),
        ("todoist", packed("a.csv", b"TYPE,CONTENT" + b"," * 10_000_000), "line_too_long"),
        ("todoist", b"TYPE,CONTENT" + b"," * 100, "unknown_columns"),
        ("todoist", b"TYPE,CONTENT\n" + b'"a\n",' * 200_000, "line_too_long"),
        ("ics", CALENDAR % (b"DESCRIPTION:x" + b"x" * 2_000_000 + b"\r\n"), "line_too_long"),
        ("ics", CALENDAR % (b"DESCRIPTION:x\r\n" + b" x\r\n" * 1_100_000), "line_too_long"),
        ("todoist", b"TYPE,CONTENT\n" + b",\n" * 200_000, "too_many_rows"),
        ("ics", b"BEGIN:VCALENDAR\n" + b"\n" * 2_000_000 + b"END:VCALENDAR\n", "too_many_lines"),
        ("ics", CALENDAR % (b"X-A:x\r\n" * 20_000), "component_too_large"),
    ],
)
def test_what_would_take_too_much_is_refused(form: str, content: bytes, code: str) -> None:
    with pytest.raises(Broken) as broken:
        read(form, content)

    assert broken.value.code == code


def damaged(content: bytes) -> bytes:
    """An archive of the same list, whose packed bytes are others."""
    whole = bytearray(packed("data.json", content))
    start = whole.index(b"data.json") + len(b"data.json")
    whole[start : start + 20] = b"\xff" * 20
    return bytes(whole)


def other_checksum(content: bytes) -> bytes:
    whole = bytearray(zipped("a.csv", content))
    whole[whole.index(content)] ^= 1
    return bytes(whole)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("vikunja", damaged(json.dumps(VIKUNJA).encode() * 3)),
        ("todoist", other_checksum(b"TYPE,CONTENT\ntask,Water the plants\n")),
        ("vikunja", b"PK\5\6\0\0"),
    ],
)
def test_a_damaged_archive_is_a_broken_file(form: str, content: bytes) -> None:
    with pytest.raises(Broken) as broken:
        read(form, content)

    assert broken.value.code == "malformed_zip"


TASK = VIKUNJA[0]["tasks"][0]  # type: ignore[index]


@pytest.mark.parametrize(
    "task",
    [
        {name: value for name, value in TASK.items() if name != "id"},
        {**TASK, "related_tasks": ["subtask"]},
        {**TASK, "related_tasks": {"parenttask": 5}},
        {**TASK, "labels": [5]},
        {**TASK, "priority": [1]},
        [],
    ],
)
def test_a_malformed_task_of_vikunja_leaves_the_others(task: Any) -> None:
    content = json.dumps([{"id": 1, "title": "Home", "tasks": [task, TASK]}]).encode()

    _, malformed, sound = read("vikunja", zipped("data.json", content))

    assert isinstance(malformed, Unreadable)
    assert isinstance(sound, Item)


@pytest.mark.parametrize("step", [5, {"displayName": "No id"}, {"id": "no-name"}])
def test_a_malformed_step_of_microsoft_leaves_its_task(step: Any) -> None:
    task = {"id": "1", "title": "Water", "checklistItems": [step, {"id": "sound", "displayName": "Find it"}]}

    _, whole, malformed, sound = read("microsoft", json.dumps([{"displayName": "Home", "tasks": [task]}]).encode())

    assert isinstance(whole, Item)
    assert isinstance(malformed, Unreadable)
    assert sound.fields["title"] == "Find it"


def test_a_task_of_microsoft_without_an_id_leaves_the_others() -> None:
    content = json.dumps(
        [{"displayName": "Home", "tasks": [{"title": "Water"}, {"title": "Feed", "id": "1"}]}]
    ).encode()

    _, malformed, sound = read("microsoft", content)

    assert (isinstance(malformed, Unreadable), sound.source) == (True, "1")


def test_an_indent_that_is_no_number_of_a_place_is_none() -> None:
    (task,) = read("todoist", b"TYPE,CONTENT,INDENT\ntask,Water," + b"9" * 5_000 + b"\n")

    assert (task.fields["title"], task.parent) == ("Water", None)


def test_a_date_longer_than_any_sentence_is_lost_unread() -> None:
    (task,) = read("todoist", b"TYPE,CONTENT,DATE\ntask,Water,every" + b" " * 2_000 + b"day\n")

    assert (task.fields["title"], task.losses, "due_date" in task.fields) == ("Water", ["date"], False)
