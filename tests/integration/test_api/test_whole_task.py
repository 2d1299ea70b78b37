"""What a task can be: when it is due, how it stands among others, what it carries."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import TASKS, answered, problem

type Json = dict[str, Any]


async def make(client: Client, **fields: Any) -> Json:
    task: Json = answered(await client.post(TASKS, json={"title": "Water the plants", **fields}), 201)
    return task


async def change(client: Client, task: Json, **fields: Any) -> Json:
    changed: Json = answered(await client.patch(f"{TASKS}/{task['id']}", json=fields))
    return changed


async def read(client: Client, task: Json) -> Json:
    seen: Json = answered(await client.get(f"{TASKS}/{task['id']}"))
    return seen


def fault(reply: Any, field: str, code: str) -> None:
    assert [(fault["field"], fault["code"]) for fault in problem(reply, 400, "invalid_input")["errors"]] == [
        (field, code)
    ]


async def test_all_that_is_sent_comes_back(owner: Client) -> None:
    sent = {
        "title": "Water the plants",
        "description": "The fern too",
        "priority": "high",
        "start_date": "2027-02-27",
        "due_date": "2027-03-01",
        "due_time": "09:00:00",
        "time_zone": "Europe/Berlin",
        "recurrence": {"rule": "FREQ=WEEKLY;BYDAY=MO", "anchor": "completion"},
        "labels": ["garden", "Home"],
        "reminders": ["PT15M", "2027-03-01T07:00:00Z"],
    }
    task = await make(owner, **sent)

    assert sent.items() <= task.items()
    assert task["due_at"] == "2027-03-01T08:00:00Z"
    assert task == await read(owner, task)
    assert (await owner.get(TASKS, params={"limit": 1})).json() == [task]


async def test_the_three_kinds_of_due(owner: Client) -> None:
    answered(await owner.patch("/api/v1/users/me", json={"time_zone": "America/New_York"}))

    day = await make(owner, due_date="2027-07-01")
    floating = await make(owner, due_date="2027-07-01", due_time="09:00")
    zoned = await make(owner, due_date="2027-07-01", due_time="09:00", time_zone="Asia/Tokyo")

    assert [task["due_at"] for task in (day, floating, zoned)] == [
        None,
        "2027-07-01T13:00:00Z",
        "2027-07-01T00:00:00Z",
    ]


async def test_what_is_due_wherever_one_is_is_due_elsewhere_once_one_is_there(owner: Client) -> None:
    day = await make(owner, due_date="2027-07-01")
    floating = await make(owner, due_date="2027-07-01", due_time="09:00")
    zoned = await make(owner, due_date="2027-07-01", due_time="09:00", time_zone="Asia/Tokyo")
    undated = await make(owner)

    answered(await owner.patch("/api/v1/users/me", json={"time_zone": "America/New_York"}))

    assert (await read(owner, floating))["due_at"] == "2027-07-01T13:00:00Z"
    assert (await read(owner, floating))["version"] > floating["version"]
    assert [await read(owner, task) for task in (zoned, undated)] == [zoned, undated]
    due = {"due_before": "2027-07-02T03:59:59Z", "due_after": "2027-07-01T23:00:00Z"}
    assert (await read(owner, day))["due_at"] is None
    assert answered(await owner.get(TASKS, params={"overdue": "true", **due})) == []


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        (("2027-03-28", "02:30", "Europe/Berlin"), "2027-03-28T01:30:00Z"),  # does not exist: an hour later
        (("2027-10-31", "02:30", "Europe/Berlin"), "2027-10-31T00:30:00Z"),  # comes twice: the first
        (("2027-10-03", "02:15", "Australia/Lord_Howe"), "2027-10-02T15:45:00Z"),  # half an hour's gap
        (("2011-12-30", "09:00", "Pacific/Apia"), "2011-12-30T19:00:00Z"),  # a day that was skipped
    ],
)
async def test_a_time_by_the_clock_becomes_an_instant(owner: Client, wall: tuple[str, str, str], instant: str) -> None:
    date, time, zone = wall
    assert (await make(owner, due_date=date, due_time=time, time_zone=zone))["due_at"] == instant


async def test_what_hangs_on_the_due_date_goes_with_it(owner: Client) -> None:
    task = await make(
        owner, due_date="2027-03-01", due_time="09:00", time_zone="Asia/Tokyo", recurrence={"rule": "FREQ=DAILY"}
    )

    floating = await change(owner, task, due_time="10:00", time_zone=None)
    assert (floating["due_time"], floating["time_zone"]) == ("10:00:00", None)
    later = await change(owner, task, due_date="2027-03-02")
    assert (later["due_time"], later["recurrence"]) == ("10:00:00", {"rule": "FREQ=DAILY", "anchor": "due"})
    cleared = await change(owner, task, due_date=None)
    assert [cleared[name] for name in ("due_time", "time_zone", "due_at", "recurrence")] == [None] * 4


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"due_time": "09:00"}, "due_time", "due_date_required"),
        ({"due_date": "2027-03-01", "time_zone": "Asia/Tokyo"}, "time_zone", "due_time_required"),
        ({"recurrence": {"rule": "FREQ=DAILY"}}, "recurrence", "due_date_required"),
        (
            {"due_date": "2027-03-01", "recurrence": {"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}},
            "recurrence.rule",
            "invalid_rule",
        ),
        ({"due_date": "2027-03-01", "recurrence": {"rule": "FREQ=OFTEN"}}, "recurrence.rule", "invalid_rule"),
        ({"due_date": "2027-03-01", "due_time": "9:00"}, "due_time", "time_form"),
        (
            {"due_date": "2027-03-01", "due_time": "09:00", "time_zone": "Mars/Olympus"},
            "time_zone",
            "unknown_time_zone",
        ),
        ({"reminders": ["soon"]}, "reminders.0", "reminder_form"),
        ({"reminders": ["PT15M", "9999-12-31T23:00:00Z"]}, "reminders.1", "date_range"),
        ({"reminders": ["0001-01-01T00:00:00Z"]}, "reminders.0", "date_range"),
        ({"due_date": "9999-12-26", "recurrence": {"rule": "FREQ=WEEKLY"}}, "recurrence.rule", "invalid_rule"),
        ({"labels": [" "]}, "labels.0", "string_too_short"),
        ({"labels": ["x" * 101]}, "labels.0", "string_too_long"),
        ({"labels": [str(number) for number in range(51)]}, "labels", "too_long"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(owner: Client, fields: Json, field: str, code: str) -> None:
    fault(await owner.post(TASKS, json={"title": "Water the plants", **fields}), field, code)
    task = await make(owner)
    fault(await owner.patch(f"{TASKS}/{task['id']}", json=fields), field, code)
    assert await read(owner, task) == task


async def test_a_label_counts_once_in_whatever_capitals(owner: Client) -> None:
    assert (await make(owner, labels=["Garden", "home", "GARDEN", " garden "]))["labels"] == ["Garden", "home"]


async def test_new_tasks_stand_behind_those_that_are_there(owner: Client) -> None:
    tasks = [await make(owner) for _ in range(3)]

    positions = [task["position"] for task in tasks]
    assert positions == sorted(positions)
    assert len(set(positions)) == 3


async def test_a_subtask_stands_in_its_parent(owner: Client) -> None:
    parent = await make(owner)
    child = await make(owner, parent_id=parent["id"])

    assert child["parent_id"] == parent["id"]
    assert parent["parent_id"] is None


async def test_ten_tasks_stand_in_one_another_and_no_eleventh(owner: Client) -> None:
    task = await make(owner)
    for _ in range(9):
        task = await make(owner, parent_id=task["id"])

    fault(await owner.post(TASKS, json={"title": "x", "parent_id": task["id"]}), "parent_id", "too_deep")


async def test_no_task_stands_where_nothing_is(owner: Client, stranger: Client) -> None:
    theirs = await make(stranger)
    trashed = await make(owner)
    assert (await owner.delete(f"{TASKS}/{trashed['id']}")).status_code == 204
    owner.headers["X-Request-ID"] = "the-same-request"

    replies = [
        await owner.post(TASKS, json={"title": "x", "parent_id": parent})
        for parent in (theirs["id"], str(uuid4()), trashed["id"])
    ]
    fault(replies[0], "parent_id", "not_found")
    assert len({reply.content for reply in replies}) == 1
    for project in (str(uuid4()), theirs["id"]):
        fault(await owner.post(TASKS, json={"title": "x", "project_id": project}), "project_id", "not_found")


async def test_completing_a_parent_completes_what_is_open_below_it(owner: Client) -> None:
    parent = await make(owner)
    done = await make(owner, parent_id=parent["id"], completed=True)
    child = await make(owner, parent_id=parent["id"])
    grandchild = await make(owner, parent_id=child["id"])
    other = await make(owner)

    completed = await change(owner, parent, completed=True)

    seen = [await read(owner, task) for task in (child, grandchild)]
    assert [task["completed_at"] for task in seen] == [completed["completed_at"]] * 2
    assert {task["version"] for task in seen} == {completed["version"]}
    assert await read(owner, done) == done
    assert await read(owner, other) == other

    await change(owner, parent, completed=False)
    assert [await read(owner, task) for task in (child, grandchild)] == seen, "reopening opens nothing else"


async def test_deleting_a_parent_takes_all_below_it_along(owner: Client) -> None:
    parent = await make(owner)
    child = await make(owner, parent_id=parent["id"])
    grandchild = await make(owner, parent_id=child["id"])
    other = await make(owner)

    assert (await owner.delete(f"{TASKS}/{parent['id']}")).status_code == 204

    for task in (parent, child, grandchild):
        problem(await owner.get(f"{TASKS}/{task['id']}"), 404, "task_not_found")
    assert await read(owner, other) == other


async def test_labels_are_spelled_as_they_were_first(owner: Client) -> None:
    await make(owner, labels=["Garden"])

    task = await make(owner, labels=["GARDEN", "home"])
    assert task["labels"] == ["Garden", "home"]
    assert (await change(owner, task, labels=["Home", "garden"]))["labels"] == ["home", "Garden"]
    labels = answered(await owner.get("/api/v1/users/me/labels"))
    assert sorted(label["name"] for label in labels) == ["Garden", "home"]


async def test_a_tree_is_listed_whole_and_in_order(owner: Client, stranger: Client) -> None:
    root = await make(owner, title="root")
    first, second = [await make(owner, title=title, parent_id=root["id"]) for title in ("first", "second")]
    await make(owner, title="first of second", parent_id=second["id"])
    await make(owner, title="first of first", parent_id=first["id"])
    gone = await make(owner, title="gone", parent_id=first["id"])
    await make(owner, title="below what is gone", parent_id=gone["id"])
    assert (await owner.delete(f"{TASKS}/{gone['id']}")).status_code == 204
    await make(owner, title="elsewhere")

    pages = [await owner.get(f"{TASKS}/{root['id']}/tree", params={"limit": 2})]
    while "next" in pages[-1].links:
        pages.append(await owner.get(pages[-1].links["next"]["url"]))

    listed = [task["title"] for page in pages for task in answered(page)]
    assert listed == ["root", "first", "first of first", "second", "first of second"]
    assert len(pages) == 3
    problem(await stranger.get(f"{TASKS}/{root['id']}/tree"), 404, "task_not_found")


@pytest.mark.parametrize("last", [0, 1, 2])
async def test_a_tree_goes_on_where_it_was_whatever_became_of_the_last_task(owner: Client, last: int) -> None:
    root = await make(owner, title="root")
    first = await make(owner, title="first", parent_id=root["id"])
    below = await make(owner, title="first of first", parent_id=first["id"])
    await make(owner, title="second", parent_id=root["id"])
    page = await owner.get(f"{TASKS}/{root['id']}/tree", params={"limit": last + 1})
    if last:
        assert (await owner.delete(f"{TASKS}/{(first, below)[last - 1]['id']}")).status_code == 204
    else:
        await make(owner, title="other")
        answered(await owner.post(f"{TASKS}/{root['id']}/move", json={}))

    cursor = httpx.URL(page.links["next"]["url"]).params["cursor"]
    following = answered(await owner.get(f"{TASKS}/{root['id']}/tree", params={"cursor": cursor}))

    expected = [["first", "first of first", "second"], ["second"], ["second"]]
    assert [task["title"] for task in following] == expected[last]
    assert (await owner.delete(f"{TASKS}/{root['id']}")).status_code == 204
    problem(await owner.get(page.links["next"]["url"]), 404, "task_not_found")


async def test_the_end_of_a_tree_may_go_before_it_is_asked_for(owner: Client) -> None:
    root = await make(owner, title="root")
    child = await make(owner, title="child", parent_id=root["id"])
    page = await owner.get(f"{TASKS}/{root['id']}/tree", params={"limit": 1})
    assert (await owner.delete(f"{TASKS}/{child['id']}")).status_code == 204

    assert answered(await owner.get(page.links["next"]["url"])) == []


async def test_a_create_that_is_sent_again_makes_no_label_anew(owner: Client) -> None:
    task = {"id": str(uuid4()), "title": "Water", "labels": ["garden"]}
    answered(await owner.post(TASKS, json=task), 201)
    (label,) = answered(await owner.get("/api/v1/users/me/labels"))
    answered(await owner.patch(f"/api/v1/users/me/labels/{label['id']}", json={"name": "plants"}))

    assert answered(await owner.post(TASKS, json=task))["labels"] == ["plants"]

    assert [label["name"] for label in answered(await owner.get("/api/v1/users/me/labels"))] == ["plants"]
