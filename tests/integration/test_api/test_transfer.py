"""Tasks as files: out, in, and in again."""

import json
import re
import zipfile
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import TASKS, answered, problem

EXPORT = f"{TASKS}/export"
IMPORT = "/api/v1/users/me/import"


async def taken_in(client: Client, content: bytes, form: str = "json", **query: Any) -> dict[str, Any]:
    report: dict[str, Any] = answered(
        await client.post(IMPORT, params={"format": form, **query}, files={"file": ("tasks", content)})
    )
    return report


def document(**arrays: Any) -> bytes:
    return json.dumps({"format": "donewell", "version": 1, **arrays}).encode()


async def test_what_was_exported_is_imported_whole(owner: Client, stranger: Client) -> None:
    task = answered(
        await owner.post(
            TASKS,
            json={
                "title": "Water the plants",
                "due_date": "2027-03-01",
                "due_time": "09:00",
                "time_zone": "Europe/Berlin",
                "recurrence": {"rule": "FREQ=DAILY", "anchor": "completion"},
                "labels": ["garden"],
                "reminders": ["PT15M"],
            },
        ),
        201,
    )
    for below in ({"title": "The fern too"}, {"title": "Fetch water", "completed": True}):
        answered(await owner.post(TASKS, json={**below, "parent_id": task["id"]}), 201)
    answered(await owner.patch(f"{TASKS}/{task['id']}/complete", json={}))
    content = (await owner.get(EXPORT)).content

    report = await taken_in(stranger, content)

    assert (report["finished"], report["problems"], report["losses"]) == (True, [], {})
    assert report["tasks"] == {"created": 3, "exists": 0, "skipped": 0}
    assert report["occurrences"] == {"created": 1, "exists": 0, "skipped": 0}
    # UTC may be written in two ways, and so may fractions of a second.
    first, again = (
        json.loads(re.sub(rb'0*(\+00:00|Z)"', b'Z"', text)) for text in (content, (await stranger.get(EXPORT)).content)
    )
    assert [again[name] for name in ("tasks", "occurrences")] == [first[name] for name in ("tasks", "occurrences")]
    # It can be undone there as it could be here.
    undone = answered(await stranger.post(f"{TASKS}/{task['id']}/undo"))
    assert [undone[name] for name in ("due_date", "recurrence")] == [task[name] for name in ("due_date", "recurrence")]
    below = {task["title"]: task["completed"] for task in answered(await stranger.get(TASKS)) if task["parent_id"]}
    assert below == {"The fern too": False, "Fetch water": True}


async def test_the_same_file_again_adds_nothing(owner: Client) -> None:
    content = document(tasks=[{"title": "Water"}, {"title": "Water"}, {"id": str(uuid4()), "title": "Feed"}])

    first, second = await taken_in(owner, content), await taken_in(owner, content)

    assert (first["tasks"]["created"], second["tasks"]) == (3, {"created": 0, "exists": 3, "skipped": 0})
    assert len(answered(await owner.get(TASKS))) == 3


async def test_a_dry_run_tells_row_by_row_and_writes_nothing(owner: Client) -> None:
    tasks = [{"title": "Water", "labels": ["garden"]}, {"title": ""}, 5, {"title": "Feed", "due_date": 5}]
    content = document(tasks=tasks)

    dry = await taken_in(owner, content, dry_run="true")

    assert [(row["row"], row["outcome"], row["field"], row["code"]) for row in dry["rows"]] == [
        (3, "skipped", None, "not_an_object"),
        (1, "created", None, None),
        (2, "skipped", "title", "string_too_short"),
        (4, "skipped", "due_date", "date_form"),
    ]
    assert answered(await owner.get(TASKS)) == []
    wet = await taken_in(owner, content)
    assert {**wet, "dry_run": True} == dry


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"\xff", b'{"format":"x","version":1}', b"[" * 100_000),
        b'{"format":"donewell","version":1,"tasks":[{"title":"a \xed\xa0\x80 surrogate"}]}',
    ],
)
async def test_what_is_no_file_of_the_format_is_refused(owner: Client, content: bytes) -> None:
    reply = await owner.post(IMPORT, files={"file": ("tasks", content)})

    found = problem(reply, 400, "invalid_input")
    assert found["errors"][0]["field"] == "file"


async def test_a_damaged_archive_is_taken_in_as_far_as_it_goes(owner: Client) -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("Garden.csv", "TYPE,CONTENT\ntask,Water the plants\n")
        archive.writestr("Home.csv", "TYPE,CONTENT\ntask,Pay the rent\n")

    report = await taken_in(owner, file.getvalue().replace(b"Pay the rent", b"Pay the tent"), "todoist")

    assert (report["finished"], report["tasks"]["created"], report["problems"][-1]["code"]) == (
        False,
        1,
        "malformed_zip",
    )
    assert [task["title"] for task in answered(await owner.get(TASKS))] == ["Water the plants"]


async def test_a_file_has_to_be_sent(owner: Client) -> None:
    requests: list[tuple[int, dict[str, Any]]] = [
        (415, {}),
        (415, {"json": {}}),
        (415, {"data": {"file": "x"}}),
        (400, {"files": {"other": b""}}),
        (400, {"files": {"file": ""}}),
        (400, {"files": [("file", b"1"), ("file", b"2")]}),
        (400, {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}),
    ]
    for status, request in requests:
        reply = await owner.post(IMPORT, **request)
        assert reply.status_code == status, (request, reply.text)


WHOLE: dict[str, Any] = {
    "title": "Water the plants, all; of them",
    "description": "The fern too,\nand the cactus",
    "priority": "high",
    "start_date": "2027-02-28",
    "due_date": "2027-03-01",
    "due_time": "09:00:00",
    "time_zone": "Europe/Berlin",
    "recurrence": {"rule": "FREQ=WEEKLY;BYDAY=MO", "anchor": "due"},
    "labels": ["garden", "work, at home"],
    "reminders": ["PT15M", "2027-02-28T08:00:00Z"],
}
LOST: dict[str, dict[str, Any]] = {
    "csv": {"start_date": None, "recurrence": None, "labels": ["garden", "work,_at_home"], "reminders": []},
    "ics": {},
}
"""What is otherwise when a task has been through a format."""


@pytest.mark.parametrize("form", sorted(LOST))
async def test_a_format_loses_what_is_said_of_it_and_nothing_else(owner: Client, stranger: Client, form: str) -> None:
    project = answered(await owner.post("/api/v1/users/me/projects", json={"name": "Home"}), 201)
    task = answered(await owner.post(TASKS, json={**WHOLE, "project_id": project["id"]}), 201)
    answered(
        await owner.post(TASKS, json={"title": "The fern", "parent_id": task["id"], "due_date": "2027-03-01"}), 201
    )
    content = (await owner.get(EXPORT, params={"format": form})).content

    report = await taken_in(stranger, content, form)
    again = await taken_in(stranger, content, form)

    assert (report["finished"], report["problems"], report["losses"]) == (True, [], {})
    assert (report["tasks"]["created"], report["projects"]["created"]) == (2, 1)
    assert (again["tasks"]["exists"], again["projects"]["exists"]) == (2, 1)
    fern, found = answered(await stranger.get(TASKS, params={"sort": "title"}))
    assert {name: found[name] for name in WHOLE} == {**WHOLE, **LOST[form]}
    assert (fern["parent_id"], fern["due_date"], fern["due_time"]) == (found["id"], "2027-03-01", None)
    assert fern["project_id"] == found["project_id"] is not None


async def test_a_task_that_says_it_is_open_is_open(owner: Client) -> None:
    done = "2027-01-01T10:00:00Z"
    tasks = [
        {"title": "open", "completed": False, "completed_at": done},
        {"title": "done", "completed_at": done},
        {"title": "done too", "completed": True},
    ]

    await taken_in(owner, document(tasks=tasks))

    found = {task["title"]: task["completed"] for task in answered(await owner.get(TASKS))}
    assert found == {"open": False, "done": True, "done too": True}


WHEN = {"due_date": "2027-01-01"}


@pytest.mark.parametrize(
    ("said", "field", "code"),
    [
        ({"time_zone": "Europe/Berlin"}, "time_zone", "due_time_required"),
        ({"completed_at": "9999-12-31T23:59:59.999999Z"}, "completed_at", "date_range"),
        ({"previous": {**WHEN, "time_zone": "Europe/Berlin"}}, "previous.time_zone", "due_time_required"),
        (
            {"previous": {**WHEN, "subtasks": {str(UUID(int=1)): "9999-12-31T23:59:59.999999Z"}}},
            f"previous.subtasks.{UUID(int=1)}",
            "date_range",
        ),
        *(
            ({"previous": {**WHEN, "recurrence": recurring}}, "previous.recurrence.rule", "invalid_rule")
            for recurring in (
                {"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "start": "2027-01-01"},
                {"rule": "FREQ=DAILY", "start": "1969-12-31"},
            )
        ),
    ],
)
async def test_an_occurrence_has_nothing_that_a_task_may_not(
    owner: Client, said: dict[str, Any], field: str, code: str
) -> None:
    """Undone, it would be the task's."""
    task_id = str(uuid4())
    occurrence = {"task_id": task_id, **WHEN, "completed_at": "2027-01-01T10:00:00Z", "previous": WHEN, **said}
    task = {"id": task_id, "title": "Water", "due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}

    report = await taken_in(owner, document(tasks=[task], occurrences=[occurrence]))

    assert report["occurrences"]["skipped"] == 1
    assert [(row["field"], row["code"]) for row in report["problems"]] == [(field, code)]
